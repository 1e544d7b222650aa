"""What holds while Kafka is away."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from rekap.embedded.kafka import EmbeddedKafka
from runtime.kafka import plain_consumer, stop_consumer
from runtime.settings import Settings

RETRY_MS = 60_000
"""So that the consumer surely waits to try again when it is stopped."""


async def test_a_consumer_that_waits_to_fetch_again_stops_without_a_cancellation(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path)
    settings = Settings(kafka=await kafka.start())
    try:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
        await admin.start()
        await admin.create_topics([NewTopic("ledger", num_partitions=1, replication_factor=1)])
        await admin.close()
        consumer = plain_consumer(settings, retry_backoff_ms=RETRY_MS)
        await consumer.start()
        consumer.assign([TopicPartition("ledger", 0)])
        await consumer.seek_to_beginning()
        await consumer.getmany(timeout_ms=1000)
    finally:
        await kafka.kill()
    await consumer.getmany(timeout_ms=1000)
    before = asyncio.all_tasks()
    await stop_consumer(consumer)
    assert asyncio.all_tasks() < before
