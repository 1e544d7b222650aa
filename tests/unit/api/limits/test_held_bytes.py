"""Bytes of submissions in memory: a limit for one address, one for batches, and one for all."""

from __future__ import annotations

from api.limits.held_bytes import ADDRESS_BYTES_MAX, BATCHES_BYTES_MAX, BYTES_MAX, MIB, HeldBytes


def _held(*, addresses: int, each: int, is_batch: bool) -> HeldBytes:
    held = HeldBytes()
    for number in range(addresses):
        held.take(f"192.0.2.{number}", each, is_batch=is_batch)
    return held


def test_an_address_has_room_for_forty_mib() -> None:
    held = HeldBytes()
    held.take("a", ADDRESS_BYTES_MAX - 5, is_batch=False)
    assert held.lacks_room("a", 5, is_batch=False) is None
    assert not held.is_address_full("a", 5)
    assert held.lacks_room("a", 6, is_batch=False) == "your address has 40 MiB of submissions here already"
    assert held.is_address_full("a", 6)
    assert held.lacks_room("b", ADDRESS_BYTES_MAX, is_batch=False) is None
    assert held.lacks_room("b", ADDRESS_BYTES_MAX + 1, is_batch=False) is not None


def test_batches_leave_room_for_single_submissions() -> None:
    held = _held(addresses=3, each=BATCHES_BYTES_MAX // 3, is_batch=True)
    assert held.lacks_room("b", 1, is_batch=True) == "batches of 96 MiB are held already"
    assert held.lacks_room("b", 32 * MIB, is_batch=False) is None
    held.give_back("192.0.2.0", 1, is_batch=True)
    assert held.lacks_room("b", 1, is_batch=True) is None
    assert held.lacks_room("b", 2, is_batch=True) is not None
    held.take("b", 1, is_batch=False)
    assert held.lacks_room("b", 1, is_batch=True) is None, "a single submission is not counted among batches"


def test_all_together_have_room_for_128_mib() -> None:
    held = _held(addresses=4, each=BYTES_MAX // 4, is_batch=False)
    assert held.lacks_room("b", 1, is_batch=False) == "submissions of 128 MiB are held already"
    held.give_back("192.0.2.0", 3, is_batch=False)
    assert held.lacks_room("b", 3, is_batch=False) is None
    assert held.lacks_room("b", 4, is_batch=False) is not None
    assert held.lacks_room("b", 3, is_batch=True) is None, "no batch is held"


def test_an_address_that_holds_nothing_any_more_takes_no_memory() -> None:
    held = HeldBytes()
    held.take("a", 7, is_batch=True)
    held.take("a", 3, is_batch=False)
    held.give_back("a", 7, is_batch=True)
    assert [*held._of_address] == ["a"]
    held.give_back("a", 3, is_batch=False)
    assert [*held._of_address] == []
    assert held.lacks_room("a", ADDRESS_BYTES_MAX, is_batch=True) is None
