"""Clients of the live feed that go, do not read, or send what makes work: real sockets against the real server."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Literal, cast

import httpx
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from starlette.types import Receive
from websockets.asyncio.client import connect
from websockets.protocol import State

from api.feed import live
from api.feed.admission import SHOWN_OUT_COST
from api.feed.hub.hub import Hub
from api.http import parsing, unread
from api.http.web_socket import BoundedWebSocket
from api.readmodel.read_model import Everything, ReadModel
from rekap.client.live_feed import follow
from schemas.served.feed_cursors import Positions, cursor_of
from schemas.served.live import Subscribe
from tests.support.hub_feed import Feed
from tests.support.ledger import MemoryLedger
from tests.support.live_server import LiveServer, Wire, live_server, masked_frame
from tests.support.small_election import small_package
from tests.support.unread import Unread, kinds, read

DEFINITION = MemoryLedger(small_package(partitions=2)).definition
STREAM = b"GET /v1/live?office=president HTTP/1.1\r\nHost: x\r\n\r\n"
ALIVE = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
TEXT, BINARY, CONTINUED, PING = 1, 2, 0, 9


@pytest_asyncio.fixture
async def server() -> AsyncIterator[LiveServer]:
    async with live_server(DEFINITION) as server:
        yield server


async def _stream(server: LiveServer) -> Wire:
    wire = await server.connect()
    await wire.send(STREAM)
    await wire.read_until(b"event: snapshot")
    return wire


async def test_a_stream_whose_client_goes_keeps_no_subscriber(server: LiveServer) -> None:
    wire = await _stream(server)
    assert b"\nretry: " in wire.seen
    assert server.hub.subscribers == 1
    wire.close()
    await server.until_subscribers(0, seconds=3)


async def test_a_request_behind_a_stream_that_begins_is_refused_with_the_reason(server: LiveServer) -> None:
    wire = await server.connect()
    await wire.send(STREAM + ALIVE)
    answer = await wire.read_until(b"HTTP/1.1 200 OK")
    assert b"HTTP/1.1 400" in answer
    assert b"has no end" in answer
    assert server.hub.subscribers == 0
    wire.close()


async def test_a_request_behind_a_running_stream_ends_it(server: LiveServer) -> None:
    wire = await _stream(server)
    await wire.send(ALIVE)
    await wire.read_to_end()
    await server.until_subscribers(0, seconds=1)


async def test_a_stream_whose_bulletins_have_no_room_gives_back_what_it_has_begun() -> None:
    hub = Hub(DEFINITION, 1, heartbeat_s=1, subscriptions_of_address=2)
    hub.begin(Positions(0, (0,)))
    async with live_server(DEFINITION, hub=hub) as server:
        for _ in range(3):
            wire = await server.connect()
            await wire.send(STREAM.replace(b"president ", b"president&bulletins=all "))
            assert b"HTTP/1.1 200" in await wire.read_until(b"no more subscriptions here")
            assert b"\nretry: " in wire.seen
            wire.close()
        assert hub.subscribers == 0
        assert hub.bulletins.is_awaited("health") is None
        wire = await server.connect()
        await wire.send(STREAM.replace(b"president ", b"president&bulletins=health "))
        await wire.read_until(b"event: snapshot")


async def test_a_connection_with_the_descriptor_of_one_that_was_lost_gets_no_frame(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = Feed()
    async with live_server(feed.night.definition, hub=feed.hub) as server:
        lost = await _stream(server)
        [client] = server.feed.clients._all
        descriptor = client.descriptor
        monkeypatch.setattr(client, "has_gone", lambda: None)  # the task of the stream has not noticed yet
        another, holes = socket.socket(), []
        another.setblocking(False)
        lost.close()
        async with asyncio.timeout(5):
            while _is_open(descriptor):
                await asyncio.sleep(0)
        # The server's side of the next connection then has the lowest descriptor that is free.
        while (hole := socket.socket()).fileno() != descriptor:
            holes.append(hole)
        hole.close()
        await asyncio.get_running_loop().sock_connect(another, ("127.0.0.1", server.port))
        wire = Wire(another)
        async with asyncio.timeout(5):
            while not _is_open(descriptor):
                await asyncio.sleep(0)
        feed.report(1)
        await wire.send(ALIVE)
        assert (await wire.read_until(b"{}")).startswith(b"HTTP/1.1 200 OK")
        monkeypatch.undo()
        client.has_gone()
        for each in (another, *holes):
            each.close()


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


async def test_a_thousand_pipelined_streams_that_close_leave_nobody(server: LiveServer) -> None:
    for _ in range(10):
        wires = await asyncio.gather(*(server.connect() for _ in range(100)))
        await asyncio.gather(*(wire.send(STREAM + STREAM) for wire in wires))
        for wire in wires:
            wire.close()
    await server.until_subscribers(0, seconds=5)
    assert await server.answer_seconds() < 1


async def test_an_answer_of_any_kind_learns_of_the_end_of_a_connection_with_a_request_behind_it(
    server: LiveServer,
) -> None:
    """The first of two requests is the one that is being answered, and uvicorn informs only the last."""
    learned = asyncio.Event()

    async def waits(scope: object, receive: Receive, send: object) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        learned.set()

    server.server.config.loaded_app = waits
    wire = await server.connect()
    await wire.send(ALIVE + ALIVE)
    await asyncio.sleep(0.1)
    wire.close()
    async with asyncio.timeout(25):
        await learned.wait()


async def test_thousands_of_requests_in_one_write_end_the_connection(server: LiveServer) -> None:
    wire = await server.connect()
    await wire.send(ALIVE * 2_000)
    assert (await wire.read_to_end()).count(b"HTTP/1.1 200") <= parsing.PIPELINED_MAX + 2


@pytest.mark.parametrize("is_socket", [True, False])
async def test_a_client_that_reads_nothing_is_cut_off(
    server: LiveServer, is_socket: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unread, "SEND_SECONDS_MAX", 1.0)
    wire = await server.connect(receive_bytes=4_096)
    if is_socket:
        await wire.upgrade()
        await wire.send(masked_frame(TEXT, b'{"type":"subscribe","office":"president"}'))
        await wire.read_until(b'"snapshot"')
    else:
        await wire.send(STREAM)
        await wire.read_until(b"event: snapshot")
    (subscriber,) = server.hub._subscribers
    async with asyncio.timeout(20):
        while server.hub.subscribers:
            server.hub.heartbeat()
            await asyncio.sleep(0.001)
    assert subscriber not in server.hub._subscribers
    wire.close()


async def test_pings_that_are_answered_and_not_read_fill_no_memory(server: LiveServer) -> None:
    wire = await server.connect(receive_bytes=4_096)
    await wire.upgrade()
    (connection,) = server.server.server_state.connections
    ping = masked_frame(PING, b"x" * 125) * 500
    largest = 0
    with suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(3):
            while True:
                await wire.send(ping)
                largest = max(largest, connection.transport.get_write_buffer_size())
    assert largest < 256 * 1024
    wire.close()


async def test_frames_without_end_are_shown_out(server: LiveServer) -> None:
    for frame in (
        masked_frame(PING, b""),
        masked_frame(TEXT, b"", fin=False) + masked_frame(CONTINUED, b"", fin=False),
    ):
        wire = await server.connect()
        await wire.upgrade()
        began = asyncio.get_running_loop().time()
        sending = asyncio.create_task(wire.send(frame * 20_000))
        slowest = max([await server.answer_seconds() for _ in range(5)])
        await wire.read_to_end()
        assert asyncio.get_running_loop().time() - began < 10
        assert slowest < 5, "others are answered between its frames, however busy the machine is"
        sending.cancel()
        wire.close()


async def test_a_binary_message_gets_an_answer_and_the_connection_stays_open(server: LiveServer) -> None:
    wire = await server.connect()
    await wire.upgrade()
    await wire.send(masked_frame(BINARY, b'{"type":"subscribe","office":"president"}'))
    await wire.read_until(b"commands are JSON in text messages")
    await wire.send(masked_frame(TEXT, b'{"type":"subscribe","office":"president"}'))
    await wire.read_until(b'"snapshot"')
    wire.close()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (masked_frame(3, b""), 1002),
        (masked_frame(TEXT, b"\xff"), 1007),
        (masked_frame(TEXT, b"x" * 20_000), 1009),
        (masked_frame(CONTINUED, b"x"), 1002),
    ],
)
async def test_a_frame_that_must_not_be_gets_a_close_code(server: LiveServer, frame: bytes, code: int) -> None:
    wire = await server.connect()
    await wire.upgrade()
    await wire.send(frame)
    assert code.to_bytes(2, "big") in await wire.read_to_end()
    await server.until_subscribers(0, seconds=2)


async def test_a_command_with_thousands_of_mistakes_is_answered_with_one(server: LiveServer) -> None:
    wire = await server.connect()
    await wire.upgrade()
    command = {"type": "subscribe", "office": "president", **{f"{number}": 0 for number in range(1_000)}}
    await wire.send(masked_frame(TEXT, json.dumps(command).encode()))
    await wire.read_until(b"1,002 fields; a command has at most")
    wire.close()


async def test_a_stream_that_is_asked_for_while_the_feed_begins_is_held_until_it_has() -> None:
    async with live_server(DEFINITION, begun=False) as server:
        wire = await server.connect()
        await wire.send(STREAM)
        await asyncio.sleep(0.3)
        assert wire.seen == b""
        async with live_server(DEFINITION) as other:
            server.feed.show(other.hub)
            await wire.read_until(b"event: snapshot")
        wire.close()


async def test_a_feed_that_begins_behind_kafka_shows_no_client_an_older_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The read model is behind, and Kafka gives no message: a client with a newer cursor waits beyond two heartbeats."""

    class Behind:
        async def everything(self, _: int) -> Everything:
            return Everything({}, {}, {}, [], [], {})

    class NothingComes:
        async def start(self) -> None: ...

        async def end_offsets(self, sources: list[TopicPartition]) -> dict[TopicPartition, int]:
            return {source: 7 + number for number, source in enumerate(sources)}

        def assign(self, _: object) -> None: ...

        def seek(self, *_: object) -> None: ...

    async def nothing(*_: object) -> None: ...

    monkeypatch.setattr(live, "plain_consumer", lambda _: NothingComes())
    monkeypatch.setattr(live, "read_back", nothing)
    async with live_server(DEFINITION, begun=False) as server:
        server.feed._read = cast(ReadModel, Behind())
        await server.feed._begin()
        sources = len(server.hub.positions.subtotals)
        reached = Positions(7, tuple(8 + number for number in range(sources)))
        subscriber = server.hub.join(Unread(1_000), lambda: None)
        server.hub.subscribe(subscriber, Subscribe(office="president", cursor=cursor_of(reached, DEFINITION.hash)))
        for _ in range(4):
            server.hub.heartbeat()
        assert kinds(read(subscriber)) == ["hello"]


async def test_a_stream_without_a_slot_ends_with_200_and_retry() -> None:
    async with live_server(DEFINITION, live_clients=1) as server:
        first = await _stream(server)
        second = await server.connect()
        await second.send(STREAM)
        answer = await second.read_until(b"retry: 10", seconds=10)
        assert answer.startswith(b"HTTP/1.1 200")
        first.close()
        second.close()


async def test_one_address_does_not_take_all_slots() -> None:
    async with live_server(DEFINITION, live_clients=4, live_clients_per_address=2) as server:
        mine = [await server.connect(source="127.0.0.2") for _ in range(3)]
        for wire in mine[:2]:
            await wire.upgrade()
        await mine[2].upgrade(until=b"your address has 2 already")
        assert b"\x03\xf5" in mine[2].seen  # 1013
        stream = await _stream(server)
        mine[0].close()
        await server.until_subscribers(2, seconds=3)
        again = await server.connect(source="127.0.0.2")
        await again.upgrade()
        stream.close()


async def test_one_that_connects_over_and_over_is_slowed_down_and_others_are_not() -> None:
    async with live_server(DEFINITION, live_clients_per_address=10) as server:
        is_admitted, admitted = True, 0
        while is_admitted:
            wire = await server.connect(source="127.0.0.2")
            began = asyncio.get_running_loop().time()
            is_admitted = await wire.upgrade_if_admitted()
            wire.close()
            admitted += is_admitted
            # Two a second are admitted besides, so a busy machine admits more before one is refused.
            assert admitted < 200
        assert admitted >= 20
        assert asyncio.get_running_loop().time() - began > 0.9
        (await _stream(server)).close()


@pytest.mark.parametrize("flood", [masked_frame(PING, b"") * 400, masked_frame(TEXT, b"nonsense") * 30])
async def test_one_that_is_shown_out_again_and_again_is_slowed_down_and_others_are_not(flood: bytes) -> None:
    async with live_server(DEFINITION, live_clients_per_address=100) as server:
        shown_out = 0
        while await (wire := await server.connect(source="127.0.0.2")).upgrade_if_admitted():
            await wire.send(flood)
            await wire.read_until(b"\x03\xf0")  # 1008
            wire.close()
            await server.until_subscribers(0, seconds=3)
            shown_out += 1
            # The address earns 20 connections a second, so a busy machine sees more floods before one is refused.
            assert shown_out < 10 * 200 // SHOWN_OUT_COST
        assert shown_out >= 200 // SHOWN_OUT_COST - 1
        wire.close()
        (await _stream(server)).close()


async def test_a_browser_that_kept_a_cursor_of_another_feed_gets_a_stream_and_the_newest_state(
    server: LiveServer,
) -> None:
    """It cannot drop its `Last-Event-ID`: an error would end it for good."""
    for kept in (b"nonsense", b"x" * 10_000):
        wire = await server.connect()
        await wire.send(STREAM[:-2] + b"Last-Event-ID: " + kept + b"\r\n\r\n")
        seen = await wire.read_until(b"event: snapshot")
        assert seen.startswith(b"HTTP/1.1 200")
        assert b"cursor-too-old" in seen
        wire.close()


async def test_a_large_channel_comes_in_parts_by_socket_and_by_stream() -> None:
    hub = Hub(DEFINITION, 1, heartbeat_s=1, part_bytes=2_000)
    hub.begin(Positions(0, (0,)), cuts={"president": (0,) * DEFINITION.partitions})
    async with live_server(DEFINITION, hub=hub) as server:
        wire = await server.connect()
        await wire.send(STREAM)
        assert (await wire.read_until(b'"cursor"')).count(b'"more":true') > 1
        messages = []
        async for message in follow(f"http://127.0.0.1:{server.port}", office="president"):
            messages.append(message)
            if message["type"] == "snapshot":
                break
        assert {tally["area"] for tally in messages[-1]["areas"]} == {"N", "1", "2"}
        assert "cursor" in messages[-1]


@pytest.mark.parametrize("compression", ["deflate", None])
async def test_a_client_of_the_library_reads_the_same_with_and_without_compression(
    server: LiveServer, compression: Literal["deflate"] | None
) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/v1/live", compression=compression) as socket:
        assert "permessage-deflate" in str(socket.response and socket.response.headers) or compression is None
        await socket.send('{"type":"subscribe","office":"president"}' + " " * 500)
        messages = [json.loads(await socket.recv()) for _ in range(2)]
        server.hub.heartbeat()
        assert [message["type"] for message in messages] == ["hello", "snapshot"]
        assert json.loads(await socket.recv())["type"] == "heartbeat"


async def test_a_client_that_is_shown_out_is_closed_at_once_however_much_it_has_sent(server: LiveServer) -> None:
    """What it sent before its own close is in the way of that, and must still be read."""
    wire = await server.connect()
    await wire.upgrade()
    await wire.send(masked_frame(TEXT, b"nonsense") * 60)
    await wire.read_until(b"\x03\xf0")  # 1008
    began = asyncio.get_running_loop().time()
    await wire.send(masked_frame(8, b"\x03\xf0"))
    await wire.read_to_end()
    assert asyncio.get_running_loop().time() - began < 3


async def test_a_server_that_ends_while_a_client_closes_its_connection_closes_all_others_too(
    server: LiveServer,
) -> None:
    closing, other = await server.connect(), await server.connect()
    await closing.upgrade()
    protocols = server.server.server_state.connections
    (of_closing,) = (each for each in protocols if isinstance(each, BoundedWebSocket))
    await other.upgrade()
    await closing.send(masked_frame(8, b"\x03\xe8"))
    async with asyncio.timeout(5):
        while of_closing.conn.state is State.OPEN:
            await asyncio.sleep(0)
    for each in (of_closing, *protocols):  # as uvicorn does
        each.shutdown()
    assert b"\x03\xf4" in await other.read_to_end(), "1012"
    await server.until_subscribers(0, seconds=5)


async def _poll(server: LiveServer, **parameters: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=30) as client:
        answer = await client.get("/v1/changes", params={"office": "president", **parameters})
        return {"status": answer.status_code, **answer.json()}


async def test_a_poll_has_a_snapshot_at_once_and_then_waits_for_the_next_message(server: LiveServer) -> None:
    first = await _poll(server)
    (snapshot,) = first["messages"]
    assert (first["status"], snapshot["type"]) == (200, "snapshot")
    (heartbeat,) = (await _poll(server, since=snapshot["cursor"]))["messages"]
    assert (heartbeat["type"], heartbeat["cursor"]) == ("heartbeat", snapshot["cursor"])
    await server.until_subscribers(0, seconds=5)


async def test_a_poll_that_cannot_be_followed_names_the_field(server: LiveServer) -> None:
    assert (await _poll(server, since="nonsense"))["field"] == "since"
    assert (await _poll(server, area="9"))["status"] == 404
    assert server.hub.subscribers == 0


async def test_a_poll_in_parts_is_one_answer() -> None:
    hub = Hub(DEFINITION, 1, heartbeat_s=1, part_bytes=2_000)
    hub.begin(Positions(0, (0,)), cuts={"president": (0,) * DEFINITION.partitions})
    async with live_server(DEFINITION, hub=hub) as server:
        messages = (await _poll(server))["messages"]
        assert len(messages) > 1
        assert [message.get("more", False) for message in messages] == [True] * (len(messages) - 1) + [False]


async def test_a_poll_ends_with_the_feed_or_with_its_client(server: LiveServer) -> None:
    cursor = (await _poll(server))["messages"][0]["cursor"]
    wire = await server.connect()
    await wire.send(b"GET /v1/changes?office=president&since=%b HTTP/1.1\r\nHost: x\r\n\r\n" % cursor.encode())
    await server.until_subscribers(1, seconds=5)
    wire.close()
    await server.until_subscribers(0, seconds=5)
    waiting = asyncio.create_task(_poll(server, since=cursor))
    await server.until_subscribers(1, seconds=5)
    server.feed.end_clients()
    assert (await waiting)["status"] == 200
    assert server.hub.subscribers == 0


async def test_a_poll_without_a_slot_is_503() -> None:
    async with live_server(DEFINITION, live_clients=1) as server:
        stream = await _stream(server)
        answer = await _poll(server)
        assert (answer["status"], "no room" in answer["detail"]) == (503, True)
        stream.close()
