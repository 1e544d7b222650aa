"""A log as static files: C2SP tlog-tiles, version 1.

A tile of level L holds up to 256 hashes, each of a whole subtree of 256^L leaves; an entry bundle holds up to 256
entries. Both are called tiles where they are files. The name of a partial tile has its width, so no file ever changes: a log
that grows gets wider files, and the partial ones may be deleted once there is the full one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from proofs.merkle import NODE_PREFIX

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
HASH_BYTES = 32
ENTRY_BYTES_MAX = 65_535
TILE_TYPE = "application/octet-stream"
CHECKPOINT = "checkpoint"
PARTIAL_FOLDER_SUFFIX = ".p"
"""Ends the name of the folder of a tile's partial files."""
TILE_PATH_PATTERN = r"tile/(?:entries|\d{1,2})/(?:x\d{3}/){0,5}\d{3}(?:\.p/\d{1,3})?"


class TileError(ValueError):
    """A tile or bundle is missing, or does not have the form that it must have."""


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Path of a tile below the log: `tile/1/x001/x234/067`, and for a partial tile `….p/12`."""
    return f"tile/{level}/{_index_path(index)}{_partial(width)}"


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """Path of an entry bundle below the log."""
    return f"tile/entries/{_index_path(index)}{_partial(width)}"


def full_path(path: str) -> str:
    """Path of the full tile that replaces a partial one; of a full tile its own path."""
    return path.partition(f"{PARTIAL_FOLDER_SUFFIX}/")[0]


class TileFile(NamedTuple):
    path: str
    width: int


def tile_files(level: int, index: int, width: int) -> list[TileFile]:
    """Files that can hold the first `width` hashes of a tile, in the order in which to look for them: the tile of that width,
    and the full one, because the partial one may have been deleted since the log has grown."""
    widths = dict.fromkeys((width, TILE_WIDTH))
    return [TileFile(tile_path(level, index, each), each) for each in widths]


def entries_files(index: int, width: int) -> list[TileFile]:
    """Files that can hold the first `width` entries of a bundle, like `tile_files`."""
    widths = dict.fromkeys((width, TILE_WIDTH))
    return [TileFile(entries_path(index, each), each) for each in widths]


def read_first(read: Callable[[str], bytes | None], files: Iterable[TileFile]) -> tuple[bytes, TileFile]:
    """The first of these files that exists. Raises TileError where there is none; the sentence names the first one."""
    missing = None
    for file in files:
        data = read(file.path)
        if data is not None:
            return data, file
        missing = missing or file.path
    raise TileError(f"{missing} is missing")


def _index_path(index: int) -> str:
    parts = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        parts.append(f"x{index % 1000:03}")
    return "/".join(reversed(parts))


def _partial(width: int) -> str:
    assert 1 <= width <= TILE_WIDTH, f"a tile has 1 to {TILE_WIDTH} hashes, not {width}"
    return "" if width == TILE_WIDTH else f"{PARTIAL_FOLDER_SUFFIX}/{width}"


def tiles_of(level: int, size: int) -> Iterator[tuple[int, int]]:
    """(index, width) of the tiles of a level in a log of `size` leaves, the partial one last."""
    hashes = size >> (TILE_HEIGHT * level)
    for index in range(hashes // TILE_WIDTH):
        yield index, TILE_WIDTH
    if hashes % TILE_WIDTH:
        yield hashes // TILE_WIDTH, hashes % TILE_WIDTH


def tile_width(level: int, index: int, size: int) -> int:
    """Width of a tile in a log of `size` leaves. An entry bundle is as wide as the tile of level 0 with its index."""
    return min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - index * TILE_WIDTH)


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
    """`proofs.merkle.ReadHash` over the tiles of a log of `size` leaves. `read_tile` takes (level, index, width), and may
    return a wider tile."""

    def __init__(self, size: int, read_tile: Callable[[int, int, int], bytes]) -> None:
        self._size = size
        self._read_tile = read_tile

    def __call__(self, level: int, index: int) -> bytes:
        """Raises TileError where a tile is too short."""
        tile_level, inside = divmod(level, TILE_HEIGHT)
        first = index << inside
        tile, at = divmod(first, TILE_WIDTH)
        width = tile_width(tile_level, tile, self._size)
        data = self._read_tile(tile_level, tile, width)
        hashes = data[at * HASH_BYTES : (at + (1 << inside)) * HASH_BYTES]
        if len(data) < width * HASH_BYTES or len(hashes) != HASH_BYTES << inside:
            raise TileError(f"tile {tile_path(tile_level, tile, width)} is too short")
        return subtree_hash(hashes)
