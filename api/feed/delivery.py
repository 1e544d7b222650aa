"""Delivery: the frames of a flush are written in slices, and the longer that took, the longer the next flush waits.

With few clients a change is sent at once. Where thousands of clients take tens of milliseconds, what changes meanwhile is
gathered, so a district that changed forty times is sent once.
"""

from __future__ import annotations

import asyncio
import time

from api.feed.hub.hub import Hub

SLICE_SECONDS = 0.005
"""Time of one slice, some 500 deliveries. Between two slices, the loop reads what came and serves everything else. At half,
5,000 clients take 20 turns of the loop; at double, a request of another client waits 10 ms in each of its turns."""
REST = 0.5
"""The next flush waits for this share of the time that the last took. At half, sending has four fifths of the loop, and clients
that join wait; at double, a half, and with 5,000 clients a change waits for 50 ms more."""


class Delivery:
    """One event loop owns it."""

    def __init__(self, hub: Hub, slice_seconds: float = SLICE_SECONDS) -> None:
        self._hub = hub
        self._slice_seconds = slice_seconds
        self._is_running = False
        self._is_over = asyncio.Event()
        self._is_over.set()
        self._spent = 0.0
        """Seconds of delivering since the last `finish`."""

    def begin(self) -> None:
        """Write what the hub has to write, in this turn of the loop and the next ones."""
        if not self._is_running:
            self._is_running = True
            self._is_over.clear()
            self._slice()

    async def finish(self) -> float:
        """Wait until all is written. Returns how long the next flush should wait, in seconds."""
        await self._is_over.wait()
        spent, self._spent = self._spent, 0.0
        return spent * REST

    def _slice(self) -> None:
        began, until = time.thread_time(), time.perf_counter() + self._slice_seconds
        is_over = True  # where delivering fails, the next `begin` continues
        try:
            is_over = self._hub.deliver(lambda: time.perf_counter() < until)
        finally:
            self._spent += time.thread_time() - began
            if is_over:
                self._is_running = False
                self._is_over.set()
            else:
                asyncio.get_running_loop().call_soon(self._slice)
