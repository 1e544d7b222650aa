"""Single submissions of a few milliseconds, judged one after the other.

A submission that is judged as soon as it comes wakes a process whose caches other processes have used meanwhile, and is a batch
of the ledger by itself. So submissions wait for each other before they are judged, and their records are appended together. At
1,000 a second this saves a tenth of the CPU time of all processes, and a receipt comes after 15 ms instead of 7. On a quiet
night a receipt comes no later, because the record does not wait for others a second time (ledger_writer.py).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

from api.submit.keeping import Soon
from runtime.gathering import gather_ms

GATHER_MS_MAX = 15
"""Longest wait for the sake of larger batches. At two thirds, 1,000 submissions a second cost 0.05 ms of CPU more each; at
double, a receipt and the live feed come 8 ms later on average."""
MS_A_SUBMISSION = 2
"""Milliseconds of the next wait for each submission of the last: GATHER_MS_MAX is reached at 500 submissions a second. At half
this is at 1,000 a second, at double at 250, where a batch of the ledger has three records all the same."""
SLICE_SECONDS = 0.002
"""Time for judging before the loop does something else: a dozen submissions. At half, the rest of a busy wait is judged with
cold caches again; at double, a frame of the live feed waits as long."""

Judge = Callable[[], None]


class Gathering:
    """One event loop owns it. How many submissions wait is bounded by the bytes that an address and all addresses may have
    (api/limits/held_bytes.py)."""

    def __init__(self, least_ms: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """`least_ms`: the wait on a quiet night."""
        self._least_ms = least_ms
        self._clock = clock
        self._waiting: deque[tuple[Soon, Judge]] = deque()
        self._last = 0
        """How many submissions the last wait has gathered."""
        self._handle: asyncio.Handle | None = None

    def add(self, soon: Soon, judge: Judge) -> None:
        """Hand `judge` to `soon` once, after `wait_ms` at most and the time that the submissions before it need. `soon` calls
        it when its address has a turn."""
        self._waiting.append((soon, judge))
        if self._handle is None:
            self._handle = asyncio.get_running_loop().call_later(self.wait_ms() / 1000, self._begin)

    def wait_ms(self) -> float:
        """How long the first submission of the next wait waits for others."""
        return gather_ms(self._last, ms_each=MS_A_SUBMISSION, least_ms=self._least_ms, most_ms=GATHER_MS_MAX)

    def _begin(self) -> None:
        self._last = len(self._waiting)
        self._judge()

    def _judge(self) -> None:
        until = self._clock() + SLICE_SECONDS
        try:
            while self._waiting:
                soon, judge = self._waiting.popleft()
                soon(judge)
                if self._clock() > until:
                    break
        finally:  # also where one fails, because the submissions behind it would wait for the next that comes
            self._handle = asyncio.get_running_loop().call_soon(self._judge) if self._waiting else None
