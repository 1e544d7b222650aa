"""Turns for long answers: no party fills them, none waits behind more than one of another party's, and none is lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from api.limits.turns import NoTurnError, Turns


class Work:
    """Answers that are made until they are let end."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self.made: list[str] = []
        self._ends: list[asyncio.Event] = []

    def begin(self, party: str) -> asyncio.Task[None]:
        return asyncio.create_task(self._make(party))

    async def _make(self, party: str) -> None:
        async with self._turns.turn(party):
            self.made.append(party)
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


async def test_parties_take_turns_however_many_one_of_them_asks_for() -> None:
    work = Work(Turns(1, wanted_max=20, wanted_of_party_max=10))
    tasks = [work.begin("a") for _ in range(5)]
    tasks += [work.begin(party) for party in ("b", "b", "c")]
    await settled()
    for _ in tasks:
        await work.end_first()
    assert "".join(work.made) == "aabcabaa"
    await asyncio.gather(*tasks)


async def test_as_many_are_made_at_once_as_are_allowed() -> None:
    work = Work(Turns(2, wanted_max=20, wanted_of_party_max=10))
    tasks = [work.begin("a") for _ in range(5)]
    await settled()
    assert len(work.made) == 2
    for made in (3, 4, 5, 5, 5):
        await work.end_first()
        assert len(work.made) == made
    await asyncio.gather(*tasks)


async def test_one_party_cannot_have_all_of_them() -> None:
    turns = Turns(1, wanted_max=4, wanted_of_party_max=2)
    work = Work(turns)
    tasks = [work.begin("a"), work.begin("a")]
    await settled()
    with pytest.raises(NoTurnError) as refused:
        await work.begin("a")
    assert refused.value.of_party
    tasks += [work.begin("b"), work.begin("c")]
    await settled()
    with pytest.raises(NoTurnError) as refused:
        await work.begin("d")
    assert not refused.value.of_party
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
    work = Work(Turns(1, wanted_max=4, wanted_of_party_max=4))
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
    turns = Turns(1, wanted_max=1, wanted_of_party_max=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with turns.turn("a"):
                raise ZeroDivisionError
