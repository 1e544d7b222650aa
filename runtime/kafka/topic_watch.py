"""Looking at an election's topics while the API runs, so that health names each that is not as it must be."""

from __future__ import annotations

import asyncio
import logging
import time
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from runtime.error_words import in_words
from runtime.kafka.admin import FoundTopic, found_topics
from runtime.kafka.clients import admin_client, plain_consumer, stop_consumer
from runtime.kafka.set_aside import ALARM_SECONDS
from runtime.kafka.topics import topics_of
from runtime.kafka.wanted_topics import flaws, lost_records, mended, wanted_topics
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.definition.package import Election

logger = logging.getLogger("rekap.topics")

WATCH_SECONDS = 5.0
"""Pause between two looks. Kafka deletes every five minutes, and compacts after fifteen seconds. At double, a policy that
somebody changes is noticed only just before Kafka compacts."""
LOOK_SECONDS_MAX = 30.0


class TopicWatch:
    """Looks at the topics of a generation every few seconds, mends them, and remembers ids and ends."""

    def __init__(self, settings: Settings, election: Election, generation: int) -> None:
        self._settings = settings
        self._election = election
        self._wanted = wanted_topics(settings, election, generation)
        self._ids: dict[str, UUID] = {}
        self._ends: dict[TopicPartition, int] = {}
        """The largest end that each partition of the ledger was seen to have."""
        self._now: list[str] = []
        self._mended_at: dict[str, float] = {}

    def sentences(self) -> list[str]:
        """A sentence for each setting that was wrong at the last look, then for each that was mended within the last hour,
        because somebody has changed it and may change it again."""
        since = time.monotonic() - ALARM_SECONDS
        mended = [sentence for sentence, at in self._mended_at.items() if at > since]
        return [*self._now, *(f"{sentence}; it was mended" for sentence in mended)]

    async def run(self) -> None:
        """Look until cancelled. While Kafka is away nothing is known of topics, and health reports that Kafka is away."""
        while True:
            admin, consumer = admin_client(self._settings), plain_consumer(self._settings)
            try:
                await admin.start()
                await consumer.start()
                while True:
                    async with asyncio.timeout(LOOK_SECONDS_MAX):
                        await self.look(admin, consumer)
                    await asyncio.sleep(WATCH_SECONDS)
            except (KafkaError, OSError, TimeoutError) as error:
                logger.warning(log_line("topics-not-watched", error=in_words(error)))
            finally:
                await stop_consumer(consumer)
                await admin.close()
            await asyncio.sleep(WATCH_SECONDS)

    async def look(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        """Look once, and mend. Raises KafkaError."""
        found = await found_topics(admin, self._wanted)
        before = flaws(self._wanted, found)
        left = await mended(admin, self._wanted) if before else []
        wrong = [flaw.sentence for flaw in left]
        still = {(flaw.topic, flaw.setting) for flaw in left}
        for flaw in before:
            if flaw.setting and (flaw.topic, flaw.setting) not in still:
                self._mended_at[flaw.sentence] = time.monotonic()
        for name, topic in found.items():
            if self._ids.setdefault(name, topic.id) != topic.id:
                wrong.append(f"topic {name} was deleted and made again: its messages are gone from Kafka")
        if topics_of(self._election).ledger in found:
            wrong += await lost_records(consumer, self._election)
            wrong += await self._shorter(consumer, found)
        for sentence in wrong:
            if sentence not in self._now:
                logger.error(log_line("topic-wrong", why=sentence))
        self._now = wrong

    async def _shorter(self, consumer: AIOKafkaConsumer, found: dict[str, FoundTopic]) -> list[str]:
        """A sentence for each partition of the ledger whose end has become less than it was."""
        topics = topics_of(self._election)
        existing = min(self._election.partitions, found[topics.ledger].partitions)
        ends = await consumer.end_offsets(topics.ledger_partitions(existing))
        sentences = []
        for each, end in ends.items():
            seen = self._ends[each] = max(end, self._ends.get(each, 0))
            if end < seen:
                sentences.append(
                    f"{each.topic}/{each.partition} ends at offset {end}, and ended at {seen} before: records are gone"
                )
        return sentences
