"""Records that come together leave together, each gets its own offset, and what nobody waits for is kept nowhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaError, RequestTimedOutError
from aiokafka.producer.message_accumulator import BatchBuilder

from api.submit.ledger_writer import LedgerWriter
from runtime.settings import Settings
from tests.support.waiting import until

BATCH_BYTES = 400
"""Takes three of the records below."""
RECORD = b"x" * 100


class Producer:
    """A Kafka that hangs, refuses, or has forgotten, which a real one does only when it is forced to."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int]] = []
        """(partition, records)"""
        self.go = asyncio.Event()
        self.error: Exception | None = None
        self._ends = {0: 10, 1: 20}

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(BATCH_BYTES, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.sent.append((partition, batch.record_count()))
        return asyncio.ensure_future(self._answer(partition, batch.record_count()))

    async def _answer(self, partition: int, count: int) -> Any:
        await self.go.wait()
        if self.error is not None:
            raise self.error
        self._ends[partition] += count
        return SimpleNamespace(offset=self._ends[partition] - count)

    async def stop(self) -> None:
        self.go.set()


@pytest.fixture
def kafka() -> Producer:
    return Producer()


@pytest.fixture
async def writer(kafka: Producer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LedgerWriter]:
    monkeypatch.setattr("api.submit.ledger_writer.ordered_producer", lambda *_, **__: kafka)
    writer = LedgerWriter(Settings(gather_ms=1), "ledger", 2)
    yield writer
    await writer.stop()


async def test_what_comes_together_leaves_together_and_each_gets_its_offset(
    writer: LedgerWriter, kafka: Producer
) -> None:
    kafka.go.set()
    waiting = [writer.append(partition, b"key", RECORD) for partition in (0, 1, 0, 1, 1)]
    assert await asyncio.gather(*waiting) == [10, 20, 11, 21, 22]
    assert kafka.sent == [(0, 2), (1, 3)]


async def test_single_submissions_go_before_the_lines_of_batches(writer: LedgerWriter, kafka: Producer) -> None:
    kafka.go.set()
    lines = [writer.append(0, b"key", RECORD, is_batch=True) for _ in range(5)]
    single = [writer.append(0, b"key", RECORD) for _ in range(2)]
    assert await asyncio.gather(*single) == [10, 11]
    assert await asyncio.gather(*lines) == [12, 13, 14, 15, 16]


async def test_what_a_batch_does_not_take_follows_at_once(writer: LedgerWriter, kafka: Producer) -> None:
    kafka.go.set()
    waiting = [writer.append(0, b"key", RECORD) for _ in range(7)]
    assert await asyncio.gather(*waiting) == list(range(10, 17))
    assert kafka.sent == [(0, 3), (0, 3), (0, 1)]


async def test_one_batch_of_a_partition_is_under_way_and_the_rest_waits_for_it(
    writer: LedgerWriter, kafka: Producer
) -> None:
    first = writer.append(0, b"key", RECORD)
    await until(lambda: kafka.sent == [(0, 1)])
    later = [writer.append(0, b"key", RECORD) for _ in range(2)]
    other = writer.append(1, b"key", RECORD)
    await until(lambda: kafka.sent == [(0, 1), (1, 1)])
    kafka.go.set()
    assert await asyncio.gather(first, *later, other) == [10, 11, 12, 20]
    assert kafka.sent == [(0, 1), (1, 1), (0, 2)]


async def test_a_record_whose_caller_gives_up_is_dropped_unless_it_was_sent(
    writer: LedgerWriter, kafka: Producer
) -> None:
    on_its_way = writer.append(0, b"key", RECORD)
    await until(lambda: kafka.sent == [(0, 1)])
    gives_up, stays = writer.append(0, b"key", RECORD), writer.append(0, b"key", RECORD)
    on_its_way.cancel()
    gives_up.cancel()
    await asyncio.sleep(0)
    assert writer.waiting == 1
    kafka.go.set()
    assert await stays == 11
    assert kafka.sent == [(0, 1), (0, 1)]


async def test_an_error_is_raised_for_all_of_the_batch_and_for_none_after_it(
    writer: LedgerWriter, kafka: Producer
) -> None:
    kafka.go.set()
    kafka.error = RequestTimedOutError()
    outcomes = await asyncio.gather(*(writer.append(0, b"key", RECORD) for _ in range(2)), return_exceptions=True)
    assert [type(each) for each in outcomes] == [RequestTimedOutError] * 2
    kafka.error = None
    assert await writer.append(0, b"key", RECORD) == 10


async def test_an_offset_that_kafka_does_not_know_any_more_is_no_receipt(writer: LedgerWriter, kafka: Producer) -> None:
    kafka.go.set()
    kafka._ends[0] = -1
    with pytest.raises(KafkaError):
        await writer.append(0, b"key", RECORD)
