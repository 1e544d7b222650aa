"""Blocks and keyframes to the topic `subtotals`, in order, and which of them Kafka has acknowledged."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from consumers.tabulator.decisions import (
    NO_KEYFRAME,
    Refusal,
    must_wait,
    next_keyframes_after,
    reason_of,
    refusal_of,
)
from consumers.tabulator.errors import FoldError
from consumers.tabulator.partition import OwnedPartition
from projections.definition.compiled import Definition
from projections.station.submissions import ResultState
from runtime import metrics
from runtime.kafka.clients import TOO_LARGE, ordered_producer
from runtime.kafka.message_keys import MessageKeys
from runtime.kafka.seals import Seals
from runtime.kafka.topics import Topics
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.codes import OfficeId
from schemas.derived.blocks import Block
from schemas.derived.bundles import BUNDLE_BYTES_MAX, bundled

logger = logging.getLogger("rekap.tabulator")


@dataclass(slots=True)
class _Bundle:
    """Blocks of one office, in order, that become one message."""

    values: list[bytes] = field(default_factory=list)
    size: int = 0
    _largest: tuple[int, Block] | None = None

    def add(self, block: Block, value: bytes) -> None:
        self.values.append(value)
        self.size += len(value)
        if self._largest is None or len(value) > self._largest[0]:
            self._largest = (len(value), block)

    @property
    def largest(self) -> Block:
        """The block whose partition is stopped where Kafka refuses the message for its size: without that partition the next
        message is the smallest."""
        assert self._largest is not None, "a bundle has a block"
        return self._largest[1]


class BlockPublisher:
    """Owns the producer. `partitions` is the worker's own: the publisher takes out a partition whose block is refused, so that
    no state of it is kept and nothing more of it is published."""

    def __init__(
        self,
        settings: Settings,
        definition: Definition,
        topics: Topics,
        seals: Seals,
        partitions: dict[int, OwnedPartition],
    ) -> None:
        self._definition = definition
        self._topics = topics
        self._seals = seals
        self._partitions = partitions
        self._producer: AIOKafkaProducer = ordered_producer(settings)
        self._message_keys = MessageKeys()
        self._in_flight: dict[asyncio.Future[Any], tuple[Block, int]] = {}
        """Messages that Kafka has not acknowledged yet: the largest block of each, without its rows, and the bytes of all."""
        self._keyframe_seconds = settings.keyframe_ms / 1000
        self._keyframes_due = time.monotonic() + self._keyframe_seconds

    async def start(self) -> None:
        await self._producer.start()

    async def stop(self) -> None:
        await self._producer.stop()

    async def send(self, blocks: Sequence[Block]) -> None:
        """Send blocks, those of one office bundled. Kafka acknowledges them while the next batch is folded, and the producer
        keeps their order. Raises FoldError where a message is too large, because that concerns one partition, and health must
        name it."""
        bundles: dict[OfficeId, _Bundle] = {}
        for block in blocks:
            value = block.to_bytes()
            bundle = bundles.get(block.office)
            if bundle is not None and bundle.size + len(value) > BUNDLE_BYTES_MAX:
                await self._send_bundle(bundles.pop(block.office))
                bundle = None
            if bundle is None:
                bundle = bundles[block.office] = _Bundle()
            bundle.add(block, value)
            _measure(block)
        for bundle in bundles.values():
            await self._send_bundle(bundle)
        await self._wait_if_full()

    async def send_keyframes(self, now: float) -> None:
        """Send the keyframes that are due, one office at a time, so that only one is in memory."""
        everywhere = now >= self._keyframes_due
        for owned in list(self._partitions.values()):
            if not owned.owes_keyframes and not (everywhere and owned.publishes):
                continue
            owned.owes_keyframes = False
            for office in self._definition.ballots.offices:
                if owned is not self._partitions.get(owned.number):
                    break  # another worker was assigned it while the keyframe before was sent
                await self._send_keyframe(owned, office.id)
        if everywhere:
            self._keyframes_due = next_keyframes_after(now, time.monotonic() - now, self._keyframe_seconds)

    async def acknowledged(self) -> None:
        """Wait until Kafka has acknowledged all that was sent. Raises what Kafka raises, and FoldError. Messages stay in flight
        while they are waited for, because a rebalance may commit meanwhile, and must wait for them too."""
        waiting = dict(self._in_flight)
        if waiting:
            await asyncio.wait(waiting)
        for sent in waiting:
            self._in_flight.pop(sent, None)
        for sent, (block, _) in waiting.items():
            if (error := sent.exception()) is not None:
                self._not_acknowledged(block, error)

    def _not_acknowledged(self, block: Block, error: BaseException) -> None:
        match refusal_of(error, block.kind):
            case Refusal.ENDS_WORKER:
                raise error
            case Refusal.STOPS_PARTITION:
                assert isinstance(error, Exception)
                raise self._refused(block, error) from error
            case Refusal.LEAVES_KEYFRAME_OUT:
                if (owned := self._partitions.get(block.partition)) is not None:
                    _leave_out(owned, block.office, error)

    async def _send_bundle(self, bundle: _Bundle) -> None:
        largest = bundle.largest
        try:
            await self._send_message(largest, self._message_keys.of_change(), bundled(bundle.values))
        except TOO_LARGE as error:
            raise self._refused(largest, error) from error

    async def _send_keyframe(self, owned: OwnedPartition, office: OfficeId) -> None:
        try:
            frame = owned.fold.keyframe(office)
            for key, value in self._message_keys.messages(frame):
                await self._send_message(frame, key, value)
        except NO_KEYFRAME as error:
            _leave_out(owned, office, error)
        else:
            owned.keyframe_was_sent(office)
            _measure(frame)
        await self._wait_if_full()

    async def _send_message(self, of: Block, key: bytes, value: bytes) -> None:
        topic, partition = self._topics.subtotals_partition_of(of.office)
        headers = self._seals.headers(topic, partition, key, value)
        sent = await self._producer.send(topic, value, key=key, partition=partition, headers=headers)
        self._in_flight[sent] = (of._replace(areas=[], records=[], states=[], stations=[]), len(value))

    async def _wait_if_full(self) -> None:
        if must_wait(len(self._in_flight), sum(size for _, size in self._in_flight.values())):
            await self.acknowledged()

    def _refused(self, block: Block, error: Exception) -> FoldError:
        self._partitions.pop(block.partition, None)
        topic_partition = TopicPartition(self._topics.ledger, block.partition)
        return FoldError(topic_partition, block.through, f"block of office {block.office}", error)


def _leave_out(owned: OwnedPartition, office: OfficeId, error: BaseException) -> None:
    reason = reason_of(error)
    if owned.leave_out_keyframe(office, reason):
        logger.critical(log_line("keyframe-stopped", partition=owned.number, office=office, error=reason))


def _measure(block: Block) -> None:
    metrics.TABULATOR_BLOCKS.labels(block.kind).inc()
    for state, count in Counter(row["state"] for row in block.states).items():
        metrics.TABULATOR_STATES.labels(state).inc(count)
    for row in block.states:
        if row["state"] == ResultState.REFUSED:
            for finding in row["findings"]:
                metrics.TABULATOR_REFUSED.labels(finding["rule"]).inc()
