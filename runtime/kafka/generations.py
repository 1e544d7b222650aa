"""Generations of the data derived from the ledger, so that all of it can be built again beside what is served.

`subtotals`, `results`, the read model, the states and the committed offsets of tabulator and roll-up belong to a generation;
ledger and public log do not. A small topic has the numbers of the generations that were made current, and every process reads
it. The generation that is served is the highest number that a worker sealed (runtime/kafka/seals.py) and whose topics exist. So
a forged or an old message changes nothing. Besides, the API serves a generation only once it has caught up with the ledger
(api/derived.py).
"""

from __future__ import annotations

import asyncio
import logging

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from runtime.error_words import in_words
from runtime.kafka.clients import ordered_producer, plain_consumer, stop_consumer
from runtime.kafka.seals import SealError, Seals
from runtime.kafka.set_aside import UNREADABLE, SetAside
from runtime.kafka.topics import FIRST_GENERATION, generations_topic, topics_of
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.definition.package import Election

logger = logging.getLogger("rekap.generations")

AGAIN_SECONDS = 5.0
READ_SECONDS_MAX = 10.0
FOLLOW_SECONDS = 1.0
"""Pause between two looks. At half, workers ask Kafka more often than needed; at double, an operator sees a switch take
time."""
GENERATION_MAX = 1_000_000
"""A rebuild every minute for two years. A larger number is a bug, and is not believed."""


class Alarms:
    """What a process that follows the generations reports to health."""

    def __init__(self, aside: SetAside | None = None) -> None:
        self.aside = aside or SetAside()
        self.not_served = ""
        """Why the generation that is current is not served; empty where it is."""

    def sentences(self) -> list[str]:
        return [each.sentence() for each in self.aside.by_reason()] + [self.not_served] * bool(self.not_served)


async def current_generation(settings: Settings, election: Election, definition: str) -> int:
    """The generation that is served. Raises KafkaError, KeyFileError."""
    seals = Seals(settings.workers_key, definition)
    consumer = plain_consumer(settings)
    try:
        await consumer.start()
        return await _Reader(consumer, election, seals, Alarms()).newest()
    finally:
        await stop_consumer(consumer)


async def make_current(settings: Settings, election: Election, definition: str, generation: int) -> None:
    """Make this generation current, so that it is served from now on. Raises KafkaError, KeyFileError."""
    seals = Seals(settings.workers_key, definition)
    topic, value = generations_topic(election), orjson.dumps({"generation": generation})
    producer = ordered_producer(settings)
    await producer.start()
    try:
        headers = seals.headers(topic, 0, None, value)
        await producer.send_and_wait(topic, value, partition=0, headers=headers)
    finally:
        await producer.stop()


async def later_generation(
    settings: Settings, election: Election, definition: str, generation: int, alarms: Alarms | None = None
) -> int:
    """Wait until a later generation is current, and give its number. Waits for as long as Kafka is away. Raises
    KeyFileError."""
    seals = Seals(settings.workers_key, definition)
    alarms = alarms or Alarms()
    while True:
        consumer = plain_consumer(settings)
        try:
            await consumer.start()
            reader = _Reader(consumer, election, seals, alarms)
            while (current := await reader.newest()) <= generation:
                await asyncio.sleep(FOLLOW_SECONDS)
            return current
        except (KafkaError, OSError, TimeoutError) as error:
            logger.warning(log_line("generations-not-followed", error=in_words(error)))
        finally:
            await stop_consumer(consumer)
        await asyncio.sleep(AGAIN_SECONDS)


class _Reader:
    """Reads the topic from its beginning, and then what is new."""

    def __init__(self, consumer: AIOKafkaConsumer, election: Election, seals: Seals, alarms: Alarms) -> None:
        self._consumer = consumer
        self._election = election
        self._seals = seals
        self._alarms = alarms
        self._next = 0
        self._sealed = {FIRST_GENERATION}
        self._newest = 0
        """What `newest` gave last, 0 before. Kafka is asked for its topics, of which an answer is long, only where that may be
        another: after a new message, and while topics of the highest number are missing."""
        self._missing = 0
        """The highest number that was made current and whose topics do not exist."""

    async def newest(self) -> int:
        """The generation that is served. Raises KafkaError, TimeoutError."""
        topic_partition = TopicPartition(generations_topic(self._election), 0)
        if topic_partition not in self._consumer.assignment():
            if topic_partition.topic not in await self._consumer.topics():
                return FIRST_GENERATION
            self._consumer.assign([topic_partition])
            self._consumer.seek(topic_partition, self._next)
        end = (await self._consumer.end_offsets([topic_partition]))[topic_partition]
        if self._next >= end and self._newest == max(self._sealed):
            return self._newest
        while self._next < end:
            batches = await self._consumer.getmany(topic_partition, timeout_ms=int(READ_SECONDS_MAX * 1000))
            if not batches:
                raise TimeoutError(
                    f"nothing of {topic_partition.topic} from offset {self._next} on in {READ_SECONDS_MAX:g} s"
                )
            for message in batches[topic_partition]:
                self._next = message.offset + 1
                self._read(message)
        self._newest = self._newest_of(await self._consumer.topics())
        return self._newest

    def _read(self, message: object) -> None:
        try:
            self._seals.check(message)
            self._sealed.add(_number(getattr(message, "value", b"")))
        except SealError as error:
            self._alarms.aside.add(generations_topic(self._election), 0, self._next - 1, str(error))

    def _newest_of(self, existing: set[str]) -> int:
        for number in sorted(self._sealed, reverse=True):
            topics = topics_of(self._election, number)
            if number == FIRST_GENERATION or {topics.subtotals, topics.results} <= existing:
                return number
            if number > self._missing:
                self._missing = number
                self._alarms.not_served = f"generation {number} was made current, and its topics do not exist"
                logger.error(log_line("generation-without-topics", generation=number))
        raise AssertionError("the first generation always exists")


def _number(value: bytes) -> int:
    """The generation in a message. Raises SealError."""
    try:
        number = orjson.loads(value)["generation"]
    except (ValueError, TypeError, KeyError):
        raise SealError(UNREADABLE) from None
    if not isinstance(number, int) or not FIRST_GENERATION <= number <= GENERATION_MAX:
        raise SealError(UNREADABLE)
    return number
