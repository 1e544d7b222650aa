"""Long work on the event loop, in slices, so that other work has turns of the loop in between."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SLICE_SECONDS = 0.0005
"""Length of a slice. At half, a batch of 1,000 lines takes a tenth longer. At double, the p95 of others beside batches of
mistakes rises from 2.5 to 3.6 times what it is without them."""
TURNS_BETWEEN = 3
"""Turns of the loop between two slices, of 0.05 ms each where there is no other work. With one, another request, which
takes twenty turns, waits for twenty slices; with nine, a batch beside many others takes twice as long."""
TURN_SECONDS_MAX = 10.0
"""How long a batch waits for the batch of the same address before it. The largest takes a second; while Kafka hangs, five."""


class Slices:
    """The work calls `pause` between any two of its steps."""

    def __init__(self) -> None:
        self._began = time.perf_counter()

    async def pause(self) -> None:
        if time.perf_counter() - self._began > SLICE_SECONDS:
            for _ in range(TURNS_BETWEEN):
                await asyncio.sleep(0)
            self._began = time.perf_counter()


class BatchTurns:
    """One batch of an address at a time, and the batches of all addresses in turn.

    The batch that has the turn of its address waits in one queue with those of other addresses. Each address has at most one
    batch in that queue, so an address that sends twenty waits behind its own batches.

    api/limits/address_queue.py is for pieces of work that the owner of the queue calls. A batch is a coroutine that waits for
    its own turn, with a time limit, and may be cancelled while it waits, so locks hold the order here."""

    def __init__(self) -> None:
        self._all = asyncio.Lock()
        self._of_address: dict[str, tuple[asyncio.Lock, int]] = {}
        """Lock of each address, and how many batches hold the lock or wait for it."""

    def __len__(self) -> int:
        return len(self._of_address)

    @asynccontextmanager
    async def of_address(self, address: str) -> AsyncIterator[None]:
        """Raises TimeoutError where the turn does not come in time."""
        lock, users = self._of_address.get(address, (asyncio.Lock(), 0))
        self._of_address[address] = lock, users + 1
        try:
            async with asyncio.timeout(TURN_SECONDS_MAX):
                await lock.acquire()
            try:
                yield
            finally:
                lock.release()
        finally:
            users = self._of_address[address][1] - 1
            if users:
                self._of_address[address] = lock, users
            else:
                del self._of_address[address]

    @asynccontextmanager
    async def of_all(self) -> AsyncIterator[None]:
        """Within the turn of an address, the turn among all addresses."""
        async with self._all:
            yield
