"""A growing log, which takes entries and makes the files of C2SP tlog-tiles. The files depend on the entries alone.

In memory are only the right edge of the tree, which is at most 255 hashes of each level, and the entries of the last, partial
bundle. A process that starts again reads these from the partial files (`resume`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from proofs.merkle import EMPTY_ROOT, leaf_hash, node_hash
from proofs.tiles import (
    ENTRY_BYTES_MAX,
    HASH_BYTES,
    TILE_HEIGHT,
    TILE_WIDTH,
    TileError,
    entries_files,
    entries_path,
    entry_bundle,
    levels_of,
    read_bundle,
    read_first,
    subtree_hash,
    tile_files,
    tile_path,
)


class GrowingLog:
    """A log of `size` entries, with the files that have become full and are not taken yet."""

    def __init__(self) -> None:
        self.size = 0
        self._edges: defaultdict[int, bytearray] = defaultdict(bytearray)
        """Level → the hashes of its partial tile, from level 0 up."""
        self._entries: list[bytes] = []
        self._full: dict[str, bytes] = {}

    @classmethod
    def resume(cls, size: int, read: Callable[[str], bytes | None]) -> GrowingLog:
        """The log as it was with `size` entries, from its files. Raises TileError where a file is missing or too short, or
        where the last bundle does not hold the entries of its tile. The caller compares `root` to see whether the tiles are
        right."""
        log = cls()
        log.size = size
        for level in range(levels_of(size)):
            index, width = divmod(size >> (TILE_HEIGHT * level), TILE_WIDTH)
            edge = log._edges[level]
            if width:
                data, _ = read_first(read, tile_files(level, index, width))
                edge += data[: width * HASH_BYTES]
                if len(edge) != width * HASH_BYTES:
                    raise TileError(f"{tile_path(level, index, width)} is too short")
        index, width = divmod(size, TILE_WIDTH)
        if width:
            data, file = read_first(read, entries_files(index, width))
            log._entries = read_bundle(data, file.width)[:width]
            if b"".join(map(leaf_hash, log._entries)) != bytes(log._edges[0]):
                raise TileError(f"{entries_path(index, width)} does not hold the entries that its tile was made of")
        return log

    def append(self, entry: bytes) -> None:
        assert len(entry) <= ENTRY_BYTES_MAX, f"entry {self.size} has {len(entry)} bytes, at most {ENTRY_BYTES_MAX}"
        self._entries.append(entry)
        self._add(0, leaf_hash(entry))
        self.size += 1
        if len(self._entries) == TILE_WIDTH:
            self._full[entries_path(self.size // TILE_WIDTH - 1)] = entry_bundle(self._entries)
            self._entries = []

    def _add(self, level: int, value: bytes) -> None:
        edge = self._edges[level]
        edge += value
        if len(edge) == TILE_WIDTH * HASH_BYTES:
            tile = bytes(edge)
            edge.clear()
            self._full[tile_path(level, (self.size >> (TILE_HEIGHT * level)) // TILE_WIDTH)] = tile
            self._add(level + 1, subtree_hash(tile))

    def take_full(self) -> dict[str, bytes]:
        """Path → content of the tiles and bundles that have become full since the last call."""
        full, self._full = self._full, {}
        return full

    def partial(self) -> dict[str, bytes]:
        """Path → content of the partial tiles and of the partial bundle of the present size."""
        files = {}
        for level, edge in self._edges.items():
            if edge:
                index = (self.size >> (TILE_HEIGHT * level)) // TILE_WIDTH
                files[tile_path(level, index, len(edge) // HASH_BYTES)] = bytes(edge)
        if self._entries:
            files[entries_path(self.size // TILE_WIDTH, len(self._entries))] = entry_bundle(self._entries)
        return files

    def root(self) -> bytes:
        """The root hash of the present size, made of the subtrees of the right edge from the lowest up."""
        root: bytes | None = None
        for edge in self._edges.values():
            count = len(edge) // HASH_BYTES
            while count:
                lowest = count & -count
                part = subtree_hash(bytes(edge[(count - lowest) * HASH_BYTES : count * HASH_BYTES]))
                root = part if root is None else node_hash(part, root)
                count -= lowest
        return EMPTY_ROOT if root is None else root
