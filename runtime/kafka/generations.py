"""Generations of what is derived from the ledger, so that all of it can be built again beside what is being served.

`subtotals`, `results`, the read model, the states and the places of tabulator and roll-up belong to a generation; ledger
and public log do not. A small topic says which generation is served, and every process follows it: of the numbers there that a
worker sealed (runtime/kafka/seals.py), the highest whose topics are there. So a message of anybody else, and one of the
past, changes nothing; the API besides serves a generation only once it has caught up with the ledger (api/derived.py).
"""

from __future__ import annotations

import asyncio
import logging

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

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
"""Between two looks: at half, workers ask Kafka more often than they need; at double a switch takes longer than a glance."""
GENERATION_MAX = 1_000_000
"""A rebuild every minute of two years; a number beyond is a bug, and would have each process look for its topics."""


class Alarms:
    """What whoever follows the generations has met, for health."""

    def __init__(self, aside: SetAside | None = None) -> None:
        self.aside = aside or SetAside()
        self.not_served = ""
        """Why the generation that is current is not served; empty where it is."""

    def sentences(self) -> list[str]:
        return [heap.sentence() for heap in self.aside.heaps()] + [self.not_served] * bool(self.not_served)


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
    """Have this generation served from now on. Raises KafkaError, KeyFileError."""
    seals = Seals(settings.workers_key, definition)
    topic, value = generations_topic(election), orjson.dumps({"generation": generation})
    producer = ordered_producer(settings)
    await producer.start()
    try:
        headers = seals.headers(topic, 0, None, value)
        await producer.send_and_wait(topic, value, partition=0, headers=headers)
    finally:
        await producer.stop()


async def another_than(
    settings: Settings, election: Election, definition: str, generation: int, alarms: Alarms | None = None
) -> int:
    """Wait until a later generation is served, and give it. Outlasts any absence of Kafka. Raises KeyFileError."""
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
            logger.warning(log_line("generations-not-followed", error=f"{type(error).__name__}: {error}"))
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
        self._missing = 0
        """The newest that was current and is not there."""

    async def newest(self) -> int:
        """Raises KafkaError, TimeoutError."""
        place = TopicPartition(generations_topic(self._election), 0)
        there = await self._consumer.topics()
        if place not in self._consumer.assignment():
            if place.topic not in there:
                return FIRST_GENERATION
            self._consumer.assign([place])
            self._consumer.seek(place, self._next)
        end = (await self._consumer.end_offsets([place]))[place]
        while self._next < end:
            batches = await self._consumer.getmany(place, timeout_ms=int(READ_SECONDS_MAX * 1000))
            if not batches:
                raise TimeoutError(f"nothing of {place.topic} from offset {self._next} on in {READ_SECONDS_MAX:g} s")
            for message in batches[place]:
                self._next = message.offset + 1
                self._read(message)
        return self._newest_of(there)

    def _read(self, message: object) -> None:
        try:
            self._seals.check(message)
            self._sealed.add(_number(getattr(message, "value", b"")))
        except SealError as error:
            place = TopicPartition(generations_topic(self._election), 0)
            self._alarms.aside.add(place.topic, place.partition, self._next - 1, str(error))

    def _newest_of(self, there: set[str]) -> int:
        for number in sorted(self._sealed, reverse=True):
            topics = topics_of(self._election, number)
            if number == FIRST_GENERATION or {topics.subtotals, topics.results} <= there:
                return number
            if number > self._missing:
                self._missing = number
                self._alarms.not_served = f"generation {number} was made current, and its topics are not there"
                logger.error(log_line("generation-not-there", generation=number))
        raise AssertionError("the first generation is always there")


def _number(value: bytes) -> int:
    """Raises SealError."""
    try:
        number = orjson.loads(value)["generation"]
    except (ValueError, TypeError, KeyError):
        raise SealError(UNREADABLE) from None
    if not isinstance(number, int) or not FIRST_GENERATION <= number <= GENERATION_MAX:
        raise SealError(UNREADABLE)
    return number
