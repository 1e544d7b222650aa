"""Single submissions wait for each other before they are judged: longer on a busy night, and never long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from api.submit.gathering import GATHER_MS_MAX, SLICE_SECONDS, Gathering


class Clock:
    """Time that passes only while a submission is judged."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def now(piece: Callable[[], None]) -> None:
    piece()


async def _gathered(gathering: Gathering, submissions: int, judged: list[int]) -> None:
    """Add so many submissions at once, and wait until all are judged."""
    done = len(judged) + submissions
    for number in range(submissions):
        gathering.add(now, lambda number=number: judged.append(number))  # type: ignore[misc]
    async with asyncio.timeout(5):
        while len(judged) < done:
            await asyncio.sleep(0.001)


async def test_submissions_that_come_together_are_judged_together_in_their_order() -> None:
    gathering, judged = Gathering(1), list[int]()
    gathering.add(now, lambda: judged.append(0))
    await asyncio.sleep(0)
    assert judged == [], "it waits for others"
    await _gathered(gathering, 3, judged)
    assert judged == [0, 0, 1, 2]


@pytest.mark.parametrize(
    ("last", "wait_ms"), [(0, 5), (2, 5), (3, 6), (5, 10), (8, GATHER_MS_MAX), (900, GATHER_MS_MAX)]
)
async def test_the_next_wait_is_as_long_as_the_last_one_was_worth(last: int, wait_ms: int) -> None:
    gathering = Gathering(5)
    assert gathering.wait_ms() == 5
    if last:
        await _gathered(gathering, last, [])
    assert gathering.wait_ms() == wait_ms


async def test_a_longer_wait_that_is_set_is_kept() -> None:
    gathering = Gathering(50)
    assert gathering.wait_ms() == 50


async def test_many_are_judged_in_slices_with_turns_of_the_loop_in_between() -> None:
    clock, judged, turns_between = Clock(), list[int](), list[int]()
    gathering = Gathering(1, clock)

    def judge() -> None:
        clock.seconds += SLICE_SECONDS / 2
        judged.append(len(turns_between))

    for _ in range(9):
        gathering.add(now, judge)
    async with asyncio.timeout(5):
        while len(judged) < 9:
            await asyncio.sleep(0)
            turns_between.append(0)
    assert [judged.count(turn) for turn in sorted(set(judged))] == [3, 3, 3]


async def test_a_submission_that_comes_between_two_slices_is_judged_after_those_before_it() -> None:
    clock, judged = Clock(), list[str]()
    gathering = Gathering(1, clock)

    def judge(name: str) -> None:
        clock.seconds += 2 * SLICE_SECONDS
        judged.append(name)
        if name == "a":
            gathering.add(now, lambda: judge("c"))

    gathering.add(now, lambda: judge("a"))
    gathering.add(now, lambda: judge("b"))
    async with asyncio.timeout(5):
        while len(judged) < 3:
            await asyncio.sleep(0.001)
    assert judged == ["a", "b", "c"]


async def test_an_address_whose_turn_is_over_is_judged_when_its_next_turn_comes() -> None:
    gathering, judged, later = Gathering(1), list[str](), list[Callable[[], None]]()
    gathering.add(later.append, lambda: judged.append("of a busy address"))
    gathering.add(now, lambda: judged.append("of another"))
    async with asyncio.timeout(5):
        while not judged:
            await asyncio.sleep(0.001)
    assert judged == ["of another"]
    later[0]()
    assert judged == ["of another", "of a busy address"]


async def test_a_submission_that_fails_keeps_no_other_waiting() -> None:
    gathering, judged, failures = Gathering(1), list[str](), list[object]()
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context["exception"]))

    def fail() -> None:
        raise ZeroDivisionError

    gathering.add(now, fail)
    gathering.add(now, lambda: judged.append("behind it"))
    async with asyncio.timeout(5):
        while not judged:
            await asyncio.sleep(0.001)
    assert [type(each) for each in failures] == [ZeroDivisionError]


async def test_one_that_comes_while_others_are_judged_begins_no_other_wait() -> None:
    gathering, judged = Gathering(1), list[int]()

    def judge() -> None:
        judged.append(0)
        gathering.add(now, lambda: judged.append(1))

    for _ in range(5):
        gathering.add(now, judge)
    async with asyncio.timeout(5):
        while len(judged) < 10:
            await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)
    assert gathering.wait_ms() == 10, "as long as the five were worth"
