"""Connections whose client has gone, does not read, or sends more than it is answered.

uvicorn bounds what a client may send, but not what waits for it: a reader who never reads keeps its answer in memory for
as long as it likes, pings are answered into a buffer without an end, and of two requests on one connection the first
never learns that the client has gone. So:

    - an answer learns of the end of its connection, whichever request it answers (`ConnectionProtocol`);
    - a WebSocket is read in small pieces, a few milliseconds of all of them in a turn of the loop, and not at all while
      what was written to it is not read (`SocketProtocol`);
    - who does not read `LEAST_BYTES` in `UNREAD_SECONDS_MAX` is cut off, and where all together keep more unread than
      `UNSENT_BYTES_MAX`, the slowest are (`cut_off_unread`).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from api.corked import BACKLOG, UNREAD, Corked, CorkedProtocol
from runtime import metrics
from runtime.logs import event

log = logging.getLogger("rekap.api")

CONNECTION = "rekap.connection"
"""In an ASGI scope: the `Connection` of the request."""

UNREAD_SECONDS_MAX = 30.0
LEAST_BYTES = 32 * 1024
"""That a client with an answer waiting reads at least in so many seconds: 1 kB/s. At half, a telephone at the edge of its
network keeps a place for nothing; at double, it is cut off in each tunnel."""
CLOSING_SECONDS_MAX = 5.0
"""The same for a connection that is to be closed, of which the client wants nothing more."""
UNSENT_BYTES_MAX = 128 * 1024 * 1024
"""Written and not read, over all connections. A part of the live feed is 128 KiB, so a thousand stuck readers pass."""
SENT_BYTES_MAX = 64 * 1024
"""That the kernel keeps of a stream for a client that does not read; it doubles it. By itself it would keep 4 MB, 8 GB for
2,000 of them. Over a wire of 100 ms this still carries 1 MB/s."""
PIPELINED_MAX = 16
"""Requests of one connection that wait for an answer before theirs. Browsers send none, and each costs some kilobytes."""
VANISHED_MS = 60_000
"""A client that acknowledges nothing for so long has vanished without a word; TCP itself gives up after a quarter hour."""

FRAMES_MAX = 300
FRAMES_SECONDS = 10.0
"""Frames that a WebSocket may send in this time, of whatever kind: the feed itself takes 200 wishes, and a browser's pings
are a few. A frame costs 20 µs, so 500 sockets of one address cost a third of a core at most, and no more than a moment."""
PIECE_BYTES = 256
"""Some forty of the smallest frames, 1 ms of work; the longest wish comes in a dozen pieces."""
PIECES_SECONDS = 0.002
"""What all sockets together may use of one turn of the loop."""


class Connection(Protocol):
    """What the answer to a request may know of its connection."""

    @property
    def is_gone(self) -> bool: ...

    def has_no_end(self) -> bool:
        """The answer has none: the kernel keeps less of it than of a download, and no request behind it can ever be
        answered, so that one that comes later ends the connection. False where one has come already."""

    def cut_off(self) -> None:
        """End the connection, without what is written and not read yet."""


class ConnectionProtocol(CorkedProtocol):
    """HTTP whose answers learn of the end of the connection."""

    _running: RequestResponseCycle | None = None
    _is_endless = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        # An address that is gone acknowledges nothing, and a stream writes too little to notice.
        if (raw := transport.get_extra_info("socket")) is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS)

    def connection_lost(self, exc: Exception | None) -> None:
        # uvicorn informs the request that came last; the one that is being answered may be another.
        if self._running is not None and not self._running.response_complete:
            self._running.disconnected = True
            self._running.message_event.set()
        self.pipeline.clear()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self.pipeline and (self._is_endless or len(self.pipeline) > PIPELINED_MAX):
            self.cut_off()
            raise ConnectionAbortedError("a request that would never be answered")  # the parser stops

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self._is_endless = False
        cycle.scope[CONNECTION] = self  # type: ignore[literal-required]
        super()._start_asgi_task(cycle, app)

    @property
    def is_gone(self) -> bool:
        return self.transport.is_closing()

    def has_no_end(self) -> bool:
        self._is_endless = True
        _keep_little(self.transport)
        return not self.pipeline

    def cut_off(self) -> None:
        self.transport.abort()


def _keep_little(transport: asyncio.BaseTransport) -> None:
    if (raw := transport.get_extra_info("socket")) is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENT_BYTES_MAX)


class Turns:
    """Work that is done a little in each turn of the loop, everyone's in its turn."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: deque[Callable[[], None]] = deque()

    def add(self, work: Callable[[], None]) -> None:
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._run)
        self._waiting.append(work)

    def _run(self) -> None:
        until = time.perf_counter() + self._seconds
        for _ in range(len(self._waiting)):
            self._waiting.popleft()()
            if time.perf_counter() > until:
                break
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._run)


_SOCKETS = Turns(PIECES_SECONDS)
"""Of this process, as its loop is."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket that is read in pieces, and only while it reads."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._backlog = bytearray()
        self._is_waiting = False
        self._frames = 0
        self._window_ends = 0.0

    def data_received(self, data: bytes) -> None:
        if not self.handshake_initiated:
            super().data_received(data)  # the head, which HTTP has read and bounded before
            if self.handshake_initiated:
                self.scope[CONNECTION] = self
            return
        self._backlog += data
        self.transport.hold_reading(BACKLOG)  # type: ignore[attr-defined]  # it is Corked
        self._go_on()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.transport.hold_reading(UNREAD)  # type: ignore[attr-defined]

    def resume_writing(self) -> None:
        super().resume_writing()
        self.transport.release_reading(UNREAD)  # type: ignore[attr-defined]
        self._go_on()

    async def receive(self) -> Any:
        message = await super().receive()
        self._go_on()
        return message

    def _go_on(self) -> None:
        """Read the next piece in a turn of the loop, once what came before is worked off and its answers are read."""
        if self._backlog and not self._is_waiting and not self.read_paused and self.writable.is_set():
            self._is_waiting = True
            _SOCKETS.add(self._read_piece)

    def _read_piece(self) -> None:
        self._is_waiting = False
        if self.transport.is_closing():
            self._backlog.clear()
            return
        piece = bytes(self._backlog[:PIECE_BYTES])
        del self._backlog[:PIECE_BYTES]
        super().data_received(piece)
        if self._backlog:
            self._go_on()
        else:
            self.transport.release_reading(BACKLOG)  # type: ignore[attr-defined]

    def handle_events(self) -> None:
        now = self.loop.time()
        if now > self._window_ends:
            self._frames, self._window_ends = 0, now + FRAMES_SECONDS
        self._frames += len(self.conn.events)
        if self._frames <= FRAMES_MAX:
            super().handle_events()
        elif not self.close_sent:
            self.conn.fail(1008, f"more than {FRAMES_MAX} frames in {FRAMES_SECONDS:.0f} s")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.transport.close()

    @property
    def is_gone(self) -> bool:
        return self.transport.is_closing()

    def has_no_end(self) -> bool:
        _keep_little(self.transport)
        return True

    def cut_off(self) -> None:
        self.transport.abort()


class Unread:
    """Finds connections whose client does not read. To be asked every second."""

    def __init__(self) -> None:
        self._marks: dict[Corked, tuple[int, float]] = {}
        """What of it had been sent, and when that was seen, of each connection with something unsent."""

    def cut_off(self, transports: Iterable[Corked], now: float) -> list[Corked]:
        """Those that were cut off just now."""
        marks: dict[Corked, tuple[int, float]] = {}
        unsent: dict[Corked, int] = {}
        ended = []
        for transport in transports:
            waiting = transport.get_write_buffer_size()
            if not waiting:
                continue
            sent = transport.written - waiting
            mark, at = self._marks.get(transport, (sent, now))
            if sent - mark >= LEAST_BYTES:
                mark, at = sent, now
            if now - at > (CLOSING_SECONDS_MAX if transport.is_closing() else UNREAD_SECONDS_MAX):
                transport.abort()
                ended.append(transport)
            else:
                marks[transport] = mark, at
                unsent[transport] = waiting
        total = sum(unsent.values())
        for transport in sorted(unsent, key=lambda each: marks[each][1]):  # the one that has read nothing for longest
            if total <= UNSENT_BYTES_MAX:
                break
            total -= unsent[transport]
            del marks[transport]
            transport.abort()
            ended.append(transport)
        self._marks = marks
        return ended


def cut_off_unread(unread: Unread, connections: Iterable[Any]) -> None:
    """Of uvicorn's connections, HTTP and WebSocket alike."""
    transports = [each.transport for each in connections if isinstance(each.transport, Corked)]
    if ended := unread.cut_off(transports, time.monotonic()):
        metrics.CONNECTIONS_CUT_OFF.inc(len(ended))
        log.info(event("unread-cut-off", connections=len(ended)))
