"""What a tabulator does between Kafka's calls: with a consumer and a producer that do as they are told."""

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

from consumers.tabulator import worker as tabulator
from consumers.tabulator.signature_process import Check
from consumers.tabulator.worker import FoldError, Stop, Tabulator
from runtime.kafka.seals import make_seal_keys
from runtime.kafka.topics import topics_of
from runtime.settings import Settings
from schemas.derived.blocks import Block, BlockRange
from tests.support.ledger import MemoryLedger
from tests.support.small_election import reported, small_package
from tests.support.waiting import until


class FakeConsumer:
    """Gives what it is told to, and writes down what is committed."""

    def __init__(self) -> None:
        self.batches: list[dict[TopicPartition, list[Any]]] = []
        self.committed_places: dict[TopicPartition, int] = {}
        self.metadata: dict[TopicPartition, str] = {}
        self.sought: dict[TopicPartition, int] = {}

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        return self.batches.pop(0) if self.batches else {}

    async def commit(self, places: Mapping[TopicPartition, tuple[int, str]]) -> None:
        self.committed_places |= {place: offset for place, (offset, _) in places.items()}
        self.metadata |= {place: metadata for place, (_, metadata) in places.items()}

    def pause(self, *_: TopicPartition) -> None:
        pass

    def resume(self, *_: TopicPartition) -> None:
        pass

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.sought[place] = offset

    def highwater(self, _: TopicPartition) -> None:
        return None


class FakeProducer:
    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.acknowledges = True
        self.on_the_way: list[asyncio.Future[None]] = []

    async def send(self, _: str, value: bytes, **__: Any) -> asyncio.Future[None]:
        self.blocks.append(Block.from_bytes(value, with_body=True))
        sent = asyncio.get_running_loop().create_future()
        self.on_the_way.append(sent)
        if self.acknowledges:
            sent.set_result(None)
        return sent

    def told_through(self, partition: int) -> int:
        return max((b.through for b in self.blocks if b.partition == partition and b.kind == "block"), default=-1)


class Worker:
    """A tabulator of the small election that has been given all partitions."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ledger = MemoryLedger(small_package())
        make_seal_keys(tmp_path / "workers-key.txt")
        settings = replace(Settings(), state_directory=tmp_path, generation=1, workers_key=tmp_path / "workers-key.txt")
        self.tabulator = Tabulator(settings, self.ledger.definition)
        # The real ones were never started, and would say so when they are thrown away.
        self.tabulator._consumer._closed = self.tabulator._producer._closed = True
        self.consumer, self.producer = FakeConsumer(), FakeProducer()
        self.tabulator._consumer, self.tabulator._producer = self.consumer, self.producer
        topic = topics_of(self.ledger.definition.election).ledger
        self.places = [TopicPartition(topic, number) for number in range(self.ledger.definition.partitions)]

        async def nothing_committed(*_: Any) -> dict[TopicPartition, tuple[int, str]]:
            return {}

        monkeypatch.setattr(tabulator, "committed_offsets", nothing_committed)

    def everybody_reports(self) -> None:
        for station in self.ledger.definition.station_number:
            self.ledger.say("officer", reported(station))

    async def tell_what_nobody_acknowledges(self, place: TopicPartition) -> None:
        """What is there of a partition; then everybody reports, and that is to be read next."""
        self.producer.acknowledges = False
        self.consumer.batches = [{place: self.messages(place)}]
        await self.tabulator._step()
        self.everybody_reports()
        self.consumer.batches = [{place: self.messages(place, 1)}]

    def messages(self, place: TopicPartition, first: int = 0) -> list[Any]:
        values = self.ledger.partitions[place.partition]
        return [SimpleNamespace(offset=offset, value=value, timestamp=0) for offset, value in enumerate(values)][first:]


@pytest_asyncio.fixture
async def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Worker]:
    worker = Worker(tmp_path, monkeypatch)
    await worker.tabulator.on_partitions_assigned(worker.places)
    yield worker
    worker.tabulator._checks.close()


async def test_what_is_committed_when_partitions_are_taken_away_has_been_told(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebalance comes while one partition is folded and the next one's signatures are still being checked."""
    worker.everybody_reports()
    first, second = worker.places[:2]
    worker.consumer.batches = [{first: worker.messages(first), second: worker.messages(second)}]
    answers: list[asyncio.Future[list[bytes]]] = []

    def ask(checks: Sequence[Check]) -> asyncio.Future[list[bytes]]:
        answers.append(asyncio.get_running_loop().create_future())
        return answers[-1]

    monkeypatch.setattr(worker.tabulator._checks, "ask", ask)
    step = asyncio.create_task(worker.tabulator._step())
    await asyncio.sleep(0)
    answers[0].set_result([bytes([1] * len(worker.messages(first)))])
    await until(lambda: worker.tabulator._folding[first.partition].fold.next_offset > 1)
    assert not step.done()

    await worker.tabulator.on_partitions_revoked(worker.places)
    # Here it may be killed; and whoever gets the partition goes on from what is committed.
    for place, offset in worker.consumer.committed_places.items():
        assert offset <= worker.producer.told_through(place.partition) + 1

    answers[1].set_result([bytes([1] * len(worker.messages(second)))])
    await step
    assert worker.producer.told_through(second.partition) == -1, "folded after it was taken away"


async def test_what_is_committed_has_been_acknowledged_also_what_was_folded_meanwhile(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Partitions are taken away, which waits for Kafka's word on the blocks so far; the next batch is folded meanwhile."""
    monkeypatch.setattr(tabulator, "COMMIT_MS", 10**9)
    place, producer = worker.places[0], worker.producer
    await worker.tell_what_nobody_acknowledges(place)
    first = list(producer.on_the_way)
    committing = asyncio.create_task(worker.tabulator._commit())  # as on_partitions_revoked begins
    await asyncio.sleep(0)
    await worker.tabulator._step()
    for sent in first:
        sent.set_result(None)
    await committing
    assert worker.consumer.committed_places == {place: 1}


async def test_a_worker_that_cannot_begin_a_partition_stops(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka only logs what the listener raises: the partition would be this worker's, and nobody would fold it."""

    def read_only(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(worker.tabulator._states, "begin", read_only)
    await worker.tabulator.on_partitions_assigned(worker.places)
    with pytest.raises(PermissionError):
        await worker.tabulator._step()


async def test_a_worker_that_cannot_commit_in_a_rebalance_stops_and_lets_go(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(places: Mapping[Any, tuple[int, str]]) -> None:
        raise CommitFailedError("the group has gone on")

    worker.consumer.batches = [{place: worker.messages(place) for place in worker.places}]
    await worker.tabulator._step()
    monkeypatch.setattr(worker.consumer, "commit", refuse)
    await worker.tabulator.on_partitions_revoked(worker.places)
    assert worker.tabulator._folding == {}
    with pytest.raises(CommitFailedError):
        await worker.tabulator._step()


async def test_a_batch_that_was_read_ahead_of_a_rebalance_is_not_folded(worker: Worker) -> None:
    """The partition is given back, with another fold of it, which begins where the ledger says."""
    worker.tabulator._settings = replace(worker.tabulator._settings, batch_records=1)
    place = worker.places[0]
    worker.everybody_reports()
    messages = worker.messages(place)
    worker.consumer.batches = [{place: messages[:1]}, {place: messages[1:]}]
    await worker.tabulator._step()
    assert [each.records[0].offset for each in worker.tabulator._ahead] == [1]
    await worker.tabulator.on_partitions_revoked(worker.places)
    await worker.tabulator.on_partitions_assigned(worker.places)
    await worker.tabulator._step()
    assert worker.tabulator._folding[place.partition].fold.next_offset == 0
    worker.consumer.batches = [{place: messages}]
    while worker.consumer.batches or worker.tabulator._ahead:
        await worker.tabulator._step()
    assert worker.tabulator._folding[place.partition].fold.next_offset == len(messages)
    assert worker.producer.told_through(place.partition) == len(messages) - 1


async def test_what_is_committed_has_been_acknowledged_also_while_too_many_blocks_are_on_the_way(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next batch's blocks are too many, and all are waited for; then partitions are taken away."""
    monkeypatch.setattr(tabulator, "COMMIT_MS", 10**9)
    place, producer = worker.places[0], worker.producer
    await worker.tell_what_nobody_acknowledges(place)
    monkeypatch.setattr(tabulator, "ON_THE_WAY_MAX", 1)
    before = len(producer.on_the_way)
    step = asyncio.create_task(worker.tabulator._step())
    await until(lambda: len(producer.on_the_way) > before)
    assert not step.done()
    committing = asyncio.create_task(worker.tabulator._commit())  # as on_partitions_revoked begins
    await asyncio.sleep(0.05)
    committed = dict(worker.consumer.committed_places)
    for sent in producer.on_the_way:
        sent.set_result(None)
    await asyncio.gather(step, committing)
    assert committed == {}, "Kafka has acknowledged nothing yet"


@pytest.mark.parametrize("committed", [2, 5])
async def test_the_reason_of_a_stop_goes_once_the_fold_has_got_past_it_though_nothing_new_comes(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, committed: int
) -> None:
    """The version before stopped at record 2; blocks of all records may be out already, and no new record comes."""
    monkeypatch.setattr(tabulator, "COMMIT_MS", 0)
    place = worker.places[0]
    for _ in range(4):
        worker.ledger.append(place.partition, b"not an envelope")
    end = len(worker.messages(place))
    assert end == 5

    async def stopped_before(*_: Any) -> dict[TopicPartition, tuple[int, str]]:
        return {place: (committed, worker.tabulator._sealed(place, committed, Stop(2, "mended since").as_metadata()))}

    monkeypatch.setattr(tabulator, "committed_offsets", stopped_before)
    await worker.tabulator.on_partitions_revoked(worker.places)
    await worker.tabulator.on_partitions_assigned([place])
    worker.consumer.batches = [{place: worker.messages(place)}]
    await worker.tabulator._step()
    assert place not in worker.consumer.metadata, "the reason stays while the record is not folded"
    worker.tabulator._retry_at = 0
    await worker.tabulator._step()
    worker.consumer.batches = [{place: worker.messages(place, 2)}]
    await worker.tabulator._step()
    await worker.tabulator._step()
    assert worker.consumer.committed_places[place] == end
    assert worker.consumer.metadata[place] == worker.tabulator._sealed(place, end, "")


class TooLarge:
    """A producer that Kafka's limit meets, at once or when Kafka answers."""

    def __init__(self, producer: FakeProducer, *, kind: str, later: bool) -> None:
        self._producer = producer
        self._kind = kind
        self._later = later

    async def send(self, topic: str, value: bytes, **more: Any) -> asyncio.Future[None]:
        if BlockRange.from_bytes(value).kind == self._kind and b'"office":"president"' in value:
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
    monkeypatch.setattr(tabulator, "COMMIT_MS", 0)
    worker.tabulator._producer = TooLarge(worker.producer, kind="block", later=later)
    worker.everybody_reports()
    place = worker.places[0]
    worker.consumer.batches = [{place: worker.messages(place)}]
    with pytest.raises(FoldError, match="office president") as stopped:
        await worker.tabulator._step()
    assert stopped.value.place == place
    assert "MessageSizeTooLargeError" in stopped.value.stop.reason
    assert place not in worker.consumer.committed_places


@pytest.mark.parametrize("later", [False, True])
async def test_a_keyframe_that_cannot_be_sent_is_named_and_stops_nothing(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, later: bool
) -> None:
    monkeypatch.setattr(tabulator, "COMMIT_MS", 0)
    worker.tabulator._producer = TooLarge(worker.producer, kind="keyframe", later=later)
    worker.everybody_reports()
    place = worker.places[0]
    worker.consumer.batches = [{place: worker.messages(place)}]
    for _ in range(3):
        await worker.tabulator._step()
    assert {block.office for block in worker.producer.blocks if block.kind == "keyframe"} == {"council"}
    end = worker.consumer.committed_places[place]
    assert end == len(worker.messages(place))
    note = worker.tabulator._seals.note(
        worker.tabulator._group, place.topic, place.partition, end, worker.consumer.metadata[place]
    )
    assert (
        note
        == "has no keyframe of office president: MessageSizeTooLargeError: [Error 10] MessageSizeTooLargeError: too large"
    )
    worker.tabulator._producer = worker.producer
    worker.tabulator._keyframes_due = 0
    await worker.tabulator._step()
    worker.tabulator._committed_at = 0
    await worker.tabulator._step()
    assert worker.consumer.metadata[place] == worker.tabulator._sealed(place, end, "")
