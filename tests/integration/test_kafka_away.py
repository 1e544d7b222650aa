"""What holds while Kafka is away, when connections to it are cut, and when clocks are wrong."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import uvloop
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from rekap.embedded.kafka import EmbeddedKafka
from runtime.kafka.clients import admin_client, plain_consumer, stop_consumer
from runtime.kafka.security import client_options
from runtime.kafka.wanted_topics import create_topics
from runtime.settings import read_settings
from tests.conftest import Parts
from tests.support.small_election import small_package

RETRY_MS = 60_000
"""So that the consumer surely waits to try again when it is stopped."""


async def test_a_consumer_that_waits_to_fetch_again_stops_without_a_cancellation(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path)
    await kafka.start()
    settings = read_settings(kafka.settings)
    try:
        admin = admin_client(settings)
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


@pytest.mark.asyncio(loop_scope="session")
async def test_a_connection_that_was_just_cut_is_an_error_to_try_again_after(parts: Parts) -> None:
    """Under uvloop, as all workers run: its transport raises a RuntimeError, which ended aiokafka's fetching for good."""

    async def send_where_it_is_cut() -> None:
        producer = AIOKafkaProducer(**client_options(read_settings(parts)))
        async with producer:
            client = producer.client
            node = client.get_random_node()
            assert await client.ready(node)
            connections = list(client._conns.values())
            for connection in connections:
                connection._writer.transport.abort()
            await asyncio.sleep(0)  # the transport is closed now, and aiokafka does not know yet
            for connection in connections:
                with pytest.raises(KafkaConnectionError):
                    connection.send(MetadataRequest([]))
            assert await client.send(node, MetadataRequest([]))

    await asyncio.to_thread(uvloop.run, send_where_it_is_cut())


@pytest.mark.asyncio(loop_scope="session")
async def test_a_writer_with_a_wrong_clock_can_write_to_every_topic(parts: Parts) -> None:
    """By its own time a record an hour ahead of the broker is refused."""
    election = small_package().election.model_copy(update={"id": "wrong-clocks"})
    topics = await create_topics(read_settings(parts), election)
    async with AIOKafkaProducer(**client_options(read_settings(parts))) as producer:
        for topic in topics:
            for hours in (-48, 48):
                at = int((time.time() + hours * 3600) * 1000)
                await producer.send_and_wait(topic, b"{}", key=b"any", partition=0, timestamp_ms=at)
