"""Long work lets others have their turn, and an address with many batches waits behind its own."""

from __future__ import annotations

import asyncio
import time

import pytest

from api.submit import slices
from api.submit.slices import BatchTurns, Slices


async def test_others_have_their_turn_within_long_work() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other_one = asyncio.create_task(other())
    work = Slices()
    for _ in range(200):
        until = time.perf_counter() + 0.0002
        while time.perf_counter() < until:
            pass
        await work.pause()
    other_one.cancel()
    assert turns > 20


async def _batch(turns: BatchTurns, address: str, order: list[str], name: str) -> None:
    async with turns.of_address(address), turns.of_all():
        await asyncio.sleep(0)
        order.append(name)


async def test_the_batches_of_addresses_alternate() -> None:
    turns, order = BatchTurns(), list[str]()
    work = [asyncio.create_task(_batch(turns, "a", order, f"a{n}")) for n in range(5)]
    await asyncio.sleep(0)
    work.append(asyncio.create_task(_batch(turns, "b", order, "b0")))
    await asyncio.gather(*work)
    assert order.index("b0") <= 2
    assert sorted(order) == ["a0", "a1", "a2", "a3", "a4", "b0"]
    assert len(turns) == 0


async def test_a_batch_waits_no_longer_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "TURN_SECONDS_MAX", 0.05)
    turns = BatchTurns()
    async with turns.of_address("a"):
        with pytest.raises(TimeoutError):
            async with turns.of_address("a"):
                pytest.fail("it is another's turn")
        async with turns.of_address("b"):
            pass
    async with turns.of_address("a"):
        pass
    assert len(turns) == 0
