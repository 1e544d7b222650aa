"""The tabulator: ledger records in, blocks and keyframes of `subtotals` out.

For each assigned partition it folds from offset 0, silently up to where the group had committed (those blocks are
out), then speaks with a keyframe, then tells blocks. So start is recovery, and a rebuild is a start without a committed
offset. For each batch, in this order:

    1. read records, check signatures in threads
    2. fold (projections/tabulation.py decides everything)
    3. send the blocks; the next batch is folded meanwhile
    4. wait until Kafka has them (acks=all), then commit the ledger offsets    before this line a crash tells blocks again

Readers skip what is told again by its watermark (schemas/blocks.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from projections.definition import Definition
from projections.tabulation import PartitionFold, Record, checked_record
from proofs.signatures import load_public_key
from runtime.kafka import group_of, ordered_producer, plain_consumer, stop_consumer, topics_of
from runtime.logs import event
from runtime.settings import Settings
from schemas.blocks import Block

log = logging.getLogger("rekap.tabulator")

COMMIT_MS = 250
"""Longest that a committed offset lags behind the blocks that are out. A restart tells that much again: at half this
value every fourth batch would wait for a commit, at double a restart repeats twice as many blocks."""
POLL_MS = 100
SESSION_MS = 6_000
"""After this a dead worker's partitions are another's: the least that Kafka allows by default."""
ON_THE_WAY_MAX = 200
"""Blocks that may wait for acknowledgement: some seconds of a busy night. With more, a Kafka that hangs is found later."""
INLINE_CHECKS_MAX = 8
"""Up to so many signatures are checked without threads: handing over costs about as much as one check."""


class FoldError(Exception):
    """A bug or a wrong package met in a fold: says partition and offset. The worker stops (invariant 6)."""


class _Folding:
    """A partition that this worker holds."""

    def __init__(self, definition: Definition, partition: int, committed: int) -> None:
        self.fold = PartitionFold(definition, partition)
        self.told_through = committed
        """Blocks of the records below this offset are out."""
        self.has_spoken = False


class Tabulator(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    def __init__(self, settings: Settings, definition: Definition) -> None:
        self._settings = settings
        self._definition = definition
        self._topics = topics_of(definition.election)
        self._folding: dict[int, _Folding] = {}
        self._keys: dict[str, Ed25519PublicKey] = {
            key_id: load_public_key(key.public_key) for key_id, key in definition.keys.items()
        }
        self._threads = ThreadPoolExecutor(settings.check_threads, thread_name_prefix="check")
        self._consumer: AIOKafkaConsumer = plain_consumer(
            settings,
            group_id=group_of(definition.election, "tabulator"),
            group_instance_id=settings.instance or None,
            session_timeout_ms=SESSION_MS,
        )
        self._producer: AIOKafkaProducer = ordered_producer(settings)
        self._on_the_way: list[asyncio.Future[Any]] = []
        """Blocks that Kafka has not acknowledged yet."""
        self._uncommitted: dict[TopicPartition, int] = {}
        self._committed_at = time.monotonic()
        self._keyframes_at = time.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`. Raises FoldError, or what Kafka raises; the process then ends and is started again."""
        await self._producer.start()
        self._consumer.subscribe([self._topics.ledger], listener=self)
        await self._consumer.start()
        log.info(event("started", ledger=self._topics.ledger, definition=self._definition.hash[:12]))
        try:
            while not stop.is_set():
                records = await self._step()
                if records < self._settings.batch_records:
                    # A block of one form costs everybody behind as much as a block of ten.
                    await asyncio.sleep(self._settings.gather_ms / 1000)
            await self._commit()
        finally:
            await stop_consumer(self._consumer)
            await self._producer.stop()
            self._threads.shutdown(cancel_futures=True)

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        await self._commit()
        for each in revoked:
            self._folding.pop(each.partition, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        for each in assigned:
            committed = await self._consumer.committed(each) or 0
            self._folding[each.partition] = _Folding(self._definition, each.partition, committed)
            self._consumer.seek(each, 0)
            log.info(event("assigned", partition=each.partition, committed=committed))

    async def _step(self) -> int:
        """Gives how many records were folded."""
        batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=self._settings.batch_records)
        blocks: list[Block] = []
        for place, messages in batches.items():
            folding = self._folding.get(place.partition)
            if folding is None:
                continue
            blocks += await self._fold(folding, messages)
            self._uncommitted[place] = folding.fold.next_offset
        now = time.monotonic()
        for folding in self._folding.values():
            if not folding.has_spoken and folding.fold.next_offset >= max(folding.told_through, 1):
                folding.has_spoken = True
                blocks += folding.fold.keyframes()
                log.info(event("speaks", partition=folding.fold.partition, through=folding.fold.next_offset - 1))
        if now - self._keyframes_at >= self._settings.keyframe_ms / 1000:
            self._keyframes_at = now
            for folding in self._folding.values():
                if folding.has_spoken:
                    blocks += folding.fold.keyframes()
        await self._send(blocks)
        if now - self._committed_at >= COMMIT_MS / 1000:
            await self._commit()
        return sum(len(messages) for messages in batches.values())

    async def _fold(self, folding: _Folding, messages: Sequence[Any]) -> list[Block]:
        """Steps 1 and 2. A batch is cut where silent folding ends."""
        records = await self._checked(messages)
        blocks: list[Block] = []
        for record, holds in records:
            try:
                folding.fold.apply(record, holds)
            except Exception as error:
                raise FoldError(
                    event(
                        "fold-stopped",
                        partition=folding.fold.partition,
                        offset=record.offset,
                        record=record.event_id.hex(),
                        error=f"{type(error).__name__}: {error}",
                    )
                ) from error
            if folding.fold.next_offset == folding.told_through:
                folding.fold.forget_changes()
        if folding.fold.next_offset < folding.told_through:
            folding.fold.forget_changes()
        else:
            blocks += folding.fold.take_blocks()
        return blocks

    async def _checked(self, messages: Sequence[Any]) -> list[tuple[Record, bool]]:
        if len(messages) <= INLINE_CHECKS_MAX:
            return self._check(messages)
        threads = self._settings.check_threads
        size = -(-len(messages) // threads)
        loop = asyncio.get_running_loop()
        parts = await asyncio.gather(
            *(
                loop.run_in_executor(self._threads, self._check, messages[start : start + size])
                for start in range(0, len(messages), size)
            )
        )
        return [each for part in parts for each in part]

    def _check(self, messages: Sequence[Any]) -> list[tuple[Record, bool]]:
        return [checked_record(message.offset, message.value or b"", self._keys) for message in messages]

    async def _send(self, blocks: list[Block]) -> None:
        """Step 3, begun: the next batch is folded while Kafka takes these; the producer keeps their order."""
        for block in blocks:
            sent = await self._producer.send(self._topics.subtotals, block.to_bytes(), key=block.office.encode())
            self._on_the_way.append(sent)
        if len(self._on_the_way) > ON_THE_WAY_MAX:
            await self._acknowledged()

    async def _acknowledged(self) -> None:
        """Step 3, ended. Raises what Kafka raises."""
        on_the_way, self._on_the_way = self._on_the_way, []
        await asyncio.gather(*on_the_way)

    async def _commit(self) -> None:
        """Step 4: what is in `_uncommitted` is folded, and its blocks are acknowledged."""
        await self._acknowledged()
        self._committed_at = time.monotonic()
        ready = {
            place: offset
            for place, offset in self._uncommitted.items()
            if place.partition in self._folding and offset > self._folding[place.partition].told_through
        }
        self._uncommitted.clear()
        if ready:
            await self._consumer.commit(ready)


async def run(settings: Settings, definition: Definition, stop: asyncio.Event) -> None:
    await Tabulator(settings, definition).run(stop)
