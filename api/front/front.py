"""The process in front: takes connections, waits for the first request line of each, and hands it to a process of its role.

While no process of a role is there, its clients are refused with 503, and clients of the live feed are asked to come back.
Everything that waits has a bound: a connection may be silent for IDLE_SECONDS_MAX, its line must come within HEAD_SECONDS_MAX,
and all that wait, and those of one address, count against the same limits as in a process of the API.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import socket
import sys
import termios
from collections import deque
from contextlib import suppress

from api.front.wire import Message, hand_over, receive
from api.http.connections import Connections
from api.http.parsing import IDLE_SECONDS_MAX, LINGER_BYTES_MAX, LINGER_SECONDS
from api.http.raw_problems import answer_bytes
from api.http.request_head import HEAD_SECONDS_MAX, METHOD_AND_VERSION_BYTES, REQUEST_LINE_BYTES_MAX
from api.limits.client_address import TrustedProxies
from api.problems import Problem
from api.roles import LIVE_PATH, ApiRole, path_of, request_line, role_of_line
from runtime import metrics
from runtime.logs import log_line

logger = logging.getLogger("rekap.front")

LINE_BYTES_MAX = REQUEST_LINE_BYTES_MAX + METHOD_AND_VERSION_BYTES
"""A longer first line goes to the read role, which answers 414."""
TAKEN_IN_A_TURN = 16
"""Messages of one process that are read in one turn of the loop, 50 µs each."""
DROPPED_AT_ONCE = 64 * 1024
RETRY_SECONDS = 2
COME_BACK = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    b"retry: %d\n\n" % (RETRY_SECONDS * 1000)
)
"""A browser's EventSource ends for good at anything but 200."""


class Front:
    """One event loop owns it."""

    def __init__(self, connections: Connections, proxies: TrustedProxies) -> None:
        self.connections = connections
        self.proxies = proxies
        self._channels: dict[ApiRole, deque[Channel]] = {role: deque() for role in ApiRole}
        """The processes of each role. The one whose turn is next is first."""
        self._joined: set[Channel] = set()

    def take(self, connection: socket.socket) -> None:
        """Wait for the first request line of a new connection."""
        connection.setblocking(False)
        Arriving(self, connection)

    def add_process(self, channel: socket.socket) -> None:
        """Read what a process sends: its role, and connections that it gives back."""
        channel.setblocking(False)
        self._joined.add(Channel(self, channel))

    def processes(self, role: ApiRole) -> int:
        return len(self._channels[role])

    def hand(self, line: bytes, role: ApiRole, connection: socket.socket, unread: bytes) -> bool:
        """Hand a connection to a process of a role: to the one that has least to take still, and among equal ones to each in
        its turn. So one that is frozen keeps a client or two waiting, and not its share of all. Returns False where none takes
        it; the caller then still has the connection."""
        channels = self._channels[role]
        channels.rotate(-1)
        for channel in sorted(channels, key=Channel.untaken):
            if hand_over(channel.socket, role, connection.fileno(), unread):
                connection.close()
                return True
        metrics.HTTP_REFUSED.labels("no-process-of-role").inc()
        return False

    def joined(self, channel: Channel, role: ApiRole) -> None:
        self._channels[role].append(channel)
        logger.info(log_line("process-joined", role=role, processes=len(self._channels[role])))

    def close(self) -> None:
        """End. The processes connect again to the next front."""
        for channel in list(self._joined):
            channel.close()

    def left(self, channel: Channel) -> None:
        self._joined.discard(channel)
        for role, channels in self._channels.items():
            if channel in channels:
                channels.remove(channel)
                logger.info(log_line("process-left", role=role, processes=len(channels)))


class Channel:
    """The UNIX socket to one process of the API."""

    def __init__(self, front: Front, channel: socket.socket) -> None:
        self.socket = channel
        self._front = front
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(channel, self._read)

    def _read(self) -> None:
        try:
            for _ in range(TAKEN_IN_A_TURN):
                message = receive(self.socket)
                if message is None:
                    break
                self._follow(message)
            else:
                return  # the rest in the next turn
        except BlockingIOError:
            return
        except OSError as error:
            logger.warning(log_line("process-lost", error=error))
        self.close()

    def untaken(self) -> int:
        """Memory of what the process was handed and has not taken yet, in bytes of the kernel."""
        return int.from_bytes(fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)), sys.byteorder)

    def close(self) -> None:
        self._loop.remove_reader(self.socket)
        self._front.left(self)
        self.socket.close()

    def _follow(self, message: Message) -> None:
        if message.connection is None:
            self._front.joined(self, message.role)
            return
        message.connection.setblocking(False)
        line = request_line(message.unread) or b""
        if not self._front.hand(line, message.role, message.connection, message.unread):
            Arriving(self._front, message.connection).refuse(line, message.role)


class Arriving:
    """A connection that the front has itself, because its first line has not come yet, or because it is refused."""

    unsent = 0

    def __init__(self, front: Front, connection: socket.socket) -> None:
        self._front = front
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._read = b""
        self._is_refused = False
        self._dropped_bytes = 0
        try:
            peer = connection.getpeername()
        except OSError:
            peer = None
        address = str(peer[0]) if isinstance(peer, tuple) else ""
        self.address = None if address in front.proxies else front.proxies.client_of_peer(address)
        sentence = front.connections.admit(self)
        self._loop.add_reader(connection, self._readable)
        if sentence is None:
            front.connections.waits(self)
        else:
            self._refuse(answer_bytes(Problem(503, "Too many connections", sentence, retry_after_s=5)))

    # -- as Connections asks of a connection -------------------------------------------------------------------------

    def look(self, now: float) -> None:
        if now - self._since > (
            LINGER_SECONDS if self._is_refused else HEAD_SECONDS_MAX if self._read else IDLE_SECONDS_MAX
        ):
            if self._read and not self._is_refused:
                metrics.HTTP_CUT_OFF.labels("slow-head").inc()
            self.cut_off()

    def cut_off(self) -> None:
        self._end()
        self._connection.close()

    # -- reading -----------------------------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            if self._is_refused:
                self._drop()
            else:
                self._look_for_line()
        except BlockingIOError:
            pass
        except OSError:
            self.cut_off()

    def _look_for_line(self) -> None:
        """Nearly always the whole line is there at once, and is left in the kernel for the process that gets the connection."""
        size = LINE_BYTES_MAX - len(self._read)
        data = self._connection.recv(size, 0 if self._read else socket.MSG_PEEK)
        if not data:
            self.cut_off()
            return
        line = request_line(self._read + data)
        if line is None and len(self._read) + len(data) < LINE_BYTES_MAX:
            if not self._read:
                self._since = self._loop.time()
                data = self._connection.recv(size)
            self._read += data
            return
        line = line or b""
        role = role_of_line(line)
        unread = self._read and self._read + data
        self._end()
        if not self._front.hand(line, role, self._connection, unread):
            self._front.connections.join(self)
            self._loop.add_reader(self._connection, self._readable)
            self.refuse(line, role)

    def refuse(self, line: bytes, role: ApiRole) -> None:
        """Answer that no process of the role is there."""
        if path_of(line) == LIVE_PATH:
            self._refuse(COME_BACK)
            return
        sentence = f"No process of the role {role} is running here just now."
        self._refuse(answer_bytes(Problem(503, "Try again", sentence, role=str(role), retry_after_s=RETRY_SECONDS)))

    def _refuse(self, answer: bytes) -> None:
        """Send an answer of some hundred bytes, which the kernel takes at once, and drop what the client still sends: closing
        with unread input would reset the connection, and the client would lose the answer."""
        self._is_refused, self._since = True, self._loop.time()
        with suppress(OSError):
            self._connection.send(answer)
            self._connection.shutdown(socket.SHUT_WR)

    def _drop(self) -> None:
        dropped = len(self._connection.recv(DROPPED_AT_ONCE))
        self._dropped_bytes += dropped
        if not dropped or self._dropped_bytes > LINGER_BYTES_MAX:
            self.cut_off()

    def _end(self) -> None:
        if self._connection.fileno() >= 0:
            self._loop.remove_reader(self._connection)
        self._front.connections.leave(self)
