"""Tiles and bundles by C2SP tlog-tiles, and hashes read back from them."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.merkle import inclusion_proof, leaf_hash, root_hash
from proofs.tiles import (
    CHECKPOINT,
    TILE_PATH_PATTERN,
    TILE_TYPE,
    TILE_WIDTH,
    TileError,
    TileHashes,
    entries_files,
    entries_path,
    entry_bundle,
    full_path,
    levels_of,
    read_bundle,
    read_first,
    subtree_hash,
    tile_files,
    tile_path,
    tile_width,
    tiles_of,
)
from tests.unit.proofs.test_merkle import Naive


@pytest.mark.parametrize(
    ("index", "width", "ending"),
    [
        (0, TILE_WIDTH, "000"),
        (1_234_067, TILE_WIDTH, "x001/x234/067"),
        (273, 112, "273.p/112"),
        (999, TILE_WIDTH, "999"),
        (1_000, TILE_WIDTH, "x001/000"),
        (0, 1, "000.p/1"),
    ],
)
def test_paths_are_those_of_the_specification(index: int, width: int, ending: str) -> None:
    assert tile_path(1, index, width) == f"tile/1/{ending}"
    assert entries_path(index, width) == f"tile/entries/{ending}"
    assert re.fullmatch(TILE_PATH_PATTERN, f"tile/1/{ending}")
    assert re.fullmatch(TILE_PATH_PATTERN, f"tile/entries/{ending}")


def test_a_log_is_served_under_the_names_and_media_type_of_the_specification() -> None:
    assert (CHECKPOINT, TILE_TYPE) == ("checkpoint", "application/octet-stream")


@pytest.mark.parametrize(
    "path", ["tile/0/1", "tile/0/000.p/", "tile/0/000.p", "tile/000/000", "tile/0/../000", "tile/0/x01/000"]
)
def test_other_paths_are_not_paths_of_tiles(path: str) -> None:
    assert not re.fullmatch(TILE_PATH_PATTERN, path)


@pytest.mark.parametrize("width", [0, -1, TILE_WIDTH + 1])
def test_a_tile_has_1_to_256_hashes(width: int) -> None:
    with pytest.raises(AssertionError):
        tile_path(0, 0, width)


def test_a_partial_tile_is_looked_for_before_the_full_one() -> None:
    assert tile_files(0, 273, 112) == [("tile/0/273.p/112", 112), ("tile/0/273", 256)]
    assert entries_files(273, 112) == [("tile/entries/273.p/112", 112), ("tile/entries/273", 256)]
    assert tile_files(0, 273, 256) == [("tile/0/273", 256)]
    assert entries_files(273, 256) == [("tile/entries/273", 256)]
    for file in (*tile_files(0, 273, 112), *entries_files(273, 112)):
        assert full_path(file.path) in ("tile/0/273", "tile/entries/273")


def test_the_first_file_that_there_is_is_read() -> None:
    partial, full = tile_files(0, 3, 2)
    both = {partial.path: b"partial", full.path: b"full"}
    assert read_first(both.get, [partial, full]) == (b"partial", partial)
    assert read_first({full.path: b"full"}.get, [partial, full]) == (b"full", full)
    assert read_first({partial.path: b""}.get, [partial, full]) == (b"", partial), "an empty file is there"
    with pytest.raises(TileError, match=r"tile/0/003\.p/2 is missing"):
        read_first(lambda _: None, [partial, full])


@given(st.integers(0, 200_000), st.integers(0, 2))
def test_the_width_of_a_tile_is_that_of_the_list_of_tiles(size: int, level: int) -> None:
    assert all(tile_width(level, index, size) == width for index, width in tiles_of(level, size))


@pytest.mark.parametrize("missing", [1, 32])
def test_a_tile_that_is_too_short_is_found(missing: int) -> None:
    read = TileHashes(3, lambda level, index, width: bytes(32 * width - missing))
    with pytest.raises(TileError, match=r"tile/0/000\.p/3 is too short"):
        read(0, 0)


def test_a_hash_that_the_tile_does_not_have_is_not_made_up() -> None:
    with pytest.raises(TileError, match="is too short"):
        TileHashes(3, lambda level, index, width: bytes(32 * width))(1, 1)


def test_a_log_of_70_000_leaves_has_the_tiles_of_the_specification() -> None:
    """C2SP tlog-tiles, 'Example': 273 full tiles and one of width 112 at level 0, one full and one of 17, then one of 1."""
    assert levels_of(70_000) == 3
    assert [list(tiles_of(level, 70_000))[-1] for level in range(3)] == [(273, 112), (1, 17), (0, 1)]
    assert len(list(tiles_of(0, 70_000))) == 274


@pytest.mark.parametrize(("size", "levels"), [(0, 0), (1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 3)])
def test_a_level_begins_with_its_first_hash(size: int, levels: int) -> None:
    assert levels_of(size) == levels


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=TILE_WIDTH))
def test_a_bundle_gives_back_its_entries(entries: list[bytes]) -> None:
    bundle = entry_bundle(entries)
    assert read_bundle(bundle, len(entries)) == entries
    with pytest.raises(TileError):
        read_bundle(bundle, len(entries) + 1)
    with pytest.raises(TileError, match=f"breaks off in entry {len(entries)}"):
        read_bundle(bundle + b"\0", len(entries) + 1)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 1_100), st.data())
def test_hashes_read_from_tiles_are_those_of_the_leaves(size: int, data: st.DataObject) -> None:
    leaves = [hashlib.sha256(b"%d" % number).digest() for number in range(size)]
    hashes = [leaf_hash(leaf) for leaf in leaves]

    def read_tile(level: int, index: int, width: int) -> bytes:
        if level == 0:
            return b"".join(hashes[index * TILE_WIDTH : index * TILE_WIDTH + width])
        return b"".join(subtree_hash(read_tile(level - 1, index * TILE_WIDTH + at, TILE_WIDTH)) for at in range(width))

    read, naive = TileHashes(size, read_tile), Naive(leaves)
    assert root_hash(size, read) == root_hash(size, naive)
    index = data.draw(st.integers(0, size - 1))
    assert inclusion_proof(index, size, read) == inclusion_proof(index, size, naive)
