"""The recorder: `subtotals` and `results` in, rows of the read model out.

Kafka's group offsets are not used. The position in each topic is a row that moves in the transaction that writes what was read,
so a crash at any moment loses nothing and writes nothing twice. For each batch of messages:

    1. gather messages, set aside those that are not believed (runtime/kafka/set_aside.py), and fold the others into rows, the
       newest of each (batches.py, projections/readmodel/rows.py)
    2. in one transaction (transaction.py): move the positions, write rows and watermarks; a recorder that was replaced cannot
       move the positions, and stops

While PostgreSQL executes step 2 of one batch, step 1 of the next runs here. Its rows are in memory only. The transaction is the
commit point, whatever was read ahead of it.

An office whose messages cannot be folded (a missing block, a bug), or whose rows PostgreSQL refuses, is stopped: it alone, and
with an alarm. The table `office_stop` has the reason, which `/v1/health` shows, and the offsets from which the office's
messages are not stored. A recorder that is started reads from there again; the other offices skip what they have by their
watermarks.

One recorder writes; another that is started waits until the first one's session ends. The indexes of lists are made when the
end of the topics is reached for the first time; in a generation that is not served yet `rekap rebuild` makes them.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from importlib.resources import files
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from consumers.recorder.batches import UNSERVED_GATHER_MS, BatchReader, OfficeStop
from consumers.recorder.transaction import RecorderError, RowWriter, make_list_indexes
from consumers.same_ledger import differing_record
from projections.definition.compiled import Definition
from projections.readmodel import queries, recording
from projections.readmodel.rows import Watermarks
from runtime.kafka.clients import plain_consumer, stop_consumer
from runtime.kafka.generations import current_generation
from runtime.kafka.topics import topics_of
from runtime.logs import log_line
from runtime.postgres import migrate, open_pool
from runtime.settings import Settings

logger = logging.getLogger("rekap.recorder")

STANDBY_SECONDS = 1
GC_OBJECTS = 4_000_000
"""New objects between two runs of Python's garbage collector: more than two batches make. No row is in a cycle, and a run takes
a fifth of the time."""


class Recorder:
    def __init__(self, settings: Settings, definition: Definition) -> None:
        self._settings = settings
        self._definition = definition
        self._topics = topics_of(definition.election, settings.generation)
        self._schema = queries.schema_of(definition.election, settings.generation)
        # Kafka answers as soon as it has a message. Messages gather while the reader rests, and not once more at Kafka.
        self._consumer: AIOKafkaConsumer = plain_consumer(settings)
        self._stopped: dict[str, OfficeStop] = {}
        """Offices whose rows are not written any more. The writer adds to it, the reader skips what is in it."""
        self._reader = BatchReader(settings, definition, self._topics, self._consumer, self._stopped)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Raises RecorderError, or what Kafka and PostgreSQL raise."""
        pool = None
        try:
            pool = await open_pool(self._settings, self._schema, size=2)
            applied = await migrate(pool, self._schema, files("projections.readmodel").joinpath("migrations"))
            if applied:
                logger.info(log_line("migrated", schema=self._schema, files=applied))
            async with pool.acquire() as connection:
                if await self._become_writer(connection, stop):
                    await self._record_all(connection, stop)
        finally:
            await stop_consumer(self._consumer)  # also where PostgreSQL failed before it was started
            if pool is not None:
                pool.terminate()

    async def _become_writer(self, connection: Any, stop: asyncio.Event) -> bool:
        """Wait for the lock of the recorder that writes. False where `stop` came first."""
        waiting = False
        while not stop.is_set():
            if await connection.fetchval(recording.BECOME_RECORDER, recording.RECORDER_LOCK, self._schema):
                return True
            if not waiting:
                logger.info(log_line("standby", schema=self._schema))
                waiting = True
            await asyncio.sleep(STANDBY_SECONDS)
        return False

    async def _record_all(self, connection: Any, stop: asyncio.Event) -> None:
        positions, watermarks = await self._load(connection)
        await self._consumer.start()
        ends = await self._assign(connection, positions)
        stopped = await self._stopped_before(connection, positions)
        read = dict(positions)
        for offsets in stopped.values():
            read |= {each: min(read[each], offset) for each, offset in offsets.items()}
        if stopped:
            logger.warning(log_line("offices-tried-again", offices=sorted(stopped)))
        self._reader.begin(read, ends, watermarks)
        writer = RowWriter(connection, self._stopped)
        tried_again = {office: {each: positions[each] for each in offsets} for office, offsets in stopped.items()}
        writer.begin(positions, tried_again)
        behind = sum(ends[each] - position for each, position in positions.items())
        logger.info(log_line("started", schema=self._schema, behind=behind))
        await self._record(connection, writer, stop)

    async def _record(self, connection: Any, writer: RowWriter, stop: asyncio.Event) -> None:
        current = await current_generation(self._settings, self._definition.election, self._definition.hash)
        is_served = self._settings.generation <= current
        if not is_served:
            self._reader.gather_for(UNSERVED_GATHER_MS)
        indexes_wait = is_served
        preparing = asyncio.create_task(self._reader.prepare())  # 1
        try:
            while not stop.is_set():
                prepared = await preparing
                preparing = asyncio.create_task(self._reader.prepare())  # 1 of the next
                if prepared.messages:
                    await writer.record(prepared)  # 2
                if indexes_wait and prepared.is_caught_up:
                    await make_list_indexes(connection)
                    indexes_wait = False
        finally:
            preparing.cancel()
            await asyncio.gather(preparing, return_exceptions=True)

    async def _load(self, connection: Any) -> tuple[dict[TopicPartition, int], Watermarks]:
        """Positions and watermarks of the database."""
        topic_partitions = self._topics.derived_partitions()
        await connection.executemany(recording.INSERT_POSITION, [tuple(each) for each in topic_partitions])
        found = {
            TopicPartition(row["topic"], row["partition"]): row["next_offset"]
            for row in await connection.fetch(queries.POSITIONS)
        }
        blocks = await connection.fetch(queries.BLOCK_WATERMARKS)
        results = await connection.fetch(queries.RESULT_WATERMARKS)
        watermarks = Watermarks(
            {(row["office"], row["partition"]): row["through"] for row in blocks},
            {row["office"]: tuple(row["as_of"]) for row in results},
        )
        for upsert in recording.UPSERTS:
            await connection.execute(upsert.stage)
        return {each: found[each] for each in topic_partitions}, watermarks

    async def _assign(self, connection: Any, positions: dict[TopicPartition, int]) -> dict[TopicPartition, int]:
        """Have the consumer read the topics. Gives where they end. Raises RecorderError where the database belongs to another
        Kafka or ledger."""
        if (reason := await differing_record(self._settings, self._definition, connection)) is not None:
            raise RecorderError(f"the read model is of another ledger: {reason}; drop its schema {self._schema!r}")
        self._consumer.assign(list(positions))
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(list(positions))
        for each, position in positions.items():
            if position > ends[each]:
                raise RecorderError(
                    f"the read model has {each.topic} up to {position}, but the topic ends at {ends[each]}: "
                    "this database belongs to another Kafka; drop its schema "
                    f"{self._schema!r} to have it built again"
                )
        return ends

    async def _stopped_before(
        self, connection: Any, positions: dict[TopicPartition, int]
    ) -> dict[str, dict[TopicPartition, int]]:
        """Offices that an earlier recorder stopped, with the offsets from which their messages are not stored."""
        stopped: dict[str, dict[TopicPartition, int]] = {}
        for row in await connection.fetch(queries.OFFICE_STOPS):
            topic_partition = TopicPartition(row["topic"], row["partition"])
            if topic_partition in positions:
                stopped.setdefault(row["office"], {})[topic_partition] = row["next_offset"]
        return stopped


async def run(settings: Settings, definition: Definition, stop: asyncio.Event) -> None:
    gc.set_threshold(GC_OBJECTS)
    await Recorder(settings, definition).run(stop)
