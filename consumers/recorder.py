"""The recorder: `subtotals` and `results` in, rows of the read model out.

Kafka's group offsets are not used: the position in each topic is a row that moves in the transaction that writes what
was read, so a crash at any moment loses nothing and writes nothing twice. For each batch of messages:

    1. gather them, set aside what is not believed (runtime/kafka/set_aside.py), and fold the others into rows, the
       newest of each (projections/readmodel/rows.py)
    2. in one transaction: move the positions (a recorder that was replaced moves none, and stops), write rows, watermarks

While PostgreSQL does 2 of one batch, 1 of the next is done here. Rows that wait are in memory only: the transaction is the
commit point, whatever has been read ahead of it.

An office whose messages cannot be folded (a missing block, a bug), or whose rows PostgreSQL refuses, is stopped: alone, and
loudly. The table `office_stop` says why, which `/v1/health` shows, and where in the topics what is not stored of it begins; a
recorder that is started tries again from there, where the others skip by their watermarks what they have.

One recorder writes; another that is started waits until the first one's session ends. The indexes of lists are made when the
topics' end is reached for the first time; in a generation that is not served yet `rekap rebuild` makes them.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from consumers.same_ledger import differing_record
from projections.definition.compiled import Definition
from projections.fold.parts import Parts
from projections.readmodel import queries
from projections.readmodel.rows import Batch, Rows, Watermarks, rows_of
from runtime import metrics
from runtime.kafka.clients import plain_consumer, stop_consumer
from runtime.kafka.generations import current_generation
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import Heap, Opener, SetAside
from runtime.kafka.topics import topics_of
from runtime.logs import log_line
from runtime.postgres import migrate, open_pool
from runtime.settings import Settings
from schemas.derived.blocks import BlockRange
from schemas.derived.results import Result, ResultRange

logger = logging.getLogger("rekap.recorder")

BATCH_MESSAGES_MAX = 2_000
"""Messages in one transaction."""
BATCH_BYTES_MAX = 128 * 1024 * 1024
"""Of these messages: some 70,000 results and two seconds of work; as rows they take as much again, and the next batch is made
ready meanwhile. Each batch writes the sums of all areas: at half, who is far behind writes them twice as often."""
POLL_MS = 200
FETCH_BYTES_MIN = 1024 * 1024
UNSERVED_GATHER_MS = 1_000
"""Instead of `record_ms` in a generation that nobody sees yet; `rekap rebuild` waits for the last batch."""
STANDBY_SECONDS = 1
INDEX_SECONDS_MAX = 3_600
"""For one index of a read model that was filled without; of a nation each takes some seconds."""
GC_OBJECTS = 4_000_000
"""New objects between two looks of Python's garbage collector: more than two batches make. No row is in a cycle, and to walk
them all takes a fifth of the time."""


REASON_CHARACTERS_MAX = 1_000
"""Limit for the reason why an office is stopped."""
OF_ROWS = (AssertionError, ValueError, TypeError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""What is raised of rows that cannot be written, and not of a database that is away or full."""


class RecorderError(Exception):
    """The recorder cannot go on; the sentence says what does not fit."""


class OfficeStop(NamedTuple):
    reason: str
    positions: dict[TopicPartition, int]
    """Where what is not stored of the office begins."""


class Prepared(NamedTuple):
    """A batch before its transaction."""

    rows: dict[str, Rows]
    """By office."""
    stops: dict[str, OfficeStop]
    """Offices that this batch has stopped."""
    began: dict[TopicPartition, int]
    """Where the topics had been read to before it."""
    read: dict[TopicPartition, int]
    """And with it."""
    after: dict[TopicPartition, int]
    """The positions to write: of `results` before the first part of a message that has not come whole."""
    messages: int
    set_aside: list[Heap]
    """Messages that were read and are not believed."""
    is_caught_up: bool
    """Whether it goes beyond where the topics ended when this recorder began."""


class Recorder:
    def __init__(self, settings: Settings, definition: Definition) -> None:
        self._settings = settings
        self._definition = definition
        self._topics = topics_of(definition.election, settings.generation)
        self._schema = queries.schema_of(definition.election, settings.generation)
        # It waits anyway: let Kafka gather rather than answer with each message.
        self._consumer: AIOKafkaConsumer = plain_consumer(
            settings, fetch_min_bytes=FETCH_BYTES_MIN, fetch_max_wait_ms=settings.record_ms
        )
        self._aside = SetAside(metrics.RECORDER_SET_ASIDE)
        self._opener = Opener(
            Seals(settings.workers_key, definition.hash),
            definition.election,
            settings.generation,
            [office.id for office in definition.offices],
            self._consumer,
            self._aside,
        )
        self._watermarks = Watermarks({}, {})
        """As of the newest batch that was folded: ahead of the database by one batch."""
        self._parts: Parts[Result] = Parts()
        """Results of which not all parts have been read. Positions stay before their first parts: so a crash loses none, and
        whoever goes on from the read model's positions, as the live feed does, never begins inside of a message."""
        self._read: dict[TopicPartition, int] = {}
        """Where in each topic the next batch begins; ahead of the database likewise."""
        self._ends: dict[TopicPartition, int] = {}
        """Where the topics ended at the start."""
        self._gather_ms = settings.record_ms
        self._given_up: set[str] = set()
        """Offices that are not folded any more; of the thread that folds."""
        self._stops: dict[str, OfficeStop] = {}
        """Offices whose rows are not written any more."""
        self._tried_again: dict[str, dict[TopicPartition, int]] = {}
        """Offices that an earlier recorder stopped, until they are where the others were then."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises RecorderError, or what Kafka and PostgreSQL raise."""
        pool = await open_pool(self._settings, self._schema, size=2)
        try:
            applied = await migrate(pool, self._schema, files("projections.readmodel").joinpath("migrations"))
            if applied:
                logger.info(log_line("migrated", schema=self._schema, files=applied))
            async with pool.acquire() as connection:
                if await self._become_writer(connection, stop):
                    await self._write(connection, stop)
        finally:
            pool.terminate()

    async def _become_writer(self, connection: Any, stop: asyncio.Event) -> bool:
        """Wait to be the one that writes. False where `stop` came first."""
        waiting = False
        while not stop.is_set():
            if await connection.fetchval(queries.BECOME_RECORDER, queries.RECORDER_LOCK, self._schema):
                return True
            if not waiting:
                logger.info(log_line("standby", schema=self._schema))
                waiting = True
            await asyncio.sleep(STANDBY_SECONDS)
        return False

    async def _write(self, connection: Any, stop: asyncio.Event) -> None:
        places = self._topics.derived_partitions()
        positions = await self._load(connection, places)
        await self._consumer.start()
        try:
            if (reason := await differing_record(self._settings, self._definition, connection)) is not None:
                raise RecorderError(f"the read model is of another ledger: {reason}; drop its schema {self._schema!r}")
            self._consumer.assign(places)
            self._ends = ends = await self._consumer.end_offsets(places)
            for place, position in positions.items():
                if position > ends[place]:
                    raise RecorderError(
                        f"the read model has {place.topic} up to {position}, but the topic ends at {ends[place]}: "
                        "this database belongs to another Kafka; drop its schema "
                        f"{self._schema!r} to have it built again"
                    )
                self._consumer.seek(place, position)
            self._read = dict(positions)
            await self._try_again(connection, positions)
            logger.info(log_line("started", schema=self._schema, behind=sum(ends[p] - positions[p] for p in places)))
            await self._record_all(connection, positions, stop)
        finally:
            await stop_consumer(self._consumer)

    async def _record_all(self, connection: Any, positions: dict[TopicPartition, int], stop: asyncio.Event) -> None:
        current = await current_generation(self._settings, self._definition.election, self._definition.hash)
        is_served = self._settings.generation <= current
        if not is_served:
            self._gather_ms = UNSERVED_GATHER_MS
        indexes_wait = is_served
        preparing = asyncio.create_task(self._prepare())
        try:
            while not stop.is_set():
                prepared = await preparing
                preparing = asyncio.create_task(self._prepare())
                if prepared.messages:
                    await self._record(connection, prepared, positions)
                if indexes_wait and prepared.is_caught_up:
                    await make_list_indexes(connection)
                    indexes_wait = False
        finally:
            preparing.cancel()
            await asyncio.gather(preparing, return_exceptions=True)

    async def _load(self, connection: Any, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        """Positions and watermarks as the database has them."""
        await connection.executemany(queries.INSERT_POSITION, [(place.topic, place.partition) for place in places])
        found = {
            (row["topic"], row["partition"]): row["next_offset"] for row in await connection.fetch(queries.POSITIONS)
        }
        blocks = await connection.fetch(queries.BLOCK_WATERMARKS)
        results = await connection.fetch(queries.RESULT_WATERMARKS)
        self._watermarks = Watermarks(
            {(row["office"], row["partition"]): row["through"] for row in blocks},
            {row["office"]: tuple(row["as_of"]) for row in results},
        )
        for upsert in queries.UPSERTS:
            await connection.execute(upsert.stage)
        return {place: found[place.topic, place.partition] for place in places}

    async def _try_again(self, connection: Any, positions: dict[TopicPartition, int]) -> None:
        """Read what is not stored of offices that were stopped."""
        for row in await connection.fetch(queries.OFFICE_STOPS):
            place = TopicPartition(row["topic"], row["partition"])
            if place in positions:
                self._tried_again.setdefault(row["office"], {})[place] = positions[place]
                self._read[place] = min(self._read[place], row["next_offset"])
                self._consumer.seek(place, self._read[place])
        if self._tried_again:
            logger.warning(log_line("offices-tried-again", offices=sorted(self._tried_again)))

    # -- 1. what is written ----------------------------------------------------------------------------------------

    async def _prepare(self) -> Prepared:
        """Raises KafkaError."""
        began = dict(self._read)
        messages = await self._gather()
        after = {place: values[-1].offset + 1 for place, values in messages.items()}
        self._read.update(after)
        believed = await self._opener.believed(message for values in messages.values() for message in values)
        # In a thread: what the transaction of the batch before sends and hears goes on meanwhile.
        rows, stops = await asyncio.to_thread(self._fold, believed, began)
        results = self._topics.results_partition()
        if results in after and (first := self._parts.first_offset) is not None:
            after[results] = first
        count = sum(map(len, messages.values()))
        aside = self._aside.take()
        return Prepared(rows, stops, began, dict(self._read), after, count, aside, self._is_caught_up())

    async def _gather(self) -> dict[TopicPartition, list[Any]]:
        """What came in `record_ms`, or, far behind, as much as one transaction takes. The sums of the nation change with every
        message: written four times a second they cost a tenth, and one that is far behind writes each sum once for many."""
        gathered: dict[TopicPartition, list[Any]] = {}
        count = size = 0
        ends = None
        while count < BATCH_MESSAGES_MAX and size < BATCH_BYTES_MAX:
            wait_ms = POLL_MS if ends is None else max(0, round((ends - time.monotonic()) * 1000))
            batches = await self._consumer.getmany(timeout_ms=wait_ms, max_records=BATCH_MESSAGES_MAX - count)
            for place, messages in batches.items():
                gathered.setdefault(place, []).extend(messages)
                count += len(messages)
                size += sum(len(message.value or b"") for message in messages)
            if ends is None:
                if not gathered:
                    break
                ends = time.monotonic() + self._gather_ms / 1000
            elif time.monotonic() >= ends:
                if self._is_caught_up() or not batches:
                    break
                ends = time.monotonic() + POLL_MS / 1000
        return gathered

    def _is_caught_up(self) -> bool:
        return all(self._read[place] >= end for place, end in self._ends.items())

    def _fold(
        self, messages: Sequence[Any], began: dict[TopicPartition, int]
    ) -> tuple[dict[str, Rows], dict[str, OfficeStop]]:
        batches: dict[str, Batch] = {}
        stops: dict[str, OfficeStop] = {}

        def give_up(office: str, error: Exception, place: str) -> None:
            """All of the batch that is the office's is dropped: some of it may have been added half."""
            stops[office] = self._stop(office, error, place, began)
            self._given_up.add(office)
            self._parts.give_up(office, lambda _: True)
            batches.pop(office, None)

        for message in messages:
            of_results = message.topic == self._topics.results
            said = ResultRange.from_bytes(message.value) if of_results else BlockRange.from_bytes(message.value)
            office = str(said.office)
            if office in self._given_up or office in self._stops:
                continue
            if (batch := batches.get(office)) is None:
                batch = batches[office] = Batch(self._definition, self._watermarks, self._parts)
            try:
                if of_results:
                    batch.add_result(message.value, message.offset)
                else:
                    batch.add_block(message.value)
            except Exception as error:
                give_up(office, error, f"{message.topic}/{message.partition} at {message.offset}")
        rows = {}
        for office, batch in list(batches.items()):
            try:
                rows[office] = rows_of(batch)
            except Exception as error:
                give_up(office, error, "making its rows")
        return rows, stops

    def _stop(self, office: str, error: Exception, place: str, began: dict[TopicPartition, int]) -> OfficeStop:
        reason = f"{type(error).__name__}: {error} ({place})"[:REASON_CHARACTERS_MAX]
        logger.critical(log_line("office-stopped", office=office, error=reason), exc_info=error)
        metrics.RECORDER_OFFICE_STOPS.labels(office).inc()
        return OfficeStop(reason, began)

    # -- 2. its transaction ----------------------------------------------------------------------------------------

    async def _record(self, connection: Any, prepared: Prepared, positions: dict[TopicPartition, int]) -> None:
        for office, stop in prepared.stops.items():
            self._stops.setdefault(office, stop)
        rows = {office: each for office, each in prepared.rows.items() if office not in self._stops}
        after = {place: max(positions[place], end) for place, end in prepared.after.items()}
        try:
            async with connection.transaction():
                await self._move(connection, positions, after)
                await write(connection, Rows.joined(rows.values()))
                await self._note(connection, prepared)
        except OF_ROWS as error:
            logger.warning(
                log_line("rows-refused", error=f"{type(error).__name__}: {error}", then="each office by itself")
            )
            async with connection.transaction():
                await self._move(connection, positions, after)
                for office, each in rows.items():
                    await self._write_alone(connection, office, each, prepared.began)
                await self._note(connection, prepared)
        positions.update(after)
        metrics.RECORDER_TRANSACTIONS.inc()
        metrics.RECORDER_MESSAGES.inc(prepared.messages)
        metrics.RECORDER_BATCH.observe(prepared.messages)

    async def _move(
        self, connection: Any, positions: dict[TopicPartition, int], after: dict[TopicPartition, int]
    ) -> None:
        for place, end in after.items():
            moved = await connection.execute(queries.MOVE_POSITION, place.topic, place.partition, positions[place], end)
            if moved != "UPDATE 1":
                raise RecorderError(f"another recorder has written {place.topic}/{place.partition}; this one stops")

    async def _write_alone(self, connection: Any, office: str, rows: Rows, began: dict[TopicPartition, int]) -> None:
        try:
            async with connection.transaction():
                await write(connection, rows)
        except OF_ROWS as error:
            self._stops[office] = self._stop(office, error, "writing its rows", began)
        # What the office left there would be written with the next one's.
        for upsert in queries.UPSERTS:
            await connection.execute(f"TRUNCATE {upsert.staged}")

    async def _note(self, connection: Any, prepared: Prepared) -> None:
        """What is not stored, in the transaction of the batch: positions never go past what is not stored and noted nowhere."""
        for heap in prepared.set_aside:
            await connection.execute(queries.ADD_SET_ASIDE, *heap)
        for office, stop in self._stops.items():
            for place, offset in stop.positions.items():
                await connection.execute(queries.STOP_OFFICE, office, place.topic, place.partition, offset, stop.reason)
        for office, ends in list(self._tried_again.items()):
            if office in self._stops:
                del self._tried_again[office]
            elif all(prepared.read[place] >= end for place, end in ends.items()):
                await connection.execute(queries.OFFICE_GOES_ON, office)
                del self._tried_again[office]
                logger.info(log_line("office-goes-on", office=office))


async def write(connection: Any, rows: Rows) -> None:
    """Write the rows of a batch and its watermarks, in the transaction that the connection is in."""
    if rows.records:
        await connection.copy_records_to_table("record", records=rows.records, columns=queries.RECORD_COLUMNS)
    if count := len(rows.states[0]):
        done = await connection.execute(queries.CHANGE_STATES, *rows.states)
        assert done == f"UPDATE {count}", f"the states of {count} records that were told have changed, but: {done}"
    for upsert, new in (
        (queries.STATION_RESULT, rows.stations),
        (queries.AREA_TALLY, rows.tallies),
        (queries.OFFICE_TALLY, rows.office_tallies),
    ):
        if new:
            await connection.copy_records_to_table(upsert.staged, records=new, columns=upsert.columns)
            await connection.execute(upsert.statement)
    if rows.blocks[0]:
        await connection.execute(queries.UPSERT_BLOCK_WATERMARKS, *rows.blocks)
    for office, as_of in rows.results:
        await connection.execute(queries.UPSERT_RESULT_WATERMARK, office, list(as_of))


async def make_list_indexes(connection: Any) -> None:
    """Those that are missing. Writers wait for each while it is made, readers do not; a crash leaves it to the next call."""
    for statement in (*queries.LIST_INDEXES, queries.ANALYZE):
        await connection.execute(statement, timeout=INDEX_SECONDS_MAX)


async def run(settings: Settings, definition: Definition, stop: asyncio.Event) -> None:
    gc.set_threshold(GC_OBJECTS)
    await Recorder(settings, definition).run(stop)
