"""Messages are applied in their order, and other work has its turns."""

from __future__ import annotations

import asyncio
import time

import pytest

from api.feed.applying import APPLY_SECONDS, in_slices


async def test_after_each_slice_the_loop_has_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    now, applied, seen = 0.0, list[int](), list[int]()
    monkeypatch.setattr(time, "perf_counter", lambda: now)

    async def other_work() -> None:
        while True:
            seen.append(len(applied))
            await asyncio.sleep(0)

    other = asyncio.create_task(other_work())
    async for message in in_slices(range(6)):
        applied.append(message)
        now += 0.6 * APPLY_SECONDS
    other.cancel()
    assert applied == list(range(6))
    assert seen == [2, 4], "two messages fit into a slice"
