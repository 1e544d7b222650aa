"""The addresses have their turns one after the other, and each has first what it added first."""

from __future__ import annotations

from api.limits.address_queue import AddressQueue


def test_the_addresses_take_turns() -> None:
    queue: AddressQueue[str] = AddressQueue()
    for each in ("a1", "a2", "a3", "b1", "c1", "b2"):
        queue.add(each[0], each)
    assert queue.addresses() == ["a", "b", "c"]
    taken = []
    while queue:
        taken.append(queue.take_next())
    assert taken == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_an_address_that_was_served_is_behind_the_others() -> None:
    queue: AddressQueue[int] = AddressQueue()
    for number in range(2):
        queue.add("a", number)
        queue.add("b", number)
    assert queue.first("b") == 0
    assert queue.take("b") == 0
    assert queue.take_next() == 0
    assert queue.addresses() == ["b", "a"]
    assert queue.take("b") == 1
    assert "b" not in queue
    assert "a" in queue
