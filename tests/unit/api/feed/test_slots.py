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
    slots.give_back("a")
    assert slots.refusal("c") is None
