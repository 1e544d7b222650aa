"""The topics of an election as they must be: made where they are missing, mended where they can be, refused and watched.

Partitions, copies and settings decide whether records are lost. A ledger with a retention of days loses its votes, a compacted
ledger keeps one record of each shard area, and blocks in a partition that no worker reads are never counted. So every setting
that matters is compared with a wanted value, not left to a broker's default, at each start, and every few seconds while the API
runs (topic_watch.py).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from runtime.error_words import in_words
from runtime.errors import OutsideError
from runtime.kafka.admin import FoundTopic, found_topics, set_topic
from runtime.kafka.clients import admin_client, plain_consumer, stop_consumer
from runtime.kafka.topics import (
    FIRST_GENERATION,
    LEDGER_BATCH_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    SUBTOTALS_PARTITIONS,
    Topics,
    generations_topic,
    topics_of,
)
from runtime.logs import log_line
from runtime.settings import Settings
from schemas.definition.package import Election

logger = logging.getLogger("rekap.topics")

FOR_EVER = "-1"
SEGMENT_BYTES = 256 * 1024 * 1024
"""Segment size of subtotals and results. Kafka compacts only segments after which it has begun another."""
LEDGER_SEGMENT_BYTES = 1024 * 1024 * 1024
SEGMENT_MS = 7 * 24 * 3600 * 1000
"""Kafka's defaults for segments of the ledger. A short segment together with a changed policy is how records are deleted."""
GENERATION_BYTES_MAX = 4096
"""A message about the current generation has some 200 bytes. All of these messages are read at each start."""
SHOWN_SECONDS = 10.0
"""How long a broker may take to show a topic that was just created."""
AGAIN_SECONDS = 0.2
MIN_IN_SYNC = "min.insync.replicas"


class TopicMismatchError(OutsideError):
    """A topic exists, but is not as this election needs it; the message states which topic and how it differs."""


class WantedTopic(NamedTuple):
    partitions: int
    copies: int
    settings: dict[str, str]


class Flaw(NamedTuple):
    """One difference between a topic and what it must be."""

    topic: str
    sentence: str
    setting: str = ""
    """The setting that differs, where a setting is what differs; then `value` is the wanted value, which mends the flaw."""
    value: str = ""


def wanted_topics(settings: Settings, election: Election, generation: int) -> dict[str, WantedTopic]:
    topics = topics_of(election, generation)
    kept = {
        "retention.ms": FOR_EVER,
        "retention.bytes": FOR_EVER,
        MIN_IN_SYNC: str(max(1, settings.replication - 1)),
        # A leader that lacks acknowledged records would have all copies lose them.
        "unclean.leader.election.enable": "false",
        # Timestamps by the broker's clock. Kafka refuses a record whose writer's clock is an hour ahead (KIP-937), so a
        # gateway with a wrong clock could append nothing.
        "message.timestamp.type": "LogAppendTime",
        # Nothing is kept compressed, so that no reader can be made to unpack gigabytes from a few kB.
        "compression.type": "uncompressed",
        "segment.ms": str(SEGMENT_MS),
    }
    ledger = {"cleanup.policy": "delete", "segment.bytes": str(LEDGER_SEGMENT_BYTES)}
    compacted = {"cleanup.policy": "compact", "segment.bytes": str(SEGMENT_BYTES)}

    def wanted(partitions: int, bytes_max: int, more: dict[str, str]) -> WantedTopic:
        return WantedTopic(partitions, settings.replication, {**kept, **more, "max.message.bytes": str(bytes_max)})

    return {
        topics.ledger: wanted(election.partitions, LEDGER_BATCH_BYTES_MAX, ledger),
        topics.subtotals: wanted(SUBTOTALS_PARTITIONS, MESSAGE_BYTES_MAX, compacted),
        topics.results: wanted(1, MESSAGE_BYTES_MAX, compacted),
        # Not compacted, because a client that may write here could replace an honest message by one with the same key.
        generations_topic(election): wanted(1, GENERATION_BYTES_MAX, ledger),
    }


def flaws(wanted: dict[str, WantedTopic], found: dict[str, FoundTopic]) -> list[Flaw]:
    return [flaw for name, topic in wanted.items() for flaw in _flaws_of(name, topic, found.get(name))]


def _flaws_of(name: str, wanted: WantedTopic, found: FoundTopic | None) -> Iterable[Flaw]:
    if found is None:
        yield Flaw(name, f"topic {name} does not exist")
        return
    if found.partitions != wanted.partitions:
        yield Flaw(
            name,
            f"topic {name} has {found.partitions} partitions, expected {wanted.partitions}: the number is fixed when the topic "
            "is made, and with another number some records are never counted",
        )
    if found.copies < wanted.copies:
        yield Flaw(name, f"topic {name} has {found.copies} copies, expected {wanted.copies} (REKAP_REPLICATION)")
    for partition in found.without_leader:
        yield Flaw(name, f"topic {name}: no broker leads partition {partition}, so no client can read or write it")
    for setting, value in wanted.settings.items():
        actual = found.settings.get(setting)
        if setting == MIN_IN_SYNC and actual is not None and int(value) <= int(actual) <= found.copies:
            continue  # the operator wants more copies in sync
        if actual != value:
            yield Flaw(name, f"topic {name} has {setting}={actual}, expected {value}", setting, value)


async def create_topics(settings: Settings, election: Election, generation: int = FIRST_GENERATION) -> Topics:
    """Create the topics of an election, in this generation, where they are missing, and mend the settings of those that exist.
    Raises TopicMismatchError where a topic is not as it must be and cannot be mended, KafkaError.

    All messages are kept for ever, except keyframes, which repeat all tallies every few seconds. Of these Kafka keeps the
    newest, because `subtotals` and `results` are compacted (message_keys.py)."""
    wanted = wanted_topics(settings, election, generation)
    admin = admin_client(settings)
    await admin.start()
    try:
        answer = await admin.create_topics(
            [NewTopic(name, each.partitions, each.copies, topic_configs=each.settings) for name, each in wanted.items()]
        )
        for error in answer.topic_errors:
            code = error[1]
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise TopicMismatchError(f"topic {error[0]} could not be created: {for_code(code).__name__}")
        ends = time.monotonic() + SHOWN_SECONDS
        while set(wanted) > set(await found_topics(admin, wanted)) and time.monotonic() < ends:
            await asyncio.sleep(AGAIN_SECONDS)
        _refuse(await mended(admin, wanted))
    finally:
        await admin.close()
    return topics_of(election, generation)


async def check_topics(settings: Settings, election: Election, generation: int) -> None:
    """Check the topics before a worker begins. A setting that the worker may not mend does not stop it, because `rekap open`
    can mend the setting while the count continues, and the watch names it. Raises TopicMismatchError, KafkaError."""
    admin = admin_client(settings)
    await admin.start()
    try:
        _refuse(
            [flaw for flaw in await mended(admin, wanted_topics(settings, election, generation)) if not flaw.setting]
        )
    finally:
        await admin.close()


async def topic_flaws(settings: Settings, election: Election, generation: int) -> list[str]:
    """A sentence for each flaw. Nothing is mended. Raises KafkaError."""
    wanted = wanted_topics(settings, election, generation)
    admin, consumer = admin_client(settings), plain_consumer(settings)
    try:
        await admin.start()
        await consumer.start()
        found = await found_topics(admin, wanted)
        sentences = [flaw.sentence for flaw in flaws(wanted, found)]
        if topics_of(election).ledger in found:
            sentences += await lost_records(consumer, election)
        return sentences
    finally:
        await stop_consumer(consumer)
        await admin.close()


async def lost_records(consumer: AIOKafkaConsumer, election: Election) -> list[str]:
    """A sentence for each partition of the ledger that no longer begins with the genesis. Raises KafkaError."""
    topic_partitions = topics_of(election).ledger_partitions(election.partitions)
    first = await consumer.beginning_offsets(topic_partitions)
    return [
        f"{each.topic}/{each.partition} begins at offset {first[each]}: the records before it are gone from Kafka; "
        "stop what deletes them, and restore the ledger from a backup or from the public log"
        for each in topic_partitions
        if first[each] != 0
    ]


async def mended(admin: AIOKafkaAdminClient, wanted: dict[str, WantedTopic]) -> list[Flaw]:
    """Set each differing setting to the wanted value. Gives the flaws that are left. Raises KafkaError."""
    left = []
    for flaw in flaws(wanted, await found_topics(admin, wanted)):
        if not flaw.setting:
            left.append(flaw)
            continue
        try:
            await set_topic(admin, flaw.topic, {flaw.setting: flaw.value})
        except KafkaError as error:
            left.append(flaw._replace(sentence=f"{flaw.sentence}, and may not be mended from here: {in_words(error)}"))
        else:
            logger.warning(
                log_line("topic-mended", topic=flaw.topic, setting=flaw.setting, now=flaw.value, why=flaw.sentence)
            )
    return left


def _refuse(flaws: list[Flaw]) -> None:
    if flaws:
        raise TopicMismatchError("; ".join(flaw.sentence for flaw in flaws))
