"""Topics that are not as they must be: mended or refused at the start, and found during the count."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from click.testing import CliRunner

from rekap.cli import main as command
from rekap.operate.stack import Stack
from runtime.kafka.admin import found_topics, set_topic
from runtime.kafka.clients import admin_client
from runtime.kafka.topics import generations_topic, topics_of
from runtime.kafka.wanted_topics import (
    TopicMismatchError,
    WantedTopic,
    check_topics,
    create_topics,
    flaws,
    topic_flaws,
    wanted_topics,
)
from runtime.settings import Settings, read_settings
from schemas.definition.package import Election
from tests.conftest import Parts
from tests.support.small_election import reported, small_package
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG = {
    "retention.ms": "86400000",
    "retention.bytes": "1000000",
    "cleanup.policy": "compact,delete",
    "compression.type": "gzip",
    "max.message.bytes": "1000",
    "message.timestamp.type": "CreateTime",
    "segment.bytes": "1048576",
    "segment.ms": "1000",
    "unclean.leader.election.enable": "true",
    "min.insync.replicas": "3",
}


@asynccontextmanager
async def _admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = admin_client(settings)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


def _election(name: str) -> Election:
    return small_package().election.model_copy(update={"id": name})


async def test_each_setting_that_is_wrong_is_mended_where_the_election_is_opened(parts: Parts) -> None:
    settings, election = read_settings(parts), _election("topics-mended")
    await create_topics(settings, election)
    wanted = wanted_topics(settings, election, 1)
    assert all(set(WRONG) == set(topic.settings) for topic in wanted.values()), "each setting that matters is tried"
    async with _admin(settings) as admin:
        for name in wanted:
            await set_topic(admin, name, WRONG)
        await _has_flaws(admin, wanted, len(wanted) * len(WRONG))
        await create_topics(settings, election)
        await _has_flaws(admin, wanted, 0)
        # A worker that begins mends too, where it may.
        await set_topic(admin, topics_of(election).ledger, {"retention.ms": "1000"})
        await _has_flaws(admin, wanted, 1)
        await check_topics(settings, election, 1)
        await _has_flaws(admin, wanted, 0)


async def _has_flaws(admin: AIOKafkaAdminClient, wanted: dict[str, WantedTopic], number: int) -> None:
    """A broker shows what was changed a moment after the controller has taken it."""

    async def does() -> bool:
        return len(flaws(wanted, await found_topics(admin, wanted))) == number

    await eventually(does)


@pytest.mark.parametrize("kind", ["ledger", "subtotals", "results", "generations"])
async def test_a_topic_with_other_partitions_is_refused_at_the_start(parts: Parts, kind: str) -> None:
    settings, election = read_settings(parts), _election(f"topics-{kind}")
    name = {**topics_of(election)._asdict(), "generations": generations_topic(election)}[kind]
    async with _admin(settings) as admin:
        await admin.create_topics([NewTopic(name, 7, 1)])
    for refusing in (create_topics(settings, election), check_topics(settings, election, 1)):
        with pytest.raises(TopicMismatchError, match=f"topic {name} has 7 partitions, expected [1234]: "):
            await refusing


async def test_topics_with_too_few_copies_and_topics_that_are_missing_are_refused(parts: Parts) -> None:
    settings, election = read_settings(parts), _election("topics-copies")
    with pytest.raises(TopicMismatchError, match=r"topic \S+ledger does not exist; topic \S+subtotals does not exist"):
        await check_topics(settings, election, 1)
    await create_topics(settings, election)
    with pytest.raises(TopicMismatchError, match=r"has 1 copies, expected 3 \(REKAP_REPLICATION\)"):
        await create_topics(replace(settings, replication=3), election)


# -- while it runs -----------------------------------------------------------------------------------------------------


stack = stack_of("topics")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(stack: Stack) -> AsyncIterator[AIOKafkaAdminClient]:
    async with _admin(_settings(stack)) as admin:
        yield admin


def _settings(stack: Stack) -> Settings:
    return replace(read_settings(stack.environment), generation=1)


async def _is_red_with(client: httpx.AsyncClient, *words: str) -> None:
    """Until health is red with all of these words in one alarm."""

    async def does() -> bool:
        health = (await client.get("/v1/health")).json()
        is_named = any(all(word in alarm for word in words) for alarm in health["alarms"])
        return is_named and health["status"] != "ok"

    await eventually(does)


async def test_each_setting_that_is_changed_while_it_runs_is_mended_and_named(
    stack: Stack, admin: AIOKafkaAdminClient, client: httpx.AsyncClient
) -> None:
    wanted = wanted_topics(_settings(stack), stack.definition.election, 1)
    for name in wanted:
        await set_topic(admin, name, {setting: value for setting, value in WRONG.items() if setting != "segment.ms"})

    async def are_mended() -> bool:
        return not flaws(wanted, await found_topics(admin, wanted))

    await eventually(are_mended)
    for name in wanted:
        for setting in ("retention.ms", "cleanup.policy", "min.insync.replicas"):
            await _is_red_with(client, name, f"{setting}={WRONG[setting]}", "it was mended")


async def test_a_topic_that_is_given_partitions_while_it_runs_is_named_and_the_nation_is_counted(
    stack: Stack, admin: AIOKafkaAdminClient, voices: Voices, client: httpx.AsyncClient
) -> None:
    topics = topics_of(stack.definition.election)
    await admin.create_partitions({topics.results: NewPartitions(3), topics.ledger: NewPartitions(5)})
    await _is_red_with(client, topics.results, "has 3 partitions, expected 1")
    await _is_red_with(client, topics.ledger, "has 5 partitions, expected 3")
    station = next(iter(stack.definition.stations.number))
    await client.post("/v1/submissions", content=voices.sign(reported(station)))

    async def counts() -> bool:
        [contest] = (await client.get("/v1/offices/president")).json()["contests"]
        return bool(contest["counted"]["votes"] == {"01": 10, "02": 20, "03": 30})

    await eventually(counts)
    done = CliRunner(env={**stack.environment, "REKAP_LOG_DIRECTORY": ""}).invoke
    assert (await _examined(stack, done)).count("has 3 partitions, expected 1") == 1


async def _examined(stack: Stack, invoke: Any) -> str:
    result = await asyncio.to_thread(invoke, command, ["doctor"])
    assert result.exit_code == 1, result.output
    return str(result.output)


async def test_a_ledger_that_begins_later_than_with_its_genesis_is_named_for_as_long_as_it_does(
    stack: Stack, admin: AIOKafkaAdminClient, client: httpx.AsyncClient
) -> None:
    """As after a retention of days, or records that somebody deletes."""
    ledger = topics_of(stack.definition.election).ledger
    await admin.delete_records({TopicPartition(ledger, 0): RecordsToDelete(before_offset=1)})
    await _is_red_with(client, f"{ledger}/0 begins at offset 1: the records before it are gone")
    flaws = await topic_flaws(_settings(stack), stack.definition.election, 1)
    assert any(f"{ledger}/0 begins at offset 1" in each for each in flaws)


async def test_a_topic_that_is_deleted_or_made_again_while_it_runs_is_named(
    stack: Stack, admin: AIOKafkaAdminClient, client: httpx.AsyncClient
) -> None:
    settings, election = _settings(stack), stack.definition.election
    name = generations_topic(election)
    await admin.delete_topics([name])
    await _is_red_with(client, f"topic {name} does not exist")

    async def is_gone() -> bool:
        return not await found_topics(admin, [name])

    await eventually(is_gone)
    wanted = wanted_topics(settings, election, 1)[name]
    await admin.create_topics([NewTopic(name, 1, 1, topic_configs=wanted.settings)])
    await _is_red_with(client, f"topic {name} was deleted and made again")
