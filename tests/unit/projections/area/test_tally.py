"""Vectors of votes: what a form adds, and how sums are kept, taken away from, shown by name and folded into parties."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import convert

from projections.area import tally
from projections.area.tally import (
    CLEAN,
    FLAGGED,
    HEAD,
    HELD,
    NOT_STATED,
    TIERS,
    AreaTallies,
    TallyView,
    apart,
    column_all,
    contribution_of,
    empty_tally,
    party_tally,
    side_by_side,
    tally_length,
)
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from schemas.codes import COUNT_MAX
from schemas.ledger.reports import Form, Row
from tests.support.small_election import elsewhere, small_package

HERE, ELSEWHERE = Definition.of(small_package()), Definition.of(elsewhere(small_package()))
VOTES = {"01": 10, "02": 20, "03": 30}


def contest(definition: Definition, code: str) -> ContestEntry:
    return definition.ballots.contest(code)


PRESIDENT, COUNCIL = contest(HERE, "president"), contest(HERE, "council-a")
BLANK_APART, TWO_MARKS = contest(ELSEWHERE, "president"), contest(ELSEWHERE, "council-a")


def of_form(of: ContestEntry, registered: int | None = 200, **form: Any) -> tuple[list[int], list[int], list[int]]:
    """(numbers, not stated, votes) of a form's contribution."""
    numbers = contribution_of(convert({"votes": VOTES, **form}, Form), of, registered)
    return list(numbers[:NOT_STATED]), list(numbers[NOT_STATED:HEAD]), list(numbers[HEAD:])


# ── contributions ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_stated_numbers_are_counted_as_stated_also_where_they_disagree() -> None:
    numbers, not_stated, votes = of_form(PRESIDENT, VA=61, VB=3, VC=99, B4={"J": 98})
    assert numbers == [1, 200, 98, 61, 61, 3, 0, 99]
    assert not_stated == [0, 0, 0, 0, 0, 0]
    assert votes == [10, 20, 30]


def test_numbers_that_are_sums_follow_from_those_that_are_stated() -> None:
    numbers, not_stated, _ = of_form(PRESIDENT, VB=3)
    assert numbers == [1, 200, 0, 60, 60, 3, 0, 63]
    assert not_stated == [0, 1, 0, 0, 0, 0]


def test_a_number_that_follows_from_nothing_is_not_stated() -> None:
    numbers, not_stated, _ = of_form(PRESIDENT, None)
    assert numbers == [1, 0, 0, 60, 60, 0, 0, 0]
    assert not_stated == [1, 1, 0, 1, 0, 1]


def test_the_register_of_the_package_comes_before_that_of_the_form() -> None:
    assert of_form(PRESIDENT, 200, A={"J": 150})[0][1] == 200
    assert of_form(PRESIDENT, None, A={"J": 150})[0][1] == 150


def test_blank_ballots_count_only_where_the_contest_counts_them_apart() -> None:
    assert of_form(PRESIDENT, VB=3, VK=4)[0] == [1, 200, 0, 60, 60, 3, 0, 63]
    assert of_form(BLANK_APART, VB=3, VK=4)[0] == [1, 200, 0, 60, 60, 3, 4, 67]
    assert of_form(BLANK_APART, VB=3) == ([1, 200, 0, 60, 60, 3, 0, 0], [0, 1, 0, 0, 1, 1], [10, 20, 30])


def test_valid_ballots_are_valid_votes_only_where_a_ballot_has_one_vote() -> None:
    assert of_form(TWO_MARKS, votes={"P1-0": 9, "P2-1": 8}, VB=3) == (
        [1, 200, 0, 17, 0, 3, 0, 0],
        [0, 1, 1, 0, 0, 1],
        [9, 0, 0, 8],
    )
    assert of_form(TWO_MARKS, votes={"P1-0": 9, "P2-1": 8}, VB=3, VS=11)[0] == [1, 200, 0, 17, 11, 3, 0, 14]
    assert of_form(PRESIDENT, VB=3, VS=11)[0][4] == 60


@pytest.mark.parametrize(
    ("row", "number"),
    [
        (None, None),
        (Row(L=1, P=2, J=4), 4),
        (Row(J=0), 0),
        (Row(L=1, P=2), 3),
        (Row(L=1), None),
        (Row(P=2), None),
        (Row(), None),
    ],
)
def test_the_column_of_all_is_j_or_the_sum_of_both(row: Row | None, number: int | None) -> None:
    assert column_all(row) == number


# ── sums of areas ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tally_has_three_tiers_and_the_annulled_stations() -> None:
    assert TIERS == ("clean", "flagged", "held")
    assert (NOT_STATED, HEAD) == (8, 14)
    assert tally_length(3) == len(empty_tally(3)) == 3 * (14 + 3) + 1
    assert not any(empty_tally(3))


def test_numbers_side_by_side_are_added_and_taken_apart_again() -> None:
    large = [COUNT_MAX * 10**6, 0, 1]
    assert apart(side_by_side(large), 3) == large
    assert apart(side_by_side(large) + side_by_side([1, 2, 3]), 3) == [large[0] + 1, 2, 4]
    with pytest.raises(OverflowError):
        apart(side_by_side([0, 0]) - 1, 2)


def tallies() -> AreaTallies:
    """Tallies of two contests, with one choice and with two."""
    return AreaTallies([tally_length(1), tally_length(2)])


ONE = tuple(range(1, HEAD + 2))
TWO = tuple(range(100, 100 + HEAD + 2))


def test_a_contribution_is_added_to_one_tier_of_each_area_and_taken_away_again() -> None:
    kept = tallies()
    kept.add([(0, 7), (0, 3)], FLAGGED, ONE, 1)
    kept.add([(1, 7)], HELD, TWO, 1)
    kept.add([(0, 7)], CLEAN, ONE, 1)
    kept.add([(0, 7)], CLEAN, ONE, 1)
    nothing = [0] * len(ONE)
    assert kept[0, 7] == [*(2 * number for number in ONE), *ONE, *nothing, 0]
    assert kept[0, 3] == [*nothing, *ONE, *nothing, 0]
    assert kept[1, 7] == [*[0] * 2 * len(TWO), *TWO, 0]
    kept.add([(0, 7)], CLEAN, ONE, -1)
    kept.add([(0, 7)], FLAGGED, ONE, -1)
    assert kept[0, 7] == [*ONE, *nothing, *nothing, 0]


def test_annulled_stations_are_counted_last() -> None:
    kept = tallies()
    kept.add([(0, 7)], HELD, ONE, 1)
    kept.add_annulled([(0, 7), (0, 8)], 1)
    kept.add_annulled([(1, 2)], 1)
    kept.add_annulled([(0, 7)], 1)
    kept.add_annulled([(1, 2)], -1)
    assert kept[0, 7] == [*[0] * 2 * len(ONE), *ONE, 2]
    assert kept[0, 8] == [*[0] * 3 * len(ONE), 1]
    assert not any(kept[1, 2])


def test_areas_are_listed_in_the_order_in_which_they_were_first_added_to() -> None:
    kept = tallies()
    kept.touch([(1, 2), (0, 9)])
    kept.add([(0, 9), (0, 1)], CLEAN, ONE, 1)
    kept.touch([(1, 2)])
    assert (list(kept), len(kept)) == ([(1, 2), (0, 9), (0, 1)], 3)
    assert kept[1, 2] == empty_tally(2)


def test_numbers_are_added_at_the_same_index_where_the_machine_writes_the_largest_byte_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bytes of each number read the same from both ends, because the array writes them as this machine does."""
    monkeypatch.setattr(tally, "sys", SimpleNamespace(byteorder="big"))
    both_ends = 1 + (1 << 56)
    one = tuple(both_ends * number for number in ONE)
    kept = tallies()
    kept.add([(0, 7)], FLAGGED, one, 1)
    kept.add([(0, 7)], HELD, one, 1)
    kept.add([(0, 7)], FLAGGED, one, 1)
    kept.add_annulled([(0, 7)], both_ends)
    assert kept[0, 7] == [*[0] * len(one), *(2 * number for number in one), *one, both_ends]


def test_packed_tallies_are_the_same_again() -> None:
    kept = tallies()
    kept.touch([(1, 2)])
    kept.add([(0, 9), (0, 1)], CLEAN, ONE, 1)
    keys, numbers = kept.pack()
    assert (len(keys), len(numbers)) == (3 * 2 * 4, 8 * (tally_length(2) + 2 * tally_length(1)))
    again = AreaTallies.unpack(kept.lengths, keys, numbers)
    assert [(key, again[key]) for key in again] == [(key, kept[key]) for key in kept]
    again.add([(1, 5)], CLEAN, TWO, 1)
    assert again[1, 5] == [*TWO, *[0] * 2 * len(TWO), 0]
    assert again[0, 1] == kept[0, 1]


def test_a_contest_without_its_area_is_not_unpacked() -> None:
    kept = tallies()
    kept.touch([(1, 2)])
    keys, numbers = kept.pack()
    with pytest.raises(ValueError, match="zip"):
        AreaTallies.unpack(kept.lengths, keys + keys[:4], numbers)


# ── views ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def three_tiers(*tiers: tuple[int, ...], annulled: int) -> list[int]:
    return [*(number for tier in tiers for number in tier), annulled]


def test_what_is_counted_is_clean_and_flagged() -> None:
    view = TallyView.of(three_tiers(ONE, tuple(2 * n for n in ONE), tuple(5 * n for n in ONE), annulled=9))
    assert (view.clean, view.annulled) == (ONE, 9)
    assert view.counted == tuple(3 * n for n in ONE)
    assert view.stations_reported == 1 + 2 + 5


def test_tiers_of_different_lengths_are_a_bug() -> None:
    with pytest.raises(ValueError, match="zip"):
        _ = TallyView(ONE, ONE[:-1], ONE, 0).counted


@pytest.mark.parametrize("length", [3 * HEAD, 3 * HEAD + 2, 3 * (HEAD - 1) + 1])
def test_a_tally_of_another_length_is_a_bug(length: int) -> None:
    with pytest.raises(AssertionError, match=f"a tally of {length} numbers"):
        TallyView.of([0] * length)


def test_the_smallest_tally_has_no_choice() -> None:
    assert TallyView.of([0] * tally_length(0)).clean == (0,) * HEAD


def test_votes_of_choices_are_added_to_the_lines_of_their_parties_in_each_tier() -> None:
    head = tuple(range(HEAD))
    of_choices = three_tiers((*head, 1, 2, 3, 4), (*head, 10, 20, 30, 40), (*head, 5, 0, 0, 6), annulled=7)
    assert COUNCIL.choice_line == (0, 0, 1, 1)
    assert party_tally(of_choices, COUNCIL, 2) == three_tiers((*head, 3, 7), (*head, 30, 70), (*head, 5, 6), annulled=7)
    # P2-1 has no party there, and its line is the last.
    assert TWO_MARKS.choice_line == (0, 0, 1, 2)
    assert party_tally(of_choices, TWO_MARKS, 3) == three_tiers(
        (*head, 3, 3, 4), (*head, 30, 30, 40), (*head, 5, 0, 6), annulled=7
    )


def test_an_office_without_parties_has_one_line_with_all_votes() -> None:
    head = tuple(range(HEAD))
    of_choices = three_tiers((*head, 1, 2, 3), (*head, 10, 20, 30), (*head, 0, 0, 0), annulled=7)
    assert PRESIDENT.choice_line == (0, 0, 0)
    assert party_tally(of_choices, PRESIDENT, 1) == three_tiers((*head, 6), (*head, 60), (*head, 0), annulled=7)


def test_votes_of_more_choices_than_the_contest_has_are_a_bug() -> None:
    with pytest.raises(ValueError, match="zip"):
        party_tally(three_tiers(*[(*range(HEAD), 1, 2, 3, 4, 5)] * 3, annulled=0), COUNCIL, 2)
