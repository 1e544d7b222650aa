"""What a tabulator does between Kafka's calls: with a consumer and a producer that the test controls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, MessageSizeTooLargeError

from consumers.tabulator import decisions, publisher
from consumers.tabulator import worker as tabulator
from consumers.tabulator.decisions import Stop
from consumers.tabulator.errors import FoldError
from consumers.tabulator.signature_process import Check
from consumers.tabulator.worker import Tabulator
from runtime.kafka.seals import make_seal_keys
from runtime.kafka.topics import topics_of
from runtime.settings import Settings
from schemas.codes import OfficeId
from schemas.derived.blocks import Block, BlockRange
from schemas.derived.bundles import blocks_in
from tests.support.ledger import MemoryLedger
from tests.support.small_election import reported, small_package
from tests.support.waiting import until


class FakeConsumer:
    """Gives the batches of the test, and writes down what is committed."""

    def __init__(self) -> None:
        self.batches: list[dict[TopicPartition, list[Any]]] = []
        self.offsets: dict[TopicPartition, int] = {}
        self.metadata: dict[TopicPartition, str] = {}
        self.sought: dict[TopicPartition, int] = {}

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        return self.batches.pop(0) if self.batches else {}

    async def commit(self, committed: Mapping[TopicPartition, tuple[int, str]]) -> None:
        self.offsets |= {each: offset for each, (offset, _) in committed.items()}
        self.metadata |= {each: metadata for each, (_, metadata) in committed.items()}

    def assignment(self) -> set[TopicPartition]:
        return set()

    def paused(self) -> set[TopicPartition]:
        return set()

    def pause(self, *_: TopicPartition) -> None:
        pass

    def resume(self, *_: TopicPartition) -> None:
        pass

    def seek(self, topic_partition: TopicPartition, offset: int) -> None:
        self.sought[topic_partition] = offset

    def highwater(self, _: TopicPartition) -> None:
        return None


class FakeProducer:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.messages: list[bytes] = []
        self.acknowledges = True
        self.in_flight: list[asyncio.Future[None]] = []

    async def send(self, _: str, value: bytes, **__: Any) -> asyncio.Future[None]:
        self.messages.append(value)
        self.blocks += [Block.from_bytes(each, with_body=True) for each in blocks_in(value)]
        sent = asyncio.get_running_loop().create_future()
        self.in_flight.append(sent)
        if self.acknowledges:
            sent.set_result(None)
        return sent

    def published_through(self, partition: int) -> int:
        return max((b.through for b in self.blocks if b.partition == partition and b.kind == "block"), default=-1)


class Worker:
    """A tabulator of the small election that has been given all partitions."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger = MemoryLedger(small_package())
        make_seal_keys(tmp_path / "workers-key.txt")
        settings = replace(Settings(), state_directory=tmp_path, generation=1, workers_key=tmp_path / "workers-key.txt")
        self.tabulator = Tabulator(settings, self.ledger.definition)
        # The real ones were never started, and would warn when they are deleted.
        self.tabulator._consumer._closed = self.tabulator._publisher._producer._closed = True
        self.consumer, self.producer = FakeConsumer(), FakeProducer()
        self.tabulator._consumer, self.tabulator._publisher._producer = self.consumer, self.producer
        topic = topics_of(self.ledger.definition.election).ledger
        self.topic_partitions = [TopicPartition(topic, number) for number in range(self.ledger.definition.partitions)]

        async def nothing_committed(*_: Any) -> dict[TopicPartition, tuple[int, str]]:
            return {}

        monkeypatch.setattr(tabulator, "committed_offsets", nothing_committed)

    def every_station_reports(self) -> None:
        for station in self.ledger.definition.stations.number:
            self.ledger.append_as("officer", reported(station))

    async def publish_without_acknowledgement(self, topic_partition: TopicPartition) -> None:
        """What is there of a partition; then everybody reports, and that is to be read next."""
        self.producer.acknowledges = False
        self.consumer.batches = [{topic_partition: self.messages(topic_partition)}]
        await self.tabulator._step()
        self.every_station_reports()
        self.consumer.batches = [{topic_partition: self.messages(topic_partition, 1)}]

    def messages(self, topic_partition: TopicPartition, first: int = 0) -> list[Any]:
        values = self.ledger.partitions[topic_partition.partition]
        return [SimpleNamespace(offset=offset, value=value, timestamp=0) for offset, value in enumerate(values)][first:]


@pytest_asyncio.fixture
async def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Worker]:
    worker = Worker(tmp_path, monkeypatch)
    await worker.tabulator.on_partitions_assigned(worker.topic_partitions)
    yield worker
    worker.tabulator._checks.close()


async def test_what_is_committed_when_partitions_are_taken_away_is_published(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebalance comes while a batch is folded: of one partition a part, of the next one nothing yet."""
    monkeypatch.setattr(tabulator, "FOLD_TURN_SECONDS", -1)
    worker.every_station_reports()
    first, second = worker.topic_partitions[:2]
    worker.consumer.batches = [{first: worker.messages(first), second: worker.messages(second)}]
    fold = worker.tabulator._partitions[first.partition].fold
    step = asyncio.create_task(worker.tabulator._step())
    while fold.next_offset < 2:
        await asyncio.sleep(0)
    assert not step.done()

    await worker.tabulator.on_partitions_revoked(worker.topic_partitions)
    # Here it may be killed. The tabulator that gets the partition continues from what is committed.
    for topic_partition, offset in worker.consumer.offsets.items():
        assert offset <= worker.producer.published_through(topic_partition.partition) + 1

    await step


async def test_the_blocks_of_a_step_are_one_message_for_each_office(worker: Worker) -> None:
    worker.every_station_reports()
    worker.consumer.batches = [{each: worker.messages(each) for each in worker.topic_partitions}]
    await worker.tabulator._step()
    offices = [block.office for block in worker.producer.blocks if block.kind == "block"]
    assert offices.count(OfficeId("president")) == len(worker.topic_partitions)
    bundles = [message for message in worker.producer.messages if b'"kind":"block"' in message]
    assert len(bundles) == len(set(offices))


async def test_a_bundle_has_no_more_bytes_than_its_limit_or_one_block(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "BUNDLE_BYTES_MAX", 1)
    worker.every_station_reports()
    worker.consumer.batches = [{each: worker.messages(each) for each in worker.topic_partitions}]
    await worker.tabulator._step()
    assert all(len(blocks_in(message)) == 1 for message in worker.producer.messages)
    published = [block for block in worker.producer.blocks if block.kind == "block"]
    assert len(published) == len({(block.office, block.partition) for block in published})


async def test_what_is_checked_while_its_partition_is_taken_away_is_not_folded(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.every_station_reports()
    worker.consumer.batches = [{each: worker.messages(each) for each in worker.topic_partitions}]
    questions: list[Sequence[Check]] = []
    answers: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def ask(checks: Sequence[Check]) -> asyncio.Future[bytes]:
        questions.append(checks)
        return answers

    monkeypatch.setattr(worker.tabulator._checks, "ask", ask)
    step = asyncio.create_task(worker.tabulator._step())
    await asyncio.sleep(0)
    await worker.tabulator.on_partitions_revoked(worker.topic_partitions[1:])
    assert len(questions) == 1, "one question of all partitions"
    answers.set_result(bytes([1] * len(questions[0])))
    await step
    published = [worker.producer.published_through(each.partition) for each in worker.topic_partitions]
    assert published == [len(worker.messages(worker.topic_partitions[0])) - 1, *[-1] * (len(published) - 1)]


async def test_what_is_committed_has_been_acknowledged_also_what_was_folded_meanwhile(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partitions are taken away, which waits for Kafka's word on the blocks so far; the next batch is folded meanwhile."""
    monkeypatch.setattr(tabulator, "COMMIT_SECONDS", 10**9)
    topic_partition, producer = worker.topic_partitions[0], worker.producer
    await worker.publish_without_acknowledgement(topic_partition)
    first = list(producer.in_flight)
    committing = asyncio.create_task(worker.tabulator._commit())  # as on_partitions_revoked begins
    await asyncio.sleep(0)
    await worker.tabulator._step()
    for sent in first:
        sent.set_result(None)
    await committing
    assert worker.consumer.offsets == {topic_partition: 1}


async def test_a_worker_that_cannot_begin_a_partition_stops(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka only logs what the listener raises: the partition would be this worker's, and nobody would fold it."""

    def read_only(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(worker.tabulator._states._files, "begin", read_only)
    await worker.tabulator.on_partitions_assigned(worker.topic_partitions)
    with pytest.raises(PermissionError):
        await worker.tabulator._step()


async def test_a_worker_that_cannot_commit_in_a_rebalance_stops_and_lets_go(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(topic_partitions: Mapping[Any, tuple[int, str]]) -> None:
        raise CommitFailedError("the group has continued")

    worker.consumer.batches = [
        {topic_partition: worker.messages(topic_partition) for topic_partition in worker.topic_partitions}
    ]
    await worker.tabulator._step()
    monkeypatch.setattr(worker.consumer, "commit", refuse)
    await worker.tabulator.on_partitions_revoked(worker.topic_partitions)
    assert worker.tabulator._partitions == {}
    with pytest.raises(CommitFailedError):
        await worker.tabulator._step()


async def test_a_batch_that_was_read_ahead_of_a_rebalance_is_not_folded(worker: Worker) -> None:
    """The partition is given back, with another fold of it, which begins at the committed offset."""
    worker.tabulator._settings = replace(worker.tabulator._settings, batch_records=1)
    topic_partition = worker.topic_partitions[0]
    worker.every_station_reports()
    messages = worker.messages(topic_partition)
    worker.consumer.batches = [{topic_partition: messages[:1]}, {topic_partition: messages[1:]}]
    await worker.tabulator._step()
    assert [each.records[0].offset for each in worker.tabulator._ahead] == [1]
    await worker.tabulator.on_partitions_revoked(worker.topic_partitions)
    await worker.tabulator.on_partitions_assigned(worker.topic_partitions)
    await worker.tabulator._step()
    assert worker.tabulator._partitions[topic_partition.partition].fold.next_offset == 0
    worker.consumer.batches = [{topic_partition: messages}]
    while worker.consumer.batches or worker.tabulator._ahead:
        await worker.tabulator._step()
    assert worker.tabulator._partitions[topic_partition.partition].fold.next_offset == len(messages)
    assert worker.producer.published_through(topic_partition.partition) == len(messages) - 1


async def test_what_is_committed_has_been_acknowledged_also_while_too_many_blocks_are_in_flight(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next batch's blocks are too many, and all are waited for; then partitions are taken away."""
    monkeypatch.setattr(tabulator, "COMMIT_SECONDS", 10**9)
    topic_partition, producer = worker.topic_partitions[0], worker.producer
    await worker.publish_without_acknowledgement(topic_partition)
    monkeypatch.setattr(decisions, "IN_FLIGHT_MAX", 1)
    before = len(producer.in_flight)
    step = asyncio.create_task(worker.tabulator._step())
    await until(lambda: len(producer.in_flight) > before)
    assert not step.done()
    committing = asyncio.create_task(worker.tabulator._commit())  # as on_partitions_revoked begins
    await asyncio.sleep(0.05)
    committed = dict(worker.consumer.offsets)
    for sent in producer.in_flight:
        sent.set_result(None)
    await asyncio.gather(step, committing)
    assert committed == {}, "Kafka has acknowledged nothing yet"


@pytest.mark.parametrize("committed", [2, 5])
async def test_the_reason_of_a_stop_goes_once_the_fold_has_got_past_it_though_nothing_new_comes(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, committed: int
) -> None:
    """The version before stopped at record 2; blocks of all records may be out already, and no new record comes."""
    monkeypatch.setattr(tabulator, "COMMIT_SECONDS", 0)
    topic_partition = worker.topic_partitions[0]
    for _ in range(4):
        worker.ledger.append(topic_partition.partition, b"not an envelope")
    end = len(worker.messages(topic_partition))
    assert end == 5

    async def stopped_before(*_: Any) -> dict[TopicPartition, tuple[int, str]]:
        return {
            topic_partition: (
                committed,
                worker.tabulator._sealed(topic_partition, committed, Stop(2, "mended since").as_note()),
            )
        }

    monkeypatch.setattr(tabulator, "committed_offsets", stopped_before)
    await worker.tabulator.on_partitions_revoked(worker.topic_partitions)
    await worker.tabulator.on_partitions_assigned([topic_partition])
    worker.consumer.batches = [{topic_partition: worker.messages(topic_partition)}]
    await worker.tabulator._step()
    assert topic_partition not in worker.consumer.metadata, "the reason stays while the record is not folded"
    worker.tabulator._retry_at = 0
    await worker.tabulator._step()
    worker.consumer.batches = [{topic_partition: worker.messages(topic_partition, 2)}]
    await worker.tabulator._step()
    await worker.tabulator._step()
    assert worker.consumer.offsets[topic_partition] == end
    assert worker.consumer.metadata[topic_partition] == worker.tabulator._sealed(topic_partition, end, "")


class TooLarge:
    """A producer that Kafka's limit meets, at once or when Kafka answers."""

    def __init__(self, producer: FakeProducer, *, kind: str, later: bool) -> None:
        self._producer = producer
        self._kind = kind
        self._later = later

    async def send(self, topic: str, value: bytes, **more: Any) -> asyncio.Future[None]:
        if BlockRange.from_bytes(blocks_in(value)[0]).kind == self._kind and b'"office":"president"' in value:
            if not self._later:
                raise MessageSizeTooLargeError("too large")
            refused = asyncio.get_running_loop().create_future()
            refused.set_exception(MessageSizeTooLargeError("too large"))
            return refused
        return await self._producer.send(topic, value, **more)


@pytest.mark.parametrize("later", [False, True])
async def test_a_block_that_kafka_refuses_for_its_size_stops_its_partition_with_a_reason(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    """It was a crash for ever, and health had an empty list of what is stopped."""
    monkeypatch.setattr(tabulator, "COMMIT_SECONDS", 0)
    worker.tabulator._publisher._producer = TooLarge(worker.producer, kind="block", later=later)
    worker.every_station_reports()
    topic_partition = worker.topic_partitions[0]
    worker.consumer.batches = [{topic_partition: worker.messages(topic_partition)}]
    with pytest.raises(FoldError, match="office president") as stopped:
        await worker.tabulator._step()
    assert stopped.value.topic_partition == topic_partition
    assert "MessageSizeTooLargeError" in stopped.value.stop.reason
    assert topic_partition not in worker.consumer.offsets


@pytest.mark.parametrize("later", [False, True])
async def test_a_keyframe_that_cannot_be_sent_is_named_and_stops_nothing(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    monkeypatch.setattr(tabulator, "COMMIT_SECONDS", 0)
    worker.tabulator._publisher._producer = TooLarge(worker.producer, kind="keyframe", later=later)
    worker.every_station_reports()
    topic_partition = worker.topic_partitions[0]
    worker.consumer.batches = [{topic_partition: worker.messages(topic_partition)}]
    for _ in range(3):
        await worker.tabulator._step()
    assert {block.office for block in worker.producer.blocks if block.kind == "keyframe"} == {"council"}
    end = worker.consumer.offsets[topic_partition]
    assert end == len(worker.messages(topic_partition))
    metadata = worker.consumer.metadata[topic_partition]
    note = worker.tabulator._seals.note(worker.tabulator._group, topic_partition, end, metadata)
    assert (
        note
        == "has no keyframe of office president: MessageSizeTooLargeError: [Error 10] MessageSizeTooLargeError: too large"
    )
    worker.tabulator._publisher._producer = worker.producer
    worker.tabulator._publisher._keyframes_due = 0
    await worker.tabulator._step()
    worker.tabulator._committed_at = 0
    await worker.tabulator._step()
    assert worker.consumer.metadata[topic_partition] == worker.tabulator._sealed(topic_partition, end, "")
