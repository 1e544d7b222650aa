"""Tiles and bundles by C2SP tlog-tiles, and hashes read back from them."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proofs.merkle import inclusion_proof, leaf_hash, root_hash
from proofs.tiles import (
    TILE_WIDTH,
    TileError,
    TileHashes,
    entries_path,
    entry_bundle,
    levels_of,
    read_bundle,
    subtree_hash,
    tile_path,
    tiles_of,
)
from tests.unit.proofs.test_merkle import Naive


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (tile_path(0, 0), "tile/0/000"),
        (tile_path(1, 1_234_067), "tile/1/x001/x234/067"),
        (tile_path(0, 273, 112), "tile/0/273.p/112"),
        (tile_path(2, 1_000), "tile/2/x001/000"),
        (entries_path(1_234_067), "tile/entries/x001/x234/067"),
        (entries_path(0, 1), "tile/entries/000.p/1"),
    ],
)
def test_paths_are_those_of_the_specification(path: str, expected: str) -> None:
    assert path == expected


def test_a_log_of_70_000_leaves_has_the_tiles_of_the_specification() -> None:
    """C2SP tlog-tiles, 'Example': 273 full tiles and one of width 112 at level 0, one full and one of 17, then one of 1."""
    assert levels_of(70_000) == 3
    assert [list(tiles_of(level, 70_000))[-1] for level in range(3)] == [(273, 112), (1, 17), (0, 1)]
    assert len(list(tiles_of(0, 70_000))) == 274


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=TILE_WIDTH))
def test_a_bundle_gives_back_its_entries(entries: list[bytes]) -> None:
    bundle = entry_bundle(entries)
    assert read_bundle(bundle, len(entries)) == entries
    with pytest.raises(TileError):
        read_bundle(bundle, len(entries) + 1)
    with pytest.raises(TileError):
        read_bundle(bundle + b"\0", len(entries))


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
