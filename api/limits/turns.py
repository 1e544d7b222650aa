"""Turns for answers that cost much more than a request: a few are made at once, and the addresses take turns.

A bound for all together would be a bound that one address can fill, and every other reader of such answers would be refused.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from api.errors import ApiError
from api.limits.address_queue import AddressQueue
from api.problems import Problem
from runtime import metrics

REST_SECONDS_MAX = 1.0
"""Longest rest of an address after an answer. At half, an address whose answers take a second each takes two thirds of what the
process can make; at double, one whose answers wait for a slow database waits for as long again."""
WAIT_SECONDS_MAX = 10.0
"""Longest wait for a turn: as long as an answer may be read that was never read before. At half, the last of eight long answers
is refused on a busy night; at double, a person has left."""

Made = TypeVar("Made")


class NoTurnError(ApiError):
    """Too many answers are wanted already, or an answer has waited for its turn for as long as it may.
    `of_address` is true where there are too many of the address's own."""

    def __init__(self, *, of_address: bool) -> None:
        super().__init__("no turn")
        self.of_address = of_address


class Turns:
    """Each address has one answer made at a time, and then rests for as long as making it took. So the answers of one address
    take half of what the process can make, however many it asks for. One event loop owns it."""

    def __init__(
        self,
        at_once: int,
        wanted_max: int,
        wanted_of_address_max: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`at_once` are made at the same time. What is made and what waits is *wanted*: of all addresses together, and of
        one."""
        self._free = at_once
        self._wanted_max = wanted_max
        self._wanted_of_address_max = wanted_of_address_max
        self._clock = clock
        self._wanted: Counter[str] = Counter()
        self._has_turn: set[str] = set()
        self._rests_until: dict[str, float] = {}
        self._waiting: AddressQueue[asyncio.Future[None]] = AddressQueue()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def turn(self, address: str, wait_seconds_max: float = WAIT_SECONDS_MAX) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the end of the block. Raises NoTurnError."""
        if self._wanted[address] >= self._wanted_of_address_max:
            raise NoTurnError(of_address=True)
        if self._wanted.total() >= self._wanted_max:
            raise NoTurnError(of_address=False)
        self._wanted[address] += 1
        try:
            try:
                async with asyncio.timeout(wait_seconds_max):
                    await self._come(address)
            except TimeoutError:
                raise NoTurnError(of_address=False) from None
            began = self._clock()
            try:
                yield
            finally:
                self._end(address, self._clock() - began)
        finally:
            self._wanted[address] -= 1
            if not self._wanted[address]:
                del self._wanted[address]

    async def made(self, address: str, make: Callable[[], Coroutine[Any, Any, Made]]) -> Made:
        """What is made when it is the address's turn. Raises Problem."""
        try:
            async with self.turn(address):
                return await make()
        except NoTurnError as error:
            raise no_turn_problem(error) from None

    def _may_come(self, address: str) -> bool:
        return self._free > 0 and address not in self._has_turn and self._rests_until.get(address, 0.0) <= self._clock()

    async def _come(self, address: str) -> None:
        if address not in self._waiting and self._may_come(address):
            self._begin(address)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.add(address, turn)
        self._look()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the turn came in the same moment
                self._end(address, 0.0)
            raise

    def _begin(self, address: str) -> None:
        self._free -= 1
        self._has_turn.add(address)

    def _end(self, address: str, took: float) -> None:
        self._free += 1
        self._has_turn.discard(address)
        self._rests_until[address] = self._clock() + min(took, REST_SECONDS_MAX)
        self._look()

    def _look(self) -> None:
        """Give turns to the waiting addresses that may have one, and look again when the next address has rested."""
        now = self._clock()
        self._rests_until = {address: until for address, until in self._rests_until.items() if until > now}
        for address in self._waiting.addresses():
            while address in self._waiting and self._may_come(address):
                turn = self._waiting.take(address)
                if not turn.done():
                    self._begin(address)
                    turn.set_result(None)
        resting = [self._rests_until[address] for address in self._waiting.addresses() if address in self._rests_until]
        if resting and self._free > 0 and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(min(resting) - now, self._look_again)

    def _look_again(self) -> None:
        self._timer = None
        self._look()


def no_turn_problem(error: NoTurnError) -> Problem:
    """The refusal, which is counted in the metrics."""
    metrics.HTTP_REFUSED.labels("long-answers").inc()
    if error.of_address:
        sentence = "Your address has asked for many long answers at once; ask for the next when one of them has come."
        return Problem(429, "Too many at once", sentence, retry_after_s=1)
    return Problem(503, "Try again", "Many long answers are being made just now.", retry_after_s=1)
