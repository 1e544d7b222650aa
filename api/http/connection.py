"""What the answer to a request may know of its connection, and do to it."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol

CONNECTION = "rekap.connection"
"""In an ASGI scope: the `Connection` of the request."""
STREAM_SENT_BYTES_MAX = 64 * 1024
"""That the kernel keeps of a stream for a client that does not read; it doubles it. By itself it would keep 4 MB, 8 GB for
2,000 of them. Over a wire of 100 ms this still carries 1 MB/s."""
VANISHED_MS = 60_000
"""A client that acknowledges nothing for so long has vanished without a word; TCP itself gives up after a quarter hour."""


class Connection(Protocol):
    @property
    def is_gone(self) -> bool: ...

    def has_no_end(self) -> bool:
        """The answer has none: the kernel keeps less of it than of a download, and no request behind it can ever be
        answered, so that one that comes later ends the connection. False where one has come already."""

    def cut_off(self) -> None:
        """End the connection, without what is written and not read yet."""


def notice_the_vanished(transport: asyncio.BaseTransport) -> None:
    """An address that is gone acknowledges nothing, and a stream writes too little to notice."""
    raw = transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, VANISHED_MS)


def keep_little(transport: asyncio.BaseTransport) -> None:
    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, STREAM_SENT_BYTES_MAX)
