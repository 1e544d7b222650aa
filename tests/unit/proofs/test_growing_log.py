"""A growing log gives the files of the specification, wherever it was stopped and taken up again."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.growing_log import GrowingLog
from proofs.merkle import leaf_hash
from proofs.tiles import (
    ENTRY_BYTES_MAX,
    HASH_BYTES,
    TILE_WIDTH,
    TileError,
    entries_path,
    entry_bundle,
    levels_of,
    read_bundle,
    subtree_hash,
    tile_path,
    tiles_of,
)
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


def _files(size: int) -> tuple[GrowingLog, dict[str, bytes]]:
    log = GrowingLog()
    for entry in ENTRIES[:size]:
        log.append(entry)
    return log, log.take_full() | log.partial()


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512])
def test_a_log_is_taken_up_at_the_edge_of_a_tile(size: int) -> None:
    log, files = _files(size)
    resumed = GrowingLog.resume(size, files.get)
    assert resumed.root() == log.root() == naive_root(ENTRIES[:size])
    assert resumed.partial() == log.partial()


def test_the_first_tile_of_level_1_becomes_full_with_65_536_entries() -> None:
    log = GrowingLog()
    for _ in range(TILE_WIDTH**2):
        log.append(b"")
    files = log.take_full()
    level_1 = subtree_hash(leaf_hash(b"") * TILE_WIDTH) * TILE_WIDTH
    assert files.pop("tile/1/000") == level_1
    assert sorted(files) == sorted(
        path for index in range(TILE_WIDTH) for path in (tile_path(0, index), entries_path(index))
    )
    assert log.partial() == {"tile/2/000.p/1": subtree_hash(level_1)}
    assert log.root() == subtree_hash(level_1)


@pytest.mark.parametrize(
    ("path", "content", "sentence"),
    [
        ("tile/0/000.p/3", None, "tile/0/000.p/3 is missing"),
        ("tile/0/000.p/3", bytes(95), "tile/0/000.p/3 is too short"),
        ("tile/entries/000.p/3", None, "tile/entries/000.p/3 is missing"),
        ("tile/entries/000.p/3", entry_bundle(ENTRIES[1:4]), "does not hold the entries that its tile was made of"),
        ("tile/entries/000.p/3", entry_bundle(ENTRIES[:2]), "the bundle has 2 entries, expected 3"),
        ("tile/entries/000.p/3", entry_bundle(ENTRIES[:3])[:-1], "the bundle breaks off in entry 2"),
    ],
)
def test_a_log_is_not_taken_up_from_other_files(path: str, content: bytes | None, sentence: str) -> None:
    _, files = _files(3)
    del files[path]
    if content is not None:
        files[path] = content
    with pytest.raises(TileError, match=sentence):
        GrowingLog.resume(3, files.get)


def test_an_entry_of_the_largest_size_is_appended_and_a_larger_one_is_a_bug() -> None:
    log = GrowingLog()
    log.append(bytes(ENTRY_BYTES_MAX))
    with pytest.raises(AssertionError, match="entry 1 has 65536 bytes, at most 65535"):
        log.append(bytes(ENTRY_BYTES_MAX + 1))
