"""Passes run in slices between which the loop turns, and the longer they took, the longer the next flush waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from api.feed.delivery import REST, Delivery
from api.feed.hub.hub import Hub


class Slow:
    """A hub that has deliveries to make, of 1 ms each."""

    def __init__(self, deliveries: int) -> None:
        self.left = deliveries
        self.calls = 0

    def deliver(self, has_time: Callable[[], bool]) -> bool:
        self.calls += 1
        while self.left:
            until = time.thread_time() + 0.001
            while time.thread_time() < until:
                pass
            self.left -= 1
            if not has_time():
                break
        return not self.left


async def test_the_loop_turns_between_slices_and_the_rest_is_a_share_of_the_work() -> None:
    hub = Slow(20)
    delivery = Delivery(cast(Hub, hub), slice_seconds=0.004)
    delivery.begin()
    assert hub.left >= 15
    delivery.begin()
    turns = 0
    finishing = asyncio.create_task(delivery.finish())
    while not finishing.done():
        turns += 1
        await asyncio.sleep(0)
    assert hub.left == 0
    assert turns >= hub.calls > 3
    assert finishing.result() >= 0.02 * REST
    assert await delivery.finish() == 0


async def test_a_delivery_that_fails_is_continued_by_the_next() -> None:
    class Faulty(Slow):
        def deliver(self, has_time: Callable[[], bool]) -> bool:
            if self.calls == 1:
                self.calls += 1
                raise ZeroDivisionError("an injected fault")
            return super().deliver(has_time)

    reported: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    hub = Faulty(3)
    delivery = Delivery(cast(Hub, hub), slice_seconds=0.0)
    delivery.begin()
    await delivery.finish()
    assert len(reported) == 1
    delivery.begin()
    await delivery.finish()
    assert hub.left == 0
