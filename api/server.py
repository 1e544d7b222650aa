"""Starts uvicorn with all bounds: the API, witnesses and whatever else Rekap serves to others are run by this."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, cast

import uvicorn

from api.front.link import FrontLink
from api.http.accepting import BACKLOG, Beginning, Listener, connects_limit
from api.http.connections import Connections
from api.http.fair_turns import FairTurns
from api.http.from_memory import AnswersInMemory, FromMemory
from api.http.parsing import IDLE_SECONDS_MAX
from api.http.protocol import BoundedProtocol, GivesBack
from api.http.web_socket import BoundedWebSocket
from api.http.whole_request import AtOnce
from api.limits.client_address import TrustedProxies
from api.limits.rate_limits import RateLimit


class BoundedServer(uvicorn.Server):
    """`after_startup` is called once it listens, `before_shutdown` before uvicorn waits for the connections to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        proxies: TrustedProxies,
        connects: RateLimit,
        front: FrontLink | None,
        after_startup: Callable[[], None],
        before_shutdown: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._proxies = proxies
        self._connects = connects
        self._front = front
        self._after_startup = after_startup
        self._before_shutdown = before_shutdown

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            await self._take_over()
            self._after_startup()

    async def _take_over(self) -> None:
        """The listening sockets, from the loop's own servers; and the connections that a front hands over."""

        def protocol(unread: bytes, gives_back: GivesBack | None) -> asyncio.Protocol:
            made = cast(Callable[..., asyncio.Protocol], self.config.http_protocol_class)
            return made(
                config=self.config,
                server_state=self.server_state,
                app_state=self.lifespan.state,
                unread=unread,
                gives_back=gives_back,
            )

        begin = Beginning(lambda unread: protocol(unread, None)).begin
        listening = [socket.socket(fileno=os.dup(each.fileno())) for server in self.servers for each in server.sockets]
        for server in self.servers:
            server.close()
        # They have what uvicorn asks of them.
        self.servers = [Listener(each, begin, self._proxies, self._connects) for each in listening]  # type: ignore[misc]
        if self._front is not None:
            gives_back = self._front.gives_back
            await self._front.start(Beginning(lambda unread: protocol(unread, gives_back)).begin)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._front is not None:
            await self._front.leave()
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
    front: FrontLink | None = None,
    after_startup: Callable[[], None] = lambda: None,
    before_shutdown: Callable[[], None] = lambda: None,
) -> BoundedServer:
    """A server for an ASGI app, to be run; WebSockets only where their messages have a bound. `in_memory` answers what it
    has before a request is made for the app, and `at_once` takes a request before the app. With a `front`, it also serves the
    connections that the front hands over (api/front)."""
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
    connects = connects_limit(connections.of_address_max)
    return BoundedServer(config, proxies, connects, front, after_startup, before_shutdown)


def _as_class(made_with: Callable[..., asyncio.Protocol]) -> type[asyncio.Protocol]:
    """uvicorn asks for a class and only calls it."""
    return made_with  # type: ignore[return-value]
