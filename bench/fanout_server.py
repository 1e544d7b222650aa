"""A server for bench/fanout.py, in a process of its own: the live feed of Rekap, or a peer in Python.

    python bench/fanout_server.py rekap|fastapi|websockets --control PATH [--package DIR]

It writes its port on standard output. Messages come by the Unix socket at PATH, each with four bytes of length (big endian)
before it. `rekap` takes each as the next message of the topic `results`, as its consumer would (without Kafka and its seals),
and serves clients with the same server, connections, hub and delivery as the API. The peers send each message to all clients.
"""

from __future__ import annotations

import argparse
import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, NamedTuple, cast

import uvicorn
import uvloop
from aiokafka import TopicPartition
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from websockets.asyncio.server import ServerConnection, broadcast, serve

from api.feed import routes
from api.feed.hub.hub import Hub
from api.feed.live import LiveFeed
from api.http.connections import Connections, raise_descriptor_limit
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals
from api.readmodel.read_model import ReadModel
from api.server import bounded_server
from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from runtime.kafka.seals import make_seal_keys
from runtime.kafka.topics import SUBTOTALS_PARTITIONS, topics_of
from runtime.package.reading import load_package
from runtime.settings import Settings
from schemas.served.feed_cursors import Positions
from schemas.served.live import CLIENT_MESSAGE_BYTES_MAX

CONNECTIONS_MAX = 20_000
MESSAGE_BYTES_MAX = 1 << 20


class Message(NamedTuple):
    """A message as aiokafka gives it."""

    topic: str
    offset: int
    value: bytes


async def published(path: str) -> AsyncIterator[list[bytes]]:
    """The messages on the control socket, those together that have come together."""
    reading: asyncio.Future[asyncio.StreamReader] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_unix_server(
        lambda reader, _: reading.set_result(reader), path, limit=MESSAGE_BYTES_MAX
    )
    async with server:
        reader = await reading
        backlog = b""
        while data := await reader.read(MESSAGE_BYTES_MAX):
            backlog += data
            messages = []
            while len(backlog) >= 4 and len(backlog) >= 4 + (size := int.from_bytes(backlog[:4], "big")):
                messages.append(backlog[4 : 4 + size])
                backlog = backlog[4 + size :]
            if messages:
                yield messages


async def rekap(control: str, package: Path) -> None:
    definition = Definition.of(load_package(package, problems))
    with tempfile.TemporaryDirectory() as directory:
        keys = Path(directory) / "workers-key.txt"
        make_seal_keys(keys)
        settings = Settings(
            generation=1,
            workers_key=keys,
            live_clients=CONNECTIONS_MAX,
            live_clients_per_address=CONNECTIONS_MAX,
            live_joins_per_s=0,
        )
        feed = LiveFeed(settings, definition, cast(ReadModel, None))
    hub = Hub(definition, SUBTOTALS_PARTITIONS, heartbeat_s=settings.live_heartbeat_s)
    hub.begin(Positions(0, (0,) * SUBTOTALS_PARTITIONS))
    feed.show(hub)
    app = FastAPI()
    app.state.live = feed
    app.include_router(routes.router)
    ready: Callable[[], None] = lambda: print(server.servers[0].sockets[0].getsockname()[1], flush=True)  # noqa: E731
    server = bounded_server(
        app,
        connections=Connections(CONNECTIONS_MAX, CONNECTIONS_MAX, Refusals()),
        proxies=TrustedProxies(),
        graceful_seconds=1,
        web_socket_bytes_max=CLIENT_MESSAGE_BYTES_MAX,
        after_startup=ready,
    )
    server.config.lifespan = "off"
    serving = asyncio.create_task(server.serve())
    beating = asyncio.create_task(feed.beat())
    topic, offset = topics_of(definition.election, 1).results, 0
    async for values in published(control):
        messages = [Message(topic, offset + number, value) for number, value in enumerate(values)]
        offset += len(values)
        await feed.apply(messages, {TopicPartition(topic, 0): offset - 1})
        await feed.deliver()
    beating.cancel()
    server.should_exit = True
    await serving


async def fastapi(control: str, _: Path) -> None:
    """As tutorials show it: a list of sockets, and `send_text` for each in turn."""
    app, clients = FastAPI(), list[WebSocket]()

    @app.websocket("/")
    async def connect(client: WebSocket) -> None:
        await client.accept()
        clients.append(client)
        try:
            while True:
                await client.receive_text()
        except WebSocketDisconnect:
            clients.remove(client)

    listening = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", loop="uvloop", ws_per_message_deflate=False))
    serving = asyncio.create_task(server.serve([listening]))
    print(listening.getsockname()[1], flush=True)
    async for messages in published(control):
        for message in messages:
            for client in list(clients):
                await client.send_text(message.decode())
    server.should_exit = True
    await serving


async def websockets_broadcast(control: str, _: Path) -> None:
    """`broadcast` of the library websockets."""
    clients: set[ServerConnection] = set()

    async def connect(client: ServerConnection) -> None:
        clients.add(client)
        try:
            await client.wait_closed()
        finally:
            clients.remove(client)

    async with serve(connect, "127.0.0.1", 0, compression=None, backlog=4_096) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        async for messages in published(control):
            for message in messages:
                broadcast(clients, message.decode())


SERVERS: dict[str, Any] = {"rekap": rekap, "fastapi": fastapi, "websockets": websockets_broadcast}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("server", choices=SERVERS)
    parser.add_argument("--control", required=True)
    parser.add_argument("--package", type=Path, default=Path())
    options = parser.parse_args()
    raise_descriptor_limit(CONNECTIONS_MAX)
    uvloop.run(SERVERS[options.server](options.control, options.package))


if __name__ == "__main__":
    main()
