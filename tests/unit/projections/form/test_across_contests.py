"""The rules across the contests of a station: which rows, which contests, and by how much they may differ."""

from __future__ import annotations

import pytest

from projections.definition.compiled import Definition
from projections.form.across_contests import CrossFields, CrossJudge
from schemas.definition.package import RuleSetting, Severity
from tests.support.small_election import small_package

EQUAL = CrossFields(A=100, B1=80, B2=7, B3=5, B4=92, VC=92)


def _found(setting: RuleSetting, **forms: CrossFields) -> list[str]:
    """Sentences about the council's form."""
    judge = CrossJudge(Definition.of(small_package((setting,))))
    findings = judge.judge("council", {"council": EQUAL} | forms)
    assert {(finding.rule, finding.severity) for finding in findings} <= {(setting.id, setting.severity)}
    return [finding.sentence_en for finding in findings]


def _rule(rule: str, *, tolerance: int = 0, offices: tuple[str, ...] = (), reference: str = "") -> RuleSetting:
    parameters: dict[str, int | str | list[str]] = {"reference": reference} if reference else {}
    return RuleSetting(id=rule, severity=Severity.SOFT, tolerance=tolerance, offices=offices, parameters=parameters)


@pytest.mark.parametrize(("rule", "row"), [("X1", "A"), ("X3", "B1"), ("X3", "B3")])
def test_a_row_is_the_same_in_each_other_contest(rule: str, row: str) -> None:
    own = getattr(EQUAL, row)
    one, other = EQUAL._replace(**{row: own + 2}), EQUAL._replace(**{row: own - 1})
    assert _found(_rule(rule), president=EQUAL, mayor=EQUAL) == []
    assert _found(_rule(rule), president=one, mayor=other) == [
        f"{row}.J is {own}, but {row}.J (president) = {own + 2}.",
        f"{row}.J is {own}, but {row}.J (mayor) = {own - 1}.",
    ]
    assert len(_found(_rule(rule, tolerance=1), president=one, mayor=other)) == 1
    assert _found(_rule(rule, tolerance=2), president=one, mayor=other) == []
    assert _found(_rule(rule), president=EQUAL._replace(**{row: None})) == []


def test_x2_bounds_movers_by_the_contest_of_reference() -> None:
    at_limit, below = EQUAL, EQUAL._replace(B2=5)
    setting = _rule("X2", reference="president")
    assert _found(setting, president=at_limit) == []
    assert _found(setting, president=EQUAL._replace(B2=9)) == []
    assert _found(setting, president=below) == ["B2.J is 7, more than B2.J (president) = 5."]
    assert _found(_rule("X2", reference="president", tolerance=2), president=below) == []
    assert _found(_rule("X2", reference="president", tolerance=1), president=below) != []
    assert _found(setting, mayor=below) == [], "the contest of reference has no form yet"
    assert _found(_rule("X2"), president=below) == [], "the package names no contest of reference"


def test_x4_gives_the_sum_of_the_differences_over_all_contests() -> None:
    own = EQUAL._replace(VC=95)
    assert _found(_rule("X4"), council=EQUAL, president=own) == []
    assert _found(_rule("X4"), council=own, president=EQUAL._replace(VC=90), mayor=EQUAL._replace(VC=None)) == [
        "VC - B4.J = 3; summed over all contests of the station 1."
    ]
    assert _found(_rule("X4"), council=EQUAL._replace(VC=0, B4=1), mayor=EQUAL._replace(B4=None)) == [
        "VC - B4.J = -1; summed over all contests of the station -1."
    ]
    assert (
        _found(_rule("X4"), council=own._replace(VC=None)) == _found(_rule("X4"), council=own._replace(B4=None)) == []
    )


def test_a_rule_across_contests_may_be_of_some_offices() -> None:
    other = EQUAL._replace(A=1)
    assert _found(_rule("X1", offices=("president",)), president=other) == []
    assert len(_found(_rule("X1", offices=("president", "council")), president=other)) == 1


def test_a_judge_without_rules_across_contests_is_off() -> None:
    assert not CrossJudge(Definition.of(small_package((_rule("F3"),)))).is_on
    assert CrossJudge(Definition.of(small_package((_rule("F3"), _rule("X1"))))).is_on
