"""Opening an election: the same genesis event at offset 0 of every ledger partition (DESIGN 3)."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from aiokafka import TopicPartition

from runtime.kafka import create_topics, ordered_producer, plain_consumer
from runtime.settings import Settings
from schemas.envelope import ledger_record
from schemas.package import Election

READ_SECONDS_MAX = 30


async def open_election(settings: Settings, election: Election, envelope: bytes) -> dict[int, int]:
    """Create the topics, and write the genesis to every partition that is empty. Gives the offsets it stands at.

    Safe to repeat: a crash half-way leaves some partitions empty, and the next call fills those. A partition that begins
    with something is left alone; what it is, the tabulator checks.
    """
    topics = await create_topics(settings, election)
    places = [TopicPartition(topics.ledger, partition) for partition in range(election.partitions)]
    consumer = plain_consumer(settings)
    await consumer.start()
    try:
        async with asyncio.timeout(READ_SECONDS_MAX):
            ends = await consumer.end_offsets(places)
    finally:
        await consumer.stop()
    record = ledger_record(envelope, "genesis", datetime.now(UTC).isoformat(timespec="milliseconds"))
    producer = ordered_producer(settings)
    await producer.start()
    try:
        for place in places:
            if ends[place] == 0:
                await producer.send_and_wait(topics.ledger, record, partition=place.partition)
    finally:
        await producer.stop()
    return {place.partition: 0 for place in places}
