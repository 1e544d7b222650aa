"""The tabulator: ledger records in, blocks and keyframes of `subtotals` out.

For each assigned partition it folds from offset 0, or from a state that it kept (kept_states.py), silently up to where the
group had committed, because blocks up to there are published. Then it publishes keyframes, and from then on blocks. So a start
is a recovery, and a rebuild is a start without a committed offset. For each batch, in this order:

    1. read records and check the signatures (batches.py) that are not remembered as checked (proofs/checked_signatures.py);
       where more records are waiting, the signatures of the next batch are checked during step 2
    2. fold (projections/fold/tabulation.py decides everything)
    3. send the blocks (publisher.py); the next batch is folded meanwhile
    4. wait until Kafka has the blocks (acks=all), then commit the ledger offsets; a crash before this publishes blocks again

Readers skip a block that is published again by its watermark (schemas/derived/blocks.py). A state is written from time to time.
It is used only where the blocks of all its records are published, and where the ledger still has its last record.

A fold that raises has met a bug, and the worker stops (invariant 6). It leaves the reason as the note beside the partition's
committed offset in Kafka, where /v1/health and the partition's next worker read it. That worker folds and publishes the
partition up to the record, continues with its other partitions, and tries the record again after `fold_retry_s`.

What is decided at each of these points is in decisions.py and partition.py, which do no input or output.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from consumers.tabulator.batches import OpenedBatch, open_batches
from consumers.tabulator.decisions import COMMIT_SECONDS, Stop, before_stop, pause_ms
from consumers.tabulator.errors import FoldError
from consumers.tabulator.kept_states import KeptStates
from consumers.tabulator.partition import OwnedPartition
from consumers.tabulator.publisher import BlockPublisher
from consumers.tabulator.signature_checks import SignatureChecks
from projections.definition.compiled import Definition
from runtime import metrics
from runtime.kafka.clients import at_rest, plain_consumer, stop_consumer
from runtime.kafka.groups import committed_offsets
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import SetAside, believed_offsets
from runtime.kafka.topics import group_of, topics_of
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.derived.blocks import Block

logger = logging.getLogger("rekap.tabulator")

POLL_MS = 100
SESSION_MS = 6_000
"""Time without a heartbeat after which a worker's partitions are assigned to another worker. It is the least that Kafka allows
by default."""
FOLD_TURN_SECONDS = 0.05
"""A fold lets heartbeats, acknowledgements and metrics have their turn after this, whatever the records cost. At half, a batch
of 2,000 results is cut once more; at double, a metrics scrape or an acknowledgement waits as long as a whole batch takes."""


class Tabulator(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    def __init__(self, settings: Settings, definition: Definition) -> None:
        self._settings = settings
        self._definition = definition
        self._topics = topics_of(definition.election, settings.generation)
        self._group = group_of(definition.election, "tabulator", settings.generation)
        self._seals = Seals(settings.workers_key, definition.hash)
        self._aside = SetAside(metrics.TABULATOR_SET_ASIDE)
        self._partitions: dict[int, OwnedPartition] = {}
        """What this worker was assigned. A partition is taken out when it is revoked, and when its fold stops."""
        self._committed: dict[TopicPartition, int] = {}
        """The committed offset of each partition that was assigned, 0 where no worker sealed one."""
        self._checks = SignatureChecks(settings.check_processes)
        self._ahead: list[OpenedBatch] = []
        """Batches after those that were folded last, where the ledger is ahead of the fold."""
        self._consumer: AIOKafkaConsumer = plain_consumer(
            settings,
            group_id=self._group,
            group_instance_id=settings.instance or None,
            session_timeout_ms=SESSION_MS,
        )
        self._publisher = BlockPublisher(settings, definition, self._topics, self._seals, self._partitions)
        self._states = KeptStates(settings, definition)
        self._uncommitted: dict[TopicPartition, int] = {}
        """Offsets below which all blocks are sent, to be committed once the blocks are acknowledged."""
        self._committed_at = time.monotonic()
        self._retry_at = float("inf")
        """When partitions that stopped are tried again."""
        self._committing = asyncio.Lock()
        self._rebalance_failed: Exception | None = None
        """aiokafka only logs what a listener raises, and would continue with partitions that no worker folds."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set. Raises FoldError, or what Kafka raises; the process then ends and is started again."""
        await self._publisher.start()
        self._consumer.subscribe([self._topics.ledger], listener=self)
        await self._consumer.start()
        logger.info(log_line("started", ledger=self._topics.ledger, definition=self._definition.hash[:12]))
        try:
            while not stop.is_set():
                await self._step()
            await self._commit()
            await self._states.write_all(list(self._partitions.values()))
        except FoldError as error:
            await self._leave_reason(error)
            raise
        finally:
            await self._states.written()
            await stop_consumer(self._consumer)
            await self._publisher.stop()
            self._checks.close()

    async def _step(self) -> None:
        """Read, fold and publish what has come, then let records gather."""
        if self._rebalance_failed is not None:
            raise self._rebalance_failed
        opened = self._ahead or self._open(await self._read(POLL_MS))  # 1
        count = sum(len(each.records) for each in opened)
        if count >= self._settings.batch_records:
            # Where the fold is behind, the next batch's signatures are checked while this one is folded.
            self._ahead = self._open(await self._read(0))
            await self._publish(opened)
        else:
            self._ahead = []
            with at_rest(self._consumer):
                began = time.monotonic()
                await self._publish(opened)
                took_ms = (time.monotonic() - began) * 1000
                await asyncio.sleep(pause_ms(count, took_ms, self._settings.gather_ms) / 1000)

    async def _publish(self, opened: Sequence[OpenedBatch]) -> None:
        """Steps 2 to 4 of what was read, each as far as it is due."""
        blocks: list[Block] = []
        folded: list[tuple[TopicPartition, OwnedPartition, int]] = []
        for each in opened:  # 2
            taken = await self._fold(each)
            if taken is not None:
                blocks += taken
                folded.append((each.topic_partition, each.owned, each.owned.fold.next_offset))
        now = time.monotonic()
        if now >= self._retry_at:
            self._retry()
        for owned in self._partitions.values():
            if owned.begin_to_publish():
                logger.info(log_line("publishes", partition=owned.number, through=owned.fold.next_offset - 1))
        await self._publisher.send(blocks)  # 3
        # Only after sending, because a rebalance may commit at any moment, and no worker would publish the block of a record
        # that was committed and only folded.
        for topic_partition, owned, next_offset in folded:
            if owned is self._partitions.get(topic_partition.partition):
                owned.sent_below = self._uncommitted[topic_partition] = next_offset
        await self._publisher.send_keyframes(now)
        self._states.write_one(self._partitions.values())
        if now - self._committed_at >= COMMIT_SECONDS:
            await self._commit()  # 4

    # -- partitions that come and go -------------------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        try:
            await self._commit()
            await self._states.write_all(list(self._partitions.values()))
        except Exception as error:
            self._rebalance_failed = error
        for each in revoked:
            self._partitions.pop(each.partition, None)

    async def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        try:
            committed = await committed_offsets(self._settings, self._group)
            # An offset without a worker's seal is not believed: blocks are then published again from the beginning.
            believed = believed_offsets(self._seals, self._group, committed, self._aside)
            for each in assigned:
                if each.partition < self._definition.partitions:
                    await self._begin(each, *believed.get(each, (0, "")))
                else:
                    # The topic was given more partitions than the election has, and no record may be in them.
                    self._consumer.pause(each)
        except Exception as error:
            self._rebalance_failed = error

    async def _begin(self, topic_partition: TopicPartition, committed: int, note: str) -> None:
        stop = Stop.from_note(note)
        owned = await asyncio.to_thread(self._states.begin, topic_partition.partition, committed, stop)
        owned.committed_note = note
        self._partitions[topic_partition.partition] = owned
        self._committed[topic_partition] = committed
        # The last record of the state is read again, to see whether the state is of this ledger.
        self._consumer.seek(topic_partition, max(0, owned.fold.next_offset - 1))
        partition = topic_partition.partition
        logger.info(log_line("assigned", partition=partition, committed=committed, state=owned.fold.next_offset))
        if stop is not None:
            self._retry_at = time.monotonic() + self._settings.fold_retry_s
            logger.warning(log_line("held-back", partition=partition, offset=stop.offset, error=stop.reason))

    # -- 1. records in ---------------------------------------------------------------------------------------------

    async def _read(self, wait_ms: int) -> dict[TopicPartition, Sequence[Any]]:
        most = self._settings.batch_records
        batches: dict[TopicPartition, Sequence[Any]] = await self._consumer.getmany(
            timeout_ms=wait_ms, max_records=most
        )
        return batches

    def _open(self, batches: Mapping[TopicPartition, Sequence[Any]]) -> list[OpenedBatch]:
        to_open = []
        for topic_partition, messages in batches.items():
            owned = self._partitions.get(topic_partition.partition)
            if owned is None:
                continue
            if owned.unverified_leaf:
                first = messages[0]
                if not owned.verify(first.offset, first.value or b""):
                    self._partitions[topic_partition.partition] = self._states.begin_again(owned)
                    self._consumer.seek(topic_partition, 0)
                    continue
                messages = messages[1:]
            if messages and not before_stop(owned.stop, messages[-1].offset):
                messages = self._rest_before_stop(topic_partition, owned.stop, messages)
            if messages:
                to_open.append((topic_partition, owned, messages))
        return open_batches(to_open, self._definition, self._checks)

    def _rest_before_stop(
        self, topic_partition: TopicPartition, stop: Stop | None, messages: Sequence[Any]
    ) -> Sequence[Any]:
        assert stop is not None
        self._consumer.pause(topic_partition)
        self._consumer.seek(topic_partition, stop.offset)
        return [message for message in messages if before_stop(stop, message.offset)]

    def _retry(self) -> None:
        self._retry_at = float("inf")
        for partition, owned in self._partitions.items():
            if owned.stop is not None:
                owned.stop = None
                self._consumer.resume(TopicPartition(self._topics.ledger, partition))
                logger.info(log_line("tried-again", partition=partition))

    # -- 2. the fold -----------------------------------------------------------------------------------------------

    async def _fold(self, opened: OpenedBatch) -> list[Block] | None:
        """Fold a batch, in turns with what else the process does. Gives its blocks, or None where the partition was revoked
        since the batch was read: it begins again where it is assigned again. Raises FoldError."""
        topic_partition, owned, records = opened.topic_partition, opened.owned, opened.records
        holds = await opened.signatures_hold()
        if owned is not self._partitions.get(topic_partition.partition):
            return None
        owned.checked.note(records[0].offset, [record.leaf for record in records], holds)
        blocks: list[Block] = []
        turn_ends = time.monotonic() + FOLD_TURN_SECONDS
        for record, signature_holds in zip(records, holds, strict=True):
            try:
                blocks += owned.apply(record, signature_holds)
            except Exception as error:
                # The fold may have stopped half way, so no state of it is kept.
                self._partitions.pop(topic_partition.partition, None)
                raise FoldError(topic_partition, record.offset, record.event_id.hex(), error) from error
            if time.monotonic() > turn_ends:
                blocks += owned.take_blocks()
                await asyncio.sleep(0)
                if owned is not self._partitions.get(topic_partition.partition):
                    return None
                turn_ends = time.monotonic() + FOLD_TURN_SECONDS
        blocks += owned.take_blocks()
        if owned.finance_has_stopped():
            partition, problem = topic_partition.partition, owned.finance_problem
            logger.critical(log_line("finance-stopped", partition=partition, error=problem))
        self._measure(topic_partition, opened.messages)
        return blocks

    def _measure(self, topic_partition: TopicPartition, messages: Sequence[Any]) -> None:
        partition = topic_partition.partition
        metrics.TABULATOR_RECORDS.labels(partition).inc(len(messages))
        metrics.TABULATOR_BATCH.observe(len(messages))
        end = self._consumer.highwater(topic_partition)
        if end is not None:
            metrics.TABULATOR_LAG.labels(partition).set(max(0, end - messages[-1].offset - 1))
        # Kafka's time of the record, from the clock of its broker or writer: a gauge, on which no decision depends.
        metrics.TABULATOR_LAG_SECONDS.labels(partition).set(max(0.0, time.time() - messages[-1].timestamp / 1000))

    # -- 4. the commit ---------------------------------------------------------------------------------------------

    async def _commit(self) -> None:
        """Wait until what was sent is acknowledged, then commit the offsets below which it was sent. Raises what Kafka raises,
        and FoldError."""
        async with self._committing:
            # While these blocks are waited for, the next batch may be folded and sent. Its offsets are for the next commit.
            uncommitted, self._uncommitted = self._uncommitted, {}
            for owned in self._partitions.values():
                if owned.has_new_note:
                    owned.has_new_note = False
                    uncommitted.setdefault(TopicPartition(self._topics.ledger, owned.number), owned.sent_below)
            await self._publisher.acknowledged()
            self._committed_at = time.monotonic()
            ready: dict[TopicPartition, tuple[int, str]] = {}
            committed_notes: list[tuple[OwnedPartition, str]] = []
            for topic_partition, offset in uncommitted.items():
                owned_now = self._partitions.get(topic_partition.partition)
                if owned_now is not None and owned_now.has_news(offset):
                    note = owned_now.note
                    ready[topic_partition] = (offset, self._sealed(topic_partition, offset, note))
                    committed_notes.append((owned_now, note))
            if ready:
                await self._consumer.commit(ready)
                self._committed |= {each: offset for each, (offset, _) in ready.items()}
                for owned, note in committed_notes:
                    owned.committed_note = note

    async def _leave_reason(self, error: FoldError) -> None:
        """Commit the reason of a stop as the note beside the committed offset. The offset stays, because blocks of what was
        folded since then may not be published."""
        logger.critical(str(error))
        topic_partition, note = error.topic_partition, error.stop.as_note()
        committed = self._committed.get(topic_partition, 0)
        try:
            await self._consumer.commit({topic_partition: (committed, self._sealed(topic_partition, committed, note))})
        except KafkaError as unreachable:
            logger.warning(log_line("reason-not-written", error=type(unreachable).__name__))

    def _sealed(self, topic_partition: TopicPartition, offset: int, note: str) -> str:
        return self._seals.metadata(self._group, topic_partition, offset, note)


async def run(settings: Settings, definition: Definition, stop: asyncio.Event) -> None:
    await Tabulator(settings, definition).run(stop)
