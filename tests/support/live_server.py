"""A real server of the live feed, without Kafka and PostgreSQL: uvicorn as `rekap run api` has it, and a hub whose
messages a test makes. Clients are raw sockets, so that a test can do what no library lets it."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import uvicorn
from fastapi import FastAPI

from api.answers.reading import Reading
from api.feed import routes as feed_routes
from api.feed.hub.hub import Hub
from api.feed.live import LiveFeed
from api.http.connections import Connections
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals
from api.problems import install_problems
from api.readmodel.read_model import ReadModel
from api.server import bounded_server
from projections.definition.compiled import Definition
from runtime.kafka.seals import make_seal_keys
from runtime.settings import Settings
from schemas.served.feed_cursors import Positions
from schemas.served.live import CLIENT_MESSAGE_BYTES_MAX


class LiveServer:
    def __init__(self, feed: LiveFeed, port: int, server: uvicorn.Server) -> None:
        self.feed = feed
        self.port = port
        self.server = server
        self._wires: list[Wire] = []

    def close_wires(self) -> None:
        for wire in self._wires:
            wire.close()

    @property
    def hub(self) -> Hub:
        assert self.feed.hub is not None
        return self.feed.hub

    async def connect(self, *, receive_bytes: int | None = None, source: str = "127.0.0.1") -> Wire:
        """A connection from a loopback address; `receive_bytes` bounds what its kernel takes while nobody reads."""
        raw = socket.socket()
        raw.setblocking(False)
        if receive_bytes is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        raw.bind((source, 0))
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", self.port))
        wire = Wire(raw)
        self._wires.append(wire)
        return wire

    async def until_subscribers(self, count: int, *, seconds: float) -> None:
        """Raises TimeoutError where there are not `count` in time."""
        async with asyncio.timeout(seconds):
            while self.hub.subscribers != count:
                await asyncio.sleep(0.02)

    async def answer_seconds(self) -> float:
        """How long another client waits for an answer of the same process."""
        wire = await self.connect()
        began = time.perf_counter()
        await wire.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        await wire.read_until(b"{}")
        wire.close()
        return time.perf_counter() - began


HELLO, TOO_OFTEN = b'"hello"', b"too often"
"""What a connection of the live feed begins with, and what it is refused with."""


class Wire:
    """A connection as bytes."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw
        self._loop = asyncio.get_running_loop()
        self.seen = b""

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._raw, data)

    async def read(self) -> bytes:
        """What comes next; nothing at the end of the connection."""
        data = await self._loop.sock_recv(self._raw, 65_536)
        self.seen += data
        return data

    async def read_until(self, *wanted: bytes, seconds: float = 60) -> bytes:
        """All that has come, up to one of these. Raises EOFError where the connection ends before."""
        async with asyncio.timeout(seconds):
            while not any(each in self.seen for each in wanted):
                if not await self.read():
                    raise EOFError(self.seen[-300:])
        return self.seen

    async def read_to_end(self, *, seconds: float = 10) -> bytes:
        async with asyncio.timeout(seconds):
            try:
                while await self.read():
                    pass
            except ConnectionError:
                pass
        return self.seen

    async def upgrade(self, until: bytes = HELLO) -> None:
        """Become a WebSocket, and read what comes first."""
        await self._ask_to_upgrade()
        await self.read_until(until)

    async def _ask_to_upgrade(self) -> None:
        key = base64.b64encode(os.urandom(16))
        await self.send(
            b"GET /v1/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % key
        )

    async def upgrade_if_admitted(self) -> bool:
        """Become a WebSocket. False where this address has connected too often."""
        await self._ask_to_upgrade()
        return HELLO in await self.read_until(HELLO, TOO_OFTEN)

    def close(self) -> None:
        self._raw.close()


def masked_frame(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    """A frame as a client sends it (RFC 6455 5.2), with a mask of zeros."""
    head = bytes([(0x80 if fin else 0) | opcode])
    if len(data) < 126:
        head += bytes([0x80 | len(data)])
    else:
        head += bytes([0x80 | 126]) + struct.pack("!H", len(data))
    return head + bytes(4) + data


@asynccontextmanager
async def live_server(
    definition: Definition,
    *,
    hub: Hub | None = None,
    begun: bool = True,
    connections_of_address: int = 4096,
    for_pages: bool = False,
    **settings: Any,
) -> AsyncIterator[LiveServer]:
    with tempfile.TemporaryDirectory() as directory:
        keys = Path(directory) / "workers-key.txt"
        make_seal_keys(keys)
        chosen = Settings(**{"live_heartbeat_s": 1, "generation": 1, "workers_key": keys, **settings})
        feed = LiveFeed(chosen, definition, cast(ReadModel, None))
    if begun:
        if hub is None:
            hub = Hub(definition, 1, heartbeat_s=1)
            hub.begin(Positions(0, (0,)))
        feed.show(hub)
    app = FastAPI()
    if for_pages:  # as the whole API has it, so that a browser lets a page of another origin read
        app.add_middleware(Reading)
    app.state.live = feed
    install_problems(app)
    app.include_router(feed_routes.router)

    @app.get("/livez")
    async def alive() -> dict[str, str]:
        return {}

    server = bounded_server(
        app,
        connections=Connections(4096, connections_of_address, Refusals()),
        proxies=TrustedProxies(),
        graceful_seconds=2,
        web_socket_bytes_max=CLIENT_MESSAGE_BYTES_MAX,
        loop="asyncio",
        before_shutdown=feed.end_clients,
    )
    server.config.lifespan = "off"
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen(4096)
    port = listening.getsockname()[1]
    serving = asyncio.create_task(server.serve([listening]))
    beating = asyncio.create_task(feed.beat())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield (live := LiveServer(feed, port, server))
    finally:
        live.close_wires()
        beating.cancel()
        server.should_exit = True
        await serving
        listening.close()
