"""The records of the logs: every bundle against its tile, every tile against the root, every signature.

For each log, in this order:

    1. each entry bundle gives the hashes of its tile, and its records become rows      (processes, chunk by chunk)
    2. the hashes of all bundles give the root of the checkpoint
    3. each tile above the leaves has the hashes of what is below it

A chunk that is checked leaves a mark beside its rows, so an audit that was interrupted does not check it again. When all logs
are checked, how far they are is one file, and the marks go.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

from audit.findings import AuditError, TamperedError
from audit.logs.heads import Head
from audit.logs.marks import mark_of, read_state, remove_marks, rows_file, write_mark, write_state
from audit.logs.tree import CheckedLog, check_upper_tiles, grow
from audit.sources.archive import Archive
from audit.sources.extract import Ballots, Chunk, ChunkResult, check_chunk, start
from audit.sources.package import Package
from proofs.tiles import TILE_WIDTH, entries_path, tile_path

BUNDLES_OF_CHUNK = 32
"""8,192 records a chunk: some seconds of one core's work, and one Parquet file. An interrupted audit repeats this much."""
FETCHERS = 8

Progress = Callable[[int], None]
"""Called with the number of records that were just checked."""


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
    checked = work / "checked"
    logs = read_state(checked, package) if since is None else dict(since)
    for head in heads:
        log = logs.setdefault(head.partition, CheckedLog())
        if head.size < log.size:
            raise TamperedError(
                f"log {head.partition}", f"the tree was rolled back: it had {log.size} records, and now has {head.size}"
            )
    chunks = [chunk for head in heads for chunk in _chunks(head.partition, logs[head.partition].size, head.size)]
    results = _run(archive, checked, package, chunks, progress)
    for head in heads:
        log = logs[head.partition]
        if log.size < head.size:
            grow(log, head, [result for result in results if result.chunk.partition == head.partition])
            log.rows += [rows_file(each) for each in chunks if each.partition == head.partition]
        if log.root != head.root.hex():
            raise TamperedError(
                f"log {head.partition}",
                f"its {head.size} records give the root {log.root}, but the checkpoint signs {head.root.hex()}",
            )
        check_upper_tiles(archive, head, log)
    if since is not None:
        return None
    write_state(checked, package, logs)
    remove_marks(checked, chunks)
    return [checked / name for log in logs.values() for name in log.rows]


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


def _run(
    archive: Archive, checked: Path, package: Package, chunks: Sequence[Chunk], progress: Progress
) -> list[ChunkResult]:
    """Fetch with threads, check with processes; no more chunks on their way than are worked on."""
    results: list[ChunkResult] = []
    left: list[Chunk] = []
    for chunk in chunks:
        marked = mark_of(checked, package, chunk)
        if marked is None:
            left.append(chunk)
        else:
            results.append(marked)
            progress(chunk.next - chunk.first)
    if left:
        results += _check(archive, checked, package, left, progress)
    return sorted(results, key=lambda result: (result.chunk.partition, result.chunk.first))


def _check(
    archive: Archive, checked: Path, package: Package, chunks: Sequence[Chunk], progress: Progress
) -> list[ChunkResult]:
    workers = max(1, os.cpu_count() or 1)
    results: list[ChunkResult] = []

    def take(running: set[Future[ChunkResult]]) -> set[Future[ChunkResult]]:
        done, rest = wait(running, return_when=FIRST_COMPLETED)
        for each in done:
            result = each.result()
            if result.problem is not None:
                raise TamperedError(*result.problem)
            write_mark(checked, package, result)
            results.append(result)
            progress(result.chunk.next - result.chunk.first)
        return rest

    pool = ProcessPoolExecutor(workers, get_context("fork"), start, (Ballots(package), os.getpid()))
    try:
        list(pool.map(_nothing, range(workers)))  # the processes are there before the first thread is
        with ThreadPoolExecutor(FETCHERS) as threads:
            running: set[Future[ChunkResult]] = set()
            for chunk in chunks:
                files = list(
                    threads.map(lambda bundle, of=chunk: _fetch(archive, of.partition, *bundle), chunk.bundles)
                )
                running.add(pool.submit(check_chunk, chunk, files, str(checked / rows_file(chunk))))
                if len(running) > 2 * workers:
                    running = take(running)
            while running:
                running = take(running)
    finally:  # also where the auditor interrupts: what is on its way is finished, what waits is not begun
        pool.shutdown(cancel_futures=True)
    return results


def _nothing(_: int) -> None:
    return None


def _fetch(archive: Archive, partition: int, index: int, width: int) -> tuple[str, str]:
    """The files of a bundle and its tile. Raises AuditError."""
    found = []
    for partial, full in (
        (entries_path(index, width), entries_path(index)),
        (tile_path(0, index, width), tile_path(0, index)),
    ):
        # A partial file may have given way to the full one since the checkpoint (tlog-tiles, "Partial Tiles").
        path = next((each for each in (partial, full) if archive.has(f"log/{partition}/{each}")), None)
        if path is None:
            raise AuditError(f"log {partition} has no file {partial}")
        found.append(str(archive.directory / "log" / str(partition) / path))
    return found[0], found[1]
