"""Rows are parted in order, within a bound, and never without end."""

from __future__ import annotations

import pytest

from schemas.derived.parts import PARTS_MAX, Part, TooManyPartsError, grouped, in_array


def test_rows_are_parted_in_order_and_by_list() -> None:
    assert grouped([[b"aa", b"bb"], [b"c"]], bytes_max=100) == [([b"aa", b"bb"], [b"c"])]
    assert grouped([[b"aa", b"bb"], [b"c"]], bytes_max=4) == [([b"aa"], []), ([b"bb"], [b"c"])]


def test_a_row_fits_as_long_as_no_byte_is_over() -> None:
    """The first row takes its bytes and a comma."""
    assert len(grouped([[b"aa", b"bb"]], bytes_max=5)) == 1
    assert len(grouped([[b"aa", b"bb"]], bytes_max=4)) == 2


def test_a_larger_row_is_a_part_of_its_own() -> None:
    assert grouped([[b"a", b"b" * 9, b"c"]], bytes_max=4) == [([b"a"],), ([b"b" * 9],), ([b"c"],)]
    assert grouped([[b"b" * 9]], bytes_max=4) == [([b"b" * 9],)], "no empty part comes first"


def test_without_rows_there_is_one_empty_part() -> None:
    assert grouped([[], []]) == [([], [])]


def test_more_parts_than_readers_take_are_refused() -> None:
    assert len(grouped([[b"aa"] * PARTS_MAX], bytes_max=2)) == PARTS_MAX
    with pytest.raises(TooManyPartsError, match="over 256 parts of 2 bytes"):
        grouped([[b"aa"] * (PARTS_MAX + 1)], bytes_max=2)


def test_a_part_names_its_writer_and_the_turn_of_its_message() -> None:
    part = Part("worker-1-17", 2, 5)
    assert (part.writer, part.turn) == ("worker-1", 17)


def test_rows_are_joined_as_a_json_array() -> None:
    assert in_array([]) == b"[]"
    assert in_array([b"1", b"[2]"]) == b"[1,[2]]"
