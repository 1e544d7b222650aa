"""The newest cut of the read model that this process knows, looked up with one small statement.

A kept answer may be sent while its cut is this cut, and this cut was looked up lately. So PostgreSQL is asked a few times a
second for the cut, however many answers are sent, and once for each answer whose cut has moved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from api.answers.in_time import in_time
from api.answers.read_cut import ReadCut
from runtime import metrics

FRESH_SECONDS = 0.05
"""How long a cut that was looked up is the newest. At half, a process with readers asks PostgreSQL 40 times a second (3 % of a
core with PostgreSQL's part); at double, a page that asks after a change of the live feed may get the numbers before it."""
WATCHED_SECONDS = 1.0
"""How long after the last reader the cut is looked up, every FRESH_SECONDS."""
LATE_SECONDS_MAX = 1.0
"""How long a cut is the newest while it is watched: its next look-up comes as soon as this process and PostgreSQL get to it. On
an overloaded machine that takes long, and the answers that are kept are sent all the while, because to read them again costs
more than anything else. It is the `max-age` of the answers, so no reader sees older ones than a cache may send. At half, an
overloaded machine does the dearest work first; at double, the `max-age` is not true."""
LOOK_SECONDS_MAX = 2.0
"""A database that does not answer the smallest question in this time is away. At half, a start of PostgreSQL's checkpoint makes
people see older answers; at double, pages are blank for longer when the database hangs."""


class NewestCut:
    """One event loop owns it. Cuts are taken over in the order in which PostgreSQL had them, so that no answer steps back."""

    def __init__(self, read: Callable[[], Coroutine[Any, Any, ReadCut]], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self.cut: ReadCut | None = None
        self._taken_at = float("-inf")
        """Time when `cut` was taken over."""
        self.looked_at = float("-inf")
        """Time when the newest reading began that found no cut newer than `cut`."""
        self._looking: asyncio.Task[None] | None = None
        self._asked_at = float("-inf")
        """Time when the last reader came."""
        self._watching: asyncio.Task[None] | None = None

    def take(self, cut: ReadCut, began: float) -> None:
        """Take over a cut whose reading began at this time, unless a newer one is known."""
        known = self.cut
        # A cut that was read after the known one had come is newer, even where a table was emptied meanwhile.
        if known is None or cut.height > known.height or began >= self._taken_at:
            if known is None or known.digest(None) != cut.digest(None):
                self.cut = cut
            self._taken_at = self._clock()
        self.looked_at = max(self.looked_at, began)

    async def look(self) -> ReadCut:
        """The newest cut, no more than FRESH_SECONDS old when this is called. Raises what PostgreSQL raises, and
        TimeoutError."""
        since = self._clock() - FRESH_SECONDS
        while self.cut is None or self.looked_at < since:
            await asyncio.shield(self._look())
        return self.cut

    def watch(self) -> None:
        """Note that a reader has come. The cut is then looked up ahead of each request, so that with readers it is known."""
        self._asked_at = self._clock()
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._look_up_again_and_again())
            self._watching.add_done_callback(self._end_watch)

    def is_fresh(self) -> bool:
        """Whether `cut` may be taken as the newest."""
        age = self._clock() - self.looked_at
        return age <= (FRESH_SECONDS if self._watching is None else LATE_SECONDS_MAX)

    def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def _look_up_again_and_again(self) -> None:
        """Look the cut up until no reader has come for WATCHED_SECONDS, or PostgreSQL does not answer."""
        while self._clock() - self._asked_at <= WATCHED_SECONDS:
            due_in = self.looked_at + FRESH_SECONDS - self._clock()
            # Where a look-up takes long, something else has its turn between two of them.
            await asyncio.sleep(max(FRESH_SECONDS / 2, due_in))
            await asyncio.shield(self._look())

    def _end_watch(self, task: asyncio.Task[None]) -> None:
        self._watching = None
        if not task.cancelled():
            task.exception()  # the next request looks the cut up itself, and has the error

    def _look(self) -> asyncio.Task[None]:
        """The reading under way, or a new one."""
        if self._looking is None:
            self._looking = asyncio.get_running_loop().create_task(self._read_cut(self._clock()))
        return self._looking

    async def _read_cut(self, began: float) -> None:
        metrics.CUTS_LOOKED_UP.inc()
        try:
            self.take(await in_time(self._read(), LOOK_SECONDS_MAX), began)
        finally:
            self._looking = None
