"""Starts uvicorn with all bounds: the API, witnesses and whatever else Rekap serves to others are run by this."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, cast

import uvicorn

from api.http.connections import Connections
from api.http.fair_turns import FairTurns
from api.http.protocol import IDLE_SECONDS_MAX, BoundedProtocol
from api.http.web_socket import BoundedWebSocket
from api.limits.client_address import TrustedProxies

BACKLOG = 4096
"""Connections that the kernel keeps until we take them. A tenth is full after 100 ms in which all viewers come back."""
TAKEN_IN_A_TURN = 16
"""New connections that are taken in each turn of the loop, 0.1 ms each. libuv takes one of each listening socket, so that
3,000 silent ones in a row, in turns of 5 ms, made everybody's next wait for 15 s. At half it is 1 s; at double a turn in
which many come costs others 3 ms."""


class BoundedServer(uvicorn.Server):
    """`after_startup` is called once it listens, `before_shutdown` before uvicorn waits for the connections to end."""

    def __init__(
        self, config: uvicorn.Config, after_startup: Callable[[], None], before_shutdown: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._after_startup = after_startup
        self._before_shutdown = before_shutdown

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await self._listen_more()
            self._after_startup()

    async def _listen_more(self) -> None:
        """On duplicates of each listening socket: the connections that wait are the same."""
        protocol = partial(
            cast(Callable[..., asyncio.Protocol], self.config.http_protocol_class),
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        for listening in [listening for server in self.servers for listening in server.sockets]:
            for _ in range(TAKEN_IN_A_TURN - 1):
                duplicate = socket.socket(fileno=os.dup(listening.fileno()))
                self.servers.append(
                    await asyncio.get_running_loop().create_server(protocol, sock=duplicate, backlog=BACKLOG)
                )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_shutdown()
        await super().shutdown(sockets)


def bounded_server(
    app: Any,
    *,
    connections: Connections,
    proxies: TrustedProxies,
    graceful_seconds: int,
    host: str = "127.0.0.1",
    port: int = 0,
    web_socket_bytes_max: int | None = None,
    loop: Literal["asyncio", "uvloop"] = "uvloop",
    after_startup: Callable[[], None] = lambda: None,
    before_shutdown: Callable[[], None] = lambda: None,
) -> BoundedServer:
    """A server for an ASGI app, to be run; WebSockets only where their messages have a bound."""
    turns = FairTurns()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop=loop,
        http=_as_class(partial(BoundedProtocol, connections, proxies, turns)),
        ws="none"
        if web_socket_bytes_max is None
        else _as_class(partial(BoundedWebSocket, connections, proxies, turns)),
        ws_max_size=web_socket_bytes_max or 0,
        ws_per_message_deflate=False,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=int(IDLE_SECONDS_MAX),
        timeout_graceful_shutdown=graceful_seconds,
        backlog=BACKLOG,
    )
    return BoundedServer(config, after_startup, before_shutdown)


def _as_class(made_with: Callable[..., asyncio.Protocol]) -> type[asyncio.Protocol]:
    """uvicorn asks for a class and only calls it."""
    return made_with  # type: ignore[return-value]
