"""A growing log gives the files of the specification, wherever it was stopped and taken up again."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.growing_log import GrowingLog
from proofs.merkle import leaf_hash
from proofs.tiles import HASH_BYTES, TILE_WIDTH, entries_path, levels_of, read_bundle, subtree_hash, tile_path, tiles_of
from tests.unit.proofs.test_merkle import naive_root

ENTRIES = [b"entry %d" % number for number in range(1_100)]


def _expected_files(size: int) -> dict[str, bytes]:
    """All files of a log of this size, level by level from the leaves."""
    files: dict[str, bytes] = {}
    hashes = [leaf_hash(entry) for entry in ENTRIES[:size]]
    for level in range(levels_of(size)):
        tiles = [
            (index, b"".join(hashes[index * TILE_WIDTH :][:width]), width) for index, width in tiles_of(level, size)
        ]
        files |= {tile_path(level, index, width): tile for index, tile, width in tiles}
        hashes = [subtree_hash(tile) for _, tile, width in tiles if width == TILE_WIDTH]
    return files


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(ENTRIES)), max_size=4).map(sorted), st.integers(0, len(ENTRIES)), st.booleans())
def test_files_and_root_are_the_same_wherever_the_log_was_taken_up(
    stops: list[int], size: int, partials_are_dropped: bool
) -> None:
    kept: dict[str, bytes] = {}
    log = GrowingLog()
    for stop in [*(stop for stop in stops if stop <= size), size]:
        for entry in ENTRIES[log.size : stop]:
            log.append(entry)
        full = log.take_full()
        kept |= full
        if partials_are_dropped:
            kept = {
                path: data for path, data in kept.items() if path.partition(".p/")[0] not in full or ".p/" not in path
            }
        kept |= log.partial()
        log = GrowingLog.resume(log.size, kept.get)
    assert log.root() == naive_root(ENTRIES[:size])
    expected = _expected_files(size)
    assert {path: kept[path] for path in expected} == expected
    entries = [
        entry for index, width in tiles_of(0, size) for entry in read_bundle(kept[entries_path(index, width)], width)
    ]
    assert entries == ENTRIES[:size]
    assert all(len(data) <= TILE_WIDTH * HASH_BYTES for path, data in kept.items() if "entries" not in path)
