"""Generations of what is derived from the ledger, so that all of it can be built again beside what is being served.

`subtotals`, `results`, the read model, the states and the places of tabulator and roll-up belong to a generation; ledger
and public log do not. Which generation is served is what the last record of a small topic says; every process follows it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from runtime.kafka import FIRST_GENERATION, generations_topic, ordered_producer, plain_consumer, stop_consumer
from runtime.settings import Settings
from schemas.package import Election

FOLLOW_SECONDS = 1.0
"""Between two looks: at half, workers ask Kafka more often than they need; at double a switch takes longer than a glance."""


async def current_generation(settings: Settings, election: Election) -> int:
    """The generation that is served. Raises KafkaError."""
    consumer = await _reader(settings, election)
    try:
        return await _newest(consumer, election)
    finally:
        await stop_consumer(consumer)


async def make_current(settings: Settings, election: Election, generation: int) -> None:
    """Have this generation served from now on. Raises KafkaError."""
    producer = ordered_producer(settings)
    await producer.start()
    try:
        await producer.send_and_wait(generations_topic(election), orjson.dumps({"generation": generation}))
    finally:
        await producer.stop()


async def another_than(settings: Settings, election: Election, generation: int) -> int:
    """Wait until another generation is served, and give it. Outlasts any absence of Kafka."""
    while True:
        with suppress(KafkaError, OSError):
            consumer = await _reader(settings, election)
            try:
                while (current := await _newest(consumer, election)) == generation:
                    await asyncio.sleep(FOLLOW_SECONDS)
                return current
            finally:
                await stop_consumer(consumer)
        await asyncio.sleep(FOLLOW_SECONDS)


async def _reader(settings: Settings, election: Election) -> AIOKafkaConsumer:
    consumer = plain_consumer(settings)
    await consumer.start()
    consumer.assign([TopicPartition(generations_topic(election), 0)])
    return consumer


async def _newest(consumer: AIOKafkaConsumer, election: Election) -> int:
    place = TopicPartition(generations_topic(election), 0)
    end = (await consumer.end_offsets([place]))[place]
    if end == 0:
        return FIRST_GENERATION
    consumer.seek(place, end - 1)
    while True:
        message = await consumer.getone()
        if message.offset >= end - 1:
            return int(orjson.loads(message.value)["generation"])
