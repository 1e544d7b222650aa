"""Slots that no address can take all of."""

from __future__ import annotations

from api.feed.slots import Slots


def test_slots_are_counted_by_address_and_in_all() -> None:
    slots = Slots(3, 2)
    for address in ("a", "a", "b"):
        assert slots.refusal(address) is None
        slots.take(address)
    assert slots.refusal("a") == "your address has 2 already"
    assert slots.refusal("c") == "all 3 are taken"
    assert slots.taken == 3
    slots.give_back("a")
    assert (slots.taken, slots.refusal("a"), slots.refusal("c")) == (2, None, None)
    slots.take("a")
    assert slots.refusal("a") == "your address has 2 already"


def test_an_address_that_gave_all_back_is_forgotten() -> None:
    slots = Slots(1_000, 1_000)
    for _ in range(2):
        slots.take("a")
    slots.take("b")
    for _ in range(2):
        slots.give_back("a")
    assert (slots.taken, slots._taken) == (1, {"b": 1})


def test_without_a_bound_for_one_address_all_may_be_of_one() -> None:
    slots = Slots(1_500, 0)
    for _ in range(1_500):
        assert slots.refusal("a") is None
        slots.take("a")
    assert slots.refusal("a") == "your address has 1,500 already"
    assert slots.refusal("b") == "all 1,500 are taken"


def test_a_bound_of_one_lets_each_address_in_once() -> None:
    slots = Slots(3, 1)
    assert slots.refusal("a") is None
    slots.take("a")
    assert slots.refusal("a") == "your address has 1 already"
