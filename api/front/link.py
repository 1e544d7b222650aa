"""The side of a process of the API: takes the connections that the front hands over, and gives back those whose next request is
for another role.

The process announces its role once it serves. Where the front ends, the process connects again until the front is back; the
connections that it has are its own and stay.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from api.front.wire import announce, hand_over, receive
from api.http.accepting import TAKEN_IN_A_TURN
from api.roles import ApiRole, request_line, role_of_line
from runtime.logs import log_line

logger = logging.getLogger("rekap.front")

CONNECT_AGAIN_SECONDS = 0.25
"""Time between two tries to connect to the front. At half, a front that is away costs each process eight tries a second; at
double, a front that is back refuses clients for half a second, until its processes have joined."""
FIRST_SECONDS_MAX = 5.0
"""Longest wait of a starting process for the front, so that a process that serves can be reached through the front. The front
starts beside this process, in two seconds."""
LEAVE_SECONDS_MAX = 1.0
"""Time for the front to notice that this process takes no more. A front that is frozen is not waited for any longer."""

Begin = Callable[[socket.socket, bytes], None]


class FrontLink:
    """Has what uvicorn asks of an asyncio server, beside the process's own listening socket."""

    sockets: tuple[socket.socket, ...] = ()

    def __init__(self, path: Path, role: ApiRole) -> None:
        self._path = path
        self._role = role
        self._begin: Begin
        self._loop: asyncio.AbstractEventLoop
        self._channel: socket.socket | None = None
        self._ended = asyncio.Event()
        """Set while there is no channel."""
        self._keeping: asyncio.Task[None] | None = None

    async def start(self, begin: Begin) -> None:
        """Announce the role to the front; after FIRST_SECONDS_MAX without a front, once it is there. `begin` serves a
        connection that is handed over, with what was read of the connection already."""
        self._begin = begin
        self._loop = asyncio.get_running_loop()
        ends = self._loop.time() + FIRST_SECONDS_MAX
        self._connect()
        while self._channel is None and self._loop.time() < ends:
            await asyncio.sleep(CONNECT_AGAIN_SECONDS)
            self._connect()
        self._keeping = asyncio.create_task(self._keep())

    def _connect(self) -> None:
        channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        channel.setblocking(False)  # connecting would wait for a frozen front
        try:
            channel.connect(str(self._path))
            announce(channel, self._role)
        except OSError:
            channel.close()
            self._ended.set()
            return
        self._channel = channel
        self._ended.clear()
        self._loop.add_reader(channel, self._take)

    async def _keep(self) -> None:
        while True:
            await self._ended.wait()
            await asyncio.sleep(CONNECT_AGAIN_SECONDS)
            self._connect()

    def _take(self) -> None:
        assert self._channel is not None
        try:
            for _ in range(TAKEN_IN_A_TURN):
                message = receive(self._channel)
                if message is None:
                    break
                if message.connection is not None:
                    message.connection.setblocking(False)
                    self._begin(message.connection, message.unread)
            else:
                return  # the rest in the next turn
        except BlockingIOError:
            return
        except OSError as error:
            logger.warning(log_line("front-lost", error=error))
        self._close_channel()

    def _close_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            self._loop.remove_reader(channel)
            channel.close()
        self._ended.set()

    def gives_back(self, transport: asyncio.BaseTransport, data: bytes) -> bool:
        """Whether the request that begins with `data` is for another role, and its connection has gone back to the front.
        Called for a connection that the front handed over, between two requests, with all that was read since the last. The
        caller then ends its transport, which closes one descriptor of two. Without a front the answer here is 421."""
        line = request_line(data)
        if line is None or self._channel is None:
            return False
        role = role_of_line(line)
        if role is self._role:
            return False
        raw = transport.get_extra_info("socket")
        descriptor = os.dup(raw.fileno())
        try:
            return hand_over(self._channel, role, descriptor, data)
        finally:
            os.close(descriptor)

    async def leave(self) -> None:
        """Take no more than what the front has handed over by now."""
        if self._keeping is not None:
            self._keeping.cancel()
        if self._channel is not None:
            with suppress(OSError):
                self._channel.shutdown(socket.SHUT_WR)
            with suppress(TimeoutError):
                async with asyncio.timeout(LEAVE_SECONDS_MAX):
                    await self._ended.wait()
        self._close_channel()

    def close(self) -> None:
        self._close_channel()

    async def wait_closed(self) -> None:
        """Return at once, because `close` has closed everything."""
