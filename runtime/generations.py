"""Generations of what is derived from the ledger, so that all of it can be built again beside what is being served.

`subtotals`, `results`, the read model, the states and the places of tabulator and roll-up belong to a generation; ledger
and public log do not. Which generation is served is what the last record of a small topic says; every process follows it.
"""

from __future__ import annotations

import asyncio
import logging

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from runtime.kafka import FIRST_GENERATION, generations_topic, ordered_producer, plain_consumer, stop_consumer
from runtime.logs import event
from runtime.settings import Settings
from schemas.package import Election

log = logging.getLogger("rekap.generations")

AGAIN_SECONDS = 5.0
READ_SECONDS_MAX = 10.0
FOLLOW_SECONDS = 1.0
"""Between two looks: at half, workers ask Kafka more often than they need; at double a switch takes longer than a glance."""


async def current_generation(settings: Settings, election: Election) -> int:
    """The generation that is served. Raises KafkaError."""
    consumer = plain_consumer(settings)
    await consumer.start()
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
        consumer = plain_consumer(settings)
        try:
            await consumer.start()
            while (current := await _newest(consumer, election)) == generation:
                await asyncio.sleep(FOLLOW_SECONDS)
            return current
        except (KafkaError, OSError, TimeoutError) as error:
            log.warning(event("generations-not-followed", error=f"{type(error).__name__}: {error}"))
        finally:
            await stop_consumer(consumer)
        await asyncio.sleep(AGAIN_SECONDS)


async def _newest(consumer: AIOKafkaConsumer, election: Election) -> int:
    place = TopicPartition(generations_topic(election), 0)
    if place not in consumer.assignment():
        if place.topic not in await consumer.topics():
            return FIRST_GENERATION  # an election that was opened before there were generations
        consumer.assign([place])
    end = (await consumer.end_offsets([place]))[place]
    if end == 0:
        return FIRST_GENERATION
    consumer.seek(place, end - 1)
    while True:
        message = await asyncio.wait_for(consumer.getone(), READ_SECONDS_MAX)
        if message.offset >= end - 1:
            return int(orjson.loads(message.value)["generation"])
