"""What one partition sees of the numbers that a key gives its events."""

from __future__ import annotations

import pytest

from projections.fold import sequences as sequences_module
from projections.fold.sequences import NUMBERS_KEPT, Sequences

KEY = "ab" * 8


def _id(number: int, other: str = "") -> bytes:
    return f"{number}{other}".encode().ljust(32, b".")


def _note(sequences: Sequences, number: int, prev: int | None, other: str = "") -> list[str]:
    findings = sequences.note(KEY, number, _id(number, other), None if prev is None else _id(prev))
    return [finding.rule for finding in findings]


def test_a_batch_of_a_thousand_lines_is_among_the_numbers_that_are_kept() -> None:
    assert NUMBERS_KEPT == 1_024


def test_numbers_in_order_and_out_of_order_are_right() -> None:
    sequences = Sequences()
    assert [_note(sequences, *each) for each in ((0, None), (1, 0), (3, 2), (2, 1), (7, 6))] == [[]] * 5


def test_an_event_between_others_is_compared_only_with_those_beside_it() -> None:
    sequences = Sequences()
    assert [_note(sequences, *each) for each in ((3, 2), (7, 6), (5, 4))] == [[]] * 3


def test_a_number_below_the_newest_is_not_taken_for_the_newest() -> None:
    sequences = Sequences()
    for number in (9, 2, 5):
        _note(sequences, number, number - 1)
    assert _note(sequences, 9, 8, "another") == ["Q1"]


def test_the_id_of_each_event_is_hashed_once_where_numbers_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[bytes] = []

    def noted(event_id: bytes) -> bytes:
        hashed.append(event_id)
        return event_id[:16]

    monkeypatch.setattr(sequences_module, "_short", noted)
    sequences = Sequences()
    for number in range(5):
        _note(sequences, number, number - 1 if number else None)
    assert hashed == [_id(number) for number in range(5)]


def test_a_number_used_twice_is_found_and_a_repetition_is_none() -> None:
    sequences = Sequences()
    assert _note(sequences, 4, 3) == []
    assert _note(sequences, 4, 3) == []
    assert _note(sequences, 4, 3, "another") == ["Q1"]
    assert _note(sequences, 5, 4) == [], "the first with a number is the one that is named"


def test_a_prev_that_is_not_the_event_before_is_found_from_either_side() -> None:
    sequences = Sequences()
    _note(sequences, 4, 3)
    assert _note(sequences, 5, 9) == ["Q2"]
    assert _note(sequences, 3, 2, "another") == ["Q2"]
    assert _note(sequences, 0, 7) == ["Q2"]


def test_a_prev_with_the_right_first_half_alone_is_found_from_either_side() -> None:
    half_right = _id(4)[:16] + bytes(16)
    sequences = Sequences()
    _note(sequences, 4, 3)
    assert [finding.rule for finding in sequences.note(KEY, 5, _id(5), half_right)] == ["Q2"]
    sequences = Sequences()
    sequences.note(KEY, 5, _id(5), half_right)
    assert _note(sequences, 4, 3) == ["Q2"]


def test_a_prev_is_judged_also_where_the_event_after_names_this_one() -> None:
    sequences = Sequences()
    _note(sequences, 3, 2)
    _note(sequences, 5, 4)
    assert _note(sequences, 4, 9) == ["Q2"]


def test_the_lowest_number_that_is_kept_is_judged_and_the_one_below_is_not() -> None:
    for number, found in ((1, ["Q2"]), (0, [])):
        sequences = Sequences()
        _note(sequences, NUMBERS_KEPT, None)
        _note(sequences, number + 1, 77)
        assert _note(sequences, number, None) == found


def test_a_restart_far_above_is_right() -> None:
    sequences = Sequences()
    _note(sequences, 4, 3)
    assert _note(sequences, 1_800_000_000_000, None) == []
    assert _note(sequences, 1_800_000_000_001, 1_800_000_000_000) == []


def test_no_more_numbers_are_kept_than_the_bound_and_older_ones_are_not_judged() -> None:
    sequences = Sequences()
    for number in range(3 * NUMBERS_KEPT):
        assert _note(sequences, number, number - 1 if number else None) == []
    assert len(sequences.pack()) <= 12 + 40 * NUMBERS_KEPT
    assert _note(sequences, 5, 4, "another") == []
    assert _note(sequences, 3 * NUMBERS_KEPT - 1, 0, "another") == ["Q1"]


def test_packed_numbers_go_on_as_if_nothing_was() -> None:
    sequences = Sequences()
    _note(sequences, 4, 3)
    again = Sequences.unpack(sequences.pack())
    assert again.pack() == sequences.pack()
    assert _note(again, 4, 3, "another") == ["Q1"]


def test_the_numbers_of_each_key_are_packed_and_unpacked() -> None:
    sequences = Sequences()
    for key in ("ab" * 8, "cd" * 8, "ef" * 8):
        for number in range(3):
            sequences.note(key, number, _id(number), _id(number - 1) if number else None)
    again = Sequences.unpack(sequences.pack())
    assert again.pack() == sequences.pack()
    for key in ("ab" * 8, "cd" * 8, "ef" * 8):
        assert [finding.rule for finding in again.note(key, 2, _id(9), _id(1))] == ["Q1"]


def test_the_first_number_after_a_restart_drops_what_is_too_far_below() -> None:
    sequences = Sequences()
    for number in range(3):
        _note(sequences, number, number - 1 if number else None)
    again = Sequences.unpack(sequences.pack())
    assert _note(again, NUMBERS_KEPT + 1, NUMBERS_KEPT) == []
    assert len(again.pack()) == 12 + 2 * 40, "of the three, the highest is kept"
