"""An answer leaves in one write. uvicorn writes its head and then its body, uvloop sends each at once, and each system call
costs as much as reading a submission; frames of the live feed that are ready together leave together too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

HELD_BYTES_MAX = 64 * 1024
"""With more than this it does not wait: the transport's own limit is there, and who writes must hear that nobody reads."""


class Corked:
    """A transport that sends at the next turn of the loop what was written in this one.

    `lingers` is asked when the connection is to be closed: where it says that the client is still sending, only our half is
    closed. To close both would make the kernel reset the connection, and the client would lose the answer.
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
        """Bytes since the connection was made."""

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

    def get_write_buffer_size(self) -> int:
        """Bytes that the client's side has not taken yet."""
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
        """Read nothing more until each reason that was given is released: one part of the server must not undo what
        another still needs."""
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
"""Why a connection is not read: uvicorn says so; what came is not worked off yet; what was written is not read."""
