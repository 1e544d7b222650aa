"""Look-ups that come while one is under way are asked together, and each gets its own event only."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from api.submit import look_ups
from api.submit.look_ups import LookUps


class Pool:
    """A PostgreSQL that is slow, fails or hangs, which a real one does only when it is forced to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.go = asyncio.Event()
        self.error: Exception | None = None

    async def fetch(self, _: str, events: list[str]) -> list[dict[str, Any]]:
        self.asked.append(events)
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return [{"event": event, "offset": int(event)} for event in events if event != "404"]


async def test_what_comes_at_once_is_one_question() -> None:
    pool = Pool()
    looks = LookUps(pool)
    first = asyncio.create_task(looks.records("1"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(looks.records(event)) for event in ("2", "3", "404", "3")]
    await asyncio.sleep(0)
    pool.go.set()
    assert await first == [{"event": "1", "offset": 1}]
    assert [len(rows) for rows in await asyncio.gather(*others)] == [1, 1, 0, 1]
    assert Counter(event for asked in pool.asked for event in asked) == Counter(["1", "2", "3", "404"])
    assert len(pool.asked) == 2


async def test_a_caller_that_goes_away_takes_nothing_from_the_others() -> None:
    pool = Pool()
    looks = LookUps(pool)
    gone, stays = asyncio.create_task(looks.records("7")), asyncio.create_task(looks.records("7"))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    pool.go.set()
    assert await stays == [{"event": "7", "offset": 7}]


async def test_a_question_that_fails_is_asked_again_by_the_next() -> None:
    pool = Pool()
    looks = LookUps(pool)
    pool.go.set()
    pool.error = OSError("connection reset")
    with pytest.raises(OSError, match="reset"):
        await looks.records("1")
    pool.error = None
    assert len(await looks.records("1")) == 1


async def test_a_database_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_ups, "SECONDS_MAX", 0.05)
    pool = Pool()
    looks = LookUps(pool)
    answers = await asyncio.gather(looks.records("1"), looks.records("2"), return_exceptions=True)
    assert [type(answer) for answer in answers] == [TimeoutError, TimeoutError]
    pool.go.set()
    assert len(await looks.records("1")) == 1
