"""A generation is served where a worker made it current, and where it is there and has caught up: never an empty election."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from attack.kafka import forge_generations

from projections.readmodel import queries
from rekap.operate.stack import Stack
from runtime.kafka import generations
from runtime.kafka.clients import ordered_producer
from runtime.kafka.generations import current_generation, make_current
from runtime.kafka.seals import Seals
from runtime.kafka.topics import generations_topic
from runtime.kafka.wanted_topics import create_topics
from runtime.settings import Settings, read_settings
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKERS = ("tabulator", "rollup", "recorder", "notary", "api")
COUNTED = {"01": 10, "02": 20, "03": 30}


stack = stack_of("generations")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counted(stack: Stack) -> None:
    """One form, which is counted."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        station = next(iter(stack.definition.stations.number))
        await client.post("/v1/submissions", content=Voices(stack).sign(reported(station)))

        async def is_counted() -> bool:
            return bool(await _votes(client) == COUNTED)

        await eventually(is_counted)


def _settings(stack: Stack) -> Settings:
    return replace(read_settings(stack.environment), generation=1)


async def _votes(client: httpx.AsyncClient) -> Any:
    return (await client.get("/v1/offices/president")).json()["contests"][0]["counted"]["votes"]


async def _health(client: httpx.AsyncClient) -> dict[str, Any]:
    return dict((await client.get("/v1/health")).json())


async def _current(stack: Stack) -> int:
    return await current_generation(_settings(stack), stack.definition.election, stack.definition.hash)


async def _go_on(stack: Stack, client: httpx.AsyncClient, before: dict[str, Any], *, seconds: float) -> None:
    """Nothing else is served for a while, and no worker has begun anew."""
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        assert await _votes(client) == COUNTED
        health = await _health(client)
        assert health["generation"] == 1
        await asyncio.sleep(0.2)
    assert {role: stack.supervisor.process_id(role) for role in WORKERS} == before


@pytest.mark.usefixtures("counted")
async def test_forged_generations_of_every_kind_change_nothing(stack: Stack, client: httpx.AsyncClient) -> None:
    before = {role: stack.supervisor.process_id(role) for role in WORKERS}
    forged = await forge_generations(_settings(stack), stack.definition)
    assert all(each.offset is not None for each in forged), forged

    async def are_named() -> bool:
        alarms = [each for each in (await _health(client))["alarms"] if each.startswith(forged[0].topic)]
        return sum(int(each.split()[1]) for each in alarms) >= len(forged)

    await eventually(are_named)
    assert await _current(stack) == 1
    await _go_on(stack, client, before, seconds=3 * generations.FOLLOW_SECONDS)


@pytest.mark.usefixtures("counted")
async def test_a_generation_whose_topics_are_not_there_is_not_current(stack: Stack, client: httpx.AsyncClient) -> None:
    before = {role: stack.supervisor.process_id(role) for role in WORKERS}
    await make_current(_settings(stack), stack.definition.election, stack.definition.hash, 7)

    async def is_named() -> bool:
        return any(
            "generation 7 was made current, and its topics" in each for each in (await _health(client))["alarms"]
        )

    await eventually(is_named)
    assert await _current(stack) == 1
    await _go_on(stack, client, before, seconds=3 * generations.FOLLOW_SECONDS)


@pytest.mark.usefixtures("counted")
async def test_a_generation_that_nobody_has_filled_is_not_served(stack: Stack, client: httpx.AsyncClient) -> None:
    """Sealed, and with topics; workers that follow it fill it, and then it is served with all that the ledger has."""
    settings, definition = _settings(stack), stack.definition
    await stack.supervisor.stop("recorder")
    await create_topics(settings, definition.election, 2)
    await make_current(settings, definition.election, definition.hash, 2)

    async def is_named() -> bool:
        return any(
            "its read model is not there; generation 1 is served" in each for each in (await _health(client))["alarms"]
        )

    await eventually(is_named)
    assert await _votes(client) == COUNTED
    connection = await asyncpg.connect(settings.database)
    try:
        schema = queries.schema_of(definition.election, 2)
        assert await connection.fetchval("SELECT to_regnamespace($1)", f'"{schema}"') is None
    finally:
        await connection.close()
    await stack.start("recorder")

    async def is_served() -> bool:
        assert await _votes(client) == COUNTED
        health = await _health(client)
        return bool(health["generation"] == 2 and not any("served" in each for each in health["alarms"]))

    await eventually(is_served)


@pytest.mark.usefixtures("counted")
async def test_a_message_of_the_past_does_not_bring_back_its_generation(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    settings, definition = _settings(stack), stack.definition
    assert await _current(stack) == 2
    topic, value = generations_topic(definition.election), b'{"generation":1}'
    producer = ordered_producer(settings)
    await producer.start()
    try:
        headers = Seals(settings.workers_key, definition.hash).headers(topic, 0, None, value)
        await producer.send_and_wait(topic, value, partition=0, headers=headers)
    finally:
        await producer.stop()
    assert await _current(stack) == 2
    await asyncio.sleep(3 * generations.FOLLOW_SECONDS)
    assert (await _health(client))["generation"] == 2
