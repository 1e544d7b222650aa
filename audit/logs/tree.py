"""The Merkle tree of a log, grown from the hashes of its checked records and compared with its tiles and its root.

C2SP tlog-tiles; RFC 6962, 2.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from audit.findings import AuditError, TamperedError
from audit.logs.heads import Head
from audit.sources.archive import Archive
from audit.sources.extract import ChunkResult
from proofs.merkle import EMPTY_ROOT, node_hash
from proofs.tiles import HASH_BYTES, TILE_WIDTH, TileHashes, levels_of, subtree_hash, tile_path, tiles_of


@dataclass(slots=True)
class CheckedLog:
    """The right edge of a tree as far as it has been checked, so that the next audit continues from here."""

    size: int = 0
    root: str = EMPTY_ROOT.hex()
    bundle_hashes: list[bytes] = field(default_factory=list)
    """One for each full bundle."""
    leaves: bytes = b""
    """Leaf hashes of the partial bundle."""
    rows: list[str] = field(default_factory=list)
    """Parquet files, below the archive's `checked`."""


def checked_through(archive: Archive, head: Head, size: int, root: bytes) -> CheckedLog:
    """A log as if its first `size` records had been checked, because a checkpoint of them is trusted: their bundles'
    hashes come from the tiles, and give its root. Raises TamperedError."""
    if size > head.size:
        raise TamperedError(
            f"log {head.partition}", f"the tree was rolled back: it had {size} records, and now has {head.size}"
        )
    full, width = divmod(size, TILE_WIDTH)
    hashes = b"".join(
        _tile(archive, head.partition, 1, index, each)[: each * HASH_BYTES] for index, each in tiles_of(0, full)
    )
    leaves = _tile(archive, head.partition, 0, full, width)[: width * HASH_BYTES] if width else b""
    log = CheckedLog(
        size, root.hex(), [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)], leaves
    )
    if len(log.bundle_hashes) != full or _root(log) != root:
        raise TamperedError(
            f"log {head.partition}",
            f"its tiles do not continue the checkpoint of {size} records with the root {root.hex()}",
        )
    return log


def grow(log: CheckedLog, head: Head, results: Sequence[ChunkResult]) -> None:
    """Add what the chunks above the checked records give, in their order. Raises TamperedError."""
    # The first chunk begins with its whole bundle, also where some of it was checked before.
    if results[0].first[: len(log.leaves)] != log.leaves:
        raise TamperedError(
            f"log {head.partition}", f"records before {log.size} are not those that were checked earlier"
        )
    for result in results:
        log.bundle_hashes += [result.bundles[at : at + HASH_BYTES] for at in range(0, len(result.bundles), HASH_BYTES)]
        log.leaves = result.partial
    size = len(log.bundle_hashes) * TILE_WIDTH + len(log.leaves) // HASH_BYTES
    assert size == head.size, f"{head.origin}: chunks make {size} records, expected {head.size}"
    log.size = head.size
    log.root = _root(log).hex()


def _root(log: CheckedLog) -> bytes:
    """The root over full bundles and the leaves of the partial one: subtrees joined from the right (RFC 6962, 2.1)."""
    root: bytes | None = None
    for hashes in (log.leaves, b"".join(log.bundle_hashes)):
        count = len(hashes) // HASH_BYTES
        while count:
            lowest = count & -count
            part = subtree_hash(hashes[(count - lowest) * HASH_BYTES : count * HASH_BYTES])
            root = part if root is None else node_hash(part, root)
            count -= lowest
    return EMPTY_ROOT if root is None else root


def check_upper_tiles(archive: Archive, head: Head, log: CheckedLog) -> None:
    """Tiles above the leaves: others prove with them, so a wrong one is a wrong log. Raises TamperedError."""
    below = log.bundle_hashes
    for level in range(1, levels_of(head.size)):
        above = []
        for index, width in tiles_of(level, head.size):
            tile = _tile(archive, head.partition, level, index, width)
            own = b"".join(below[index * TILE_WIDTH : index * TILE_WIDTH + width])
            if tile[: width * HASH_BYTES] != own:
                raise TamperedError(
                    f"log {head.partition}, {tile_path(level, index, width)}",
                    "does not hold the hashes of what is below it",
                )
            if width == TILE_WIDTH:
                above.append(subtree_hash(own))
        below = above


def log_hashes(archive: Archive, head: Head) -> TileHashes:
    """The hashes of a log, from its tiles."""
    return TileHashes(head.size, lambda level, index, width: _tile(archive, head.partition, level, index, width))


def _tile(archive: Archive, partition: int, level: int, index: int, width: int) -> bytes:
    for path in (tile_path(level, index, width), tile_path(level, index)):
        data = archive.immutable(f"log/{partition}/{path}")
        if data is not None:
            return data
    raise AuditError(f"log {partition} has no file {tile_path(level, index, width)}")
