"""The connection of a request, as the code that answers the request may use it."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Protocol

from api.http.unread import Unread

CONNECTION = "rekap.connection"
"""Name in an ASGI scope: the `Connection` of the request."""
STREAM_SENT_BYTES_MAX = 64 * 1024
"""Bytes that the kernel keeps of a stream for a client that does not read; the kernel doubles the number. By default it would
keep 4 MB, which is 8 GB for 2,000 streams. With a round trip of 100 ms, a stream can still carry 1 MB/s."""
VANISHED_MS = 60_000
"""A client that acknowledges nothing for so long is gone without closing; TCP itself gives up after a quarter of an hour."""


class Connection(Protocol):
    @property
    def is_gone(self) -> bool: ...

    def has_no_end(self) -> bool:
        """State that the answer is an endless stream. The kernel then keeps less of the answer than of a download. A later
        request on the connection would never be answered, so it ends the connection. Returns False where a later request has
        already come."""

    def cut_off(self) -> None:
        """End the connection, and drop what is written and not read yet."""


class ServedConnection:
    """What a connection of HTTP and one of WebSocket have in common, beside uvicorn's protocol of each."""

    transport: asyncio.Transport
    _unread: Unread

    @property
    def unsent(self) -> int:
        """Bytes that were written and not taken yet."""
        return self._unread.unsent

    @property
    def is_gone(self) -> bool:
        return self.transport.is_closing()

    def cut_off(self) -> None:
        self.transport.abort()


def notice_the_vanished(transport: asyncio.BaseTransport) -> None:
    """Let the kernel end the connection of a client that acknowledges nothing; a stream writes too little to notice."""
    raw = transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS)


def keep_little(transport: asyncio.BaseTransport) -> None:
    """Let the kernel keep STREAM_SENT_BYTES_MAX for a client that does not read."""
    raw = transport.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):  # the connection has just ended
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STREAM_SENT_BYTES_MAX)
