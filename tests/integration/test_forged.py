"""Messages that somebody writes into Kafka past the workers are set aside and named, and the count continues."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError
from attack.kafka import Forged, forge_derived, forged_block, forged_result
from click.testing import CliRunner

from rekap.cli import main as command
from rekap.operate.stack import Stack
from runtime.kafka.clients import ordered_producer, plain_consumer, stop_consumer
from runtime.kafka.seals import HEADER, KEY_ID_BYTES, Seals, read_seal_keys
from runtime.kafka.topics import group_of, topics_of
from runtime.settings import Settings, read_settings
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORKERS = ("tabulator", "rollup", "recorder", "api")


stack = stack_of("forged", REKAP_WORKERS_KEY="{directory}/own/workers-key.txt")
"""With a key file of its own, because one test changes it."""


class Night:
    """Forms of the small election's stations, one after the other, and what is counted of them."""

    def __init__(self, stack: Stack, voices: Voices, client: httpx.AsyncClient) -> None:
        self._voices, self._client = voices, client
        self._stations = list(stack.definition.stations.number)
        self.sent = 0

    async def report(self) -> None:
        """One more form counts 10, 20 and 30 votes; a station that has reported reports the same again."""
        version, number = divmod(self.sent, len(self._stations))
        body = reported(self._stations[number], version=version + 1)
        answer = await self._client.post("/v1/submissions", content=self._voices.sign(body))
        assert answer.status_code == 201, answer.text
        self.sent += 1

    async def counts(self) -> None:
        """All that was sent and nothing else is served of the nation."""
        stations = min(self.sent, len(self._stations))
        expected = {"01": 10 * stations, "02": 20 * stations, "03": 30 * stations}

        async def does() -> bool:
            [contest] = (await self._client.get("/v1/offices/president")).json()["contests"]
            return bool(contest["counted"]["votes"] == expected)

        await eventually(does)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def night(stack: Stack) -> AsyncIterator[Night]:
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        yield Night(stack, Voices(stack), client)


def _settings(stack: Stack) -> Settings:
    return replace(read_settings(stack.environment), generation=1)


async def _health(client: httpx.AsyncClient) -> dict[str, Any]:
    return dict((await client.get("/v1/health")).json())


async def _are_named(client: httpx.AsyncClient, forged: list[Forged]) -> bool:
    """Each partition's alarms count all that was written there, and name the first and the last."""
    health = await _health(client)
    alarms = "\n".join(health["alarms"])
    for topic, partition in {(each.topic, each.partition) for each in forged}:
        offsets = {each.offset for each in forged if (each.topic, each.partition) == (topic, partition)} - {None}
        lines = [line for line in health["alarms"] if line.startswith(f"{topic}/{partition}: ")]
        if sum(int(line.split()[1]) for line in lines) < len(offsets):
            return False
        assert not offsets or str(min(filter(None, offsets))) in alarms, alarms
    return bool(health["status"] == "degraded")


async def test_honest_totals_go_on_beside_forged_messages_of_every_kind(
    stack: Stack, night: Night, client: httpx.AsyncClient
) -> None:
    await night.report()
    await night.counts()
    before = {role: stack.supervisor.process_id(role) for role in WORKERS}
    async with client.stream("GET", "/v1/live", params={"office": "president"}) as feed:
        forged = await forge_derived(_settings(stack), stack.definition)
        assert {each.what for each in forged if each.offset is None} <= {"a compressed bomb"}, forged
        await eventually(lambda: _are_named(client, forged))
        await night.report()
        await night.counts()
        # The feed continues for its clients, and sends nothing but the count.
        async for line in feed.aiter_lines():
            assert "1000000" not in line
            if line.startswith("event: change"):
                break
    assert {role: stack.supervisor.process_id(role) for role in WORKERS} == before
    health = await _health(client)
    assert "no seal" in " ".join(health["alarms"])
    assert "a wrong seal" in " ".join(health["alarms"])
    assert "sealed with an unknown key" in " ".join(health["alarms"])
    assert health["lagging"] == health["without_worker"] == []


async def test_a_message_that_was_sealed_is_refused_where_its_watermark_lies_beyond_the_ledger(
    stack: Stack, night: Night, client: httpx.AsyncClient
) -> None:
    """As a worker would write it that counts another ledger: with the right key, for the right topic partition."""
    settings, definition = _settings(stack), stack.definition
    topics = topics_of(definition.election, 1)
    seals = Seals(settings.workers_key, definition.hash)
    partition = topics.subtotals_partition_of("president").partition
    wrong = [
        (topics.subtotals, partition, forged_block(definition)),
        (*topics.results_partition(), forged_result(definition)),
        (topics.subtotals, (partition + 1) % 4, forged_block(definition)),
        (*topics.results_partition(), b"not JSON"),
    ]
    producer = ordered_producer(settings)
    await producer.start()
    try:
        for topic, partition, value in wrong:
            headers = seals.headers(topic, partition, b"key", value)
            await producer.send_and_wait(topic, value, key=b"key", partition=partition, headers=headers)
    finally:
        await producer.stop()

    async def are_named() -> bool:
        alarms = " ".join((await _health(client))["alarms"])
        wanted = ("a watermark beyond the end of the ledger", "of another election", "not readable")
        return all(reason in alarms for reason in wanted)

    await eventually(are_named)
    await night.report()
    await night.counts()


async def test_what_was_sealed_once_changes_nothing_when_it_is_written_again(
    stack: Stack, night: Night, client: httpx.AsyncClient
) -> None:
    """Keyframes and changes of the past, newest first: their watermarks are known."""
    settings, topics = _settings(stack), topics_of(stack.definition.election, 1)
    consumer = plain_consumer(settings)
    await consumer.start()
    producer = ordered_producer(settings)
    await producer.start()
    try:
        for topic_partition in topics.derived_partitions():
            consumer.assign([topic_partition])
            consumer.seek(topic_partition, 0)
            end = (await consumer.end_offsets([topic_partition]))[topic_partition]
            kept: list[Any] = []
            while end and (not kept or kept[-1].offset < end - 1):
                kept += (await consumer.getmany(timeout_ms=5_000)).get(topic_partition, [])
            for message in reversed(kept):
                if message.value is not None and len(message.value) < 100_000:
                    await producer.send(
                        topic_partition.topic,
                        message.value,
                        key=message.key,
                        partition=topic_partition.partition,
                        headers=list(message.headers),
                    )
    finally:
        await producer.stop()
        await stop_consumer(consumer)
    await night.report()
    await night.counts()


async def test_offsets_that_no_worker_committed_are_not_believed(
    stack: Stack, night: Night, client: httpx.AsyncClient
) -> None:
    """Offsets beyond the ends, so that blocks would be missing for ever, and with a reason to stop that is a lie."""
    settings, election = _settings(stack), stack.definition.election
    group, ledger = group_of(election, "tabulator", 1), topics_of(election).ledger
    consumer = plain_consumer(settings, group_id=group)
    await stack.supervisor.stop("tabulator")
    await night.report()
    await consumer.start()
    try:
        partitions = [TopicPartition(ledger, number) for number in range(stack.definition.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        lies = {topic_partition: (end + 5, f"stopped at {end}: a lie") for topic_partition, end in ends.items()}

        async def is_taken() -> bool:
            """Not before the session of the tabulator that was stopped is over."""
            with suppress(CommitFailedError):
                await consumer.commit(lies)
                return True
            return False

        await eventually(is_taken)
    finally:
        await stop_consumer(consumer)

    async def is_named() -> bool:
        health = await _health(client)
        assert health["status"] != "stopped"
        return any(f"{group} (committed)/0: " in line and "no seal" in line for line in health["alarms"])

    await eventually(is_named)
    await stack.start("tabulator")
    await night.counts()


async def test_keys_change_by_overlap_during_the_count(stack: Stack, night: Night, client: httpx.AsyncClient) -> None:
    """The steps of docs/operations.md, without a worker started again; a seal of the new key is in use at the end."""
    path = _settings(stack).workers_key
    before = {role: stack.supervisor.process_id(role) for role in WORKERS}
    alarms = (await _health(client))["alarms"]
    [old] = read_seal_keys(path)
    for arguments in (["--add"], ["--use-newest"]):
        done = CliRunner().invoke(command, ["keys", "workers", str(path), *arguments])
        assert done.exit_code == 0, done.output
        await asyncio.sleep(1.5)  # LOOK_SECONDS
        await night.report()
        await night.counts()
    new, kept = read_seal_keys(path)
    assert kept == old
    assert await _newest_key(stack) == new.id
    assert {role: stack.supervisor.process_id(role) for role in WORKERS} == before
    # What those keys sealed since is believed: no alarm is new.
    assert {line for line in (await _health(client))["alarms"] if "unknown key" in line} <= set(alarms)
    # Without the old one, what it sealed is not: it stays until a rebuild has made everything anew.
    done = CliRunner().invoke(command, ["keys", "workers", str(path), "--drop-others"])
    assert read_seal_keys(path) == [new]
    await asyncio.sleep(1.5)
    await night.report()
    await night.counts()


async def _newest_key(stack: Stack) -> bytes:
    """The id of the key that sealed the newest block."""
    topic_partition = topics_of(stack.definition.election, 1).subtotals_partition_of("president")
    consumer = plain_consumer(_settings(stack))
    await consumer.start()
    try:
        consumer.assign([topic_partition])
        end = (await consumer.end_offsets([topic_partition]))[topic_partition]
        consumer.seek(topic_partition, end - 1)
        return bytes(dict((await consumer.getone(topic_partition)).headers)[HEADER][:KEY_ID_BYTES])
    finally:
        await stop_consumer(consumer)
