"""The connection of a request, as the code that answers the request may use it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from api.http.corked import Corked
from api.http.unread import Unread

CONNECTION = "rekap.connection"
"""Name in an ASGI scope: the `Connection` of the request."""
STREAM_SENT_BYTES_MAX = 64 * 1024
"""Bytes that the kernel keeps of a stream for a client that does not read; the kernel doubles the number. By default it would
keep 4 MB, which is 8 GB for 2,000 streams. With a round trip of 100 ms, a stream can still carry 1 MB/s."""
VANISHED_MS = 60_000
"""A client that acknowledges nothing for so long is gone without closing; TCP itself gives up after a quarter of an hour."""


class Connection(Protocol):
    is_full: bool
    """Whether bytes wait in this process that the kernel has not taken, or the connection is lost."""
    was_unread: bool
    """Whether the connection was ended because its client did not read."""
    was_flooded: bool
    """Whether the connection was ended because its client sent more than a WebSocket may send."""

    def has_no_end(self) -> bool:
        """State that the answer is an endless stream. The kernel then keeps less of the answer than of a download, and the
        connection is full as soon as the kernel takes no more. A later request on the connection would never be answered, so
        it ends the connection. Returns False where a later request has already come."""

    def direct(self) -> Callable[[bytes], None]:
        """A function that sends bytes at once, as far as the kernel takes them, and may be called while the connection is not
        full. It raises RuntimeError where the connection was lost in this turn of the loop."""

    @property
    def descriptor(self) -> int:
        """File descriptor to which bytes can be written as by `direct`, while the connection is not full; -1 where there is
        none, or before `has_no_end`. Once a connection is lost, the kernel may give its descriptor to another connection."""

    def watch_room(self, call: Callable[[bool], None]) -> None:
        """Call this with the new `is_full` each time it changes."""

    def cut_off(self) -> None:
        """End the connection, and drop what is written and not read yet."""


class Receiver(Protocol):
    """The part of the application that has taken a WebSocket over."""

    def message_came(self, text: str | None) -> None:
        """Take a whole message; None for a binary one."""

    def has_gone(self) -> None:
        """Note that the connection is closing or lost, so that nothing can be sent on it any more. Called once."""


class SocketConnection(Connection, Protocol):
    """A WebSocket."""

    @property
    def window_bits(self) -> int:
        """Window of the compression that was negotiated (RFC 7692); 0 where none was."""

    def hand_over(self, receiver: Receiver) -> None:
        """Give each message to the receiver from now on. The connection stays open when the ASGI application returns, which
        then costs no task and no memory."""

    def close_with(self, code: int, sentence: str) -> None:
        """Close the WebSocket by a closing handshake."""


class ServedConnection:
    """What a connection of HTTP and one of WebSocket have in common, beside uvicorn's protocol of each."""

    transport: asyncio.Transport
    _corked: Corked
    _unread: Unread
    is_full = False
    was_unread = False
    was_flooded = False
    _keeps_little = False
    """Whether `is_full` states that bytes wait, and not only that more than the transport's high-water mark do."""
    _room_changed: Callable[[bool], None] | None = None

    @property
    def unsent(self) -> int:
        """Bytes that were written and not taken yet."""
        return self._unread.unsent if self.is_full or not self._keeps_little else 0

    def direct(self) -> Callable[[bytes], None]:
        return self._corked.direct()

    @property
    def descriptor(self) -> int:
        raw = self.transport.get_extra_info("socket")
        is_encrypted = self.transport.get_extra_info("sslcontext") is not None
        # Where `is_full` does not state that bytes wait, what is written to the descriptor would overtake them.
        return int(raw.fileno()) if self._keeps_little and raw is not None and not is_encrypted else -1

    def watch_room(self, call: Callable[[bool], None]) -> None:
        self._room_changed = call

    def note_room(self, *, is_full: bool) -> None:
        self.is_full = is_full
        if not is_full:
            self._unread.drained()
        if self._room_changed is not None:
            self._room_changed(is_full)

    def keep_little(self) -> None:
        """Let the kernel keep STREAM_SENT_BYTES_MAX for a client that does not read, and have `pause_writing` called for the
        first byte that the kernel does not take."""
        if self.transport.is_closing():
            return
        self.transport.set_write_buffer_limits(high=0)
        self._keeps_little = True
        raw = self.transport.get_extra_info("socket")
        if raw is not None:
            with suppress(OSError):  # the connection has just ended
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STREAM_SENT_BYTES_MAX)

    def cut_off(self) -> None:
        self.transport.abort()


def notice_the_vanished(transport: asyncio.BaseTransport) -> None:
    """Let the kernel end the connection of a client that acknowledges nothing; a stream writes too little to notice."""
    raw = transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS)
