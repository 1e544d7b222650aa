"""A transport that sends an answer in one system call. uvicorn writes the head and then the body, uvloop would send each at
once, and each system call costs as much as parsing a submission. Frames of the live feed that are ready together are sent
together too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

HELD_BYTES_MAX = 64 * 1024
"""Bytes from which on what is held is passed on at once, so that the transport's own limit pauses a writer whose client does
not read."""


class Corked:
    """A transport that sends what was written in one turn of the loop at the next turn.

    `lingers` is called when the connection is to be closed. Where it returns True, the client is still sending, and only the
    half of the server is closed: closing both would make the kernel reset the connection, and the client would lose the answer.
    """

    def __init__(self, transport: asyncio.Transport, lingers: Callable[[], bool] = lambda: False) -> None:
        self._transport = transport
        self._lingers = lingers
        self._call_soon = asyncio.get_running_loop().call_soon
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._reading_held = 0
        self._is_half_closed = False
        self.written = 0
        """Bytes that were written here since the connection was made."""

    @property
    def raw(self) -> asyncio.Transport:
        """The transport that sends what was written."""
        return self._transport

    def write(self, data: bytes) -> None:
        if self._is_half_closed:
            return
        if not self._held:
            self._call_soon(self._flush)
        self._held.append(data)
        self._held_bytes += len(data)
        self.written += len(data)
        if self._held_bytes > HELD_BYTES_MAX:
            self._flush()

    def direct(self) -> Callable[[bytes], None]:
        """The transport's own `write`, for bytes that are one write by themselves and need not be in order with what is written
        here, such as whole frames of a WebSocket. What was written before is sent first."""
        self._flush()
        return self._transport.write

    def get_write_buffer_size(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._held_bytes + self._transport.get_write_buffer_size()

    def close(self) -> None:
        self._flush()
        if self._is_half_closed or self._transport.is_closing():
            return
        if self._lingers():
            self._is_half_closed = True
            self._transport.write_eof()
        else:
            self._transport.close()

    def is_closing(self) -> bool:
        return self._is_half_closed or self._transport.is_closing()

    def pause_reading(self) -> None:
        self.hold_reading(SERVER)

    def resume_reading(self) -> None:
        self.release_reading(SERVER)

    def hold_reading(self, reason: int) -> None:
        """Stop reading until each reason that was given is released, so that one part of the server does not resume reading
        while another needs it stopped."""
        if not self._reading_held:
            self._transport.pause_reading()
        self._reading_held |= reason

    def release_reading(self, reason: int) -> None:
        was_held, self._reading_held = self._reading_held, self._reading_held & ~reason
        if was_held and not self._reading_held and not self._transport.is_closing():
            self._transport.resume_reading()

    def _flush(self) -> None:
        held, held_bytes = self._held, self._held_bytes
        self._held, self._held_bytes = [], 0
        if not held or self._transport.is_closing():
            return
        if held_bytes > HELD_BYTES_MAX:
            self._transport.writelines(held)  # without a copy
        else:
            self._transport.write(b"".join(held))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


SERVER, BACKLOG, UNREAD = 1, 2, 4
"""Reasons to stop reading a connection: uvicorn paused it; what came is not processed yet; what was written is not read."""
