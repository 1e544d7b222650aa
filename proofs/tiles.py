"""A log as static files: C2SP tlog-tiles, version 1.

A tile of level L holds up to 256 hashes, each of a whole subtree of 256^L leaves; an entry bundle holds up to 256
entries. A full one never changes; a partial one is named by its width, so that no file ever changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator

from proofs.merkle import NODE_PREFIX

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
HASH_BYTES = 32
ENTRY_BYTES_MAX = 65_535
TILE_TYPE = "application/octet-stream"
CHECKPOINT = "checkpoint"


class TileError(ValueError):
    """A tile or bundle does not have the form it must have."""


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """`tile/1/x001/x234/067`, and for a partial tile `….p/12`."""
    return f"tile/{level}/{_index_path(index)}{_partial(width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    return f"tile/entries/{_index_path(index)}{_partial(width)}"


def _index_path(index: int) -> str:
    parts = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        parts.append(f"x{index % 1000:03}")
    return "/".join(reversed(parts))


def _partial(width: int) -> str:
    assert 1 <= width <= TILE_WIDTH, f"a tile has 1 to {TILE_WIDTH} hashes, not {width}"
    return "" if width == TILE_WIDTH else f".p/{width}"


def tiles_of(level: int, size: int) -> Iterator[tuple[int, int]]:
    """(index, width) of the tiles of a level in a log of `size` leaves, the partial one last."""
    hashes = size >> (TILE_HEIGHT * level)
    for index in range(hashes // TILE_WIDTH):
        yield index, TILE_WIDTH
    if hashes % TILE_WIDTH:
        yield hashes // TILE_WIDTH, hashes % TILE_WIDTH


def levels_of(size: int) -> int:
    """How many levels of tiles a log of `size` leaves has."""
    levels = 0
    while size >> (TILE_HEIGHT * levels):
        levels += 1
    return levels


def entry_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries, each behind its length in two bytes, big-endian."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def read_bundle(bundle: bytes, width: int) -> list[bytes]:
    """The entries of a bundle. Raises TileError where there are not exactly `width` of them."""
    entries: list[bytes] = []
    at = 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + 2], "big")
        entry = bundle[at + 2 : at + 2 + length]
        if len(bundle) - at < 2 or len(entry) != length:
            raise TileError(f"the bundle breaks off in entry {len(entries)}")
        entries.append(entry)
        at += 2 + length
    if len(entries) != width:
        raise TileError(f"the bundle has {len(entries)} entries, expected {width}")
    return entries


def subtree_hash(hashes: bytes) -> bytes:
    """Hash over hashes laid end to end, a power of two of them."""
    sha256 = hashlib.sha256
    while len(hashes) > HASH_BYTES:
        hashes = b"".join(
            sha256(NODE_PREFIX + hashes[at : at + 2 * HASH_BYTES]).digest()
            for at in range(0, len(hashes), 2 * HASH_BYTES)
        )
    return hashes


class TileHashes:
    """`proofs.merkle.ReadHash` over the tiles of a log of `size` leaves. `read_tile` takes (level, index, width)."""

    def __init__(self, size: int, read_tile: Callable[[int, int, int], bytes]) -> None:
        self._size = size
        self._read_tile = read_tile

    def __call__(self, level: int, index: int) -> bytes:
        """Raises TileError where a tile is too short."""
        tile_level, inside = divmod(level, TILE_HEIGHT)
        first = index << inside
        tile, at = divmod(first, TILE_WIDTH)
        width = min(TILE_WIDTH, (self._size >> (TILE_HEIGHT * tile_level)) - tile * TILE_WIDTH)
        data = self._read_tile(tile_level, tile, width)
        hashes = data[at * HASH_BYTES : (at + (1 << inside)) * HASH_BYTES]
        if len(data) < width * HASH_BYTES or len(hashes) != HASH_BYTES << inside:
            raise TileError(f"tile {tile_path(tile_level, tile, width)} is too short")
        return subtree_hash(hashes)
