"""Turns for rendering what single clients lack, which shares the event loop with everything else: at most half of the loop's
time is spent on rendering, and the addresses take turns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from api.limits.address_queue import AddressQueue

SLICE_SECONDS = 0.002
"""Time of rendering after which everything else has as much time. One part of the feed takes about 2 ms; at half, each part is
followed by a pause; at double, a request waits 4 ms for the loop."""

Piece = Callable[[], None]


class RenderingTurns:
    """One event loop owns it. Each client has one piece waiting at most."""

    def __init__(self, slice_seconds: float = SLICE_SECONDS) -> None:
        self._slice_seconds = slice_seconds
        self._spent = 0.0
        """Seconds of rendering that no pause has made up for yet."""
        self._at = 0.0
        """Time when the last turn ended."""
        self._waiting: AddressQueue[Piece] = AddressQueue()
        """Pieces by client address. Five hundred connections of one address wait for each other, and a connection of another
        address waits for one of them."""
        self._is_called = False
        self._is_held = False

    def add(self, address: str, piece: Piece) -> None:
        self._waiting.add(address, piece)
        self._call(0.0)

    def hold(self) -> None:
        """Render nothing until `release`."""
        self._is_held = True

    def release(self) -> None:
        self._is_held = False
        self._call(0.0)

    def _call(self, after_seconds: float) -> None:
        if self._waiting and not self._is_called and not self._is_held:
            self._is_called = True
            loop = asyncio.get_running_loop()
            if after_seconds > 0:
                loop.call_later(after_seconds, self._turn)
            else:
                loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._spent = max(0.0, self._spent - (time.perf_counter() - self._at))
        try:
            while self._waiting and not self._is_held and self._spent <= self._slice_seconds:
                piece = self._waiting.take_next()
                # The time of this thread and not of the clock, because the machine may run other processes meanwhile.
                began = time.thread_time()
                try:
                    piece()
                finally:
                    self._spent += time.thread_time() - began
        finally:  # a piece that fails ends no other
            self._at = time.perf_counter()
            self._is_called = False
            self._call(self._spent if self._spent > self._slice_seconds else 0.0)
