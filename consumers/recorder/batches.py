"""Step 1 of the recorder: messages gathered from Kafka and folded into rows, ahead of the database by one batch."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition

from projections.definition.compiled import Definition
from projections.fold.parts import Parts
from projections.readmodel.rows import Batch, Rows, Watermarks, rows_of
from runtime import metrics
from runtime.kafka.clients import let_gather
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import Opener, SetAside, SetAsideMessages
from runtime.kafka.topics import Topics
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.derived.blocks import BlockRange
from schemas.derived.bundles import blocks_in
from schemas.derived.results import Result, ResultRange

logger = logging.getLogger("rekap.recorder")

BATCH_MESSAGES_MAX = 2_000
"""Messages in one transaction."""
BATCH_BYTES_MAX = 128 * 1024 * 1024
"""Bytes of these messages: some 70,000 results and two seconds of work. As rows they take as much again, and the next batch is
prepared meanwhile. Each batch writes the sums of all areas: at half, a recorder that is far behind writes them twice as
often."""
POLL_MS = 200
LAST_POLL_MS = 20
"""Wait for Kafka to give what has gathered, which takes a few milliseconds where there is something. At half, a busy broker
gives a message only to the next batch; at double, the rows of a single message are stored 20 ms later."""
UNSERVED_GATHER_MS = 1_000
"""Used instead of `record_ms` in a generation that is not served yet; `rekap rebuild` waits for the last batch."""
REASON_CHARACTERS_MAX = 1_000
"""Limit for the reason why an office is stopped."""


class OfficeStop(NamedTuple):
    """Why the rows of an office are not written any more."""

    reason: str
    positions: dict[TopicPartition, int]
    """Offsets from which the office's messages are not stored."""


class PreparedBatch(NamedTuple):
    """A batch before its transaction."""

    rows: dict[str, Rows]
    """Rows to write, by office."""
    stops: dict[str, OfficeStop]
    """Offices that this batch has stopped."""
    began: dict[TopicPartition, int]
    """Offsets at which the batch begins."""
    read: dict[TopicPartition, int]
    """Offsets at which the next batch begins."""
    after: dict[TopicPartition, int]
    """Positions to write. In `results` it is before the first part of a message of which parts are still to come."""
    messages: int
    set_aside: list[SetAsideMessages]
    """Messages that were read and are not believed."""
    is_caught_up: bool
    """Whether the batch reaches to where the topics ended when this recorder began."""


class BatchReader:
    """Reads `subtotals` and `results`, and folds them into rows."""

    def __init__(
        self,
        settings: Settings,
        definition: Definition,
        topics: Topics,
        consumer: AIOKafkaConsumer,
        stopped: Mapping[str, OfficeStop],
    ) -> None:
        """`stopped` has the offices whose rows are not written any more; the writer adds to it."""
        self._definition = definition
        self._topics = topics
        self._consumer = consumer
        self._stopped = stopped
        self._aside = SetAside(metrics.RECORDER_SET_ASIDE)
        self._opener = Opener(
            Seals(settings.workers_key, definition.hash),
            definition.election,
            settings.generation,
            [office.id for office in definition.ballots.offices],
            consumer,
            self._aside,
        )
        self._gather_ms = settings.record_ms
        self._watermarks = Watermarks({}, {})
        """Watermarks after the newest batch that was folded."""
        self._parts: Parts[Result] = Parts()
        """Results of which not all parts were read. Positions stay before their first parts, so that a crash loses none, and
        that a reader which begins at the read model's positions, as the live feed does, never begins inside of a message."""
        self._read: dict[TopicPartition, int] = {}
        """Offsets at which the next batch begins."""
        self._ends: dict[TopicPartition, int] = {}
        """Offsets at which the topics ended at the start."""
        self._given_up: set[str] = set()
        """Offices that are not folded any more. Only the thread that folds uses it."""

    def begin(
        self, read: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int], watermarks: Watermarks
    ) -> None:
        """Begin to read at these offsets; `watermarks` are the database's."""
        self._read, self._ends, self._watermarks = dict(read), dict(ends), watermarks
        for topic_partition, offset in read.items():
            self._consumer.seek(topic_partition, offset)

    def gather_for(self, gather_ms: int) -> None:
        self._gather_ms = gather_ms

    async def prepare(self) -> PreparedBatch:
        """The next batch. Raises KafkaError."""
        began = dict(self._read)
        messages = await self._gather()
        after = {topic_partition: values[-1].offset + 1 for topic_partition, values in messages.items()}
        self._read.update(after)
        believed = await self._opener.believed(message for values in messages.values() for message in values)
        # In a thread, so that the transaction of the batch before can send and receive meanwhile.
        rows, stops = await asyncio.to_thread(self._fold, believed, began)
        results = self._topics.results_partition()
        if results in after and (first := self._parts.first_offset) is not None:
            after[results] = first
        count = sum(map(len, messages.values()))
        aside = self._aside.take()
        return PreparedBatch(rows, stops, began, dict(self._read), after, count, aside, self._is_caught_up())

    async def _gather(self) -> dict[TopicPartition, list[Any]]:
        """Messages that come within `record_ms`, or, far behind, as many as one transaction may have. The sums of the nation
        change with every message. Written four times a second they cost a tenth of the time, and a recorder that is far behind
        writes each sum once for many messages. A recorder that keeps up rests meanwhile, so that Kafka is asked twice for each
        batch, and not for each message."""
        gathered: dict[TopicPartition, list[Any]] = {}
        count = size = 0
        ends = None
        while count < BATCH_MESSAGES_MAX and size < BATCH_BYTES_MAX:
            wait_ms = POLL_MS if ends is None else max(LAST_POLL_MS, round((ends - time.monotonic()) * 1000))
            batches = await self._consumer.getmany(timeout_ms=wait_ms, max_records=BATCH_MESSAGES_MAX - count)
            for topic_partition, messages in batches.items():
                gathered.setdefault(topic_partition, []).extend(messages)
                count += len(messages)
                size += sum(len(message.value or b"") for message in messages)
            if ends is None:
                if not gathered:
                    break
                ends = time.monotonic() + self._gather_ms / 1000
                if self._keeps_up(gathered):
                    await let_gather(self._consumer, self._gather_ms / 1000)
            elif time.monotonic() >= ends:
                if self._is_caught_up() or not batches:
                    break
                ends = time.monotonic() + POLL_MS / 1000
        return gathered

    def _keeps_up(self, gathered: Mapping[TopicPartition, Sequence[Any]]) -> bool:
        """Whether Kafka has no more messages, as far as its last answers state. A recorder that has fallen behind since it
        began, because PostgreSQL was away, does not rest."""
        after = self._read | {
            topic_partition: messages[-1].offset + 1 for topic_partition, messages in gathered.items()
        }
        return self._is_caught_up() and all(
            position >= (self._consumer.highwater(topic_partition) or 0) for topic_partition, position in after.items()
        )

    def _is_caught_up(self) -> bool:
        return all(self._read[topic_partition] >= end for topic_partition, end in self._ends.items())

    def _fold(
        self, messages: Sequence[Any], began: dict[TopicPartition, int]
    ) -> tuple[dict[str, Rows], dict[str, OfficeStop]]:
        batches: dict[str, Batch] = {}
        stops: dict[str, OfficeStop] = {}

        def give_up(office: str, error: Exception, what: str) -> None:
            """Drop all of the office's rows in this batch, because the message may have been added half."""
            stops[office] = stop_office(office, error, what, began)
            self._given_up.add(office)
            self._parts.give_up(office, lambda _: True)
            batches.pop(office, None)

        def add(message: Any, value: bytes, *, is_result: bool) -> None:
            head = ResultRange.from_bytes(value) if is_result else BlockRange.from_bytes(value)
            office = str(head.office)
            if office in self._given_up or office in self._stopped:
                return
            if (batch := batches.get(office)) is None:
                batch = batches[office] = Batch(self._definition, self._watermarks, self._parts)
            try:
                if is_result:
                    batch.add_result(value, message.offset)
                else:
                    batch.add_block(value)
            except Exception as error:
                give_up(office, error, f"{message.topic}/{message.partition} at {message.offset}")

        for message in messages:
            is_result = message.topic == self._topics.results
            for value in [message.value] if is_result else blocks_in(message.value):
                add(message, value, is_result=is_result)
        rows = {}
        for office, batch in list(batches.items()):
            try:
                rows[office] = rows_of(batch)
            except Exception as error:
                give_up(office, error, "making its rows")
        return rows, stops


def stop_office(office: str, error: Exception, what: str, began: dict[TopicPartition, int]) -> OfficeStop:
    """Report that an office is stopped. `what` was being done; `began` has the offsets at which the batch begins."""
    reason = f"{type(error).__name__}: {error} ({what})"[:REASON_CHARACTERS_MAX]
    logger.critical(log_line("office-stopped", office=office, error=reason), exc_info=error)
    metrics.RECORDER_OFFICE_STOPS.labels(office).inc()
    return OfficeStop(reason, began)
