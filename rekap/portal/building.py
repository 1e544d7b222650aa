"""Builds the read model of an archived election: its log is folded as tabulator, roll-up and recorder do, with the same code.

So what a portal serves follows from the records of the archive, and not from what somebody has put beside them. Signatures are
checked as the tabulator checks them, and the records must give the roots of the checkpoints. Memory holds the fold of one
ledger partition, and the sums of the areas.

The portal runs this module in a process of its own, so that it answers meanwhile:

    python -m rekap.portal.building archive CUT PACKAGE FILE STATE    the read model of an archive, with the names
    python -m rekap.portal.building names PACKAGE FILE STATE          the names of a live election
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from projections.definition.compiled import Definition
from projections.fold.rollup import Rollup
from projections.fold.tabulation import GenesisError, PartitionFold
from projections.readmodel.rows import Batch, Watermarks, rows_of
from proofs.growing_log import GrowingLog
from proofs.notes import NOTE_BYTES_MAX, NoteError, parse_checkpoint, parse_note
from proofs.signatures import load_public_key
from proofs.tiles import CHECKPOINT
from rekap.errors import UnusableError
from rekap.failures import explained
from rekap.follow.replay import checked_records
from rekap.operate.definition_cache import compiled
from rekap.portal.names import write_names
from rekap.portal.read_model_file import new_read_model, write_rows
from runtime.files.files_below import open_below
from runtime.log_source import LogSource, open_log
from runtime.settings import Settings

BLOCK_RECORDS = 5_000
"""Records whose rows are written at once, some 10 MB. At a tenth, an area's sums are written ten times as often."""


class ArchiveUnfitError(UnusableError):
    """An archive cannot be served; the message states what is wrong with it."""


def build_read_model(archive: Path, package: Path, definition: Definition, path: Path) -> None:
    """Fold the log of an archive into a file at `path`; `package` is that of the definition. Raises LogSourceError,
    ArchiveUnfitError, PackageError, OSError, sqlite3.Error."""
    with new_read_model(path) as connection:
        asyncio.run(_fold(archive, definition, connection))
        write_names(connection, definition, package)


def build_names(package: Path, definition: Definition, path: Path) -> None:
    """Write the names of an election into a file at `path`. Raises PackageError, OSError, sqlite3.Error."""
    with new_read_model(path) as connection:
        write_names(connection, definition, package)


async def _fold(archive: Path, definition: Definition, connection: sqlite3.Connection) -> None:
    async with open_log(str(archive / "log"), definition.election, Settings()) as log:
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            await _Fold(archive, log, definition, connection, threads).run()


class _Fold:
    def __init__(
        self,
        archive: Path,
        log: LogSource,
        definition: Definition,
        connection: sqlite3.Connection,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._archive = archive
        self._log = log
        self._definition = definition
        self._connection = connection
        self._threads = threads
        self._rollup = Rollup(definition)
        self._watermarks = Watermarks({}, {})

    async def run(self) -> None:
        definition = self._definition
        keys = {key_id: load_public_key(key.public_key) for key_id, key in definition.keys.items()}
        for partition in range(definition.partitions):
            fold, tree = PartitionFold(definition, partition), GrowingLog()
            async for entries in self._log.entries(partition, 0, await self._log.size(partition)):
                for record, holds in await checked_records(self._threads, fold.next_offset, entries, keys):
                    try:
                        fold.apply(record, holds)
                    except GenesisError as error:
                        raise ArchiveUnfitError(f"{error}; the log is not one of this package") from None
                    if fold.next_offset % BLOCK_RECORDS == 0:
                        self._write(fold)
                for entry in entries:
                    tree.append(entry)
                tree.take_full()  # only the root is needed
            self._check(partition, tree)
            self._write(fold)
        batch = Batch(definition, self._watermarks)
        for office in self._rollup.offices.values():
            result = office.keyframe()
            if result is not None:
                batch.add_result(result.to_bytes())
        write_rows(self._connection, rows_of(batch))

    def _check(self, partition: int, tree: GrowingLog) -> None:
        path = f"log/{partition}/{CHECKPOINT}"
        try:
            with open_below(self._archive, path) as file:
                signed = parse_checkpoint(parse_note(file.read(NOTE_BYTES_MAX)).text)
        except NoteError as error:
            raise ArchiveUnfitError(f"{self._archive / path}: {error}") from None
        if (signed.size, signed.root) != (tree.size, tree.root()):
            raise ArchiveUnfitError(
                f"log {partition}: its {tree.size} records give the root {tree.root().hex()}, but the checkpoint has "
                f"{signed.root.hex()} for {signed.size}"
            )

    def _write(self, fold: PartitionFold) -> None:
        """Write the rows of the blocks since the last call."""
        batch = Batch(self._definition, self._watermarks)
        for block in fold.take_blocks():
            self._rollup.apply(block)
            batch.add_block(block.to_bytes())
        write_rows(self._connection, rows_of(batch))


def main(arguments: list[str]) -> None:
    what, *cut, package, path, state = arguments
    definition = compiled(Path(package), Path(state))
    if what == "archive":
        build_read_model(Path(cut[0]), Path(package), definition, Path(path))
    else:
        build_names(Path(package), definition, Path(path))


if __name__ == "__main__":
    with explained():
        main(sys.argv[1:])
