"""Checks whether a read model is of this ledger. After a restore, or with a fresh Kafka, the read model may be of a ledger that
is gone. Offsets and watermarks would look alike, and new records would be skipped as if they had been stored."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import TopicPartition

from projections.definition.compiled import Definition
from projections.readmodel import queries
from proofs.merkle import leaf_hash
from runtime.kafka.clients import plain_consumer, stop_consumer
from runtime.kafka.topics import topics_of
from runtime.settings import Settings

READ_SECONDS_MAX = 30.0


async def differing_record(settings: Settings, definition: Definition, connection: Any) -> str | None:
    """A sentence where the newest record of a partition in the read model is not the one in the ledger, else None. Raises
    KafkaError, TimeoutError, and what PostgreSQL raises."""
    consumer = plain_consumer(settings)
    await consumer.start()
    try:
        for partition in range(definition.partitions):
            row = await connection.fetchrow(queries.NEWEST_LEAF, partition)
            if row is None:
                continue
            topic_partition = TopicPartition(topics_of(definition.election).ledger, partition)
            name = f"{topic_partition.topic}/{partition}"
            end = (await consumer.end_offsets([topic_partition]))[topic_partition]
            if row["offset"] >= end:
                return f"it has a record at offset {row['offset']} of {name}, which ends at {end}"
            consumer.assign([topic_partition])
            consumer.seek(topic_partition, row["offset"])
            message = await asyncio.wait_for(consumer.getone(topic_partition), READ_SECONDS_MAX)
            if message.offset != row["offset"] or leaf_hash(message.value or b"") != row["leaf"]:
                return f"it has another record at offset {row['offset']} of {name}"
    finally:
        await stop_consumer(consumer)
    return None
