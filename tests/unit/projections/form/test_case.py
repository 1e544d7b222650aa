"""The comparisons that rules share: a number that is not stated compares with nothing."""

from __future__ import annotations

import pytest

from projections.form.case import COLUMNS, Case, at_most, cell, columns, equal, sum_of
from schemas.ledger.reports import Row
from tests.support.one_rule import contest_of


def test_numbers_are_equal_up_to_the_tolerance_in_both_directions() -> None:
    for stated in (5, 9):
        assert equal("VC", stated, "B4.J", 7, 2) == []
        assert equal("VC", stated, "B4.J", 7, 1) == [
            (f"VC tertulis {stated}, tetapi B4.J = 7.", f"VC is {stated}, but B4.J = 7.")
        ]
    assert equal("VC", None, "B4.J", 7, 0) == equal("VC", 7, "B4.J", None, 0) == []


def test_a_number_is_at_most_the_limit_and_the_tolerance() -> None:
    assert at_most("VC", 9, "S1", 7, 2) == []
    assert at_most("VC", 9, "S1", 7, 1) == [
        ("VC tertulis 9, lebih besar dari S1 = 7.", "VC is 9, more than S1 = 7."),
    ]
    assert at_most("VC", None, "S1", 7, 0) == at_most("VC", 7, "S1", None, 0) == []


def test_a_sum_has_all_its_numbers_or_is_none() -> None:
    assert (sum_of(), sum_of(1, 0, 4), sum_of(1, None, 4), sum_of(None)) == (0, 5, None, None)


def test_the_column_of_all_follows_from_men_and_women() -> None:
    row = Row(L=1, P=2)
    assert COLUMNS == ("L", "P", "J")
    assert columns(row) == tuple(cell(row, column) for column in COLUMNS) == (1, 2, 3)
    assert (cell(None, "J"), cell(Row(J=4), "L"), cell(Row(L=1), "J")) == (None, None, None)


def test_a_parameter_that_is_not_a_number_is_a_bug() -> None:
    case = Case(contest_of("president"), None, 0, {"max": "many"})
    assert case.number("other", 7) == 7
    with pytest.raises(AssertionError, match="parameter max: expected a number"):
        case.number("max", 7)
