"""How many clients join the live feed in a second, and when the others shall come back.

After a restart of a feed its clients come back at once, thousands of them. Each that joins costs a handshake and the rendering
of what it lacks. So they join at a bounded pace, and each of the others is given a time of its own at which to come back: the
next one that nobody has been given yet. No list of clients is kept for that, only the last time that was given.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

BURST_SECONDS = 1.0
"""Length of a burst: as many clients as join in this time may join at once. At half, a newsroom that opens its pages together
waits; at double, connected clients wait for two seconds of handshakes."""
AWAY_SECONDS_MAX = 60.0
"""Limit for the time after which a client shall come back. At half, clients that nobody has room for ask twice as often; at
double, a page shows old numbers for two minutes although its feed has room again."""
JITTER_SECONDS = 1.0
"""Each time is moved by up to a second, because the clocks of many clients fire in the same steps."""

EQUAL_SECONDS = 1e-6
"""Times that are closer are equal. A sum of intervals is not exact."""


class JoiningPace:
    def __init__(
        self,
        per_second: int,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`per_second` 0 means that there is no limit."""
        self._interval = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._chance = chance
        self._free_at = 0.0
        """Time when the next client joins, if clients join one after the other at the pace."""
        self._given = 0.0
        """The last time that a client was given to come back at."""

    def take(self) -> bool:
        """Let one client join, if the pace allows it."""
        now = self._clock()
        free_at = max(self._free_at, now - BURST_SECONDS + self._interval)
        if self._interval and free_at > now + EQUAL_SECONDS:
            return False
        self._free_at = free_at + self._interval
        return True

    def come_back_s(self, at_least_s: float = 0.0) -> float:
        """Give one client a time to come back at: in how many seconds, `at_least_s` or more."""
        now = self._clock()
        self._given = max(self._given, self._free_at, now + at_least_s) + self._interval
        self._given = min(self._given, now + AWAY_SECONDS_MAX)
        wait = self._given - now
        # Where all times are given, clients share the second half of the time, so that they do not come together at its end.
        if wait >= AWAY_SECONDS_MAX:
            return AWAY_SECONDS_MAX * (1 + self._chance()) / 2
        return wait + JITTER_SECONDS * self._chance()
