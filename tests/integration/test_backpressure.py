"""Kafka hangs (SIGSTOP): the gateway answers so in time, keeps nothing in memory, and what it acknowledged is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from rekap.operate.stack import Stack
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, history_of, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER_SECONDS_MAX = 15
"""What a client waits here: many times the gateway's bound of one second, far less than 50 submissions in turn."""
STATION = "1.1.1-1"
KEPT_MB_MAX = 40
"""What the API may grow by over three rounds of 40 MB each: far less than if one round were kept."""


stack = stack_of("backpressure", own=("REKAP_KAFKA", "REKAP_WORKERS_KEY"), REKAP_KAFKA_WAIT_MS="1000")


@pytest_asyncio.fixture(loop_scope="module")
async def client(stack: Stack) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=200)
    # On a busy machine this process itself takes seconds to open 200 connections.
    timeout = httpx.Timeout(ANSWER_SECONDS_MAX, connect=60)
    async with httpx.AsyncClient(base_url=stack.url, timeout=timeout, limits=limits) as client:
        yield client


async def test_all_who_wait_are_answered_within_one_bound_not_one_after_the_other(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    """A gateway that was just started asks Kafka first whether the election is open; those questions take turns."""
    await stack.supervisor.restart("api")
    await stack.supervisor.wait_ready("api")
    envelopes = [voices.sign(reported(STATION, version=version)) for version in range(1, 51)]
    stack.supervisor.pause("kafka")
    try:
        answers = await asyncio.gather(*(client.post("/v1/submissions", content=each) for each in envelopes))
        batch = await client.post("/v1/submissions:batch", content=b"\n".join([*envelopes, b"{nonsense"]))
    finally:
        stack.supervisor.resume("kafka")
    assert {(answer.status_code, answer.headers["Retry-After"]) for answer in answers} == {(503, "2")}
    lines = [orjson.loads(line) for line in batch.content.splitlines()]
    assert [line["status"] for line in lines] == [503] * 50 + [422]


async def test_what_cannot_be_kept_is_not_kept_in_memory(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    await _accepted(client, voices.sign(reported("1.1.1-2")))
    stack.supervisor.pause("kafka")
    try:
        await _refused_round(client, voices, 1)
        before = _resident_mb(stack)
        for number in (2, 3, 4):
            await _refused_round(client, voices, number)
        grown = _resident_mb(stack) - before
    finally:
        stack.supervisor.resume("kafka")
    assert grown < KEPT_MB_MAX
    assert (await client.get("/livez")).status_code == 200


async def test_a_gateway_without_a_ledger_is_not_ready_and_alive(stack: Stack, client: httpx.AsyncClient) -> None:
    stack.supervisor.pause("kafka")
    try:
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["title"]) == (503, "Not ready")
        assert "kafka is unreachable" in answer.json()["detail"]
        assert (await client.get("/livez")).status_code == 200
    finally:
        stack.supervisor.resume("kafka")

    async def is_ready() -> bool:
        return (await client.get("/readyz")).status_code == 200

    await eventually(is_ready)


async def test_what_was_acknowledged_before_and_after_is_there(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    stations = ("2.2.1-1", "2.2.1-2", "2.2.2-1", "2.2.2-2")
    envelopes = [voices.sign(reported(station, version=version)) for version in range(1, 101) for station in stations]
    sending = [asyncio.create_task(client.post("/v1/submissions", content=each)) for each in envelopes]
    await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
    stack.supervisor.pause("kafka")
    await asyncio.sleep(2)
    stack.supervisor.resume("kafka")
    acknowledged = [each.json() for each in await asyncio.gather(*sending) if each.status_code in (200, 201)]
    assert acknowledged
    for envelope in envelopes:
        acknowledged.append(await _accepted(client, envelope))

    async def all_stand() -> bool:
        histories = [await history_of(client, station) for station in stations]
        recorded = {(entry["partition"], entry["offset"]) for history in histories for entry in history}
        return {(receipt["partition"], receipt["offset"]) for receipt in acknowledged} <= recorded

    await eventually(all_stand)


async def _accepted(client: httpx.AsyncClient, envelope: bytes) -> dict[str, Any]:
    """The receipt, asked for until Kafka is back."""

    async def receipt() -> Any:
        answer = await client.post("/v1/submissions", content=envelope)
        assert answer.status_code in (200, 201, 503)
        return answer.json() if answer.status_code != 503 else None

    found: dict[str, Any] = await eventually(receipt)
    return found


async def _refused_round(client: httpx.AsyncClient, voices: Voices, number: int) -> None:
    """Two batches of 500 large submissions each, none sent before."""
    images = [{"sha256": "0" * 64, "page": 1, "url": "https://example.org/".ljust(500, "x")}] * 45
    for half in (0, 500):
        lines = [voices.sign(reported("2.1.1-1", (number, half, each)) | {"images": images}) for each in range(500)]
        for start in range(0, 500, 250):  # 250 × 40 kB stay below a batch's 16 MB
            answer = await client.post("/v1/submissions:batch", content=b"\n".join(lines[start : start + 250]))
            statuses = {orjson.loads(line)["status"] for line in answer.content.splitlines()}
            assert statuses == {503}


def _resident_mb(stack: Stack) -> int:
    status = Path(f"/proc/{stack.supervisor.process_id('api')}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) // 1024
