"""Compare all that is kept with a fresh fold of the ledger, and say where it differs.

The read model is compared at exactly the offsets that it names, so the count may go on meanwhile: one transaction sees one
moment of it, and each partition is folded to each offset that something names for it:

    record, station_result, area_tally below the shard level                  to the office's block watermark
    area_tally from the shard level up, office_tally                          to the office's `as_of`
    the states of the tabulator                                               to their own offsets
    the head of the public log, in the database and in the file `checkpoint`  to its size
    the tiles and entry bundles of the public log                             to the size in `checkpoint`

Beside that, the numbers that each key gives its events (`seq`, `prev`) are looked at over all partitions, which no fold does:
those used twice, those missing, and new starts. They are about who signed, not about what is kept, and no difference.

Watermarks must be those of an event, positions must be in their topics, and no row may be of what the package does not have.

A partition is folded at a time, and tables are read as they are needed; of a nation it takes some gigabytes and as long as
a count on one core.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from dataclasses import replace
from typing import Any, NamedTuple

import asyncpg
from aiokafka import TopicPartition

from projections.area.rollup import Rollup
from projections.definition.compiled import Definition
from projections.fold.state import DamagedStateError, StateOf, UnfitStateError, decoded
from projections.fold.tabulation import FoldState, GenesisError, PartitionFold
from projections.loghead import queries as loghead
from projections.readmodel import key_number_queries, queries, recording
from projections.readmodel.rows import (
    Batch,
    Row,
    Watermarks,
    office_rows,
    record_rows,
    state_columns,
    station_rows,
    tally_rows,
)
from proofs.growing_log import GrowingLog
from proofs.notes import NoteError, parse_checkpoint, parse_note
from proofs.signatures import load_public_key
from proofs.tiles import full_path
from rekap.errors import UnusableError
from rekap.follow.replay import checked_records
from rekap.operate.database import connected
from rekap.operate.doctor.key_numbers import irregular_sentence
from rekap.operate.doctor.report import CHECKPOINT_FILE, LOG_FILE, LOG_HEAD, PUBLIC_LOG, SHOWN_MAX, STATES, Report
from rekap.operate.doctor.table_rows import Merge
from rekap.operate.ledger_files import records_of
from rekap.terminal import complain, say
from runtime.files.state_files import FOLD_CODE, StateFiles, hash_of_code
from runtime.files.tile_store import TileStore
from runtime.kafka.clients import plain_consumer
from runtime.kafka.generations import current_generation
from runtime.kafka.set_aside import Heap
from runtime.kafka.topics import topics_of
from runtime.kafka.wanted_topics import topic_flaws, wanted_topics
from runtime.settings import Settings
from schemas.derived.blocks import UNATTRIBUTED
from schemas.served.logs import folder_of

EVER_SECONDS = 1e9
CHUNK = 1_000
PREFETCH = 1_000
"""Rows of a table that are held at once: of the longest records 60 MB. At double as much more, for 2% of the time."""


class DoctorError(UnusableError):
    """Nothing can be compared; the sentence says why."""


class _Cuts(NamedTuple):
    """To what offset each thing kept of a partition goes; -1: nothing yet."""

    blocks: dict[str, int]
    """By office, also of records without one."""
    results: dict[str, int]
    states: dict[int, FoldState]
    """By the offset that they go on from."""
    heads: list[tuple[str, int, bytes]]
    """(where it stands, size, root)"""

    @property
    def published(self) -> int:
        """Size of the log whose files are there; 0 where they are not."""
        return max((size for where, size, _ in self.heads if where == CHECKPOINT_FILE), default=0)

    @property
    def offsets(self) -> list[int]:
        """All of them, ascending."""
        wanted = {*self.blocks.values(), *self.results.values(), *(size - 1 for _, size, _ in self.heads)}
        wanted |= {next_offset - 1 for next_offset in self.states}
        return sorted(offset for offset in wanted if offset >= 0)


class Doctor:
    def __init__(self, settings: Settings, definition: Definition, connection: Any) -> None:
        self._settings = settings
        self._definition = definition
        self._connection = connection
        self.report = Report()
        self._rollup = Rollup(definition)
        self._blocks: dict[tuple[str, int], int] = {}
        self._results: dict[str, tuple[int, ...]] = {}
        self._keys = {key_id: load_public_key(key.public_key) for key_id, key in definition.keys.items()}
        self._folded = 0
        self._told_at = time.monotonic()

    async def run(self) -> None:
        """Raises DoctorError, KafkaError, and what PostgreSQL raises."""
        async with self._connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await self._connection.fetch(queries.BLOCK_WATERMARKS)
            self._blocks = {(row["office"], row["partition"]): row["through"] for row in rows}
            rows = await self._connection.fetch(queries.RESULT_WATERMARKS)
            self._results = {row["office"]: tuple(row["as_of"]) for row in rows}
            await self._topics()
            await self._positions()
            heads = await self._heads()
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                for partition in range(self._definition.partitions):
                    await self._partition(partition, self._cuts(partition, heads), threads)
            await self._nation()
            await self._outside()
            await self._numbers()

    # -- what is kept ----------------------------------------------------------------------------------------------

    async def _heads(self) -> dict[int, list[tuple[str, int, bytes]]]:
        """By partition what the log's head is said to be, in the database and in the published file."""
        election = self._definition.election
        found: dict[int, list[tuple[str, int, bytes]]] = {}
        connection = await connected(self._settings, loghead.schema_of(election))
        try:
            for row in await connection.fetch(loghead.HEADS):
                found.setdefault(row["partition"], []).append((LOG_HEAD, row["size"], bytes.fromhex(row["root"])))
        except asyncpg.UndefinedTableError:
            self.report.miss(PUBLIC_LOG, "its heads in the database")
        finally:
            await connection.close()
        place = self._settings.log_directory / election.mode.value / election.id
        for partition in range(self._definition.partitions):
            path = place / str(partition) / "checkpoint"
            try:
                checkpoint = parse_checkpoint(parse_note(path.read_bytes()).text)
            except FileNotFoundError:
                self.report.miss(PUBLIC_LOG, str(path))
            except (NoteError, OSError, ValueError) as error:
                self.report.compare(CHECKPOINT_FILE, path, "a checkpoint", str(error))
            else:
                found.setdefault(partition, []).append((CHECKPOINT_FILE, checkpoint.size, checkpoint.root))
        return found

    def _cuts(self, partition: int, heads: dict[int, list[tuple[str, int, bytes]]]) -> _Cuts:
        offices = [*(entry.id for entry in self._definition.ballots.offices), UNATTRIBUTED]
        nothing = (-1,) * self._definition.partitions
        return _Cuts(
            {office: self._blocks.get((office, partition), -1) for office in offices},
            {office: self._results.get(office, nothing)[partition] for office in offices},
            self._states(partition),
            heads.get(partition, []),
        )

    def _states(self, partition: int) -> dict[int, FoldState]:
        election = self._definition.election
        name = f"{election.mode.value}.{election.id}"
        files = StateFiles(self._settings.state_directory / name / f"generation-{self._settings.generation}")
        of = StateOf(self._definition.hash, hash_of_code(*FOLD_CODE), partition)
        found: dict[int, FoldState] = {}
        at_most = sys.maxsize
        while (path := files.newest(partition, at_most=at_most)) is not None:
            at_most = int(path.stem) - 1
            try:
                found[at_most + 1] = decoded(files.read(path), of)
            except FileNotFoundError:
                pass  # a newer one has made it needless just now
            except DamagedStateError as error:
                self.report.compare("state", path, "what was written", str(error))
            except (UnfitStateError, OSError) as error:
                # Also where others may write it: a tabulator does not begin with such a one either.
                self.report.notes.append(f"{path} would be thrown away and is not compared: {error}")
        if not found and self._settings.state_records and files.is_begun(partition):
            self.report.notes.append(f"the tabulator has kept no state of partition {partition} yet")
        elif not found and self._settings.state_records:
            self.report.miss(STATES, f"partition {partition} of {self._settings.state_directory}")
        return found

    async def _positions(self) -> None:
        """Compare the recorder's positions in the topics that it reads: a place that is not there yet would let it skip
        what will be."""
        topics = topics_of(self._definition.election, self._settings.generation)
        places = topics.derived_partitions()
        positions = {
            TopicPartition(row["topic"], row["partition"]): row["next_offset"]
            for row in await self._connection.fetch(queries.POSITIONS)
        }
        consumer = plain_consumer(self._settings)
        try:
            await consumer.start()
            ends = await consumer.end_offsets(places)
        finally:
            await consumer.stop()
        for place, position in positions.items():
            end = ends.get(place, 0)
            self.report.compare("topic_position", f"{place.topic}/{place.partition}", min(position, end), position)

    async def _topics(self) -> None:
        """Whether the topics are as they must be, and what was found in them that no worker wrote."""
        election, generation = self._definition.election, self._settings.generation
        wrong = await topic_flaws(self._settings, election, generation)
        for name in wanted_topics(self._settings, election, generation):
            about = "; ".join(each for each in wrong if name in each.replace("/", " ").split())
            self.report.compare("topic", name, "as it must be", about or "as it must be")
        for row in await self._connection.fetch(queries.SET_ASIDE, EVER_SECONDS):
            self.report.notes.append(Heap(*row).sentence())

    # -- a partition -----------------------------------------------------------------------------------------------

    async def _partition(self, partition: int, cuts: _Cuts, threads: ThreadPoolExecutor) -> None:
        fold = PartitionFold(self._definition, partition)
        log = GrowingLog()
        files = TileStore(self._settings.log_directory / folder_of(self._definition.election, partition))
        kept = Batch(self._definition, Watermarks({}, {}))
        columns = ", ".join(f'"{name}"' for name in recording.CONSTANT_COLUMNS)
        statement = f'SELECT {columns} FROM record WHERE partition = $1 ORDER BY "offset"'  # noqa: S608  # our own names
        records = self._merge("record", statement, partition)
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
                        self._compare_files(files, full)
                    if log.size == cuts.published:
                        self._compare_files(files, log.partial())
                    if record.offset == wanted[0]:
                        self._tell(fold, cuts, kept)
                        self._compare_here(fold, log, cuts)
                        wanted.pop(0)
                self._tell(fold, cuts, kept)
                await records.take(record_rows(kept))
                kept.records.clear()
                self._say(fold.next_offset - first)
                if not wanted:
                    break
        for offset in wanted:
            self.report.compare("ledger", f"partition {partition}", f"a record at offset {offset}", "the end before it")
        await records.end()
        await self._compare_rows(partition, kept)

    def _tell(self, fold: PartitionFold, cuts: _Cuts, kept: Batch) -> None:
        """What the recorder, and the roll-up, have been told by what the read model says of them."""
        for block in fold.take_blocks():
            if block.through <= cuts.blocks[block.office]:
                kept.add_block(block.to_bytes())
            if block.through <= cuts.results[block.office]:
                self._rollup.apply(block)

    def _compare_here(self, fold: PartitionFold, log: GrowingLog, cuts: _Cuts) -> None:
        if (found := cuts.states.get(fold.next_offset)) is not None:
            fresh, kept = _comparable(fold.state()), _comparable(found)
            for name, expected in fresh.items():
                place = f"of partition {fold.partition} at offset {fold.next_offset - 1}, {name}"
                self.report.compare("state", place, expected, kept[name])
        for where, size, root in cuts.heads:
            if size == log.size:
                self.report.compare(where, f"partition {fold.partition}, size {size}", log.root().hex(), root.hex())

    def _compare_files(self, files: TileStore, expected: Mapping[str, bytes]) -> None:
        """Tiles and entry bundles of the public log. Partial ones are dropped once they are full."""
        for path, data in expected.items():
            found = files.read(path)
            if found is None and files.read(full_path(path)) is not None:
                continue
            place = files.path_of(path)
            if found is None:
                self.report.compare(LOG_FILE, place, f"{len(data)} bytes", None)
            else:
                self.report.compare(LOG_FILE, place, _summary(data), _summary(found))

    async def _compare_rows(self, partition: int, kept: Batch) -> None:
        said = {office: through for (office, number), through in self._blocks.items() if number == partition}
        for office in sorted({*said, *(office for office, _ in kept.watermarks.blocks)}):
            expected = kept.watermarks.blocks.get((office, partition))
            self.report.compare("block_watermark", f"{office}/{partition}", expected, said.get(office))
        await self._same(
            "record_state",
            zip(*state_columns(kept.states), strict=True),
            'SELECT partition, "offset", state, findings FROM record WHERE partition = $1 ORDER BY "offset"',
            partition,
        )
        await self._same(
            "station_result",
            station_rows(kept),
            'SELECT station, contest, place, partition, "offset", through, state, contribution FROM station_result '
            'WHERE partition = $1 ORDER BY station COLLATE "C", contest COLLATE "C"',
            partition,
        )
        definition = self._definition
        below = [
            code
            for number, code in enumerate(definition.tree.codes)
            if definition.tree.level[number] > definition.tree.shard_level
            and definition.tree.partition_of_shard[definition.tree.shard[number]] == partition
        ]
        await self._same(
            "area_tally below the shard level",
            tally_rows(kept),
            "SELECT contest, area, tally FROM area_tally WHERE area = ANY($1::text[]) "
            'ORDER BY contest COLLATE "C", area COLLATE "C"',
            below,
        )

    async def _nation(self) -> None:
        kept = Batch(self._definition, Watermarks({}, {}))
        for office in self._rollup.offices.values():
            frame = office.keyframe()
            if frame is not None:
                kept.add_result(frame.to_bytes())
        for office_id in sorted({*kept.watermarks.results, *self._results}):
            cut = kept.watermarks.results.get(office_id)
            self.report.compare("result_watermark", office_id, cut, self._results.get(office_id))
        definition = self._definition
        above = [
            code
            for number, code in enumerate(definition.tree.codes)
            if definition.tree.level[number] <= definition.tree.shard_level
        ]
        await self._same(
            "area_tally from the shard level up",
            tally_rows(kept),
            "SELECT contest, area, tally FROM area_tally WHERE area = ANY($1::text[]) "
            'ORDER BY contest COLLATE "C", area COLLATE "C"',
            above,
        )
        await self._same(
            "office_tally",
            office_rows(kept),
            'SELECT office, area, tally FROM office_tally ORDER BY office COLLATE "C", area COLLATE "C"',
        )

    async def _outside(self) -> None:
        """Rows of partitions and areas that the package does not have."""
        partitions = list(range(self._definition.partitions))
        for table, columns in (
            ("record", 'partition, "offset", event'),
            ("station_result", "station, contest, partition"),
            ("block_watermark", "office, partition, through"),
        ):
            statement = f"SELECT {columns} FROM {table} WHERE partition <> ALL($1::int[])"  # noqa: S608  # our own names
            await self._same(table, [], statement, partitions)
        areas = list(self._definition.tree.codes)
        statement = "SELECT contest, area, tally FROM area_tally WHERE area <> ALL($1::text[])"
        await self._same("area_tally", [], statement, areas)

    async def _numbers(self) -> None:
        """What the keys' numbers show."""
        rows = await self._connection.fetch(key_number_queries.NUMBERS_OF_KEYS, SHOWN_MAX)
        for row in rows:
            say(irregular_sentence(row))
        totals = {row["kind"]: row["total"] for row in rows}
        said = ", ".join(f"{total:,} {kind}" for kind, total in totals.items())
        self.report.notes.append(
            f"numbers of the keys' events: {said} (what keys have signed, no difference)"
            if said
            else "numbers of the keys' events: one after another"
        )

    async def _same(self, kind: str, expected: Iterable[Row], statement: str, *arguments: object) -> None:
        merge = self._merge(kind, statement, *arguments)
        await merge.take(expected)
        await merge.end()

    def _merge(self, kind: str, statement: str, *arguments: object) -> Merge:
        rows = self._connection.cursor(statement, *arguments, prefetch=PREFETCH)
        return Merge(self.report, kind, aiter(rows))

    def _say(self, folded: int) -> None:
        self._folded += folded
        now = time.monotonic()
        if now - self._told_at > 2:
            self._told_at = now
            complain(f"folded {self._folded:,} records")


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


def _comparable(state: FoldState) -> dict[str, Any]:
    return {**state._asdict(), "lives": f"lives with SHA-256 {state.lives.digest().hex()}"}


def _summary(data: bytes) -> str:
    return f"{len(data)} bytes with SHA-256 {hashlib.sha256(data).hexdigest()}"


async def examine(settings: Settings, definition: Definition) -> Report:
    """Compare everything of the generation that is served, or that the settings fix. Raises DoctorError,
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
