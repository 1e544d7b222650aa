"""Opening an election: the same genesis record at offset 0 of every ledger partition (DESIGN 3)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from runtime.kafka.clients import admin_client, ordered_producer, plain_consumer, stop_consumer
from runtime.kafka.topics import topics_of
from runtime.kafka.wanted_topics import TopicMismatchError
from runtime.settings import Settings
from schemas.definition.package import Election
from schemas.ledger.envelope import ledger_record
from schemas.times import time_text

READ_SECONDS_MAX = 30.0


async def first_records(settings: Settings, election: Election) -> list[bytes | None]:
    """The record at offset 0 of each ledger partition; None where the partition is empty or the topic does not exist.

    Raises TopicMismatchError where the ledger begins later or has another number of partitions, TimeoutError, KafkaError."""
    ledger = topics_of(election).ledger
    async with asyncio.timeout(READ_SECONDS_MAX):
        found = await _partitions(settings, ledger)
        if not found:
            return [None] * election.partitions
        if found != election.partitions:
            raise TopicMismatchError(
                f"topic {ledger} has {found} partitions, but the package has {election.partitions}; "
                "the number is fixed when the election is opened"
            )
        consumer = plain_consumer(settings)
        try:
            await consumer.start()
            return await _first_records(consumer, ledger, found)
        finally:
            await stop_consumer(consumer)


async def _partitions(settings: Settings, topic: str) -> int:
    """How many partitions a topic has; 0 where it does not exist."""
    admin = admin_client(settings)
    await admin.start()
    try:
        [described] = await admin.describe_topics([topic])
        return len(described["partitions"])
    finally:
        await admin.close()


async def _first_records(consumer: AIOKafkaConsumer, ledger: str, partitions: int) -> list[bytes | None]:
    topic_partitions = [TopicPartition(ledger, number) for number in range(partitions)]
    starts, ends = await consumer.beginning_offsets(topic_partitions), await consumer.end_offsets(topic_partitions)
    for each in topic_partitions:
        if starts[each] > 0:
            raise TopicMismatchError(
                f"topic {ledger}, partition {each.partition} begins at offset {starts[each]}: Kafka has deleted the "
                "records before it. Stop all writers, and restore the ledger from a copy (`rekap ledger import`)"
            )
    records: list[bytes | None] = [None] * partitions
    for each in topic_partitions:
        if ends[each] == 0:
            continue
        # One partition after another, so that only one fetch is in memory.
        consumer.assign([each])
        consumer.seek(each, 0)
        records[each.partition] = (await consumer.getone(each)).value or b""
    return records


async def write_genesis(settings: Settings, election: Election, record: bytes, partitions: Sequence[int]) -> None:
    """Append the genesis to each of these partitions, which are empty and exist. Raises KafkaError."""
    producer = ordered_producer(settings)
    await producer.start()
    try:
        for partition in partitions:
            await producer.send_and_wait(topics_of(election).ledger, record, partition=partition)
    finally:
        await producer.stop()


def genesis_record(envelope: bytes) -> bytes:
    """The ledger record of a signed genesis, with the present time."""
    return ledger_record(envelope, "genesis", time_text(datetime.now(UTC)))
