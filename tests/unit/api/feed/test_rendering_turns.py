"""Rendering takes at most half of the loop, and one of many connections of a party waits for its own, not for all others'."""

from __future__ import annotations

import asyncio
import time

from api.feed.rendering_turns import RenderingTurns


def _work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_one_of_another_party_waits_for_one_of_each_party_and_not_for_all() -> None:
    turns, order = RenderingTurns(slice_seconds=0.0), []

    async def once(party: str) -> None:
        async with turns.turn(party):
            order.append(party)
            await asyncio.sleep(0)

    await asyncio.gather(*(once("many") for _ in range(50)), once("one"))
    assert order.index("one") <= 2


async def test_the_loop_has_as_much_time_for_everything_else() -> None:
    turns = RenderingTurns(slice_seconds=0.001)
    began, others = time.perf_counter(), 0

    async def render() -> None:
        for _ in range(10):
            async with turns.turn("a"):
                _work(0.005)

    rendering = asyncio.create_task(render())
    while not rendering.done():
        others += 1
        await asyncio.sleep(0)
    assert time.perf_counter() - began > 10 * 0.005 * 1.5
    assert others > 20


async def test_one_that_is_cancelled_while_it_waits_or_works_holds_up_nobody() -> None:
    turns = RenderingTurns()

    async def for_ever() -> None:
        async with turns.turn("a"):
            await asyncio.Event().wait()

    async def once() -> None:
        async with turns.turn("b"):
            pass

    working, waiting = asyncio.create_task(for_ever()), asyncio.create_task(for_ever())
    last = asyncio.create_task(once())
    await asyncio.sleep(0)
    waiting.cancel()
    working.cancel()
    async with asyncio.timeout(5):
        await last
        await once()
