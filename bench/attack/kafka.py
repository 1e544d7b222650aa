"""Attacks of somebody who can write to Kafka, and has no key of the workers.

Each writes past all workers into the topics of an election, and gives what it wrote and where. Nobody may be stopped by it, no
number may change, and health has to name it. `bench/attacks.py` runs them all; tests/integration/test_forged.py holds what
must come of them.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from runtime.kafka.clients import plain_consumer, stop_consumer
from runtime.kafka.seals import HEADER
from runtime.kafka.security import client_options
from runtime.kafka.topics import MESSAGE_BYTES_MAX, generations_topic, topics_of
from runtime.package.reading import load_package
from runtime.settings import Settings, read_settings
from schemas.derived.blocks import Block
from schemas.derived.results import Result

if TYPE_CHECKING:  # tests import this module where that one cannot be found
    from attack.target import Attack, Target

VOTES = 1_000_000
BOMB_BYTES = 64 * 1024 * 1024
"""What a message of some 60 kB unpacks to."""
READ_SECONDS_MAX = 30
FAR = 1 << 40
"""An offset that no ledger reaches. A reader that believes it skips every honest message for ever."""


class Forged(NamedTuple):
    """A message that was written, or that Kafka did not take (`offset` None, and why)."""

    what: str
    topic: str
    partition: int
    offset: int | None
    refusal: str = ""


async def forge_derived(settings: Settings, definition: Definition) -> list[Forged]:
    """Messages of `subtotals` and `results` that no worker wrote, of every kind."""
    topics = topics_of(definition.election, settings.generation or 1)
    office = definition.ballots.offices[0].id
    subtotals, results = topics.subtotals_partition_of(office), topics.results_partition()
    block, result = forged_block(definition), forged_result(definition)
    seals = await _seals_of(settings, *subtotals)
    other = next((number for number in range(4) if number != subtotals[1]), 0)
    made_up = [(HEADER, b"\x01" * 40)]
    kinds: list[tuple[str, tuple[str, int], bytes | None, Sequence[tuple[str, bytes]]]] = [
        ("a block without a seal", subtotals, block, ()),
        ("a result without a seal", results, result, ()),
        ("a block with a seal that was made up", subtotals, block, made_up),
        ("a result with a seal that was made up", results, result, made_up),
        ("a block with the seal of another", subtotals, block, seals),
        ("a result with the seal of a block", results, result, seals),
        ("a block in another office's partition", (topics.subtotals, other), block, seals),
        ("two seals", results, result, [*seals, *made_up]),
        ("a seal of no bytes", results, result, [(HEADER, b"")]),
    ]
    for topic_partition in (subtotals, results):
        kinds += [
            ("garbage", topic_partition, b"\x00garbage{\n\xff", ()),
            ("garbage with a seal of another", topic_partition, b"\x00garbage{\n\xff", seals),
            ("nothing", topic_partition, b"", seals),
            ("a tombstone", topic_partition, None, seals),
            ("as much as the topic takes", topic_partition, b"[" * (MESSAGE_BYTES_MAX - 1024), seals),
        ]
    async with _producer(settings) as producer:
        forged = [await _write(producer, *kind) for kind in kinds]
    async with _producer(settings, compression_type="gzip") as producer:
        for topic_partition in (subtotals, results):
            forged.append(await _write(producer, "a compressed bomb", topic_partition, b"0" * BOMB_BYTES, seals))
    return forged


async def forge_generations(settings: Settings, definition: Definition) -> list[Forged]:
    """Messages that would have another generation served, which is empty."""
    topic_partition = (generations_topic(definition.election), 0)
    seals = await _seals_of(settings, topics_of(definition.election, settings.generation or 1).subtotals, 0)
    async with _producer(settings) as producer:
        return [
            await _write(producer, what, topic_partition, value, headers)
            for what, value, headers in (
                ("a generation without a seal", b'{"generation":2}', ()),
                ("a generation with the seal of a block", b'{"generation":3}', seals),
                ("a generation of the past", b'{"generation":0}', ()),
                ("garbage", b"\x00garbage", ()),
                ("a number that is none", b'{"generation":"2"}', ()),
                ("a number without an end", b'{"generation":%b}' % (b"9" * 500), ()),
                ("nothing", b"", ()),
                ("a tombstone", None, ()),
            )
        ]


def forged_block(definition: Definition) -> bytes:
    """A million votes for somebody, in an area at the shard level."""
    contest = next(iter(definition.ballots.contests))
    area = next(code for code, level in zip(definition.tree.codes, definition.tree.level, strict=True)
                if level == definition.tree.shard_level)  # fmt: skip
    office = definition.ballots.offices[contest.office_number].id
    tally = [VOTES] * (8 + len(contest.choices))
    return Block("keyframe", office, 0, -1, FAR, [(contest.id, area, tally)], [], [], []).to_bytes()


def forged_result(definition: Definition) -> bytes:
    contest = next(iter(definition.ballots.contests))
    root = definition.tree.codes[contest.root_area]
    office = definition.ballots.offices[contest.office_number].id
    nothing, far = (-1,) * definition.partitions, (FAR,) * definition.partitions
    tally = [VOTES] * (8 + len(contest.choices))
    return Result("keyframe", office, nothing, far, [(contest.id, root, tally)], [], []).to_bytes()


def _producer(settings: Settings, **options: Any) -> AIOKafkaProducer:
    return AIOKafkaProducer(**client_options(settings), max_request_size=1 << 27, **options)


async def _write(
    producer: AIOKafkaProducer,
    what: str,
    topic_partition: tuple[str, int],
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]],
) -> Forged:
    try:
        # A tombstone needs a key where the topic is compacted.
        written = await producer.send_and_wait(
            topic_partition[0], value, key=what.encode(), partition=topic_partition[1], headers=list(headers)
        )
    except KafkaError as error:
        return Forged(what, *topic_partition, None, type(error).__name__)
    return Forged(what, *topic_partition, written.offset)


async def _seals_of(settings: Settings, topic: str, partition: int) -> list[tuple[str, bytes]]:
    """The headers of an honest message: a stolen seal."""
    consumer = plain_consumer(settings)
    await consumer.start()
    try:
        topic_partition = TopicPartition(topic, partition)
        consumer.assign([topic_partition])
        consumer.seek(topic_partition, 0)
        async with asyncio.timeout(READ_SECONDS_MAX):
            while True:
                message = await consumer.getone(topic_partition)
                if message.headers:
                    assert b'"kind":' in message.value, message
                    return list(message.headers)
    finally:
        await stop_consumer(consumer)


async def forged_derived_messages(target: Target) -> str:
    """Blocks and results that no worker wrote, of every kind, again and again."""
    settings = read_settings(target.environment)
    definition = Definition.of(load_package(settings.package, problems))
    written: Counter[str] = Counter()
    while not target.is_over:
        for each in await forge_derived(settings, definition):
            written["refused by Kafka" if each.offset is None else "written"] += 1
        await asyncio.sleep(0.5)
    return f"messages: {dict(written)}"


async def forged_generations(target: Target) -> str:
    """Messages of the topic that names the generation that is served, once."""
    settings = read_settings(target.environment)
    definition = Definition.of(load_package(settings.package, problems))
    forged = await forge_generations(settings, definition)
    await target.last()
    return f"{sum(each.offset is not None for each in forged)} of {len(forged)} messages written"


KAFKA_ATTACKS: dict[str, Attack] = {attack.__name__: attack for attack in (forged_derived_messages, forged_generations)}
