"""The recorder: `subtotals` and `results` in, rows of the read model out.

Kafka's group offsets are not used: the position in each topic is a row that moves in the transaction that writes what
was read, so a crash at any moment loses nothing and writes nothing twice. For each batch of messages:

    1. fold the messages into rows, the newest of each (projections/readmodel/rows.py); a missing block stops here
    2. in one transaction: move the positions (a recorder that was replaced moves none, and stops), write rows, watermarks

One recorder writes; another that is started waits until the first one's session ends.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumers.same_ledger import differing_record
from projections.definition import Definition
from projections.readmodel import queries
from projections.readmodel.rows import (
    Batch,
    Watermarks,
    office_columns,
    record_rows,
    state_columns,
    station_columns,
    tally_columns,
)
from runtime import metrics
from runtime.kafka import SUBTOTALS_PARTITIONS, plain_consumer, stop_consumer, topics_of
from runtime.logs import event
from runtime.postgres import migrate, open_pool
from runtime.settings import Settings

log = logging.getLogger("rekap.recorder")

BATCH_MESSAGES_MAX = 500
"""Messages in one transaction: blocks are up to 1,000 events each when behind, so half a million rows at most."""
BATCH_BYTES_MAX = 64 * 1024 * 1024
"""Of these messages; as rows they take some times that."""
POLL_MS = 200
FETCH_BYTES_MIN = 1024 * 1024
STANDBY_SECONDS = 1


class RecorderError(Exception):
    """The recorder cannot go on; the sentence says what does not fit."""


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
        self._watermarks = Watermarks({}, {})

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises RecorderError, BlockGapError, or what Kafka and PostgreSQL raise."""
        pool = await open_pool(self._settings, self._schema, size=2)
        try:
            applied = await migrate(pool, self._schema, files("projections.readmodel").joinpath("migrations"))
            if applied:
                log.info(event("migrated", schema=self._schema, files=applied))
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
                log.info(event("standby", schema=self._schema))
                waiting = True
            await asyncio.sleep(STANDBY_SECONDS)
        return False

    async def _write(self, connection: Any, stop: asyncio.Event) -> None:
        places = [TopicPartition(self._topics.subtotals, number) for number in range(SUBTOTALS_PARTITIONS)]
        places.append(TopicPartition(self._topics.results, 0))
        positions = await self._load(connection, places)
        await self._consumer.start()
        try:
            if (reason := await differing_record(self._settings, self._definition, connection)) is not None:
                raise RecorderError(f"the read model is of another ledger: {reason}; drop its schema {self._schema!r}")
            self._consumer.assign(places)
            ends = await self._consumer.end_offsets(places)
            for place, position in positions.items():
                if position > ends[place]:
                    raise RecorderError(
                        f"the read model has {place.topic} up to {position}, but the topic ends at {ends[place]}: "
                        "this database belongs to another Kafka; drop its schema "
                        f"{self._schema!r} to have it built again"
                    )
                self._consumer.seek(place, position)
            log.info(event("started", schema=self._schema, behind=sum(ends[p] - positions[p] for p in places)))
            while not stop.is_set():
                if messages := await self._gather():
                    await self._record(connection, messages, positions)
        finally:
            await stop_consumer(self._consumer)

    async def _gather(self) -> dict[TopicPartition, list[Any]]:
        """What came in `record_ms`, or as much as one transaction takes. The sums of the nation change with every message:
        written four times a second they cost a tenth, and one that is far behind writes each sum once for many messages."""
        gathered: dict[TopicPartition, list[Any]] = {}
        count = size = 0
        ends = None
        while count < BATCH_MESSAGES_MAX and size < BATCH_BYTES_MAX:
            wait_ms = POLL_MS if ends is None else max(0, round((ends - time.monotonic()) * 1000))
            batches = await self._consumer.getmany(timeout_ms=wait_ms, max_records=BATCH_MESSAGES_MAX - count)
            for place, messages in batches.items():
                gathered.setdefault(place, []).extend(messages)
                count += len(messages)
                size += sum(len(message.value) for message in messages)
            if ends is None:
                if not gathered:
                    break
                ends = time.monotonic() + self._settings.record_ms / 1000
            elif time.monotonic() >= ends:
                break
        return gathered

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
        return {place: found[place.topic, place.partition] for place in places}

    async def _record(
        self, connection: Any, messages: Mapping[TopicPartition, Sequence[Any]], positions: dict[TopicPartition, int]
    ) -> None:
        batch = Batch(self._definition, self._watermarks)
        for place, values in messages.items():
            add = batch.add_result if place.topic == self._topics.results else batch.add_block
            for message in values:
                add(message.value)
        async with connection.transaction():
            for place, values in messages.items():
                after = values[-1].offset + 1
                moved = await connection.execute(
                    queries.MOVE_POSITION, place.topic, place.partition, positions[place], after
                )
                if moved != "UPDATE 1":
                    raise RecorderError(f"another recorder has written {place.topic}/{place.partition}; this one stops")
            await write(connection, batch)
        for place, values in messages.items():
            positions[place] = values[-1].offset + 1
        count = sum(len(values) for values in messages.values())
        metrics.RECORDER_TRANSACTIONS.inc()
        metrics.RECORDER_MESSAGES.inc(count)
        metrics.RECORDER_BATCH.observe(count)


async def write(connection: Any, batch: Batch) -> None:
    """Write the rows of a batch and its watermarks, in the transaction that the connection is in."""
    if batch.records:
        await connection.copy_records_to_table("record", records=record_rows(batch), columns=queries.RECORD_COLUMNS)
    if batch.states:
        await connection.execute(queries.UPSERT_STATES, *state_columns(batch))
    if batch.stations:
        await connection.execute(queries.UPSERT_STATIONS, *station_columns(batch))
    if batch.tallies:
        await connection.execute(queries.UPSERT_TALLIES, *tally_columns(batch))
    if batch.office_tallies:
        await connection.execute(queries.UPSERT_OFFICE_TALLIES, *office_columns(batch))
    if batch.moved_blocks:
        moved = sorted(batch.moved_blocks)
        await connection.execute(
            queries.UPSERT_BLOCK_WATERMARKS,
            [office for office, _ in moved],
            [partition for _, partition in moved],
            [batch.watermarks.blocks[key] for key in moved],
        )
    for office in sorted(batch.moved_results):
        await connection.execute(queries.UPSERT_RESULT_WATERMARK, office, list(batch.watermarks.results[office]))


async def run(settings: Settings, definition: Definition, stop: asyncio.Event) -> None:
    await Recorder(settings, definition).run(stop)
