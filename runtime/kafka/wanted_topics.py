"""The topics of an election as they must be: made where they are missing, mended where they can be, refused and watched.

Partitions, copies and settings decide whether anything is lost: a ledger whose topic is kept for days loses its votes, one that
is compacted keeps one of each shard area, and blocks in a partition that nobody reads are never counted. So every setting that
matters is compared with a value, not left to a broker's default, at each start and every few seconds while the API runs.
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
"""Segment size of subtotals and results: what Kafka has not begun a new file after is not compacted."""
LEDGER_SEGMENT_BYTES = 1024 * 1024 * 1024
SEGMENT_MS = 7 * 24 * 3600 * 1000
"""Both as Kafka has them by default. A file that is ended early, and a policy that was changed, are how records go."""
GENERATION_BYTES_MAX = 4096
"""A message that says which generation is served has some 200 bytes. All of them are read at each start."""
SHOWN_SECONDS = 10.0
"""For a topic that was just made to be shown by whichever broker is asked."""
AGAIN_SECONDS = 0.2
MIN_IN_SYNC = "min.insync.replicas"


class TopicMismatchError(Exception):
    """A topic exists, but is not as this election needs it; the sentence says which topic and how it differs."""


class WantedTopic(NamedTuple):
    partitions: int
    copies: int
    settings: dict[str, str]


class Flaw(NamedTuple):
    """Where a topic is not as it must be."""

    topic: str
    sentence: str
    setting: str = ""
    """That which differs, where that is all: it can be mended by giving it this value."""
    value: str = ""


def wanted_topics(settings: Settings, election: Election, generation: int) -> dict[str, WantedTopic]:
    topics = topics_of(election, generation)
    kept = {
        "retention.ms": FOR_EVER,
        "retention.bytes": FOR_EVER,
        MIN_IN_SYNC: str(max(1, settings.replication - 1)),
        # A leader that lacks what was acknowledged would take it from all others.
        "unclean.leader.election.enable": "false",
        # The broker's clock: a record with its writer's is refused where that is an hour ahead (KIP-937), and then a gateway
        # with a wrong clock could let nothing in.
        "message.timestamp.type": "LogAppendTime",
        # Nothing is kept compressed, so that nobody who reads it can be given gigabytes in a few kB.
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
        # Not compacted: whoever may write there could have the honest message dropped for one with its key.
        generations_topic(election): wanted(1, GENERATION_BYTES_MAX, ledger),
    }


def flaws(wanted: dict[str, WantedTopic], found: dict[str, FoundTopic]) -> list[Flaw]:
    return [flaw for name, topic in wanted.items() for flaw in _flaws_of(name, topic, found.get(name))]


def _flaws_of(name: str, wanted: WantedTopic, found: FoundTopic | None) -> Iterable[Flaw]:
    if found is None:
        yield Flaw(name, f"topic {name} is not there")
        return
    if found.partitions != wanted.partitions:
        yield Flaw(
            name,
            f"topic {name} has {found.partitions} partitions, expected {wanted.partitions}: the number is fixed when the topic "
            "is made, and with another one something is never counted",
        )
    if found.copies < wanted.copies:
        yield Flaw(name, f"topic {name} has {found.copies} copies, expected {wanted.copies} (REKAP_REPLICATION)")
    for partition in found.without_leader:
        yield Flaw(name, f"topic {name}: no broker leads partition {partition}, so nobody can read or write it")
    for setting, value in wanted.settings.items():
        is_value = found.settings.get(setting)
        if setting == MIN_IN_SYNC and is_value is not None and int(value) <= int(is_value) <= found.copies:
            continue  # somebody wants more
        if is_value != value:
            yield Flaw(name, f"topic {name} has {setting}={is_value}, expected {value}", setting, value)


async def create_topics(settings: Settings, election: Election, generation: int = FIRST_GENERATION) -> Topics:
    """Create the topics of an election, in this generation, where they are missing, and mend the settings of those that are
    there. Raises TopicMismatchError where one is not as it must be and cannot be mended, KafkaError.

    All is kept for ever, but of keyframes, which say everything again every few seconds, only the newest: `subtotals` and
    `results` are compacted, see MessageKeys."""
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
    """Before a worker begins. Settings that it may not mend are left to `rekap open` and to the watch, which names them: not to
    begin would stop the count for what can be mended while it goes on. Raises TopicMismatchError, KafkaError."""
    admin = admin_client(settings)
    await admin.start()
    try:
        _refuse(
            [flaw for flaw in await mended(admin, wanted_topics(settings, election, generation)) if not flaw.setting]
        )
    finally:
        await admin.close()


async def topic_flaws(settings: Settings, election: Election, generation: int) -> list[str]:
    """What is wrong now, and left as it is; for whoever reports it. Raises KafkaError."""
    wanted = wanted_topics(settings, election, generation)
    admin, consumer = admin_client(settings), plain_consumer(settings)
    try:
        await admin.start()
        await consumer.start()
        found = await found_topics(admin, wanted)
        said = [flaw.sentence for flaw in flaws(wanted, found)]
        if topics_of(election).ledger in found:
            said += await lost_records(consumer, election)
        return said
    finally:
        await stop_consumer(consumer)
        await admin.close()


async def lost_records(consumer: AIOKafkaConsumer, election: Election) -> list[str]:
    """A sentence for each partition of the ledger that does not begin with the genesis any more. Raises KafkaError."""
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
            left.append(
                flaw._replace(sentence=f"{flaw.sentence}, and may not be mended from here: {type(error).__name__}")
            )
        else:
            logger.warning(
                log_line("topic-mended", topic=flaw.topic, setting=flaw.setting, now=flaw.value, why=flaw.sentence)
            )
    return left


def _refuse(flaws: list[Flaw]) -> None:
    if flaws:
        raise TopicMismatchError("; ".join(flaw.sentence for flaw in flaws))
