"""Turns for rendering frames, which shares the event loop with everything else: at most half of the loop's time is spent on
rendering, and the parties take turns."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SLICE_SECONDS = 0.002
"""After so much rendering, everything else has as much time. One part of the feed takes about 2 ms; at half, each part is
followed by a pause; at double, a request waits 4 ms for the loop."""


class RenderingTurns:
    def __init__(self, slice_seconds: float = SLICE_SECONDS) -> None:
        self._slice_seconds = slice_seconds
        self._spent = 0.0
        """Seconds of rendering that no pause has made up for yet."""
        self._at = 0.0
        """When a turn began last."""
        self._is_taken = False
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """By party, the party whose turn is next first. So five hundred connections of one address wait for each other, and
        a connection of another address waits for one of them."""

    @asynccontextmanager
    async def turn(self, party: str) -> AsyncIterator[None]:
        await self._take(party)
        try:
            # The time of this thread and not of the clock, because the machine may run other processes meanwhile.
            now, began = time.perf_counter(), time.thread_time()
            self._spent = max(0.0, self._spent - (now - self._at))
            self._at = now
            yield
            self._spent += time.thread_time() - began
            if self._spent > self._slice_seconds:
                await asyncio.sleep(self._spent)
        finally:
            self._pass_on()

    async def _take(self, party: str) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        own: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(party, deque()).append(own)
        try:
            await own
        except asyncio.CancelledError:
            if own.done() and not own.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Give the turn to the next party, and put its other connections behind those of the other parties."""
        while self._waiting:
            party = next(iter(self._waiting))
            queue = self._waiting.pop(party)
            following = queue.popleft()
            if queue:
                self._waiting[party] = queue
            if not following.done():
                following.set_result(None)
                return
        self._is_taken = False
