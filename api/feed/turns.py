"""Rendering shares the event loop with everything else: at most half of its time, and each party in its turn."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SLICE_SECONDS = 0.002
"""After so much rendering everything else has as long. A part of the feed is as much; at half, each waits for the loop."""


class FairTurns:
    def __init__(self, slice_seconds: float = SLICE_SECONDS) -> None:
        self._slice_seconds = slice_seconds
        self._spent = 0.0
        self._at = 0.0
        self._is_taken = False
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        """By party, the one whose turn is next first. So five hundred connections of one address wait for each other, and
        one of another waits for one of them."""

    @asynccontextmanager
    async def turn(self, party: str) -> AsyncIterator[None]:
        await self._take(party)
        try:
            # Its own time and not that of the clock, in which a machine with other work to do may do that.
            now, began = time.perf_counter(), time.thread_time()
            self._spent = max(0.0, self._spent - (now - self._at))
            self._at = now
            yield
            self._spent += time.thread_time() - began
            if self._spent > self._slice_seconds:
                await asyncio.sleep(self._spent)
        finally:
            self._give_on()

    async def _take(self, party: str) -> None:
        if not self._is_taken:
            self._is_taken = True
            return
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(party, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._give_on()
            raise

    def _give_on(self) -> None:
        while self._waiting:
            party = next(iter(self._waiting))
            queue = self._waiting.pop(party)
            following = queue.popleft()
            if queue:
                self._waiting[party] = queue  # behind the others
            if not following.done():
                following.set_result(None)
                return
        self._is_taken = False
