"""Parts of messages joined again: each case of the rule, and its bounds. Any order: tests/properties/test_parts.py."""

from __future__ import annotations

import pytest

from projections.fold.parts import OPEN_BYTES_MAX, WRITERS_MAX, Parts
from schemas.derived.parts import PART_BYTES_MAX, PARTS_MAX, Part

OFFICE = "office"


def joined(parts: Parts[str], message: str, of: int = 2) -> list[str] | None:
    """What comes of the parts of one message, in order."""
    found = [parts.add(OFFICE, Part(message, number, of), f"{message}/{number}", 1) for number in range(of)]
    assert found[:-1] == [None] * (of - 1)
    return found[-1]


def test_a_message_that_is_whole_is_applied_at_once_and_ends_no_other() -> None:
    parts: Parts[str] = Parts()
    parts.add(OFFICE, Part("w-1", 0, 2), "first", 1)
    assert parts.add(OFFICE, None, "whole", 10**9) == ["whole"]
    assert parts.add(OFFICE, Part("w-1", 1, 2), "second", 1) == ["first", "second"]


def test_a_message_of_one_part_is_joined_from_it() -> None:
    parts: Parts[str] = Parts()
    assert joined(parts, "w-1", 1) == ["w-1/0"]
    assert parts.first_offset is None


def test_a_part_that_comes_again_is_skipped() -> None:
    parts: Parts[str] = Parts()
    for number in (0, 0, 1, 0, 1):
        assert parts.add(OFFICE, Part("w-1", number, 3), f"{number}", 1) is None
    assert parts.add(OFFICE, Part("w-1", 2, 3), "2", 1) == ["0", "1", "2"]
    assert parts.dropped == 0


def test_a_part_of_a_message_that_is_not_open_is_skipped() -> None:
    parts: Parts[str] = Parts()
    assert parts.add(OFFICE, Part("w-1", 1, 2), "second", 1) is None
    assert parts.add(OFFICE, Part("w-2", 0, 2), "first", 1) is None
    assert parts.add(OFFICE, Part("w-1", 1, 2), "second", 1) is None
    assert parts.add(OFFICE, Part("w-2", 1, 2), "second", 1) == ["first", "second"]
    assert parts.dropped == 0


def test_chains_and_writers_have_messages_of_their_own() -> None:
    parts: Parts[str] = Parts()
    for chain, writer in (("a", "v"), ("a", "w"), ("b", "v")):
        parts.add(chain, Part(f"{writer}-1", 0, 2), f"{chain} {writer}", 1)
    for chain, writer in (("b", "v"), ("a", "v"), ("a", "w")):
        assert parts.add(chain, Part(f"{writer}-1", 1, 2), "end", 1) == [f"{chain} {writer}", "end"]


@pytest.mark.parametrize(("of", "is_open"), [(0, False), (-1, False), (PARTS_MAX, True), (PARTS_MAX + 1, False)])
def test_a_message_has_from_one_to_so_many_parts(of: int, is_open: bool) -> None:
    parts: Parts[str] = Parts()
    assert parts.add(OFFICE, Part("w-1", 0, of), "first", 1, offset=5) is None
    assert parts.first_offset == (5 if is_open else None)
    assert parts.dropped == (0 if is_open else 1)


def test_the_first_offset_is_that_of_the_oldest_message_that_is_open() -> None:
    parts: Parts[str] = Parts()
    for offset, writer in ((8, "v"), (9, "w")):
        parts.add(OFFICE, Part(f"{writer}-1", 0, 2), writer, 1, offset)
    parts.add(OFFICE, Part("w-1", 1, 2), "end", 1, 10)
    assert parts.first_offset == 8
    parts.add(OFFICE, Part("v-1", 1, 2), "end", 1, 11)
    assert parts.first_offset is None


def test_as_many_writers_as_may_be_open_are_kept() -> None:
    parts: Parts[str] = Parts()
    for writer in range(WRITERS_MAX):
        parts.add(OFFICE, Part(f"{writer}-1", 0, 2), str(writer), 1)
    parts.add("another", Part("9-1", 0, 2), "9", 1)
    assert parts.dropped == 0
    parts.add(OFFICE, Part("9-1", 0, 2), "9", 1)
    assert parts.dropped == 1
    assert parts.add(OFFICE, Part("0-1", 1, 2), "end", 1) is None
    assert parts.add(OFFICE, Part("1-1", 1, 2), "end", 1) == ["1", "end"]


@pytest.mark.parametrize(("size", "is_joined"), [(5, True), (6, False)])
def test_all_that_is_open_may_have_so_many_bytes(size: int, is_joined: bool) -> None:
    parts: Parts[str] = Parts(bytes_max=10)
    parts.add(OFFICE, Part("w-1", 0, 2), "first", 5)
    found = parts.add(OFFICE, Part("w-1", 1, 2), "second", size)
    assert (found is not None, parts.dropped) == (is_joined, 0 if is_joined else 1)
    # What was joined or dropped takes no room any more.
    parts.add(OFFICE, Part("w-2", 0, 2), "first", 10)
    assert parts.first_offset == 0


def test_messages_that_were_joined_leave_no_room_behind() -> None:
    parts: Parts[str] = Parts(bytes_max=10)
    for number in range(9):
        assert parts.add(OFFICE, Part(f"w-{number}", 0, 1), "whole", 1) == ["whole"]
    parts.add(OFFICE, Part("w-9", 0, 2), "first", 11)
    assert (parts.first_offset, parts.dropped) == (None, 1)


def test_a_message_is_dropped_while_others_stay_below_the_limit() -> None:
    parts: Parts[str] = Parts(bytes_max=10)
    for chain, size in (("a", 4), ("b", 4), ("c", 6)):
        parts.add(chain, Part("w-1", 0, 2), chain, size)
    assert parts.dropped == 1
    assert parts.add("a", Part("w-1", 1, 2), "end", 0) is None
    assert parts.add("b", Part("w-1", 1, 2), "end", 0) == ["b", "end"]
    assert parts.add("c", Part("w-1", 1, 2), "end", 0) == ["c", "end"]


def test_three_writers_may_have_a_message_open_in_a_chain() -> None:
    assert WRITERS_MAX == 3


def test_the_largest_message_fits_and_one_more() -> None:
    assert OPEN_BYTES_MAX == 2 * 256 * 512 * 1024


def test_messages_with_news_are_kept_where_others_of_their_chain_are_given_up() -> None:
    parts: Parts[str] = Parts()
    for writer in ("old", "new"):
        parts.add(OFFICE, Part(f"{writer}-1", 0, 3), writer, 1)
        parts.add(OFFICE, Part(f"{writer}-1", 1, 3), "old", 1)
    parts.give_up(OFFICE, lambda first: first == "old")
    assert parts.add(OFFICE, Part("old-1", 2, 3), "end", 1) is None
    assert parts.add(OFFICE, Part("new-1", 2, 3), "end", 1) == ["new", "old", "end"]
    assert parts.dropped == 0, "it has come in another way"


def test_a_message_of_too_many_parts_is_dropped_before_it_fills_the_memory() -> None:
    parts: Parts[int] = Parts()
    assert parts.add("office", Part("w-1", 0, PARTS_MAX + 1), 1, 10) is None
    assert parts.add("office", Part("w-1", 1, PARTS_MAX + 1), 1, 10) is None
    assert (parts.first_offset, parts.dropped) == (None, 1)


def test_messages_of_workers_that_died_are_dropped_the_oldest_first() -> None:
    parts: Parts[int] = Parts()
    for writer in range(9):
        parts.add("office", Part(f"{writer}-1", 0, 2), writer, PART_BYTES_MAX, offset=writer)
    assert (parts.first_offset, parts.dropped) == (6, 6)
    assert parts.add("office", Part("8-1", 1, 2), 80, 1) == [8, 80]
    assert parts.add("office", Part("5-1", 1, 2), 50, 1) is None


def test_all_that_is_open_is_bounded_in_bytes_over_all_offices() -> None:
    parts: Parts[int] = Parts()
    for office in range(9):
        parts.add(f"office {office}", Part("w-1", 0, 2), office, OPEN_BYTES_MAX // 4, offset=office)
    assert parts.first_offset == 5


def test_a_restarted_worker_and_a_missing_part_end_a_message() -> None:
    parts: Parts[str] = Parts()
    assert parts.add("office", Part("w-1", 0, 3), "a", 1) is None
    assert parts.add("office", Part("w-2", 0, 2), "b", 1) is None, "the writer began another"
    assert parts.add("office", Part("w-1", 1, 3), "a", 1) is None
    assert parts.add("office", Part("w-2", 1, 2), "b", 1) == ["b", "b"]
    assert parts.add("office", Part("w-3", 0, 4), "c", 1) is None
    assert parts.add("office", Part("w-3", 2, 4), "c", 1) is None, "part 1 is missing"
    assert parts.add("office", Part("w-3", 3, 4), "c", 1) is None
    assert parts.first_offset is None


def test_an_older_message_that_comes_again_does_not_end_the_one_that_its_writer_sends() -> None:
    parts: Parts[str] = Parts()
    assert parts.add("office", Part("w-9", 0, 3), "a", 1) is None
    assert parts.add("office", Part("w-10", 0, 3), "b", 1) is None
    for number in (1, 2):
        assert parts.add("office", Part("w-9", 0, 3), "a", 1) is None
        assert parts.add("office", Part("w-10", number, 3), "b", 1) == (["b"] * 3 if number == 2 else None)


def test_a_part_with_another_number_of_parts_than_the_first_drops_the_message() -> None:
    parts: Parts[str] = Parts()
    parts.add("office", Part("w-1", 0, 3), "a", 1)
    assert parts.add("office", Part("w-1", 1, 2), "a", 1) is None
    assert (parts.first_offset, parts.dropped) == (None, 1)


def test_what_a_writer_has_given_up_takes_no_room() -> None:
    parts: Parts[str] = Parts(bytes_max=10)
    for number in range(9):
        parts.add("office", Part(f"w-{number}", 0, 2), "a", 6)
    assert parts.add("office", Part("w-8", 1, 2), "b", 1) == ["a", "b"]
    assert parts.dropped == 8


def test_a_chain_that_has_gone_past_its_messages_gives_up_no_others() -> None:
    parts: Parts[str] = Parts()
    for chain in ("a", "b"):
        parts.add(chain, Part("w-1", 0, 2), chain, 1)
    parts.give_up("a", lambda _: True)
    assert parts.add("a", Part("w-1", 1, 2), "a", 1) is None
    assert parts.add("b", Part("w-1", 1, 2), "b", 1) == ["b", "b"]
