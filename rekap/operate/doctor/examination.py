"""Comparison of all that is stored with a fresh fold of the ledger.

The count may continue meanwhile, because everything is compared at the offset that it has. One transaction reads one moment of
the read model, and each partition is folded to each of these offsets:

    record, station_result, area_tally below the shard level                  to the office's block watermark
    area_tally from the shard level up, office_tally                          to the office's `as_of`
    the states of the tabulator                                               to their own offsets
    the head of the public log, in the database and in the file `checkpoint`  to its size
    the tiles and entry bundles of the public log                             to the size in `checkpoint`

The numbers that each key gives its events (`seq`, `prev`) are read over all partitions, which no fold does: numbers that are
used twice, that are missing, and new starts. They are listed and are not differences, because they depend on the keys' holders.

A watermark must be the offset of an event, a position must not be after the end of its topic, and each row must be of a
partition and an area of the package.

One partition is folded at a time, and tables are read row by row. For a nation the examination takes some gigabytes, and as
long as a count on one core.
"""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from typing import Any, NamedTuple

import asyncpg

from projections.definition.compiled import Definition
from projections.fold.rollup import Rollup
from projections.fold.tabulation import FoldState, GenesisError, PartitionFold
from projections.readmodel import key_number_queries, queries, recording
from projections.readmodel.rows import Batch, Watermarks, finance_rows, record_rows
from proofs.growing_log import GrowingLog
from proofs.signatures import load_public_key
from rekap.errors import UnusableError
from rekap.follow.replay import checked_records
from rekap.operate.database import connected
from rekap.operate.doctor.kept_states import compare_state, kept_states
from rekap.operate.doctor.key_numbers import irregular_sentence
from rekap.operate.doctor.public_log import LogHead, compare_files, log_heads
from rekap.operate.doctor.report import CHECKPOINT_FILE, SHOWN_MAX, Report
from rekap.operate.doctor.tables import Tables
from rekap.operate.doctor.topics import compare_positions, compare_topics
from rekap.operate.ledger_files import records_of
from rekap.terminal import complain, print_lines
from runtime.files.tile_store import TileStore
from runtime.kafka.generations import current_generation
from runtime.settings import Settings
from schemas.derived.blocks import WITHOUT_VOTES
from schemas.served.logs import folder_of

CHUNK = 1_000
"""Records that are folded between two reads of the table `record`."""


class DoctorError(UnusableError):
    """Nothing can be compared; the message states why."""


class _Cuts(NamedTuple):
    """The offsets of all that is stored of a partition; -1 if nothing is stored yet."""

    blocks: dict[str, int]
    """Offset through which blocks are stored, by office, also for the records without one."""
    results: dict[str, int]
    states: dict[int, FoldState]
    """Fold states by the offset from which a fold continues."""
    heads: list[LogHead]

    @property
    def published(self) -> int:
        """Size of the log in the published checkpoint; 0 if there is none."""
        return max((head.size for head in self.heads if head.kind == CHECKPOINT_FILE), default=0)

    @property
    def offsets(self) -> list[int]:
        """All offsets at which something is compared, ascending."""
        wanted = {*self.blocks.values(), *self.results.values(), *(head.size - 1 for head in self.heads)}
        wanted |= {next_offset - 1 for next_offset in self.states}
        return sorted(offset for offset in wanted if offset >= 0)


class Doctor:
    def __init__(self, settings: Settings, definition: Definition, connection: Any) -> None:
        self._settings = settings
        self._definition = definition
        self._connection = connection
        self.report = Report()
        self._rollup = Rollup(definition)
        self._tables = Tables(connection, definition, self.report)
        self._keys = {key_id: load_public_key(key.public_key) for key_id, key in definition.keys.items()}
        self._folded = 0
        self._shown_at = time.monotonic()

    async def run(self) -> None:
        """Raises DoctorError, KafkaError, and what PostgreSQL raises."""
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            await self._tables.read_watermarks()
            await compare_topics(self._settings, self._definition, self._connection, self.report)
            await compare_positions(self._settings, self._definition, self._connection, self.report)
            heads = await log_heads(self._settings, self._definition, self.report)
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                for partition in range(self._definition.partitions):
                    await self._partition(partition, self._cuts(partition, heads), threads)
            self._show_folded()
            await self._tables.compare_upper_areas(self._rollup)
            await self._tables.compare_unknown()
            await self._numbers()

    def _cuts(self, partition: int, heads: dict[int, list[LogHead]]) -> _Cuts:
        offices = [*(entry.id for entry in self._definition.ballots.offices), *WITHOUT_VOTES]
        nothing = (-1,) * self._definition.partitions
        return _Cuts(
            {office: self._tables.blocks.get((office, partition), -1) for office in offices},
            {office: self._tables.results.get(office, nothing)[partition] for office in offices},
            kept_states(self._settings, self._definition, partition, self.report),
            heads.get(partition, []),
        )

    async def _partition(self, partition: int, cuts: _Cuts, threads: ThreadPoolExecutor) -> None:
        fold = PartitionFold(self._definition, partition)
        log = GrowingLog()
        store = TileStore(self._settings.log_directory / folder_of(self._definition.election, partition))
        kept = Batch(self._definition, Watermarks({}, {}))
        records = self._tables.merge("record", _in_order("record", recording.CONSTANT_COLUMNS), partition)
        finance = self._tables.merge(
            "finance_report", _in_order("finance_report", recording.FINANCE_COLUMNS), partition
        )
        wanted = cuts.offsets
        async with aclosing(_chunks(records_of(self._settings, self._definition, partition))) as chunks:
            async for values in chunks:
                first = fold.next_offset
                checked = await checked_records(threads, first, values, self._keys)
                for value, (record, holds) in zip(values, checked, strict=True):
                    if not wanted:
                        break
                    try:
                        fold.apply(record, holds)
                    except GenesisError as error:
                        raise DoctorError(f"{error}; is this the package of that ledger?") from None
                    log.append(value)
                    full = log.take_full()
                    if log.size <= cuts.published:
                        compare_files(self.report, store, full)
                    if log.size == cuts.published:
                        compare_files(self.report, store, log.partial())
                    if record.offset == wanted[0]:
                        self._add_blocks(fold, cuts, kept)
                        self._compare_at_offset(fold, log, cuts)
                        wanted.pop(0)
                self._add_blocks(fold, cuts, kept)
                await records.take(record_rows(kept))
                await finance.take(finance_rows(kept))
                kept.records.clear()
                self._show(fold.next_offset - first)
                if not wanted:
                    break
        for offset in wanted:
            self.report.compare("ledger", f"partition {partition}", f"a record at offset {offset}", "the end before it")
        await records.end()
        await finance.end()
        await self._tables.compare_partition(partition, kept)

    def _add_blocks(self, fold: PartitionFold, cuts: _Cuts, kept: Batch) -> None:
        """Apply the blocks up to the watermarks of the read model, as the recorder and the roll-up did."""
        for block in fold.take_blocks():
            if block.through <= cuts.blocks[block.office]:
                kept.add_block(block.to_bytes())
            if block.through <= cuts.results[block.office]:
                self._rollup.apply(block)

    def _compare_at_offset(self, fold: PartitionFold, log: GrowingLog, cuts: _Cuts) -> None:
        if (found := cuts.states.get(fold.next_offset)) is not None:
            compare_state(self.report, fold, found)
        for head in cuts.heads:
            if head.size == log.size:
                what = f"partition {fold.partition}, size {head.size}"
                self.report.compare(head.kind, what, log.root().hex(), head.root.hex())

    async def _numbers(self) -> None:
        """List the irregular numbers of the keys' events."""
        rows = await self._connection.fetch(key_number_queries.NUMBERS_OF_KEYS, SHOWN_MAX)
        for row in rows:
            print_lines(irregular_sentence(row))
        totals = {row["kind"]: row["total"] for row in rows}
        listed = ", ".join(f"{total:,} {kind}" for kind, total in totals.items())
        self.report.notes.append(
            f"numbers of the keys' events: {listed} (what keys have signed, not a difference)"
            if listed
            else "numbers of the keys' events: one after another"
        )

    def _show(self, folded: int) -> None:
        self._folded += folded
        now = time.monotonic()
        if now - self._shown_at > 2:
            self._shown_at = now
            self._show_folded()

    def _show_folded(self) -> None:
        complain(f"folded {self._folded:,} record{'' if self._folded == 1 else 's'}")


async def examine(settings: Settings, definition: Definition) -> Report:
    """Compare everything of the generation that the settings name, or else of the one that is served. Raises DoctorError,
    LedgerFilesError, DatabaseAwayError, KafkaError, OSError, and what PostgreSQL raises."""
    if not settings.generation:
        settings = replace(
            settings, generation=await current_generation(settings, definition.election, definition.hash)
        )
    schema = queries.schema_of(definition.election, settings.generation)
    connection = await connected(settings, schema)
    try:
        doctor = Doctor(settings, definition, connection)
        await doctor.run()
    except asyncpg.UndefinedTableError:
        raise DoctorError(f"this database has no read model of the election (schema {schema})") from None
    finally:
        await connection.close()
    return doctor.report


def _in_order(table: str, columns: Iterable[str]) -> str:
    names = ", ".join(f'"{name}"' for name in columns)
    return f'SELECT {names} FROM {table} WHERE partition = $1 ORDER BY "offset"'  # noqa: S608  # our own names


async def _chunks(values: AsyncGenerator[bytes]) -> AsyncGenerator[list[bytes]]:
    chunk: list[bytes] = []
    async with aclosing(values):
        async for value in values:
            chunk.append(value)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    if chunk:
        yield chunk
