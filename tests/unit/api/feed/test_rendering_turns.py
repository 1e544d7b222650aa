"""Rendering takes at most half of the loop, and one of many connections of an address waits for its own, not for all
others'."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from api.feed.rendering_turns import RenderingTurns


def _work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_one_of_another_address_waits_for_one_of_each_address_and_not_for_all() -> None:
    turns, order = RenderingTurns(), list[str]()
    for _ in range(50):
        turns.add("many", lambda: order.append("many"))
    turns.add("one", lambda: order.append("one"))
    await asyncio.sleep(0.01)
    assert order.index("one") == 1
    assert len(order) == 51


async def test_the_loop_has_as_much_time_for_everything_else() -> None:
    turns, done = RenderingTurns(slice_seconds=0.001), list[int]()
    began, others = time.perf_counter(), 0

    def render() -> None:
        _work(0.005)
        done.append(1)
        if len(done) < 10:
            turns.add("a", render)

    turns.add("a", render)
    while len(done) < 10:
        others += 1
        await asyncio.sleep(0)
    assert time.perf_counter() - began > 10 * 0.005 * 1.5
    assert others > 20


async def test_a_piece_that_fails_holds_up_nobody() -> None:
    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    turns, done = RenderingTurns(), list[str]()
    turns.add("a", lambda: [][0])
    turns.add("a", lambda: done.append("a"))
    turns.add("b", lambda: done.append("b"))
    await asyncio.sleep(0.01)
    assert sorted(done) == ["a", "b"]
    assert [type(context["exception"]) for context in reported] == [IndexError]


async def test_nothing_is_rendered_while_turns_are_held() -> None:
    turns, done = RenderingTurns(), list[str]()

    def render() -> None:
        done.append("a")
        turns.hold()

    turns.add("a", render)
    turns.add("a", render)
    await asyncio.sleep(0.01)
    assert done == ["a"]
    turns.add("a", render)
    turns.release()
    await asyncio.sleep(0.01)
    assert done == ["a", "a"]
