"""One address for several processes: each connection gets to the process whose role it asks, with every byte, and back."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from api.front import front as module
from api.front import link as link_module
from api.front import serving
from api.front.link import FrontLink
from api.front.wire import hand_over, receive
from api.http import connections as connections_module
from api.http import request_head
from api.http.connections import Connections
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals
from api.roles import ApiRole
from api.server import BoundedServer, bounded_server
from rekap.embedded.ports import free_port
from runtime.settings import Settings
from tests.support.live_server import Wire

LIVE = b"GET /v1/live HTTP/1.1\r\nHost: x\r\n\r\n"
READ = b"GET /v1/areas/1 HTTP/1.1\r\nHost: x\r\n\r\n"


def _post(body: bytes) -> bytes:
    return b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


@dataclass
class Process:
    """A process of the API, but in this one: answers with its name, how much came, and from where."""

    name: str
    role: ApiRole
    link: FrontLink
    server: BoundedServer = field(init=False)
    serving: asyncio.Task[None] = field(init=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0
        while (message := await receive())["type"] == "http.request":
            size += len(message["body"])
            if not message["more_body"]:
                break
        body = b"<%b %b %d %b>" % (self.name.encode(), scope["path"].encode(), size, scope["client"][0].encode())
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    async def start(self) -> None:
        self.server = bounded_server(
            self,
            connections=Connections(100, 100, Refusals()),
            proxies=TrustedProxies(),
            graceful_seconds=1,
            port=free_port(),
            loop="asyncio",  # the one that runs
            front=self.link,
        )
        self.server.config.lifespan = "off"
        self.serving = asyncio.create_task(self.server.serve())
        while not self.server.started:
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        self.server.should_exit = True
        await self.serving


class Machine:
    """A front, and the processes behind it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.settings = Settings(front=str(directory / "front.sock"), port=free_port(), connections_of_address=50)
        self._processes: list[Process] = []
        self._front: tuple[asyncio.Event, asyncio.Task[None]] | None = None
        self._wires: list[Wire] = []

    async def start_front(self) -> None:
        started, stop = asyncio.Event(), asyncio.Event()
        self._front = stop, asyncio.create_task(serving.serve(self.settings, stop, started.set))
        await started.wait()

    async def stop_front(self) -> None:
        assert self._front is not None
        self._front[0].set()
        await self._front[1]

    async def start(self, role: ApiRole, name: str = "") -> Process:
        process = Process(name or role, role, FrontLink(Path(self.settings.front), role))
        await process.start()
        self._processes.append(process)
        return process

    async def connect(self, source: str = "127.0.0.1") -> Wire:
        raw = socket.socket()
        raw.setblocking(False)
        raw.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.settings.port))
        self._wires.append(wire := Wire(raw))
        return wire

    async def ask(self, request: bytes) -> bytes:
        wire = await self.connect()
        await wire.send(request)
        try:
            return await wire.read_until(b">")
        except EOFError:
            return wire.seen
        finally:
            wire.close()

    async def end(self) -> None:
        for wire in self._wires:
            wire.close()
        for process in self._processes:
            if not process.serving.done():
                await process.stop()
        if self._front is not None and not self._front[1].done():
            await self.stop_front()


@asynccontextmanager
async def _machine(*roles: ApiRole) -> AsyncIterator[Machine]:
    with tempfile.TemporaryDirectory() as directory:
        machine = Machine(Path(directory))
        await machine.start_front()
        try:
            for role in roles:
                await machine.start(role)
            yield machine
        finally:
            await machine.end()


def _answers(seen: bytes) -> list[bytes]:
    """What the processes answered, in order."""
    return [part.partition(b">")[0] for part in seen.split(b"<")[1:]]


async def test_each_connection_gets_to_the_process_of_its_role_with_its_own_address() -> None:
    async with _machine(*ApiRole) as machine:
        assert _answers(await machine.ask(READ)) == [b"read /v1/areas/1 0 127.0.0.1"]
        assert _answers(await machine.ask(LIVE)) == [b"feed /v1/live 0 127.0.0.1"]
        assert _answers(await machine.ask(_post(b"x" * 50_000))) == [b"gateway /v1/submissions 50000 127.0.0.1"]
        wire = await machine.connect("127.0.0.9")
        await wire.send(READ)
        assert _answers(await wire.read_until(b">")) == [b"read /v1/areas/1 0 127.0.0.9"]


async def test_a_connection_goes_from_role_to_role_between_its_requests_and_loses_no_byte() -> None:
    """Bodies of all sizes, also larger than what the UNIX socket takes at once, and sent in one piece with their head."""
    async with _machine(*ApiRole) as machine:
        wire = await machine.connect()
        expected = []
        for size in (0, 10, 5_000, 70_000, 200_000, 400_000, 3):
            for request, answer in (
                (READ, b"read /v1/areas/1 0 127.0.0.1"),
                (_post(b"x" * size), b"gateway /v1/submissions %d 127.0.0.1" % size),
                (LIVE, b"feed /v1/live 0 127.0.0.1"),
            ):
                wire.seen = b""
                await wire.send(request)
                expected.append(answer)
                assert _answers(await wire.read_until(b">")) == [answer]
        assert len(expected) == 21


async def test_a_line_that_comes_byte_by_byte_is_waited_for() -> None:
    async with _machine(*ApiRole) as machine:
        wire = await machine.connect()
        for byte in LIVE[:-3]:
            await wire.send(bytes([byte]))
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        await wire.send(LIVE[-3:])
        assert _answers(await wire.read_until(b">")) == [b"feed /v1/live 0 127.0.0.1"]


async def test_a_later_line_in_parts_or_after_empty_lines_goes_to_its_role_too() -> None:
    """A request line can be cut between two packets, and some clients send an empty line after a body."""
    async with _machine(*ApiRole) as machine:
        wire = await machine.connect()
        post = _post(b"{}")
        for role, parts in (
            (b"read", [b"\r\n" + READ]),
            (b"feed", [LIVE[:1], LIVE[1:12], LIVE[12:]]),
            (b"gateway", [b"\r", b"\n", b"\r\n" + post[:12], post[12:]]),
            (b"read", [READ[:20], READ[20:]]),
        ):
            wire.seen = b""
            for part in parts:
                await wire.send(part)
                await asyncio.sleep(0.02)
            (answer,) = _answers(await wire.read_until(b">"))
            assert answer.split()[0] == role


async def test_half_a_later_line_has_the_deadline_of_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_head, "HEAD_SECONDS_MAX", 0.05)
    monkeypatch.setattr(connections_module, "LOOK_SECONDS", 0.02)
    async with _machine(*ApiRole) as machine:
        wire = await machine.connect()
        await wire.send(READ)
        await wire.read_until(b">")
        await wire.send(b"GET /v1/li")
        assert b" 408 " in await wire.read_until(b"}")


async def test_what_is_not_http_or_too_long_is_answered_by_the_read_role() -> None:
    async with _machine(ApiRole.READ) as machine:
        assert b" 400 " in await machine.ask(b"\x16\x03\x01")  # TLS, whose sender waits now
        assert b" 414 " in await machine.ask(b"GET /" + b"a" * 20_000)


async def test_processes_of_one_role_have_their_turns_and_one_that_stops_gets_no_more() -> None:
    async with _machine(ApiRole.READ) as machine:
        first, second = await machine.start(ApiRole.FEED, "one"), await machine.start(ApiRole.FEED, "two")
        names = [_answers(await machine.ask(LIVE))[0].split()[0] for _ in range(4)]
        assert sorted(names) == [b"one", b"one", b"two", b"two"]
        await first.stop()
        assert [_answers(await machine.ask(LIVE))[0].split()[0] for _ in range(3)] == [b"two"] * 3
        await second.stop()
        assert b"200 OK" in (gone := await machine.ask(LIVE))
        assert gone.endswith(b"retry: 2000\n\n"), "a browser's EventSource ends for good at anything but 200"
        assert _answers(await machine.ask(READ)), "the other roles are as they were"


async def test_without_a_process_of_the_role_the_refusal_names_it_and_is_read_behind_a_large_body() -> None:
    async with _machine(ApiRole.READ) as machine:
        for request in (_post(b"{}"), _post(b"x" * 1_000_000)):
            answer = await machine.ask(request)
            assert b" 503 " in answer.splitlines()[0]
            assert b"retry-after: 2" in answer
            assert b"No process of the role gateway is running here just now." in answer
        wire = await machine.connect()
        await wire.send(READ)
        await wire.read_until(b">")
        await wire.send(_post(b"{}"))
        assert b"No process of the role gateway" in await wire.read_to_end()


async def test_connections_stay_while_the_front_is_restarted_and_new_ones_come_back() -> None:
    async with _machine(*ApiRole) as machine:
        wire = await machine.connect()
        await wire.send(READ)
        await wire.read_until(b">")
        await machine.stop_front()
        wire.seen = b""
        await wire.send(READ)
        assert _answers(await wire.read_until(b">")) == [b"read /v1/areas/1 0 127.0.0.1"]
        await machine.start_front()
        async with asyncio.timeout(5):
            while b"<gateway" not in await machine.ask(_post(b"")):
                await asyncio.sleep(0.05)
        wire.seen = b""
        await wire.send(_post(b"abc"))
        assert _answers(await wire.read_until(b">")) == [b"gateway /v1/submissions 3 127.0.0.1"]


async def test_a_process_that_takes_nothing_keeps_one_client_and_the_others_go_to_its_replica() -> None:
    async with _machine(ApiRole.FEED) as machine:
        with socket.socket(socket.AF_UNIX) as frozen:
            frozen.connect(machine.settings.front)
            frozen.send(b"f")
            await asyncio.sleep(0.05)
            wires = [await machine.connect(f"127.0.1.{number + 1}") for number in range(20)]
            unanswered = 0
            for wire in wires:
                await wire.send(LIVE)
                try:
                    async with asyncio.timeout(0.5):
                        await wire.read_until(b">")
                except TimeoutError:
                    unanswered += 1
            assert unanswered == 1


def test_a_connection_for_which_no_descriptor_is_free_is_lost_alone(caplog: pytest.LogCaptureFixture) -> None:
    """As the kernel reports it: it passes on fewer descriptors than were sent."""
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs, (Path("/dev/null")).open() as file:
        socket.send_fds(ours, [b"f"], [file.fileno()] * 3)
        hand_over(ours, ApiRole.READ, ours.fileno(), b"GET /")
        message = receive(theirs)
        assert message is not None
        assert (message.role, message.unread) == (ApiRole.READ, b"GET /")
        assert message.connection is not None
        message.connection.close()
    assert "connection-lost" in caplog.text


async def test_a_process_that_takes_nothing_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were frozen: once its socket is full, its clients are refused, and those of other roles are served."""
    async with _machine(ApiRole.READ, ApiRole.GATEWAY) as machine:
        frozen = socket.socket(socket.AF_UNIX)
        frozen.setblocking(False)
        frozen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        frozen.connect(machine.settings.front)
        frozen.send(b"f")
        await asyncio.sleep(0.05)
        wires = [await machine.connect(f"127.0.1.{number % 200 + 1}") for number in range(700)]
        for wire in wires:
            await wire.send(LIVE)
        async with asyncio.timeout(5):
            while not any(wire.seen for wire in wires):
                for wire in wires:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(0.001):
                            await wire.read()
        assert _answers(await machine.ask(READ))
        assert _answers(await machine.ask(_post(b"")))
        frozen.close()


async def test_who_sends_nothing_or_half_a_line_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS_MAX", 0.5)
    monkeypatch.setattr(module, "HEAD_SECONDS_MAX", 0.5)
    async with _machine(ApiRole.READ) as machine:
        silent, half = await machine.connect(), await machine.connect()
        await half.send(b"GET /v1/li")
        assert await silent.read_to_end(seconds=5) == b""
        assert await half.read_to_end(seconds=5) == b""


async def test_an_address_has_so_many_that_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections_module, "ROOM_AFTER_SECONDS", 600.0)  # else the oldest makes room on a busy machine
    async with _machine(ApiRole.READ) as machine:
        silent = [await machine.connect() for _ in range(50)]
        await asyncio.sleep(0.1)
        refused = await machine.connect()
        assert b" 503 " in await refused.read_to_end()
        other = await machine.connect("127.0.0.9")
        await other.send(READ)
        assert _answers(await other.read_until(b">")), "another address has its own"
        assert all(not wire.seen for wire in silent)


async def test_a_process_without_a_front_serves_at_its_own_port_and_refuses_there() -> None:
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(link_module, "FIRST_SECONDS_MAX", 0.1)
        process = Process("read", ApiRole.READ, FrontLink(Path(directory) / "front.sock", ApiRole.READ))
        began = time.monotonic()
        await process.start()
        assert time.monotonic() - began < 3
        (listener,) = process.server.servers
        raw = socket.socket()
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, listener.sockets[0].getsockname())
        wire = Wire(raw)
        await wire.send(_post(b"abc"))
        assert _answers(await wire.read_until(b">")) == [b"read /v1/submissions 3 127.0.0.1"], "the app refuses it"
        wire.close()
        await process.stop()


def test_the_socket_is_for_this_user_alone(tmp_path: Path) -> None:
    joining = serving._unix_socket(tmp_path / "front.sock")
    assert (tmp_path / "front.sock").stat().st_mode & 0o777 == 0o600
    joining.close()
    serving._unix_socket(tmp_path / "front.sock").close()
