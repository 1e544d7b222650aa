"""The logs: checkpoints and who signed them, bundles against tiles, tiles against the root, old trees against new ones.

For each log, in this order:

    1. the checkpoint is this election's, signed by the log's key and by enough witnesses
    2. each entry bundle gives the hashes of its tile, each tile the hashes of the tile above
    3. all of them together give the root of the checkpoint
    4. every older checkpoint that anybody holds is the root of a beginning of the same records

C2SP tlog-tiles, tlog-checkpoint and tlog-cosignature; RFC 6962, 2.1.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import orjson

from audit.report.findings import AuditError, NotWitnessedError, TamperedError
from audit.sources.archive import Archive
from audit.sources.extract import Ballots, Chunk, ChunkResult, check_chunk, start
from audit.sources.package import Package
from proofs.merkle import EMPTY_ROOT, node_hash, root_hash
from proofs.notes import NoteError, VerifierKey, open_checkpoint, parse_checkpoint, parse_key, parse_note
from proofs.tiles import (
    CHECKPOINT,
    HASH_BYTES,
    TILE_WIDTH,
    TileError,
    TileHashes,
    entries_path,
    levels_of,
    subtree_hash,
    tile_path,
    tiles_of,
)

BUNDLES_OF_CHUNK = 32
"""8,192 records a chunk: some seconds of one core's work, and one Parquet file."""
FETCHERS = 8
KEYS_FILE = "keys"
PINS = "pins.json"

Progress = Callable[[int], None]
"""Told of each piece of work done, in records."""


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint whose signatures hold."""

    partition: int
    origin: str
    size: int
    root: bytes
    witnesses: dict[str, int]
    """Name → time of the cosignature, seconds since 1970."""


@dataclass(slots=True)
class CheckedLog:
    """How far a log has been checked: the right edge of its tree, so that the next audit goes on from here."""

    size: int = 0
    root: str = EMPTY_ROOT.hex()
    bundle_hashes: list[bytes] = field(default_factory=list)
    """One for each full bundle."""
    leaves: bytes = b""
    """Leaf hashes of the partial bundle."""
    rows: list[str] = field(default_factory=list)
    """Parquet files, below the archive's `checked`."""


class Keys:
    """The keys that checkpoints must be signed with."""

    def __init__(self, given: Sequence[str], witnesses: Sequence[str], witnesses_min: int) -> None:
        """Raises NoteError where one is no key."""
        self.given = {key.name: key for key in map(parse_key, given)}
        self.witnesses = tuple(parse_key(text) for text in witnesses)
        self.witnesses_min = witnesses_min
        self.pinned_now: list[str] = []
        """Origins whose key was taken from the source itself: the first time, there is nothing to compare it with."""

    def of(self, archive: Archive, partition: int, origin: str) -> list[VerifierKey]:
        """The log's key and its clock's. Raises TamperedError where the key is another than before."""
        where = f"log {partition}"
        told = archive.newest(f"log/{partition}/{KEYS_FILE}")
        if told is None:
            raise AuditError(f"log {partition} has no file {KEYS_FILE!r}; is this the address of a Rekap server?")
        try:
            keys = [parse_key(line) for line in told.decode().splitlines()]
        except (NoteError, UnicodeDecodeError) as error:
            raise TamperedError(where, f"its keys cannot be read: {error}") from None
        if not keys:
            raise TamperedError(where, "it names no key")
        pins: dict[str, str] = orjson.loads(archive.kept(PINS) or b"{}")
        expected = self.given.get(origin) or (parse_key(pins[origin]) if origin in pins else None)
        if expected is None:
            self.pinned_now.append(origin)
            archive.keep(PINS, orjson.dumps({**pins, origin: str(keys[0])}, option=orjson.OPT_INDENT_2))
        elif keys[0] != expected:
            raise TamperedError(where, f"the log's key is {keys[0]}, but {expected} was pinned")
        archive.keep(f"log/{partition}/{KEYS_FILE}", told)
        return keys


def open_head(archive: Archive, package: Package, partition: int, keys: Keys) -> tuple[Head, bytes]:
    """1: the newest checkpoint of a log, and its bytes. Raises TamperedError, AuditError."""
    origin, where = package.origin(partition), f"log {partition}, checkpoint"
    data = archive.newest(f"log/{partition}/{CHECKPOINT}")
    if data is None:
        raise AuditError(f"log {partition} has no checkpoint yet")
    log_keys = keys.of(archive, partition, origin)
    try:
        opened = open_checkpoint(data, log_keys[0], [*log_keys[1:], *keys.witnesses], origin=origin)
    except NoteError as error:
        raise TamperedError(where, str(error)) from None
    times = {name: time for name, time in opened.witnesses.items() if name in {key.name for key in keys.witnesses}}
    if len(times) < keys.witnesses_min:
        raise NotWitnessedError(
            where, f"{len(times)} of the given witnesses have signed it, but {keys.witnesses_min} are asked for"
        )
    clock = {key.name: opened.witnesses[key.name] for key in log_keys[1:] if key.name in opened.witnesses}
    return Head(partition, origin, opened.checkpoint.size, opened.checkpoint.root, times | clock), data


# ── 2 and 3: records, tiles, root ────────────────────────────────────────────────────────────────────────────────────


def check_logs(
    archive: Archive,
    work: Path,
    package: Package,
    heads: Sequence[Head],
    progress: Progress,
    since: Mapping[int, CheckedLog] | None = None,
) -> list[Path] | None:
    """Check all new records of all logs, in parallel; gives the Parquet files of all records, old and new, or None where
    `since` left the old ones unread. Raises TamperedError."""
    state_file = work / "checked" / "logs.json"
    logs = _read_state(state_file, package) if since is None else dict(since)
    for head in heads:
        log = logs.setdefault(head.partition, CheckedLog())
        if head.size < log.size:
            raise TamperedError(
                f"log {head.partition}", f"the tree was rolled back: it had {log.size} records, and now has {head.size}"
            )
    chunks = [chunk for head in heads for chunk in _chunks(head.partition, logs[head.partition].size, head.size)]
    results = _run(archive, work, package, chunks, progress)
    for head in heads:
        log = logs[head.partition]
        if log.size < head.size:
            _grow(log, head, [result for result in results if result.chunk.partition == head.partition])
            log.rows += [_rows_file(each) for each in chunks if each.partition == head.partition]
        if log.root != head.root.hex():
            raise TamperedError(
                f"log {head.partition}",
                f"its {head.size} records give the root {log.root}, but the checkpoint signs {head.root.hex()}",
            )
        _check_upper_tiles(archive, head, log)
    if since is not None:
        return None
    _write_state(state_file, package, logs)
    return [work / "checked" / name for log in logs.values() for name in log.rows]


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


def _chunks(partition: int, first: int, size: int) -> Iterator[Chunk]:
    index = first // TILE_WIDTH
    while index * TILE_WIDTH < size:
        bundles = []
        for each in range(index, min(index + BUNDLES_OF_CHUNK, -(-size // TILE_WIDTH))):
            bundles.append((each, min(TILE_WIDTH, size - each * TILE_WIDTH)))
        index += len(bundles)
        following = min(size, index * TILE_WIDTH)
        if following > first:
            yield Chunk(partition, first, following, tuple(bundles))
        first = following


def _rows_file(chunk: Chunk) -> str:
    return f"{chunk.partition}/{chunk.first:012}-{chunk.next:012}.parquet"


def _run(
    archive: Archive, work: Path, package: Package, chunks: Sequence[Chunk], progress: Progress
) -> list[ChunkResult]:
    """Fetch with threads, check with processes; no more chunks on their way than are worked on."""
    if not chunks:
        return []
    workers = max(1, os.cpu_count() or 1)
    results: list[ChunkResult] = []
    context = get_context("fork")
    with ProcessPoolExecutor(workers, context, start, (Ballots(package),)) as pool:
        list(pool.map(_nothing, range(workers)))  # the processes are there before the first thread is
        with ThreadPoolExecutor(FETCHERS) as threads:
            running: set[Future[ChunkResult]] = set()
            for chunk in chunks:
                files = list(
                    threads.map(lambda bundle, of=chunk: _fetch(archive, of.partition, *bundle), chunk.bundles)
                )
                output = work / "checked" / _rows_file(chunk)
                running.add(pool.submit(check_chunk, chunk, files, str(output)))
                if len(running) > 2 * workers:
                    running = _take(running, results, progress)
            while running:
                running = _take(running, results, progress)
    return sorted(results, key=lambda result: (result.chunk.partition, result.chunk.first))


def _nothing(_: int) -> None:
    return None


def _take(
    running: set[Future[ChunkResult]], results: list[ChunkResult], progress: Progress
) -> set[Future[ChunkResult]]:
    done, rest = wait(running, return_when=FIRST_COMPLETED)
    for each in done:
        result = each.result()
        if result.problem is not None:
            for other in rest:
                other.cancel()
            raise TamperedError(*result.problem)
        results.append(result)
        progress(result.chunk.next - result.chunk.first)
    return rest


def _fetch(archive: Archive, partition: int, index: int, width: int) -> tuple[str, str]:
    """The files of a bundle and its tile. Raises AuditError."""
    found = []
    for partial, full in (
        (entries_path(index, width), entries_path(index)),
        (tile_path(0, index, width), tile_path(0, index)),
    ):
        # A partial file may have given way to the full one since the checkpoint (tlog-tiles, "Partial Tiles").
        path = next(
            (each for each in (partial, full) if archive.immutable(f"log/{partition}/{each}") is not None), None
        )
        if path is None:
            raise AuditError(f"log {partition} has no file {partial}")
        found.append(str(archive.directory / "log" / str(partition) / path))
    return found[0], found[1]


def _grow(log: CheckedLog, head: Head, results: Sequence[ChunkResult]) -> None:
    """Put the new leaves to the tree."""
    leaves = b""
    for result in results:
        leaves += result.leaves
    begin = len(log.bundle_hashes) * TILE_WIDTH
    # The first chunk begins with its whole bundle, also where some of it was checked before.
    assert begin + len(leaves) // HASH_BYTES == head.size, f"{head.origin}: chunks do not make {head.size} records"
    if leaves[: len(log.leaves)] != log.leaves:
        raise TamperedError(
            f"log {head.partition}", f"records before {log.size} are not those that were checked earlier"
        )
    bundle = TILE_WIDTH * HASH_BYTES
    whole = len(leaves) // bundle * bundle
    log.bundle_hashes += [subtree_hash(leaves[at : at + bundle]) for at in range(0, whole, bundle)]
    log.leaves = leaves[whole:]
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


def _check_upper_tiles(archive: Archive, head: Head, log: CheckedLog) -> None:
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


# ── 4: what others hold ──────────────────────────────────────────────────────────────────────────────────────────────


def check_other_checkpoint(
    archive: Archive,
    served: Archive,
    package: Package,
    heads: Sequence[Head],
    keys: Keys,
    name: str,
    data: bytes,
) -> None:
    """A checkpoint from elsewhere (a newspaper, another reader, an earlier audit) is the root of a beginning of the log
    that was just checked. `served` names the logs' keys, `archive` has their tiles. Raises TamperedError: with two
    signatures of one log for two histories, that is the proof."""
    try:
        text = parse_checkpoint(parse_note(data).text)
    except NoteError as error:
        raise AuditError(f"{name}: {error}") from None
    head = next((each for each in heads if each.origin == text.origin), None)
    if head is None:
        raise TamperedError(name, f"is a checkpoint of {text.origin!r}, which is not a log of this election")
    key = keys.of(served, head.partition, head.origin)[0]
    try:
        other = open_checkpoint(data, key, keys.witnesses, origin=head.origin).checkpoint
    except NoteError as error:
        raise TamperedError(name, str(error)) from None
    if other.size > head.size:
        raise TamperedError(
            name, f"log {head.partition} has signed {other.size} records, but shows a tree of {head.size}: rolled back"
        )
    try:
        own = root_hash(other.size, log_hashes(archive, head))
    except TileError as error:
        raise AuditError(f"log {head.partition}: {error}") from None
    if own != other.root:
        raise TamperedError(
            name,
            f"log {head.partition} has signed the root {other.root.hex()} for {other.size} records, but shows records "
            f"that give {own.hex()}: two histories",
        )


# ── how far the last audit came ──────────────────────────────────────────────────────────────────────────────────────


def _read_state(place: Path, package: Package) -> dict[int, CheckedLog]:
    try:
        state = orjson.loads(place.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    if state["definition"] != package.definition:
        return {}
    return {
        int(partition): CheckedLog(
            each["size"],
            each["root"],
            [bytes.fromhex(value) for value in each["bundle_hashes"]],
            bytes.fromhex(each["leaves"]),
            each["rows"],
        )
        for partition, each in state["logs"].items()
    }


def _write_state(place: Path, package: Package, logs: dict[int, CheckedLog]) -> None:
    state = {
        "definition": package.definition,
        "logs": {
            str(partition): {
                "size": log.size,
                "root": log.root,
                "bundle_hashes": [value.hex() for value in log.bundle_hashes],
                "leaves": log.leaves.hex(),
                "rows": log.rows,
            }
            for partition, log in logs.items()
        },
    }
    place.parent.mkdir(parents=True, exist_ok=True)
    half = place.with_suffix(".half")
    half.write_bytes(orjson.dumps(state))
    half.rename(place)
