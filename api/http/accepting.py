"""Taking new connections: some in each turn of the loop, and of one address no more than it may make.

asyncio and uvloop build a transport and a protocol for each connection, in 0.2 ms, before its address is known. A client that
connects and leaves as fast as it can thus fills the kernel's queue with 4,096 dead connections, and the next connection of
every other client waits behind them. Here each connection is checked first, in 0.01 ms: where its client has gone, or its
address makes too many, it is closed.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import Callable

from api.limits.client_address import TrustedProxies
from api.limits.rate_limits import RateLimit
from runtime import metrics
from runtime.logs import log_line

logger = logging.getLogger("rekap.http")

BACKLOG = 4096
"""Connections that the kernel keeps until we take them. A tenth is full after 100 ms in which all viewers come back."""
CONNECTS_SHARE, CONNECTS_PER_S_MIN = 5, 100
"""An address may make a fifth of the connections it may have, or 100, in each second, and ten times as many at once. At half, a
page that 1,000 people behind one address open at once is served in part; at double, connecting costs a third of the loop."""
TAKEN_IN_A_TURN = 16
"""New connections in each turn of the loop, 0.2 ms each. At half, the next connection of another client waits for
1 s behind 3,000 silent ones; at double, a turn in which many come costs others 6 ms."""
LOOKED_AT_SECONDS = 0.001
"""Limit for closing connections in each turn of the loop: about a hundred."""
PAUSE_SECONDS = 0.5
"""Pause after the system had no descriptor or memory for another connection."""


class Listener:
    """A listening socket, with what uvicorn asks of an asyncio server."""

    def __init__(
        self,
        listening: socket.socket,
        begin: Callable[[socket.socket], None],
        proxies: TrustedProxies,
        connects: RateLimit,
    ) -> None:
        self._listening = listening
        self._begin = begin
        self._proxies = proxies
        self._connects = connects
        self._loop = asyncio.get_running_loop()
        listening.setblocking(False)
        self._listen()

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        return (self._listening,) if self._listening.fileno() >= 0 else ()

    def close(self) -> None:
        if self._listening.fileno() >= 0:
            self._loop.remove_reader(self._listening)
            self._listening.close()

    async def wait_closed(self) -> None:
        """Return at once, because the server is closed when `close` returns."""

    def _listen(self) -> None:
        if self._listening.fileno() >= 0:
            self._loop.add_reader(self._listening, self._take)

    def _take(self) -> None:
        until, taken = time.perf_counter() + LOOKED_AT_SECONDS, 0
        while taken < TAKEN_IN_A_TURN and time.perf_counter() < until:
            try:
                connection, address = self._listening.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.error(log_line("accept-failed", error=error))
                self._loop.remove_reader(self._listening)
                self._loop.call_later(PAUSE_SECONDS, self._listen)
                return
            if _has_gone(connection):
                connection.close()
            elif not self._may_connect(address):
                metrics.HTTP_REFUSED.labels("connects-of-address").inc()
                connection.close()
            else:
                taken += 1
                self._begin(connection)

    def _may_connect(self, address: object) -> bool:
        host = str(address[0]) if isinstance(address, tuple) else ""
        return host in self._proxies or self._connects.take(self._proxies.client_of_peer(host))


class Beginning:
    """Serves connections that were taken: builds a transport and a protocol for each."""

    def __init__(self, protocol: Callable[[bytes], asyncio.Protocol]) -> None:
        """`protocol` makes the protocol of a connection, given what was read of the connection already."""
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._beginning: set[asyncio.Task[object]] = set()

    def begin(self, connection: socket.socket, unread: bytes = b"") -> None:
        connection.setblocking(False)
        task: asyncio.Task[object] = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: self._protocol(unread), connection)
        )
        self._beginning.add(task)
        task.add_done_callback(self._begun)

    def _begun(self, task: asyncio.Task[object]) -> None:
        self._beginning.discard(task)
        if (
            not task.cancelled()
            and isinstance(task.exception(), Exception)
            and not isinstance(task.exception(), OSError)
        ):
            raise task.exception()  # type: ignore[misc]  # a bug: the loop logs it


def _has_gone(connection: socket.socket) -> bool:
    """Whether the client of a connection has closed it and sent nothing."""
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


def connects_limit(of_address_max: int) -> RateLimit:
    """How many connections an address may make that may have `of_address_max` at once."""
    return RateLimit("new connections", max(CONNECTS_PER_S_MIN, of_address_max // CONNECTS_SHARE))
