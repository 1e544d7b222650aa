"""A client that asks for much at once waits for itself; one that asks for little waits for a few steps of the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from api.http import fair_turns
from api.http.fair_turns import AT_WORK_MAX, BEGUN_ALONE_MAX, FairTurns, Place


class Begun:
    """Requests as they are begun, by party."""

    def __init__(self) -> None:
        self.turns = FairTurns()
        self.order: list[str] = []
        self.places: dict[str, list[Place]] = {}

    def ask(self, party: str, count: int = 1) -> None:
        def begin(place: Place) -> None:
            self.order.append(party)
            self.places.setdefault(party, []).append(place)

        for _ in range(count):
            self.turns.begin(party, begin)

    def answer(self, party: str) -> None:
        self.places[party].pop(0).give_back()


async def _a_turn() -> None:
    await asyncio.sleep(0)


async def _turns(count: int = 20) -> None:
    for _ in range(count):
        await _a_turn()


async def test_one_who_is_alone_has_all_begun_a_few_in_each_turn() -> None:
    begun = Begun()
    begun.ask("a", 3 * BEGUN_ALONE_MAX)
    assert len(begun.order) == BEGUN_ALONE_MAX
    await _turns()
    assert len(begun.order) == 3 * BEGUN_ALONE_MAX


async def test_one_who_asks_for_little_is_begun_at_once_whatever_others_wait_for() -> None:
    begun = Begun()
    begun.ask("a", 100)
    begun.ask("b")
    assert begun.order[-1] == "b"


async def test_while_others_are_at_work_a_party_has_few_at_work_and_goes_on_as_they_end() -> None:
    begun = Begun()
    begun.ask("b")
    begun.ask("a", 100)
    await _turns()
    assert begun.order.count("a") == AT_WORK_MAX
    begun.answer("a")
    await _turns()
    assert begun.order.count("a") == AT_WORK_MAX + 1
    begun.answer("b")
    await _turns(200)
    assert begun.order.count("a") == 100


async def test_nobody_waits_for_longer_than_the_bound_for_others_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    begun = Begun()
    begun.ask("b")
    begun.ask("a", AT_WORK_MAX + 3)
    await _turns()
    assert begun.order.count("a") == AT_WORK_MAX
    monkeypatch.setattr(fair_turns, "WAIT_SECONDS_MAX", 0.0)
    monkeypatch.setattr(fair_turns, "LOOK_SECONDS", 0.001)
    async with asyncio.timeout(5):
        while begun.order.count("a") < AT_WORK_MAX + 3:
            await asyncio.sleep(0.001)


async def test_what_waits_for_its_own_client_is_not_at_work() -> None:
    begun = Begun()
    begun.ask("b")
    begun.ask("a", AT_WORK_MAX + 1)
    for place in list(begun.places["a"]):
        place.give_back()
        place.give_back()
    await _turns()
    assert begun.order.count("a") == AT_WORK_MAX + 1
    for place in begun.places["a"]:
        place.take()
    begun.ask("a")
    await _turns()
    assert begun.order.count("a") == AT_WORK_MAX + 1


async def test_pieces_are_done_one_of_each_party_in_a_turn_while_others_are_at_work() -> None:
    begun, done = Begun(), list[str]()

    def piece(name: str) -> Callable[[], None]:
        return lambda: done.append(name)

    begun.ask("c")
    for name in ("a", "a", "a", "b"):
        begun.turns.add(name, piece(name))
    await _a_turn()
    assert done == ["a", "b"]
    await _turns()
    assert done == ["a", "b", "a", "a"]
    begun.answer("c")
    for _ in range(3):
        begun.turns.add("a", piece("a"))
    await _a_turn()
    assert done.count("a") == 6


async def test_what_comes_is_read_at_once_from_one_who_has_sent_nothing_else_in_this_turn() -> None:
    begun, done = Begun(), list[str]()
    begun.ask("c")
    for name in ("a", "a", "b", "a"):
        begun.turns.do(name, partial(done.append, name))
    assert done == ["a", "b"]
    await _turns()
    assert done == ["a", "b", "a", "a"]
    begun.answer("c")
    for _ in range(2):
        begun.turns.do("a", partial(done.append, "a"))
    assert len(done) == 6, "alone, it waits for nothing"


async def test_what_brings_nobody_anything_is_done_one_of_each_party_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fair_turns, "LOOK_SECONDS", 0.001)
    turns, done = FairTurns(), list[str]()
    for name in ("a", "a", "b"):
        turns.add_slow(name, partial(done.append, name))
    assert done == []
    while len(done) < 2:
        await asyncio.sleep(0.0005)
    assert done == ["a", "b"]
    while len(done) < 3:
        await asyncio.sleep(0.0005)


async def test_work_that_fails_ends_nobody_elses() -> None:
    turns, done, failed = FairTurns(1.0), list[int](), list[type[BaseException]]()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: failed.append(type(context["exception"])))
    turns.add("a", lambda: done.append(1 // 0))
    turns.add("b", lambda: done.append(2))
    await _turns()
    assert done == [2]
    assert failed == [ZeroDivisionError]
    turns.add("a", lambda: done.append(3))
    await _turns()
    assert done == [2, 3]
