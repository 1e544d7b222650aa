"""A client that asks for much at once waits for itself; one that asks for little waits for a few steps of the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from api.http import fair_turns
from api.http.fair_turns import ALONE_SECONDS, AT_WORK_MAX, BEGUN_ALONE_MAX, SHARE_SECONDS, FairTurns, Place


class Begun:
    """Requests as they are begun, by address."""

    def __init__(self, turns: FairTurns | None = None) -> None:
        self.turns = turns or FairTurns()
        self.order: list[str] = []
        self.places: dict[str, list[Place]] = {}

    def ask(self, address: str, count: int = 1) -> None:
        def begin(place: Place) -> None:
            self.order.append(address)
            self.places.setdefault(address, []).append(place)

        for _ in range(count):
            self.turns.begin(address, begin)

    def answer(self, address: str) -> None:
        self.places[address].pop(0).give_back()


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


async def test_while_others_are_at_work_an_address_has_few_at_work_and_more_as_they_end() -> None:
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


class Clock:
    """A clock that only work moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float, done: list[str], name: str) -> Callable[[], None]:
        def piece() -> None:
            self.now += seconds
            done.append(name)

        return piece


async def test_pieces_of_an_address_are_done_until_its_share_of_the_turn_is_used() -> None:
    clock, done = Clock(), list[str]()
    begun = Begun(FairTurns(clock=clock))
    begun.ask("c")
    for name in ("a", "a", "a", "b"):
        begun.turns.add(name, clock.work(SHARE_SECONDS * 0.6, done, name))
    await _a_turn()
    assert done == ["a", "b", "a"]
    await _turns()
    assert done == ["a", "b", "a", "a"]
    begun.answer("c")
    for _ in range(3):
        begun.turns.add("a", clock.work(SHARE_SECONDS, done, "a"))
    await _a_turn()
    assert done.count("a") == 6, "alone, it has more time"


async def test_all_pieces_that_wait_have_a_bounded_part_of_a_turn() -> None:
    clock, done = Clock(), list[str]()
    turns = FairTurns(3.5, clock=clock)
    for name in ("a", "b", "c", "d", "e"):
        turns.add(name, clock.work(1.0, done, name))
    await _a_turn()
    assert done == ["a", "b", "c", "d"]
    await _turns()
    assert done == ["a", "b", "c", "d", "e"]


async def test_what_comes_is_read_at_once_from_one_who_has_time_left_in_this_turn() -> None:
    clock, done = Clock(), list[str]()
    begun = Begun(FairTurns(clock=clock))
    begun.ask("c")
    for name in ("a", "a", "b", "a"):
        begun.turns.do(name, clock.work(SHARE_SECONDS, done, name))
    assert done == ["a", "b"]
    await _turns()
    assert done == ["a", "b", "a", "a"]
    begun.answer("c")
    for _ in range(2):
        begun.turns.do("a", clock.work(SHARE_SECONDS, done, "a"))
    assert len(done) == 6, "alone, it waits for nothing"
    for _ in range(2):
        begun.turns.do("a", clock.work(ALONE_SECONDS, done, "a"))
    assert len(done) == 7, "but for the end of a long turn"


async def test_requests_that_use_much_time_are_begun_in_several_turns() -> None:
    clock, done = Clock(), list[str]()
    turns = FairTurns(clock=clock)

    def begin(place: Place) -> None:
        clock.work(SHARE_SECONDS, done, "a")()
        place.rest()

    turns.begin("b", lambda _: None)
    for _ in range(3):
        turns.begin("a", begin)
    assert done == ["a"]
    await _a_turn()
    assert done == ["a", "a"]
    await _turns()
    assert done == ["a", "a", "a"]


async def test_work_within_other_work_is_measured_once() -> None:
    clock, done = Clock(), list[str]()
    begun = Begun(FairTurns(clock=clock))
    begun.ask("c")

    def reading() -> None:
        begun.turns.do("a", clock.work(SHARE_SECONDS * 0.6, done, "judged"))

    begun.turns.do("a", reading)
    begun.turns.do("a", clock.work(SHARE_SECONDS, done, "more"))
    assert done == ["judged", "more"]


async def test_who_waits_for_kafka_is_not_at_work_and_others_are_not_alone() -> None:
    begun = Begun()
    begun.ask("b")
    begun.ask("a", AT_WORK_MAX + 1)
    await _turns()
    assert begun.order.count("a") == AT_WORK_MAX
    begun.places["a"][0].rest()
    begun.places["a"][0].rest()
    await _turns()
    assert begun.order.count("a") == AT_WORK_MAX + 1
    begun.answer("b")
    begun.ask("c", AT_WORK_MAX + 1)
    await _turns()
    assert begun.order.count("c") == AT_WORK_MAX


async def test_what_brings_nobody_anything_is_done_one_of_each_address_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fair_turns, "LOOK_SECONDS", 0.001)
    turns, done = FairTurns(), list[str]()
    for name in ("a", "a", "b"):
        turns.add_slow(name, partial(done.append, name))
    assert done == []
    while len(done) < 3:  # on a busy machine, the third is done before this task has its turn
        await asyncio.sleep(0.0005)
    assert done == ["a", "b", "a"]


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
