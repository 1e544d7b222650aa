"""Turns for answers that cost much more than a request: a few are made at once, and the parties take turns.

A bound for all together would be a bound that one address can fill, and every other reader of such answers would be refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from api.errors import ApiError
from api.limits.party_queue import PartyQueue


class NoTurnError(ApiError):
    """So many answers are wanted already that one more would wait for long. `of_party` is true where they are the party's
    own."""

    def __init__(self, *, of_party: bool) -> None:
        super().__init__("no turn")
        self.of_party = of_party


class Turns:
    """One event loop owns it."""

    def __init__(self, at_once: int, wanted_max: int, wanted_of_party_max: int) -> None:
        """`at_once` are made at the same time. What is made and what waits is *wanted*: of all parties together, and of one."""
        self._free = at_once
        self._wanted_max = wanted_max
        self._wanted_of_party_max = wanted_of_party_max
        self._wanted: Counter[str] = Counter()
        self._waiting: PartyQueue[asyncio.Future[None]] = PartyQueue()

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
            try:
                yield
            finally:
                self._pass_on()
        finally:
            self._wanted[party] -= 1
            if not self._wanted[party]:
                del self._wanted[party]

    async def _come(self, party: str) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.add(party, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the turn came in the same moment
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.take_next()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
