"""Turns for answers that cost much more than a request: a few are made at once, and the parties take turns.

A bound for all together would be a bound that one address can fill, and every other reader of such answers would be refused.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from api.errors import ApiError
from api.limits.party_queue import PartyQueue

REST_SECONDS_MAX = 1.0
"""At half, an address whose answers take a second each takes two thirds of what the process can make; at double, one whose
answers wait for a slow database waits for as long again."""


class NoTurnError(ApiError):
    """So many answers are wanted already that one more would wait for long. `of_party` is true where they are the party's
    own."""

    def __init__(self, *, of_party: bool) -> None:
        super().__init__("no turn")
        self.of_party = of_party


class Turns:
    """Each party has one answer made at a time, and then rests for as long as making it took. So the answers of one party take
    half of what the process can make, however many it asks for. One event loop owns it."""

    def __init__(
        self,
        at_once: int,
        wanted_max: int,
        wanted_of_party_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`at_once` are made at the same time. What is made and what waits is *wanted*: of all parties together, and of one."""
        self._free = at_once
        self._wanted_max = wanted_max
        self._wanted_of_party_max = wanted_of_party_max
        self._clock = clock
        self._wanted: Counter[str] = Counter()
        self._has_turn: set[str] = set()
        self._rests_until: dict[str, float] = {}
        self._waiting: PartyQueue[asyncio.Future[None]] = PartyQueue()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, party: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the end of the block. Raises NoTurnError."""
        if self._wanted[party] >= self._wanted_of_party_max:
            raise NoTurnError(of_party=True)
        if self._wanted.total() >= self._wanted_max:
            raise NoTurnError(of_party=False)
        self._wanted[party] += 1
        try:
            await self._come(party)
            began = self._clock()
            try:
                yield
            finally:
                self._end(party, self._clock() - began)
        finally:
            self._wanted[party] -= 1
            if not self._wanted[party]:
                del self._wanted[party]

    def _may_come(self, party: str) -> bool:
        return self._free > 0 and party not in self._has_turn and self._rests_until.get(party, 0.0) <= self._clock()

    async def _come(self, party: str) -> None:
        if party not in self._waiting and self._may_come(party):
            self._begin(party)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.add(party, turn)
        self._look()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the turn came in the same moment
                self._end(party, 0.0)
            raise

    def _begin(self, party: str) -> None:
        self._free -= 1
        self._has_turn.add(party)

    def _end(self, party: str, took: float) -> None:
        self._free += 1
        self._has_turn.discard(party)
        self._rests_until[party] = self._clock() + min(took, REST_SECONDS_MAX)
        self._look()

    def _look(self) -> None:
        """Give turns to those who wait and may have one, and look again when the next one has rested."""
        now = self._clock()
        self._rests_until = {party: until for party, until in self._rests_until.items() if until > now}
        for party in self._waiting.parties():
            while party in self._waiting and self._may_come(party):
                turn = self._waiting.take(party)
                if not turn.done():
                    self._begin(party)
                    turn.set_result(None)
        resting = [self._rests_until[party] for party in self._waiting.parties() if party in self._rests_until]
        if resting and self._free > 0 and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(min(resting) - now, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self._look()
