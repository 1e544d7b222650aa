"""Turns for long answers: no address fills them, none waits behind more than one of another address's, and none is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from api.limits.turns import REST_SECONDS_MAX, NoTurnError, Turns


class Clock:
    """A clock on which no time passes unless a test lets it."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Work:
    """Answers that are made until they are let end."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.made: list[str] = []
        self._ends: list[asyncio.Event] = []

    def begin(self, address: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._make(address))

    async def _make(self, address: str) -> None:
        async with self._turns.turn(address):
            self.made.append(address)
            end = asyncio.Event()
            self._ends.append(end)
            await end.wait()

    def end(self) -> None:
        """Let the first one end."""
        self._ends.pop(0).set()

    async def end_first(self) -> None:
        self.end()
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_addresses_take_turns_however_many_one_of_them_asks_for() -> None:
    work = Work(Turns(1, wanted_max=20, wanted_of_address_max=10, clock=Clock()))
    tasks = [work.begin("a") for _ in range(5)]
    tasks += [work.begin(address) for address in ("b", "b", "c")]
    await settled()
    for _ in tasks:
        await work.end_first()
    assert "".join(work.made) == "aabcabaa"
    await asyncio.gather(*tasks)


async def test_as_many_are_made_at_once_as_are_allowed_and_one_of_each_address() -> None:
    work = Work(Turns(2, wanted_max=20, wanted_of_address_max=10, clock=Clock()))
    tasks = [work.begin(address) for address in "aaabbc"]
    await settled()
    assert work.made == ["a", "b"]
    for made in ("aba", "abab", "ababc", "ababca", "ababca", "ababca"):
        await work.end_first()
        assert "".join(work.made) == made
    await asyncio.gather(*tasks)


async def test_an_address_rests_for_as_long_as_its_turn_took_and_others_do_not_wait_for_it() -> None:
    clock = Clock()
    turns = Turns(1, wanted_max=20, wanted_of_address_max=10, clock=clock)
    work = Work(turns)
    tasks = [work.begin(address) for address in "aab"]
    await settled()
    clock.now += 0.3
    await work.end_first()
    assert work.made == ["a", "b"]
    clock.now += 0.1
    await work.end_first()
    assert work.made == ["a", "b"], "the first address rests for 0.2 s more"
    clock.now += 0.2
    turns._look()
    await settled()
    assert work.made == ["a", "b", "a"]
    clock.now += 60
    await work.end_first()
    tasks.append(work.begin("a"))
    clock.now += REST_SECONDS_MAX
    turns._look()
    await settled()
    assert work.made == ["a", "b", "a", "a"], "a rest has a bound"
    await work.end_first()
    await asyncio.gather(*tasks)


async def test_who_has_rested_is_looked_for_by_a_timer() -> None:
    turns = Turns(1, wanted_max=20, wanted_of_address_max=10)
    made = 0
    async with asyncio.timeout(20):
        for _ in range(3):
            async with turns.turn("a"):
                made += 1
                await asyncio.sleep(0.02)
    assert made == 3


async def test_one_address_cannot_have_all_of_them() -> None:
    turns = Turns(1, wanted_max=4, wanted_of_address_max=2, clock=Clock())
    work = Work(turns)
    tasks = [work.begin("a"), work.begin("a")]
    await settled()
    with pytest.raises(NoTurnError) as refused:
        await work.begin("a")
    assert refused.value.of_address
    tasks += [work.begin("b"), work.begin("c")]
    await settled()
    with pytest.raises(NoTurnError) as refused:
        await work.begin("d")
    assert not refused.value.of_address
    for _ in tasks:
        await work.end_first()
    await asyncio.gather(*tasks)
    assert sorted(work.made) == ["a", "a", "b", "c"]
    tasks = [work.begin("a")]
    await settled()
    assert work.made[4:] == ["a"], "what has ended is not wanted any more"
    await work.end_first()
    await asyncio.gather(*tasks)


@pytest.mark.parametrize("given_before", [False, True])
async def test_a_turn_of_who_has_gone_is_the_next_ones(given_before: bool) -> None:
    """Whether who waits goes before the turn comes, or in the same moment."""
    work = Work(Turns(1, wanted_max=4, wanted_of_address_max=4, clock=Clock()))
    first, gone, last = work.begin("a"), work.begin("b"), work.begin("c")
    await settled()
    if given_before:
        work.end()
        await asyncio.sleep(0)  # the first one ends, and the turn comes to the second
        gone.cancel()
    else:
        gone.cancel()
        await settled()
        await work.end_first()
    with suppress(asyncio.CancelledError):
        await gone
    await first
    await settled()
    assert work.made == ["a", "c"]
    await work.end_first()
    await last
    again = work.begin("d")
    await settled()
    assert work.made == ["a", "c", "d"]
    await work.end_first()
    await again


async def test_a_failed_answer_gives_its_turn_back() -> None:
    turns = Turns(1, wanted_max=1, wanted_of_address_max=1, clock=Clock())
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with turns.turn("a"):
                raise ZeroDivisionError
