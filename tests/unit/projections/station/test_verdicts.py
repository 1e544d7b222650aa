"""The law of a station's versions as its tables state it: each row alone, and which of two rows is read first."""

from __future__ import annotations

import pytest

from projections.station.submissions import ResultState
from projections.station.verdicts import REMARKS, VERDICTS, Facts, remarks_of, verdict_of

CONDITIONS = [row.condition for row in VERDICTS if row.condition != "otherwise"]
REMARKED = ("is_far_above", "is_disputed", "is_version_missing", "corrects_nothing", "is_higher_held")


def _facts(*names: str) -> Facts:
    return Facts(**dict.fromkeys(names, True))


@pytest.mark.parametrize(
    ("condition", "state", "rule", "counts"),
    [
        ("is_annulled", ResultState.ANNULLED, "N1", "no form"),
        ("is_repeated", ResultState.SUPERSEDED, "V3", "the earlier form"),
        ("is_rejected", ResultState.REFUSED, "R1", "no form"),
        ("is_below", ResultState.SUPERSEDED, "V4", "the higher version"),
        ("is_accepted", ResultState.COUNTED, "R2", "this form"),
        ("is_accepted_another", ResultState.SUPERSEDED, "V4", "the accepted form"),
        ("is_first_fit", ResultState.COUNTED, None, "this form"),
    ],
)
def test_each_condition_alone_has_its_state_and_rule(
    condition: str, state: ResultState, rule: str | None, counts: str
) -> None:
    verdict = verdict_of(_facts(condition))
    assert (verdict.condition, verdict.state, verdict.rule, verdict.counts) == (condition, state, rule, counts)


def test_a_form_of_which_no_condition_holds_is_held_without_a_remark() -> None:
    verdict = verdict_of(Facts())
    assert verdict.state is ResultState.HELD
    assert remarks_of(Facts(), verdict) == []
    assert remarks_of(Facts(is_first_fit=True), verdict_of(Facts(is_first_fit=True))) == []


def test_the_upper_of_two_rows_is_read() -> None:
    for number, upper in enumerate(CONDITIONS):
        for lower in CONDITIONS[number + 1 :]:
            assert verdict_of(_facts(upper, lower)).condition == upper


@pytest.mark.parametrize(
    ("verdict", "remarks"),
    [
        ("otherwise", ["V7 hard", "V1 hard", "V5 soft", "V6 soft"]),
        ("is_first_fit", ["V1 soft", "V5 soft", "V6 soft", "V2 soft"]),
        ("is_accepted", ["V5 soft", "V6 soft", "V2 soft"]),
        ("is_annulled", []),
        ("is_repeated", []),
        ("is_rejected", []),
        ("is_below", []),
        ("is_accepted_another", []),
    ],
)
def test_remarks_are_made_of_forms_that_count_or_are_held(verdict: str, remarks: list[str]) -> None:
    facts = _facts(*REMARKED, *(() if verdict == "otherwise" else (verdict,)))
    assert [f"{row.rule} {row.severity}" for row in remarks_of(facts, verdict_of(facts))] == remarks


def test_each_row_names_a_fact() -> None:
    facts = {row.condition for row in VERDICTS} | {row.fact for row in REMARKS}
    assert facts == {*Facts._fields, "otherwise"}
