"""Frames are bounded whatever they hold, and a handshake ends, one way or the other."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any, cast

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from api.http.connection import CONNECTION
from api.http.connections import Connections
from api.http.corked import Corked
from api.http.fair_turns import FairTurns
from api.http.protocol import BoundedProtocol
from api.http.unread import SEND_SECONDS_MAX
from api.http.web_socket import FRAMES_MAX, HANDSHAKE_SECONDS_MAX, BoundedWebSocket, handshake_problem
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals
from tests.unit.api.http.test_protocol import Transport, later, refusal, settled

HANDSHAKE = (
    b"GET /v1/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
MASK = b"\0\0\0\0"
PING, EMPTY_TEXT, EMPTY_PART, EMPTY_CONTINUATION = (bytes([first, 0x80]) + MASK for first in (0x89, 0x81, 0x01, 0x00))
CLOSE_FRAME = b"\x88"


@dataclass
class Server:
    """Its app takes messages as long as it may."""

    connections: Connections = field(default_factory=lambda: Connections(10, 4, Refusals()))
    received: list[Any] = field(default_factory=list)
    takes: asyncio.Event = field(default_factory=asyncio.Event)
    turns: FairTurns = field(default_factory=lambda: FairTurns(0.01))

    def connect(self) -> tuple[BoundedWebSocket, Transport]:
        config = uvicorn.Config(self._app, log_config=None, lifespan="off", interface="asgi3", proxy_headers=False)
        config.ws_max_size = 1_000
        socket = BoundedWebSocket(self.connections, TrustedProxies(), self.turns, config, ServerState(), {})
        transport = Transport("198.51.100.7")
        socket.connection_made(Corked(cast(asyncio.Transport, transport)))
        return socket, transport

    async def open(self) -> tuple[BoundedWebSocket, Transport]:
        socket, transport = self.connect()
        socket.data_received(HANDSHAKE)
        await settled()
        assert transport.sent.startswith(b"HTTP/1.1 101 ")
        transport.sent = b""
        return socket, transport

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await self.takes.wait()
            message = await receive()
            self.received.append(message)
            if message["type"] == "websocket.disconnect":
                return


async def test_pings_are_answered() -> None:
    socket, transport = await Server().open()
    socket.data_received(PING * 10)
    await settled()
    assert transport.sent == b"\x8a\x00" * 10


async def test_more_frames_than_anybody_needs_end_the_connection() -> None:
    for frame in (PING, b"\x8a\x80" + MASK, EMPTY_TEXT):
        server = Server()
        server.takes.set()
        socket, transport = await server.open()
        socket.data_received(frame * (FRAMES_MAX + 1))
        for _ in range(3 * FRAMES_MAX):
            await asyncio.sleep(0)
        assert transport.sent[-40:].find(b"frames in 10 s") > 0, frame
        assert transport.is_closed


async def test_pings_of_one_who_does_not_read_get_no_answer() -> None:
    socket, transport = await Server().open()
    socket.pause_writing()
    assert not transport.is_reading
    socket.data_received(PING * 10)
    await settled()
    assert transport.sent == b""
    socket.resume_writing()
    await settled()
    assert transport.sent == b"\x8a\x00" * 10
    assert transport.is_reading


async def test_empty_fragments_have_a_bound() -> None:
    socket, transport = await Server().open()
    socket.data_received(EMPTY_PART + EMPTY_CONTINUATION * 100)
    await settled()
    for _ in range(20):
        await asyncio.sleep(0)
    assert b"fragments of one message" in transport.sent
    assert transport.is_closed


async def test_messages_wait_unread_until_the_app_takes_them() -> None:
    server = Server()
    socket, transport = await server.open()
    socket.data_received(b"\x81\x81" + MASK + b"x" + (b"\x81\x81" + MASK + b"y") * 200)
    await settled()
    assert not transport.is_reading
    assert socket.queue.qsize() < 300
    server.takes.set()
    for _ in range(2_000):
        await asyncio.sleep(0)
    assert [message["text"] for message in server.received] == ["x"] + ["y"] * 200
    assert transport.is_reading


async def test_a_handshake_that_the_library_cannot_read_is_400() -> None:
    socket, transport = Server().connect()
    socket.data_received(b"GET /v1/live HTTP/1.1\r\nx: " + b"y" * 9_000 + b"\r\n\r\n")
    await settled()
    assert refusal(transport)[0] == 400
    assert transport.is_closed


@pytest.mark.parametrize(
    ("changed", "to", "status", "detail"),
    [
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"", 400, "Sec-WebSocket-Key is missing."),
        (b"dGhlIHNhbXBsZSBub25jZQ==", b"c2hvcnQ=", 400, "Sec-WebSocket-Key is not valid."),
        (b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 8", 426, "its version differs."),
        (b"Connection: Upgrade", b"Connection: close", 426, "Connection is not valid."),
        (b"GET", b"PUT", 405, "16 bytes in base64."),
        (b"HTTP/1.1", b"HTTP/1.0", 505, "16 bytes in base64."),
    ],
)
async def test_a_handshake_that_is_not_one_is_refused_with_a_problem_that_names_the_fault(
    changed: bytes, to: bytes, status: int, detail: str
) -> None:
    socket, transport = Server().connect()
    assert changed in HANDSHAKE
    socket.data_received(HANDSHAKE.replace(changed, to))
    await settled()
    found, problem = refusal(transport)
    assert found == problem["status"] == status
    assert problem["detail"].endswith(detail)
    assert (b"sec-websocket-version: 13\r\n" in transport.sent.lower()) == ("version" in detail)


async def test_a_handshake_for_an_address_without_a_feed_is_404() -> None:
    async def closes(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close"})

    socket, transport = Server().connect()
    socket.app = closes
    socket.data_received(HANDSHAKE)
    await settled()
    assert refusal(transport)[0] == 404
    assert "/v1/live" in refusal(transport)[1]["detail"]


def test_a_bug_in_a_handshake_is_a_problem_without_its_text() -> None:
    assert "bug" in handshake_problem(500, ValueError("secret")).body["detail"]


async def test_a_handshake_that_the_app_refuses_is_answered_and_no_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.http.response.start", "status": 422, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"{}"})

    config = uvicorn.Config(refuses, log_config=None, lifespan="off", interface="asgi3", proxy_headers=False)
    socket = BoundedWebSocket(
        Connections(10, 4, Refusals()), TrustedProxies(), FairTurns(0.01), config, ServerState(), {}
    )
    transport = Transport("198.51.100.7")
    socket.connection_made(Corked(cast(asyncio.Transport, transport)))
    with caplog.at_level(logging.WARNING):
        socket.data_received(HANDSHAKE)
        await settled()
    assert transport.sent.startswith(b"HTTP/1.1 422 ")
    assert transport.is_closed
    assert caplog.text == ""


async def test_a_handshake_has_a_deadline() -> None:
    socket, transport = Server().connect()
    socket.data_received(HANDSHAKE[:50])
    socket.look(later(HANDSHAKE_SECONDS_MAX - 1))
    assert not transport.is_closed
    socket.look(later(HANDSHAKE_SECONDS_MAX + 1))
    assert transport.is_aborted


async def test_frames_that_nobody_takes_end_the_connection_and_it_counts_no_more() -> None:
    server = Server()
    socket, transport = await server.open()
    assert len(server.connections) == 1
    transport.unread = 10
    socket.look(later(0))
    socket.look(later(SEND_SECONDS_MAX + 1))
    assert transport.is_aborted
    socket.connection_lost(None)
    assert len(server.connections) == 0


async def test_handshakes_that_come_together_are_read_over_many_turns() -> None:
    server = Server(Connections(100, 100, Refusals()), turns=FairTurns(0))
    pairs = [server.connect() for _ in range(50)]
    for socket, _ in pairs:
        socket.data_received(HANDSHAKE)
        socket.data_received(PING)
    read_by_turn = []
    for _ in range(52):
        read_by_turn.append(sum(socket.handshake_initiated for socket, _ in pairs))
        await asyncio.sleep(0)
    assert read_by_turn[0] == 0
    assert max(after - before for before, after in pairwise(read_by_turn)) == 1
    for _ in range(200):
        await asyncio.sleep(0)
    for _, transport in pairs:
        assert transport.sent.startswith(b"HTTP/1.1 101 ")
        assert transport.sent.endswith(b"\r\n\r\n\x8a\x00"), "what came behind the handshake is answered behind it"


async def test_a_handshake_whose_client_has_gone_is_not_read() -> None:
    socket, transport = Server().connect()
    socket.data_received(HANDSHAKE)
    transport.close()
    socket.connection_lost(None)
    await settled()
    assert not socket.handshake_initiated
    assert transport.sent == b""


async def test_text_that_is_not_utf_8_is_closed_with_1007_and_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    for frames in (b"\x81\x81" + MASK + b"\xff", b"\x01\x81" + MASK + b"\xc3" + b"\x80\x81" + MASK + b"x"):
        server = Server()
        server.takes.set()
        socket, transport = await server.open()
        with caplog.at_level(logging.DEBUG):
            socket.data_received(frames)
            await settled()
        assert transport.sent.startswith(CLOSE_FRAME), frames
        assert transport.sent[2:4] == (1007).to_bytes(2), frames
        assert transport.is_closed
        socket.connection_lost(None)
        await settled()
        assert [message["type"] for message in server.received] == ["websocket.disconnect"]
    assert caplog.text == ""


async def test_letters_cut_between_two_fragments_are_text() -> None:
    server = Server()
    server.takes.set()
    socket, _ = await server.open()
    socket.data_received(b"\x01\x81" + MASK + b"\xc3" + b"\x80\x81" + MASK + b"\xa9")
    await settled()
    assert [message["text"] for message in server.received] == ["é"]


@pytest.mark.parametrize("is_endless", [False, True])
async def test_a_connection_whose_request_is_not_answered_becomes_no_web_socket(is_endless: bool) -> None:
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        if is_endless:
            scope[CONNECTION].has_no_end()
        await receive()
        await receive()
        ended.set()

    connections, proxies = Connections(10, 4, Refusals()), TrustedProxies()
    web_socket = cast(type[asyncio.Protocol], partial(BoundedWebSocket, connections, proxies, FairTurns(0.01)))
    config = uvicorn.Config(app, ws=web_socket, log_config=None, lifespan="off", interface="asgi3", proxy_headers=False)
    config.load()
    protocol = BoundedProtocol(connections, proxies, FairTurns(), config, ServerState(), {})
    transport = Transport("198.51.100.7")
    protocol.connection_made(cast(asyncio.Transport, transport))
    protocol.data_received(b"GET /v1/live HTTP/1.1\r\nHost: x\r\n\r\n")
    await settled()
    protocol.data_received(HANDSHAKE)
    await settled()
    assert transport.sent == b"", "an answer among another's"
    assert transport.is_aborted == is_endless
    protocol.connection_lost(None)
    await settled()
    assert ended.is_set()
    assert len(connections) == 0


class Taker:
    """The part of an application that takes a connection over."""

    def __init__(self) -> None:
        self.messages: list[str | None] = []
        self.gone = 0

    def message_came(self, text: str | None) -> None:
        self.messages.append(text)

    def has_gone(self) -> None:
        self.gone += 1


@dataclass
class TakingServer(Server):
    """Its app accepts, takes the connection over and returns."""

    taker: Taker = field(default_factory=Taker)
    takes_over: asyncio.Event = field(default_factory=asyncio.Event)

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await self.takes_over.wait()
        scope[CONNECTION].hand_over(self.taker)


TEXT_X, BINARY_X, CLOSE = b"\x81\x81" + MASK + b"x", b"\x82\x81" + MASK + b"x", b"\x88\x80" + MASK


async def _taken(before: bytes = b"") -> tuple[TakingServer, BoundedWebSocket, Transport]:
    server = TakingServer()
    socket, transport = await server.open()
    if before:
        socket.data_received(before)
        await settled()
    server.takes_over.set()
    for _ in range(20):
        await asyncio.sleep(0)
    return server, socket, transport


async def test_a_connection_that_was_taken_over_stays_open_and_each_message_is_a_call() -> None:
    server, socket, transport = await _taken(before=TEXT_X * 2)
    assert not transport.is_closed
    assert not socket.tasks
    socket.data_received(BINARY_X + PING)
    for _ in range(20):
        await asyncio.sleep(0)
    assert server.taker.messages == ["x", "x", None]
    socket.direct()(b"frame")
    assert transport.sent == b"\x8a\x00frame"
    assert transport.is_reading


async def test_the_end_of_a_connection_is_reported_once_however_it_comes() -> None:
    ends: list[Callable[[BoundedWebSocket], None]] = [
        lambda socket: socket.data_received(CLOSE),
        lambda socket: socket.data_received(b"\xff" * 10),
        lambda socket: socket.data_received(PING * (FRAMES_MAX + 1)),
        lambda socket: socket.close_with(1012, "come back"),
        lambda socket: socket.cut_off(),
        lambda socket: socket.shutdown(),
        lambda socket: socket.keepalive_timeout(),
        lambda socket: socket.connection_lost(None),
    ]
    for end in ends:
        server, socket, _ = await _taken()
        end(socket)
        for _ in range(1_000):
            await asyncio.sleep(0)
        if socket in socket.connections:
            socket.data_received(TEXT_X)
            await settled()
            socket.connection_lost(None)
        assert server.taker.gone == 1
        assert server.taker.messages == []
        assert len(server.connections) == 0


async def test_a_lost_connection_is_full_before_another_can_have_its_descriptor() -> None:
    _, socket, _ = await _taken()
    rooms: list[bool] = []
    socket.watch_room(rooms.append)
    socket.connection_lost(None)
    assert (socket.is_full, rooms) == (True, [True])


async def test_a_connection_that_closed_before_it_was_taken_over_is_gone_at_once() -> None:
    server, socket, _ = await _taken(before=TEXT_X + CLOSE)
    assert (server.taker.messages, server.taker.gone) == (["x"], 1)
    socket.connection_lost(None)
    assert server.taker.gone == 1


async def test_compression_is_negotiated_without_context_and_a_message_of_it_comes_in_one_frame() -> None:
    server = TakingServer()
    server.takes_over.set()
    socket, transport = server.connect()
    offer = b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    socket.data_received(HANDSHAKE.replace(b"Host: x\r\n", b"Host: x\r\n" + offer))
    for _ in range(30):
        await asyncio.sleep(0)
    assert b"permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n" in transport.sent
    assert socket.window_bits == 15
    compressing = zlib.compressobj(wbits=-15)
    data = compressing.compress(b"x" * 50) + compressing.flush(zlib.Z_SYNC_FLUSH)[:-4]
    socket.data_received(bytes([0xC1, 0x80 | len(data)]) + MASK + data)
    await settled()
    assert server.taker.messages == ["x" * 50]
    socket.data_received(bytes([0x41, 0x80 | len(data)]) + MASK + data)
    await settled()
    assert b"a compressed message comes in one frame" in transport.sent
    assert server.taker.gone == 1


async def test_a_connection_that_asks_for_no_compression_has_none() -> None:
    _, socket, _ = await _taken()
    assert socket.window_bits == 0


async def test_a_taker_that_is_watching_learns_when_the_connection_is_full() -> None:
    _, socket, _ = await _taken()
    seen: list[bool] = []
    socket.watch_room(seen.append)
    socket.pause_writing()
    assert socket.is_full
    socket.resume_writing()
    assert seen == [True, False]


async def test_an_application_that_fails_after_taking_over_ends_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(TakingServer):
        async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
            await super()._app(scope, receive, send)
            raise ZeroDivisionError("an injected fault")

    server = Failing()
    _, transport = await server.open()
    server.takes_over.set()
    await settled()
    assert transport.is_closed
    assert server.taker.gone == 1
    assert "an injected fault" in caplog.text
