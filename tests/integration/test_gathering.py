"""A consumer that lets records gather gets all that came meanwhile at the next call; plain aiokafka gives the first only."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from consumers.recorder.worker import Recorder
from projections.definition.compiled import Definition
from runtime.kafka.clients import let_gather, plain_consumer, stop_consumer
from runtime.kafka.security import client_options
from runtime.kafka.wanted_topics import create_topics
from runtime.settings import read_settings
from tests.conftest import Parts
from tests.support.small_election import small_package

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_came_while_records_gathered_is_there_at_the_next_call(parts: Parts) -> None:
    settings = read_settings(parts)
    election = small_package().election.model_copy(update={"id": "gathering"})
    topics = await create_topics(settings, election)
    topic_partition = TopicPartition(topics.ledger, 0)
    consumer = plain_consumer(settings)
    await consumer.start()
    try:
        consumer.assign([topic_partition])
        async with AIOKafkaProducer(**client_options(settings)) as producer:

            async def write(*values: bytes) -> None:
                for value in values:
                    await producer.send_and_wait(topics.ledger, value, key=b"any", partition=0)

            await write(b"first")
            assert [each.value for each in (await consumer.getmany(timeout_ms=5_000))[topic_partition]] == [b"first"]
            writing = asyncio.create_task(write(b"second", b"third", b"fourth"))
            await let_gather(consumer, 0.5)
            await writing
            gathered = (await consumer.getmany(timeout_ms=5_000))[topic_partition]
            assert [each.value for each in gathered] == [b"second", b"third", b"fourth"]

            sleeping = asyncio.create_task(let_gather(consumer, 60))
            await asyncio.sleep(0)
            sleeping.cancel()
            await asyncio.wait([sleeping])
            await write(b"after all")
            assert [each.value for each in (await consumer.getmany(timeout_ms=5_000))[topic_partition]] == [
                b"after all"
            ]
    finally:
        await stop_consumer(consumer)


async def test_kafka_keeps_back_nothing_that_came_while_the_recorder_rested(parts: Parts) -> None:
    """Where Kafka waited for more bytes after the rest, messages would gather twice as long, and batches be half as many."""
    settings = replace(read_settings(parts), generation=1, record_ms=60_000)
    package = small_package()
    package = replace(package, election=package.election.model_copy(update={"id": "rested"}))
    topics = await create_topics(settings, package.election, 1)
    topic_partition = topics.results_partition()
    consumer = Recorder(settings, Definition.of(package))._consumer
    await consumer.start()
    try:
        consumer.assign([topic_partition])
        async with AIOKafkaProducer(**client_options(settings)) as producer:
            for value in (b"first", b"second"):
                await producer.send_and_wait(topics.results, value, key=b"any", partition=0)
                gathered = (await consumer.getmany(timeout_ms=30_000))[topic_partition]
                assert [each.value for each in gathered] == [value]
                await let_gather(consumer, 0.1)
    finally:
        await stop_consumer(consumer)
