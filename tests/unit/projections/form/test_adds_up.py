"""The shortcut for forms that add up: each number that must agree, and the largest that it may be."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import convert

from projections.form.adds_up import adds_up, has_more_kinds_of_ballots, holds_where_it_adds_up
from schemas.definition.package import RuleSetting, Severity
from schemas.ledger.reports import Form
from tests.support.one_rule import contest_of

FORM: dict[str, Any] = {
    "A": {"L": 10, "P": 20, "J": 30},
    "B1": {"L": 10, "P": 20, "J": 30},  # all that are registered
    "B2": {"L": 1, "P": 2, "J": 3},
    "B3": {"L": 4, "P": 5, "J": 9},
    "B4": {"L": 15, "P": 27, "J": 42},
    "D": {"L": 15, "P": 27, "J": 42},
    "S1": 50,
    "S2": 42,
    "S3": 3,
    "S4": 5,
    "VA": 40,
    "VB": 2,
    "VC": 42,
    "votes": {"01": 30, "02": 10},
}


def _adds_up(**changed: Any) -> bool:
    return adds_up(convert(FORM | changed, Form))


def test_a_form_adds_up_also_at_its_bounds_and_without_voters_with_disabilities() -> None:
    assert _adds_up()
    assert _adds_up(D=None)
    assert _adds_up(D={"L": 0, "P": 0, "J": 0})
    assert _adds_up(A={"L": 11, "P": 21, "J": 32})


@pytest.mark.parametrize("name", [name for name in FORM if name not in ("votes", "D")])
@pytest.mark.parametrize("by", [-1, 1])
def test_a_number_that_is_another_adds_up_no_more(name: str, by: int) -> None:
    if isinstance(FORM[name], int):
        assert not _adds_up(**{name: FORM[name] + by})
    else:
        assert not _adds_up(**{name: FORM[name] | {"J": FORM[name]["J"] + by}})


@pytest.mark.parametrize("row", ["A", "B1", "B2", "B3", "B4"])
def test_columns_are_compared_also_where_the_sum_of_the_row_is_right(row: str) -> None:
    for by in (-1, 1):
        stated = FORM[row]
        assert not _adds_up(**{row: {"L": stated["L"] + by, "P": stated["P"] - by, "J": stated["J"]}})


@pytest.mark.parametrize("voters", [{"L": 16, "P": 27, "J": 43}, {"L": 15, "P": 28, "J": 43}])
def test_voters_are_those_of_the_three_lists_in_each_column(voters: dict[str, int]) -> None:
    """All other sums are those of 43 voters."""
    assert not _adds_up(B4=voters, S1=51, S2=43, VA=41, VC=43, votes={"01": 31, "02": 10})


@pytest.mark.parametrize(
    "disabled",
    [{"L": 15, "P": 27, "J": 41}, {"L": 16, "P": 26, "J": 42}, {"L": 14, "P": 28, "J": 42}, {"L": 15, "P": 27}],
)
def test_voters_with_disabilities_are_voters(disabled: dict[str, int]) -> None:
    assert not _adds_up(D=disabled)


def test_votes_are_those_that_are_stated() -> None:
    assert not _adds_up(votes={"01": 30, "02": 11})
    assert not _adds_up(votes={})


@pytest.mark.parametrize("name", [name for name in FORM if name not in ("votes", "D")])
def test_what_is_not_stated_adds_up_to_nothing(name: str) -> None:
    assert not _adds_up(**{name: None})


def test_the_shortcut_is_for_contests_whose_ballots_are_valid_or_not() -> None:
    assert not has_more_kinds_of_ballots(contest_of("president"))
    assert not has_more_kinds_of_ballots(contest_of("council-a"))
    assert has_more_kinds_of_ballots(contest_of("president", abroad=True))
    assert has_more_kinds_of_ballots(contest_of("council-a", abroad=True))


@pytest.mark.parametrize(
    ("rule", "fields", "holds"),
    [
        ("M1", [], True),
        ("M1", ["A", "B1", "B2", "B3", "B4", "S1", "S2", "S3", "S4", "VA", "VB", "VC", "VK", "VS", "votes"], True),
        ("M1", ["votes", "D"], False),
        ("F3", None, True),
        ("P1", None, False),
    ],
)
def test_which_rules_hold_where_a_form_adds_up(rule: str, fields: list[str] | None, holds: bool) -> None:
    parameters: dict[str, int | str | list[str]] = {} if fields is None else {"fields": fields}
    assert holds_where_it_adds_up(RuleSetting(id=rule, severity=Severity.SOFT, parameters=parameters)) is holds
