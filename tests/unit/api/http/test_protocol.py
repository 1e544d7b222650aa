"""The protocol fed with bytes: each bound refuses with its status and a sentence, and what comes before is answered."""

from __future__ import annotations

import asyncio
import re
import socket
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from api.http import connections as connections_module
from api.http import fair_turns, parsing, reading_pace
from api.http import protocol as protocol_module
from api.http.connections import Connections
from api.http.fair_turns import FairTurns
from api.http.parsing import IDLE_SECONDS_MAX, LINGER_SECONDS, PIPELINED_MAX
from api.http.protocol import BoundedProtocol
from api.http.raw_problems import HEAD_BYTES_MAX, HEADERS_MAX
from api.http.reading_pace import ReadingPace
from api.http.request_body import BODY_SECONDS_MAX, BODY_WINDOW_SECONDS
from api.http.request_head import HEAD_SECONDS_MAX
from api.http.unread import SEND_BYTES_MIN, SEND_SECONDS_MAX
from api.http.whole_request import WholeRequest
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals

GET = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


class Transport:
    """A socket whose client takes what it is asked to, and no more."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.sent = b""
        self.is_closed = self.is_aborted = self.has_eof = False
        self.is_reading = True
        self.unread = 0

    def get_extra_info(self, name: str) -> Any:
        return {"peername": (self.peer, 5000), "sockname": ("192.0.2.1", 80)}.get(name)

    def write(self, data: bytes) -> None:
        self.sent += data

    def writelines(self, parts: list[bytes]) -> None:
        self.sent += b"".join(parts)

    def set_write_buffer_limits(self, *, high: int) -> None:
        pass

    def write_eof(self) -> None:
        self.has_eof = True

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True

    def is_closing(self) -> bool:
        return self.is_closed

    def get_write_buffer_size(self) -> int:
        return self.unread

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True


@dataclass
class Server:
    """One server without a socket; its app reads each body and answers with what it was sent."""

    refusals: Refusals = field(default_factory=Refusals)
    connections: Connections = field(init=False)
    proxies: TrustedProxies = field(default_factory=TrustedProxies)
    turns: FairTurns = field(default_factory=FairTurns)
    scopes: list[Scope] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None
    """Where it is there, `/held` is not answered before it is set."""

    def __post_init__(self) -> None:
        self.connections = Connections(10, 4, self.refusals)

    def connect(self, peer: str = "198.51.100.7") -> tuple[BoundedProtocol, Transport]:
        config = uvicorn.Config(
            self._app, ws="none", log_config=None, lifespan="off", interface="asgi3", proxy_headers=False
        )
        protocol = BoundedProtocol(self.connections, self.proxies, self.turns, config, ServerState(), {})
        transport = Transport(peer)
        protocol.connection_made(cast(asyncio.Transport, transport))
        return protocol, transport

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["path"] == "/early":
            await send({"type": "http.response.start", "status": 413, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})
            return
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.ended.append(scope["path"])
                return
            body += message["body"]
            if not message["more_body"]:
                break
        if scope["path"] == "/held" and self.hold is not None:
            await self.hold.wait()
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await receive()
            self.ended.append(scope["path"])
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def server() -> Server:
    return Server()


async def settled() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


def refusal(transport: Transport) -> tuple[int, dict[str, Any]]:
    """The last answer."""
    head, _, body = re.split(rb"(?=HTTP/1\.1 \d{3} )", transport.sent)[-1].partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    assert b"connection: close" in head.lower()
    return int(head[9:12]), orjson.loads(body)


def later(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


# -- heads -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1 << 20, 1000, 7])
async def test_a_head_of_many_bytes_is_431_however_it_is_cut(server: Server, piece: int) -> None:
    protocol, transport = server.connect()
    head = b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: %b\r\n" % (n, b"y" * 500) for n in range(40))
    for start in range(0, len(head), piece):
        protocol.data_received(head[start : start + piece])
    await settled()
    assert refusal(transport)[0] == 431
    assert "16384 bytes" in refusal(transport)[1]["detail"]
    assert transport.has_eof
    assert server.scopes == []


@pytest.mark.parametrize("piece", [1 << 20, 1000])
async def test_one_header_line_without_end_is_431(server: Server, piece: int) -> None:
    protocol, transport = server.connect()
    head = b"GET / HTTP/1.1\r\nx: " + b"y" * 70_000
    for start in range(0, len(head), piece):
        protocol.data_received(head[start : start + piece])
    await settled()
    assert refusal(transport)[0] == 431


async def test_many_small_headers_are_431(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * (HEADERS_MAX + 1) + b"\r\n")
    await settled()
    assert refusal(transport)[0] == 431


async def test_a_head_at_the_bound_is_answered(server: Server) -> None:
    protocol, transport = server.connect()
    line = b"Host: " + b"y" * (HEAD_BYTES_MAX - 8) + b"\r\n"
    protocol.data_received(b"GET / HTTP/1.1\r\n" + line + b"\r\n")
    await settled()
    assert transport.sent.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(("hosts", "found"), [(b"", "no Host header"), (b"Host: a\r\nHOST: a\r\n", "2 Host headers")])
@pytest.mark.parametrize("upgrade", [b"", b"Connection: Upgrade\r\nUpgrade: websocket\r\n"])
async def test_a_request_without_one_host_is_400(server: Server, hosts: bytes, found: str, upgrade: bytes) -> None:
    protocol, transport = server.connect()
    protocol.data_received(GET + b"GET /livez HTTP/1.1\r\n" + hosts + upgrade + b"\r\n")
    await settled()
    assert transport.sent.startswith(b"HTTP/1.1 200 ")
    assert refusal(transport)[0] == 400
    assert found in refusal(transport)[1]["detail"]
    assert len(server.scopes) == 1


async def test_a_request_of_http_1_0_may_have_no_host(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(b"GET /livez HTTP/1.0\r\n\r\n")
    await settled()
    assert transport.sent.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("piece", [1 << 20, 1000])
async def test_a_long_address_is_414(server: Server, piece: int) -> None:
    protocol, transport = server.connect()
    head = b"GET /?q=" + b"y" * 9_000 + b" HTTP/1.1\r\n\r\n"
    for start in range(0, len(head), piece):
        protocol.data_received(head[start : start + piece])
    await settled()
    assert refusal(transport)[0] == 414


@pytest.mark.parametrize(
    "junk",
    [b"\x16\x03\x01\x02\x00", b"HELLO\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n"],
)
async def test_what_is_not_http_is_400(server: Server, junk: bytes) -> None:
    protocol, transport = server.connect()
    protocol.data_received(junk)
    await settled()
    assert refusal(transport)[0] == 400


async def test_a_head_that_stops_is_408_and_one_that_never_begins_is_closed(server: Server) -> None:
    begun, of_begun = server.connect()
    _silent, of_silent = server.connect()
    begun.data_received(b"GET / HTTP/1.1\r\nHost")
    for protocol in (begun, _silent):
        protocol.look(later(HEAD_SECONDS_MAX - 1))
    assert of_begun.sent == b""
    begun.look(later(HEAD_SECONDS_MAX + 1))
    _silent.look(later(IDLE_SECONDS_MAX + 1))
    await settled()
    assert refusal(of_begun)[0] == 408
    assert of_silent.is_closed
    assert of_silent.sent == b""


async def test_bytes_that_trickle_do_not_lengthen_the_head(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n")
    for n in range(5):
        protocol.data_received(b"x-%d: y\r\n" % n)
    protocol.look(later(HEAD_SECONDS_MAX + 1))
    await settled()
    assert refusal(transport)[0] == 408


# -- bodies ----------------------------------------------------------------------------------------------------------


async def test_a_body_that_stops_is_408_and_its_reader_is_ended(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 20_000)
    await settled()
    protocol.look(later(BODY_WINDOW_SECONDS + 1))  # 20,000 bytes came in this window
    assert transport.sent == b""
    protocol.look(later(2 * BODY_WINDOW_SECONDS + 3))
    await settled()
    status, problem = refusal(transport)
    assert (status, problem["detail"]) == (408, "At least 8192 bytes of a body must come in 15 s; got 0.")
    assert server.ended == ["/a"]
    assert transport.has_eof


async def test_a_body_that_comes_in_time_is_answered(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 30000\r\n\r\n")
    for window in range(3):
        protocol.data_received(b"x" * 10_000)
        await settled()
        protocol.look(later((window + 1) * (BODY_WINDOW_SECONDS + 1)))
    assert transport.sent.startswith(b"HTTP/1.1 200 ")


async def test_a_body_has_a_deadline_however_steadily_it_comes(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 16000000\r\n\r\n" + b"x" * 20_000)
    await settled()
    protocol.look(later(BODY_SECONDS_MAX + 1))
    await settled()
    assert refusal(transport)[0] == 408


@pytest.mark.parametrize(("is_proxy", "is_paused"), [(False, True), (True, False)])
async def test_bodies_of_one_address_are_read_at_a_pace(
    monkeypatch: pytest.MonkeyPatch, is_proxy: bool, is_paused: bool
) -> None:
    monkeypatch.setattr(reading_pace, "BURST_BYTES", 50_000)
    peer = "198.51.100.7"
    server = Server(proxies=TrustedProxies.parse(peer if is_proxy else ""))
    server.turns.reading_pace = ReadingPace(1_000_000)
    protocol, transport = server.connect(peer)
    protocol.data_received(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 140000\r\n\r\n" + b"x" * 70_000)
    await settled()
    assert transport.is_reading is not is_paused
    await asyncio.sleep(0.05)
    assert transport.is_reading
    protocol.data_received(b"x" * 70_000)
    for _ in range(3):
        await settled()
    assert transport.sent.startswith(b"HTTP/1.1 200 ")


async def test_chunks_of_a_byte_are_400(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 200)
    await settled()
    assert refusal(transport)[0] == 400
    assert "256 bytes on average" in refusal(transport)[1]["detail"]


async def test_chunks_of_a_usual_size_are_read(server: Server) -> None:
    protocol, transport = server.connect()
    chunk = b"400\r\n" + b"x" * 1024 + b"\r\n"
    protocol.data_received(
        b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 300 + b"0\r\n\r\n"
    )
    await settled()
    assert transport.sent.startswith(b"HTTP/1.1 200 ")
    assert len(transport.sent) > 300 * 1024


async def test_trailers_count_as_the_head_and_are_not_shown(server: Server) -> None:
    protocol, transport = server.connect()
    request = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    protocol.data_received(request + b"x-a: b\r\n\r\n")
    await settled()
    assert transport.sent.startswith(b"HTTP/1.1 200 ")
    assert [name for name, _ in server.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]
    protocol, transport = server.connect()
    protocol.data_received(request + b"".join(b"x-%d: %b\r\n" % (n, b"y" * 500) for n in range(40)))
    await settled()
    assert refusal(transport)[0] == 431


async def test_the_rest_of_a_body_that_was_refused_is_dropped_for_a_while(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000)
    await settled()
    assert transport.sent.startswith(b"HTTP/1.1 413 ")
    protocol.data_received(b"x" * 999_000)
    protocol.data_received(GET)
    await settled()
    assert transport.sent.count(b"HTTP/1.1 200 ") == 1  # the connection is used after it
    protocol, transport = server.connect()
    protocol.data_received(b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1_000)
    await settled()
    protocol.look(later(LINGER_SECONDS + 1))
    assert transport.is_aborted


async def test_an_endless_body_after_its_refusal_is_cut_off(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "LINGER_BYTES_MAX", 1_000_000)
    protocol, transport = server.connect()
    protocol.data_received(b"POST /early HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    await settled()
    for _ in range(20):
        protocol.data_received(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
        await settled()
    assert transport.is_aborted


async def test_after_a_refusal_the_connection_waits_until_it_was_read_and_no_longer(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(b"HELLO\r\n\r\n")
    protocol.data_received(b"x" * 100_000)
    await settled()
    assert not transport.is_closed
    protocol.look(later(LINGER_SECONDS + 1))
    assert transport.is_aborted


# -- pipelining ------------------------------------------------------------------------------------------------------


async def test_so_many_requests_wait_on_one_connection_and_no_more(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(GET * 1_000)
    for _ in range(20):
        await settled()
    assert transport.sent.count(b"HTTP/1.1 200 ") == 1 + PIPELINED_MAX
    assert transport.sent.count(b"connection: close") == 1
    assert transport.has_eof


async def test_pipelined_heads_have_a_bound_together(server: Server) -> None:
    protocol, transport = server.connect()
    head = b"GET /livez HTTP/1.1\r\nHost: x\r\nx: " + b"y" * 10_000 + b"\r\n\r\n"
    protocol.data_received(head * 8)
    for _ in range(20):
        await settled()
    assert transport.sent.count(b"HTTP/1.1 200 ") == 3


async def test_what_was_asked_before_a_mistake_is_answered_first(server: Server) -> None:
    server.hold = asyncio.Event()
    protocol, transport = server.connect()
    protocol.data_received(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n" + GET + b"HELLO\r\n\r\n")
    await settled()
    assert transport.sent == b""
    server.hold.set()
    for _ in range(3):
        await settled()
    assert [part[:3] for part in transport.sent.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"400"]


async def test_a_pipelined_body_that_stops_does_not_harm_the_answer_before(server: Server) -> None:
    server.hold = asyncio.Event()
    protocol, transport = server.connect()
    protocol.data_received(
        b"GET /held HTTP/1.1\r\nHost: x\r\n\r\nPOST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nx"
    )
    await settled()
    protocol.look(later(BODY_WINDOW_SECONDS + 1))
    server.hold.set()
    for _ in range(3):
        await settled()
    assert [part[:3] for part in transport.sent.split(b"HTTP/1.1 ")[1:]] == [b"200", b"408"]
    assert [scope["path"] for scope in server.scopes] == ["/held"]


async def test_a_stream_with_a_request_behind_it_is_ended_with_its_client(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    await settled()
    assert transport.is_reading, "nobody would notice that the client has gone"
    protocol.connection_lost(None)
    await settled()
    assert server.ended == ["/stream"]
    assert len(server.connections) == 0


async def test_a_lost_connection_is_full_before_another_can_have_its_descriptor(server: Server) -> None:
    protocol, _ = server.connect()
    protocol.data_received(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    await settled()
    rooms: list[bool] = []
    protocol.watch_room(rooms.append)
    protocol.connection_lost(None)
    assert (protocol.is_full, rooms) == (True, [True]), "at once, because the transport closes the descriptor next"
    await settled()


async def test_a_descriptor_is_given_only_where_it_is_known_that_no_bytes_wait(server: Server) -> None:
    raw, other = socket.socketpair()
    with raw, other:
        protocol, transport = server.connect()
        transport.get_extra_info = {"socket": raw}.get  # type: ignore[assignment]
        assert protocol.descriptor == -1, "up to its high-water mark, the transport does not state that bytes wait"
        protocol.has_no_end()
        assert protocol.descriptor == raw.fileno()

        closing, transport = server.connect()
        transport.get_extra_info = {"socket": raw}.get  # type: ignore[assignment]
        transport.close()
        closing.has_no_end()
        assert closing.descriptor == -1, "what an earlier answer has left unsent would be overtaken"


# -- clients that do not read ----------------------------------------------------------------------------------------


async def test_an_answer_that_nobody_takes_is_thrown_away(server: Server) -> None:
    protocol, transport = server.connect()
    protocol.data_received(GET)
    await settled()
    transport.unread = 1_000  # below what makes the transport pause its writer
    protocol.look(later(0))
    protocol.look(later(SEND_SECONDS_MAX - 1))
    assert not transport.is_aborted
    protocol.look(later(SEND_SECONDS_MAX + 1))
    assert transport.is_aborted


async def test_who_takes_little_but_steadily_is_let_go_on(server: Server) -> None:
    protocol, transport = server.connect()
    body = b"x" * 10 * SEND_BYTES_MIN
    protocol.data_received(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    await settled()
    for taken in range(8):
        transport.unread = len(body) - taken * (SEND_BYTES_MIN + 10)
        protocol.look(later(taken * (SEND_SECONDS_MAX - 2)))
    assert not transport.is_aborted
    protocol.look(later(9 * SEND_SECONDS_MAX))
    assert transport.is_aborted


async def test_an_address_with_much_unread_loses_its_largest(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "UNSENT_SHARE_BYTES_MAX", 1_000)
    transports = []
    for unread, peer in ((600, "198.51.100.7"), (500, "198.51.100.7"), (900, "198.51.100.8")):
        _, transport = server.connect(peer)
        transport.unread = unread
        transports.append(transport)
    server.connections.look()
    assert [transport.is_aborted for transport in transports] == [True, False, False]


async def test_all_that_is_unread_has_a_bound_together(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "UNSENT_BYTES_MAX", 1_000)
    transports = []
    for unread, peer in ((400, "198.51.100.7"), (300, "198.51.100.7"), (500, "198.51.100.8")):
        _, transport = server.connect(peer)
        transport.unread = unread
        transports.append(transport)
    server.connections.look()
    assert [transport.is_aborted for transport in transports] == [True, False, False]
    assert server.refusals.current() == ["more than 0 MiB wait for clients that do not read"]


# -- how many --------------------------------------------------------------------------------------------------------


@pytest.fixture
def room_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "ROOM_AFTER_SECONDS", 0.0)


async def test_a_connection_that_has_just_been_made_is_not_closed_for_another(server: Server) -> None:
    young = [server.connect()[1] for _ in range(4)]
    _, refused = server.connect()
    assert refusal(refused)[0] == 503
    assert not any(transport.is_closed for transport in young)


@pytest.mark.usefixtures("room_at_once")
async def test_a_new_connection_closes_the_one_that_waits_longest(server: Server) -> None:
    waiting = [server.connect()[1] for _ in range(4)]
    _, new = server.connect()
    assert [transport.is_aborted for transport in waiting] == [True, False, False, False]
    assert not new.is_closed
    _, other = server.connect("198.51.100.8")
    assert not other.is_closed
    assert [transport.is_aborted for transport in waiting] == [True, False, False, False]


async def test_an_address_whose_connections_are_all_at_work_gets_no_more(server: Server) -> None:
    server.hold = asyncio.Event()
    for _ in range(4):
        protocol, _transport = server.connect()
        protocol.data_received(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
    _, refused = server.connect()
    assert refusal(refused)[0] == 503
    assert "has 4 connections here already" in refusal(refused)[1]["detail"]
    assert not server.connect("198.51.100.8")[1].is_closed
    server.hold.set()


@pytest.mark.usefixtures("room_at_once")
async def test_where_no_more_connections_are_allowed_the_largest_address_makes_room(server: Server) -> None:
    server.connections.of_address_max = 8
    many = [server.connect()[1] for _ in range(8)]
    few = [server.connect("198.51.100.8")[1] for _ in range(2)]
    _, new = server.connect("198.51.100.9")
    assert not new.is_closed
    assert many[0].is_aborted
    assert not any(transport.is_closed for transport in (*many[1:], *few))


async def test_a_large_address_whose_connections_are_fresh_shuts_nobody_out(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.connections.of_address_max = 8
    silent = [server.connect("198.51.100.8")[1] for _ in range(2)]
    now = later(connections_module.ROOM_AFTER_SECONDS)
    monkeypatch.setattr(asyncio.get_running_loop(), "time", lambda: now)
    fresh = [server.connect()[1] for _ in range(8)]
    _, new = server.connect("198.51.100.9")
    monkeypatch.undo()
    assert not new.is_closed
    assert [transport.is_aborted for transport in silent] == [True, False]
    assert not any(transport.is_closed for transport in fresh)


async def test_where_all_are_at_work_the_new_one_is_refused_and_health_names_the_reason(server: Server) -> None:
    server.connections.total_max, server.hold = 2, asyncio.Event()
    for peer in ("198.51.100.7", "198.51.100.8"):
        server.connect(peer)[0].data_received(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
    _, refused = server.connect("198.51.100.9")
    assert refusal(refused)[0] == 503
    assert server.refusals.current() == ["all 2 connections are at work"]
    server.hold.set()


async def test_a_trusted_proxy_has_more_than_one_address_may_have(server: Server) -> None:
    server.proxies = TrustedProxies.parse("203.0.113.1")
    assert not any(server.connect("203.0.113.1")[1].is_closed for _ in range(9))


@pytest.mark.usefixtures("room_at_once")
async def test_a_connection_that_was_used_waits_anew(server: Server) -> None:
    first, of_first = server.connect()
    others = [server.connect()[1] for _ in range(3)]
    first.data_received(GET)
    await settled()
    server.connect()
    assert not of_first.is_closed
    assert others[0].is_aborted


async def test_a_connection_that_has_ended_counts_no_more(server: Server) -> None:
    protocols: list[BoundedProtocol] = [server.connect()[0] for _ in range(4)]
    for protocol in protocols:
        protocol.connection_lost(None)
    assert len(server.connections) == 0
    assert not any(server.connect()[1].is_closed for _ in range(4))


async def test_a_body_that_came_at_once_is_read_in_turns_with_others(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol_module, "PIECE_SECONDS", 0.0)
    monkeypatch.setattr(fair_turns, "SHARE_SECONDS", 1e-9)
    body = bytes(range(256)) * 512  # 32 slices
    protocol, slow = server.connect()
    protocol.data_received(b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    assert not slow.is_reading
    server.hold = asyncio.Event()
    other, quick = server.connect("198.51.100.8")
    other.data_received(b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n")
    await settled()
    assert len(server.scopes) == 2
    assert not slow.sent
    server.hold.set()
    await settled()
    assert quick.sent
    for _ in range(10):
        await settled()
    assert slow.sent.endswith(body)
    assert slow.is_reading


class AtOnce:
    """Takes what is sent to `/whole`, and answers when the test asks for it."""

    def __init__(self) -> None:
        self.taken: list[WholeRequest] = []

    def __call__(self, request: WholeRequest) -> bool:
        if request.scope["path"] != "/whole":
            return False
        self.taken.append(request)
        return True


POST = b"POST /whole HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n%b\r\nhi"


def _connect_at_once(server: Server) -> tuple[BoundedProtocol, Transport, AtOnce]:
    at_once = AtOnce()
    protocol, transport = server.connect()
    protocol._at_once = at_once
    return protocol, transport, at_once


async def test_a_request_that_came_whole_is_answered_without_the_app(server: Server) -> None:
    protocol, transport, at_once = _connect_at_once(server)
    protocol.data_received(POST % b"" + GET)
    (request,) = at_once.taken
    assert (request.body, request.address) == (b"hi", "198.51.100.7")
    await settled()
    assert not transport.sent
    request.answer(201, b"content-type: text/plain\r\n", b"kept")
    await settled()
    first, _, rest = transport.sent.partition(b"kept")
    assert first == b"HTTP/1.1 201 Created\r\ncontent-type: text/plain\r\ncontent-length: 4\r\n\r\n"
    assert rest.startswith(b"HTTP/1.1 200 OK"), "the request behind it is answered next"
    assert [scope["path"] for scope in server.scopes] == ["/livez"]
    assert not transport.is_closed


async def test_a_request_whose_body_is_late_goes_to_the_app(server: Server) -> None:
    protocol, transport, at_once = _connect_at_once(server)
    protocol.data_received((POST % b"")[:-1])
    await settled()
    assert len(server.scopes) == 1
    protocol.data_received(b"i")
    await settled()
    assert transport.sent.endswith(b"hi")
    assert at_once.taken == []


async def test_the_connection_ends_after_the_answer_where_the_client_wants_that(server: Server) -> None:
    protocol, transport, at_once = _connect_at_once(server)
    protocol.data_received(POST % b"Connection: close\r\n")
    at_once.taken[0].answer(200, b"", b"")
    await settled()
    assert transport.sent == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    assert transport.is_closed


async def test_an_answer_for_a_client_that_has_gone_is_dropped(server: Server) -> None:
    protocol, transport, at_once = _connect_at_once(server)
    protocol.data_received(POST % b"")
    protocol.connection_lost(None)
    at_once.taken[0].answer(200, b"", b"late")
    await settled()
    assert not transport.sent
    assert not server.turns.under_way.others_than("")


async def test_a_client_that_does_not_read_its_answers_is_not_answered_at_once(server: Server) -> None:
    protocol, _, at_once = _connect_at_once(server)
    protocol.pause_writing()
    protocol.data_received(POST % b"")
    await settled()
    assert at_once.taken == []
    assert len(server.scopes) == 1
    protocol.resume_writing()
    await settled()


async def test_while_it_waits_for_its_answer_a_request_leaves_the_loop_to_its_address() -> None:
    server = Server(turns=FairTurns(clock=lambda: 0.0))  # no work takes time, so all are begun in this turn of the loop
    waiting = []
    for _ in range(3):
        protocol, _, at_once = _connect_at_once(server)
        protocol.data_received(POST % b"")
        waiting.append(at_once.taken)
    assert all(len(taken) == 1 for taken in waiting)
    assert server.turns.at_work.of("198.51.100.7") == 0
    assert server.turns.under_way.of("198.51.100.7") == 3
