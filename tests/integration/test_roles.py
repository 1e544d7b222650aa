"""The API in three roles behind one address: each can be killed, and the others do not notice."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from rekap.client.live_feed import feed_url, follow
from rekap.operate.stack import WORKERS_APART, Stack
from runtime.settings import variable
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLES = ("gateway", "feed", "read")


stack = stack_of("roles", workers=WORKERS_APART, REKAP_LIVE_HEARTBEAT_S="1")


def _address(stack: Stack, role: str) -> str:
    return f"http://127.0.0.1:{stack.of_role[role][variable('port')]}"


async def _health(stack: Stack) -> dict[str, Any]:
    async with httpx.AsyncClient() as client:
        return dict((await client.get(f"{stack.url}/v1/health")).json())


async def _status(stack: Stack) -> str:
    with suppress(httpx.HTTPError):
        return str((await _health(stack))["status"])
    return "away"


async def _is_well(stack: Stack) -> bool:
    return await _status(stack) == "ok"


async def test_one_address_serves_all_roles_over_one_connection(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    await eventually(lambda: _is_well(stack))
    receipt = await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-1", (7, 8, 9))))
    assert receipt.status_code == 201

    async def is_counted() -> bool:
        return bool((await client.get("/v1/contests/president")).json()["tally"]["stations"]["counted"] == 1)

    await eventually(is_counted)
    async with client.stream("GET", "/v1/live", params={"office": "president"}) as stream:
        lines = stream.aiter_lines()
        assert [(await anext(lines)).split(": ")[0] for _ in range(2)] == ["retry", "event"]
    key = (await client.get("/v1/gateway")).json()["gateway_key"]
    assert key.startswith("rekap/rehearsal/roles/gateway-1+")
    assert (await client.get("/docs")).status_code == 200


async def test_health_is_of_the_process_that_is_asked_and_of_all_at_the_one_address(stack: Stack) -> None:
    async with httpx.AsyncClient() as client:
        for role in ROLES:
            address = _address(stack, role)
            health = (await client.get(f"{address}/v1/health")).json()
            assert health["roles"] == [role]
            assert ("live" in health["stages"]) == (role in ("feed", "read"))
            assert (await client.get(f"{address}/readyz")).status_code == 200
            metrics = (await client.get(f"{address}/metrics")).text
            assert ("rekap_live_clients " in metrics) == (role == "feed")
            assert ("rekap_gateway_answers_total" in metrics) == (role == "gateway")
    await eventually(lambda: _is_well(stack))  # a group may still be being formed
    health = await _health(stack)
    assert health["roles"] == ["read"]
    assert health["peers"] == {_address(stack, role): "ok" for role in ("gateway", "feed")}
    assert health["stages"]["live"]["state"] == "following"
    assert (health["stages"]["live"]["workers"], health["stages"]["gateway"]["workers"]) == (1, 1)


async def test_each_role_refuses_what_it_does_not_serve_and_names_the_role_that_does(stack: Stack) -> None:
    async with httpx.AsyncClient() as client:
        for role, method, path, other in (
            ("gateway", "GET", "/v1/contests/president", "read"),
            ("feed", "POST", "/v1/submissions", "gateway"),
            ("read", "GET", "/v1/live?office=president", "feed"),
        ):
            answer = await client.request(method, f"{_address(stack, role)}{path}")
            assert (answer.status_code, answer.json()["role"]) == (421, other)
    with pytest.raises(InvalidStatus) as refused:
        await connect(feed_url(_address(stack, "gateway")))
    assert refused.value.response.status_code == 421


async def test_a_feed_that_is_killed_is_its_clients_reconnect_and_they_miss_nothing(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    """Clients follow while the feed is killed twice, and submissions and reads are answered."""
    seen: list[dict[str, Any]] = []
    newest: list[dict[str, int]] = [{} for _ in range(5)]

    async def following(number: int) -> None:
        async for message in follow(stack.url, office="president"):
            assert message["type"] != "gap", "the feed reads back what it needs"
            if message["type"] == "lost":
                seen.append(message)
            elif message["type"] in ("snapshot", "change"):
                for partition, offset in message["as_of"].items():
                    assert offset >= newest[number].get(partition, -1), "no step back"
                newest[number] = message["as_of"]

    followers = [asyncio.create_task(following(number)) for number in range(len(newest))]
    try:
        last: dict[str, Any] = {}
        for number, station in enumerate(("1.1.2-1", "1.2.1-1", "1.2.1-2", "2.1.1-1", "2.2.1-1", "2.2.2-1")):
            answer = await client.post("/v1/submissions", content=voices.sign(reported(station)))
            assert answer.status_code == 201
            last = answer.json()
            if number in (1, 3):
                await stack.supervisor.kill("feed")
                assert (await client.get("/v1/contests/president")).status_code == 200
                await stack.supervisor.wait_ready("feed")

        async def have_all() -> bool:
            return all(each.get(str(last["partition"]), -1) >= last["offset"] for each in newest)

        await eventually(have_all)
        assert len(seen) >= len(newest), "they were cut off"
    finally:
        for task in followers:
            task.cancel()
        await asyncio.gather(*followers, return_exceptions=True)
    await eventually(lambda: _is_well(stack))


async def test_without_the_read_role_receipts_and_the_feed_continue(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    async with connect(feed_url(stack.url)) as socket:
        await socket.send('{"type":"subscribe","office":"president"}')
        await stack.supervisor.stop("read")
        refused = await client.get("/v1/contests/president")
        assert (refused.status_code, refused.json()["role"]) == (503, "read")
        receipt = (await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-2")))).json()
        async with asyncio.timeout(20):
            async for text in socket:
                message = json.loads(text)
                if message.get("as_of", {}).get(str(receipt["partition"]), -1) >= receipt["offset"]:
                    break
    await stack.start("read")
    await eventually(lambda: _is_well(stack))


async def test_without_the_feed_health_names_it_and_its_clients_are_asked_to_come_back(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    await stack.supervisor.stop("feed")
    answer = await client.get("/v1/live", params={"office": "president"})
    assert (answer.status_code, answer.text) == (200, "retry: 2000\n\n")
    with pytest.raises(WebSocketException):
        await connect(feed_url(stack.url))
    assert (await client.post("/v1/submissions", content=voices.sign(reported("1.1.2-2")))).status_code == 201

    async def is_degraded() -> bool:
        health = await _health(stack)
        return bool(health["status"] == "degraded" and health["without_worker"] == ["live"])

    await eventually(is_degraded)
    await stack.start("feed")
    await eventually(lambda: _is_well(stack))


async def test_connections_stay_while_the_front_is_killed(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    async with connect(feed_url(stack.url)) as socket, httpx.AsyncClient(base_url=stack.url) as submitter:
        await socket.send('{"type":"subscribe","office":"president"}')
        assert (await submitter.post("/v1/submissions", content=b"{}")).status_code == 422
        await stack.supervisor.kill("front")
        receipt = (await submitter.post("/v1/submissions", content=voices.sign(reported("1.1.1-1", version=2)))).json()
        async with asyncio.timeout(20):
            async for text in socket:
                message = json.loads(text)
                if message.get("as_of", {}).get(str(receipt["partition"]), -1) >= receipt["offset"]:
                    break
        await stack.supervisor.wait_ready("front")
    await eventually(lambda: _is_well(stack))
