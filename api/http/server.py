"""Starts uvicorn with all bounds: the API, witnesses and whatever else Rekap serves to others are run by this."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, cast

import uvicorn

from api.http.accepting import Listener
from api.http.connections import Connections
from api.http.fair_turns import FairTurns
from api.http.from_memory import AnswersInMemory, FromMemory
from api.http.protocol import IDLE_SECONDS_MAX, BoundedProtocol
from api.http.web_socket import BoundedWebSocket
from api.http.whole_request import AtOnce
from api.limits.client_address import TrustedProxies
from api.limits.rate_limits import RateLimit

BACKLOG = 4096
"""Connections that the kernel keeps until we take them. A tenth is full after 100 ms in which all viewers come back."""
CONNECTS_SHARE, CONNECTS_PER_S_MIN = 5, 100
"""An address may make a fifth of the connections it may have, or 100, in each second, and ten times as many at once. At half, a
page that is opened in 1,000 places behind one address is served in part; at double, connecting costs a third of the loop."""


class BoundedServer(uvicorn.Server):
    """`after_startup` is called once it listens, `before_shutdown` before uvicorn waits for the connections to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        proxies: TrustedProxies,
        connects: RateLimit,
        after_startup: Callable[[], None],
        before_shutdown: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._proxies = proxies
        self._connects = connects
        self._after_startup = after_startup
        self._before_shutdown = before_shutdown

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._take_over()
            self._after_startup()

    def _take_over(self) -> None:
        """The listening sockets, from the loop's own servers."""
        protocol = partial(
            cast(Callable[..., asyncio.Protocol], self.config.http_protocol_class),
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        listening = [socket.socket(fileno=os.dup(each.fileno())) for server in self.servers for each in server.sockets]
        for server in self.servers:
            server.close()
        # They have what uvicorn asks of them.
        self.servers = [Listener(each, protocol, self._proxies, self._connects) for each in listening]  # type: ignore[misc]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._before_shutdown()
        await super().shutdown(sockets)


def bounded_server(
    app: Any,
    *,
    connections: Connections,
    proxies: TrustedProxies,
    graceful_seconds: int,
    in_memory: AnswersInMemory | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    web_socket_bytes_max: int | None = None,
    at_once: AtOnce | None = None,
    loop: Literal["asyncio", "uvloop"] = "uvloop",
    after_startup: Callable[[], None] = lambda: None,
    before_shutdown: Callable[[], None] = lambda: None,
) -> BoundedServer:
    """A server for an ASGI app, to be run; WebSockets only where their messages have a bound. `in_memory` answers what it
    has before a request is made for the app, and `at_once` takes a request before the app."""
    turns = FairTurns()
    from_memory = None if in_memory is None else FromMemory(in_memory)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop=loop,
        http=_as_class(partial(BoundedProtocol, connections, proxies, turns, from_memory=from_memory, at_once=at_once)),
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
    connects = RateLimit("new connections", max(CONNECTS_PER_S_MIN, connections.of_party_max // CONNECTS_SHARE))
    return BoundedServer(config, proxies, connects, after_startup, before_shutdown)


def _as_class(made_with: Callable[..., asyncio.Protocol]) -> type[asyncio.Protocol]:
    """uvicorn asks for a class and only calls it."""
    return made_with  # type: ignore[return-value]
