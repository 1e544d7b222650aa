"""The live feed over real sockets: snapshot, changes, resuming on another connection, another process, and by SSE."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from rekap.client.live_feed import feed_url
from rekap.operate.stack import Stack
from schemas.served.live import FROM_SERVER
from tests.support.small_election import reported, reviewed
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


stack = stack_of("live-feed", REKAP_LIVE_HEARTBEAT_S="1")


async def _send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def _receive(socket: ClientConnection, *kinds: str, seconds: float = 20) -> dict[str, Any]:
    """The next message of one of these kinds. Every message on the way must have its documented shape."""
    async with asyncio.timeout(seconds):
        async for text in socket:
            FROM_SERVER.validate_json(text)
            message: dict[str, Any] = json.loads(text)
            if message["type"] in kinds:
                return message
    raise AssertionError(f"the connection ended before {kinds}")


def _tally(message: dict[str, Any], area: str) -> dict[str, Any]:
    (found,) = [tally for tally in message["areas"] if tally["area"] == area]
    return dict(found)


async def _until_it_follows(client: httpx.AsyncClient) -> None:
    async def is_following() -> bool:
        health = (await client.get("/v1/health")).json()
        return bool(health["stages"]["live"]["state"] == "following" and health["stages"]["live"]["lag_records"] == 0)

    await eventually(is_following)


async def test_a_submission_is_on_the_feed_of_its_areas_and_of_no_other(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    await _until_it_follows(client)
    async with connect(feed_url(stack.url)) as nation, connect(feed_url(stack.url)) as elsewhere:
        await _send(nation, type="subscribe", id="mine", office="president")
        await _send(elsewhere, type="subscribe", office="president", area="2")
        snapshot = await _receive(nation, "snapshot")
        assert (snapshot["id"], snapshot["channel"]) == ("mine", "president/area/N")
        while not snapshot["areas"]:  # the roll-up had not published yet, and its first result is a snapshot again
            snapshot = await _receive(nation, "snapshot")
        before = _tally(snapshot, "N")["stations"]["counted"]
        await _receive(elsewhere, "snapshot")

        receipt = (await client.post("/v1/submissions", content=voices.sign(reported("1.1.1-1", (7, 8, 9))))).json()
        change = await _receive(nation, "change")
        while change["as_of"].get(str(receipt["partition"]), -1) < receipt["offset"]:
            change = await _receive(nation, "change")
        assert _tally(change, "N")["stations"]["counted"] == before + 1
        assert _tally(change, "1")["counted"]["votes"] == {"01": 7, "02": 8, "03": 9}
        (contest,) = change["contests"]
        assert (contest["results_status"], contest["leaders"]) == ("unofficial-partial", ["03"])
        quiet = await _receive(elsewhere, "heartbeat", "change")
        while quiet["type"] == "change" and not quiet["areas"]:
            quiet = await _receive(elsewhere, "heartbeat", "change")
        assert quiet["type"] == "heartbeat"


async def test_below_the_shard_level_stations_are_sent_too(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    async with connect(feed_url(stack.url)) as socket:
        await _send(socket, type="subscribe", office="president", area="1.2.1", stations=True)
        snapshot = await _receive(socket, "snapshot")
        assert snapshot["below_complete"]
        await client.post("/v1/submissions", content=voices.sign(reported("1.2.1-1", (1, 1, 1))))
        change = await _receive(socket, "change")
        while not change["stations"]:
            change = await _receive(socket, "change")
        (station,) = change["stations"]
        assert (station["station"], station["state"]) == ("1.2.1-1", "counted")
        assert _tally(change, "1.2.1")["counted"]["total"] == 4


async def test_checkpoints_and_health_are_on_the_same_connection(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    async with connect(feed_url(stack.url)) as socket:
        await _send(socket, type="follow", bulletin="checkpoints")
        await _send(socket, type="follow", bulletin="health")
        assert (await _receive(socket, "health"))["health"]["stages"]["live"]["state"] == "following"
        receipt = (await client.post("/v1/submissions", content=voices.sign(reported("1.1.2-1", (1, 2, 3))))).json()
        newest: dict[str, Any] = {}
        while newest.get("size", 0) <= receipt["offset"]:
            for log in (await _receive(socket, "checkpoints"))["logs"]:
                newest = log if log["partition"] == receipt["partition"] else newest
        assert newest["note"] == (await client.get(f"/log/{receipt['partition']}/checkpoint")).text


async def test_a_stream_of_events_has_the_bulletins_that_its_address_names(
    stack: Stack, client: httpx.AsyncClient
) -> None:
    async def kinds(bulletins: str, wanted: set[str]) -> set[str]:
        seen: set[str] = set()
        parameters = {"office": "president", "bulletins": bulletins}
        async with asyncio.timeout(20), client.stream("GET", "/v1/live", params=parameters) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    seen.add(line.removeprefix("event: "))
                if wanted <= seen:
                    break
        return seen

    assert "checkpoints" not in await kinds("health", {"snapshot", "health"})
    assert {"health", "checkpoints"} <= await kinds("all", {"snapshot", "health", "checkpoints"})
    refused = await client.get("/v1/live", params={"office": "president", "bulletins": "weather"})
    assert refused.status_code == 422
    assert refused.json()["field"] == "query.bulletins"


async def test_a_client_continues_after_its_cursor_and_misses_nothing(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    async with connect(feed_url(stack.url)) as socket:
        await _send(socket, type="subscribe", office="president")
        cursor = (await _receive(socket, "snapshot"))["cursor"]
        receipt = (await client.post("/v1/submissions", content=voices.sign(reported("2.1.1-1", (5, 5, 5))))).json()
        while (await _receive(socket, "change"))["as_of"].get(str(receipt["partition"]), -1) < receipt["offset"]:
            pass
    async with connect(feed_url(stack.url)) as socket:
        await _send(socket, type="subscribe", office="president", cursor=cursor)
        message = await _receive(socket, "change", "snapshot", "gap")
        while message["as_of"].get(str(receipt["partition"]), -1) < receipt["offset"]:
            assert message["type"] == "change"
            message = await _receive(socket, "change", "snapshot", "gap")
        assert message["type"] == "change"
        assert _tally(message, "2")["counted"]["votes"] == {"01": 5, "02": 5, "03": 5}


async def test_after_a_crash_of_the_server_a_client_gets_what_it_missed_and_no_gap(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    async with connect(feed_url(stack.url)) as socket:
        await _send(socket, type="subscribe", office="president")
        snapshot = await _receive(socket, "snapshot")
    await client.post("/v1/submissions", content=voices.sign(reported("2.2.1-1", (3, 3, 3))))
    await stack.supervisor.kill("api")
    await stack.supervisor.wait_ready("api")
    await _until_it_follows(client)
    async with connect(feed_url(stack.url)) as socket:
        await _send(socket, type="subscribe", office="president", cursor=snapshot["cursor"])
        message = await _receive(socket, "change", "snapshot", "gap")
        while message["type"] == "change" and not _has(message, "2", 8):
            message = await _receive(socket, "change", "snapshot", "gap")
        assert message["type"] == "change"


def _has(message: dict[str, Any], area: str, votes: int) -> bool:
    return any(tally["area"] == area and tally["counted"]["votes"]["01"] == votes for tally in message["areas"])


@pytest.mark.parametrize(
    ("command", "status", "field"),
    [
        ({"type": "subscribe", "office": "mayor"}, 404, "office"),
        ({"type": "subscribe", "office": "president", "area": "9"}, 404, "area"),
        ({"type": "subscribe", "office": "president", "level": "station"}, 404, "level"),
        ({"type": "subscribe", "office": "president", "area": "1", "level": "district"}, 400, "level"),
        ({"type": "subscribe", "office": "president", "cursor": "nonsense"}, 400, "cursor"),
        ({"type": "subscribe"}, 400, "office"),
        ({"type": "unsubscribe", "id": "none"}, 404, "id"),
        ({"type": "dance"}, 400, None),
    ],
)
async def test_a_command_that_cannot_be_followed_is_answered_with_the_field_and_the_reason(
    stack: Stack, command: dict[str, str], status: int, field: str | None
) -> None:
    async with connect(feed_url(stack.url)) as socket:
        await _send(socket, **command)
        error = await _receive(socket, "error")
        assert (error["status"], error["field"]) == (status, field)
        await _send(socket, type="subscribe", office="president")
        await _receive(socket, "snapshot")


async def test_one_who_makes_only_mistakes_is_shown_out(stack: Stack) -> None:
    async with connect(feed_url(stack.url)) as socket:
        for _ in range(30):
            await socket.send("nonsense")
        async with asyncio.timeout(10):
            with suppress(ConnectionClosedError):
                while True:  # a client that does not read what it is answered never comes to the closing
                    await socket.recv()
        assert socket.close_code == 1008


async def test_server_sent_events_have_the_same_and_continue_after_the_last_id(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    async def first_event(wanted: str, headers: dict[str, str]) -> dict[str, str]:
        event: dict[str, str] = {}
        async with client.stream("GET", "/v1/live", params={"office": "president"}, headers=headers) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            async for line in response.aiter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    event[name] = value
                elif event["event"] == wanted and json.loads(event["data"])["areas"]:
                    return event
        raise AssertionError("the stream ended")

    snapshot = await first_event("snapshot", {})
    await client.post("/v1/submissions", content=voices.sign(reported("2.2.2-1", (1, 2, 1))))
    change = await first_event("change", {"Last-Event-ID": snapshot["id"]})
    assert "2" in {tally["area"] for tally in json.loads(change["data"])["areas"]}
    refused = await client.get("/v1/live", params={"office": "mayor"})
    assert (refused.status_code, refused.json()["field"]) == (404, "office")


async def test_an_api_that_ends_does_not_wait_for_its_listeners(stack: Stack) -> None:
    """A feed has no end: while it is waited for, nobody new is let in, and then it is cut off in the middle of a message."""
    async with (
        httpx.AsyncClient(base_url=stack.url, timeout=20) as listener,
        listener.stream("GET", "/v1/live", params={"office": "president"}) as stream,
        connect(feed_url(stack.url)) as socket,
    ):
        await _send(socket, type="subscribe", office="president")
        await _receive(socket, "snapshot")
        lines = stream.aiter_lines()
        assert [(await anext(lines)).split(": ")[0] for _ in range(2)] == ["retry", "event"]
        began = time.monotonic()
        await stack.supervisor.stop("api")
        assert time.monotonic() - began < 4
        assert [line async for line in lines][-1] == "", "the last message is whole"
        with pytest.raises(ConnectionClosedError):
            await _receive(socket, "nothing")
    await stack.start("api")


async def test_held_results_come_as_they_are_held_and_all_of_them_to_one_that_comes_later(
    stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    station = "2.2.2-2"
    await _until_it_follows(client)
    async with connect(feed_url(stack.url)) as socket:
        await _send(socket, type="subscribe", office="president", area="2", held=True, fields="totals")
        assert (await _receive(socket, "snapshot"))["held_complete"]
        answer = await client.post("/v1/submissions", content=voices.sign(reported(station, (1, 2, 3), VA=99)))
        while not (change := await _receive(socket, "change")).get("held"):
            pass
        (row,) = change["held"]
        assert (row["station"], row["state"], row["offset"]) == (station, "held", answer.json()["offset"])

    # What the read model has is what the feed of another process begins with.
    async def is_recorded() -> bool:
        listed = (await client.get("/v1/areas/2/stations", params={"contest": "president", "state": "held"})).json()
        return [each["station"] for each in listed["stations"]] == [station]

    await eventually(is_recorded)
    await stack.supervisor.kill("api")
    await stack.supervisor.wait_ready("api")
    await _until_it_follows(client)
    async with connect(feed_url(stack.url)) as socket:
        await _send(socket, type="subscribe", office="president", area="2", held=True, cursor=change["cursor"])
        message = await _receive(socket, "change", "snapshot", "gap")
        assert message["held_whole"]
        assert [{**each, "review": None} for each in message["held"]] == [{**row, "review": None}]
        await client.post(
            "/v1/submissions", content=voices.sign(reviewed(station, row["event"], "accepted"), "reviewer")
        )
        while not (change := await _receive(socket, "change")).get("held"):
            pass
        (row,) = change["held"]
        assert (row["station"], row["state"], row["review"]["decision"]) == (station, "flagged", "accepted")
