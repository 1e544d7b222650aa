"""The rules of one finance report: what each finds, with its severity, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from projections.definition.compiled import Definition
from projections.finance.rules import FinanceJudge, unknown_kinds
from schemas.definition.package import RuleSetting, Severity
from schemas.ledger.events import LEDGER_EVENT, FinanceReported
from tests.support.ledger import CREATED_AT
from tests.support.small_finance import FINANCE_RULES, SETTINGS, finance_package, finance_report


def _event(definition: Definition, body: dict[str, Any]) -> FinanceReported:
    frame = {"election": "small", "mode": "rehearsal", "definition": definition.hash, "seq": 0}
    event = LEDGER_EVENT.validate_json(orjson.dumps({**frame, "created_at": CREATED_AT, **body}))
    assert isinstance(event, FinanceReported)
    return event


def _found(body: dict[str, Any], rules: tuple[RuleSetting, ...] = FINANCE_RULES) -> list[tuple[str, str, str]]:
    definition = Definition.of(finance_package(rules))
    findings = FinanceJudge(definition).judge(_event(definition, body))
    assert all(finding.sentence_id for finding in findings)
    return [(finding.rule, finding.severity.value, finding.sentence_en) for finding in findings]


def test_a_report_whose_sums_and_days_fit_breaks_no_rule() -> None:
    assert _found(finance_report()) == []
    assert _found(finance_report(report="LPPDK", opinion="compliant")) == []


def test_d1_names_the_balance_that_follows_and_the_one_that_is_stated() -> None:
    sentence = "Opening 1000 + income 14000 - spending 3000 = 12000, but the closing balance is stated as 12002."
    assert _found(finance_report(closing=12_002)) == [("D1", "hard", sentence)]
    tolerant = (RuleSetting(id="D1", severity=Severity.SOFT, tolerance=1),)
    assert _found(finance_report(closing=12_001), tolerant) == []
    assert [rule for rule, _, _ in _found(finance_report(closing=11_998), tolerant)] == ["D1"]


def test_d1_adds_the_largest_amounts_exactly() -> None:
    most = 10**14
    body = finance_report(
        income=[{"kind": "party", "amount": most}], spending=[{"kind": "meetings", "amount": 1}], opening=0
    )
    assert _found(body | {"closing": most - 1}) == []
    assert [rule for rule, _, _ in _found(body | {"closing": most})] == ["D1"]


def _of_persons(**line: Any) -> dict[str, Any]:
    return finance_report(income=[{"kind": "person", **line}], closing=1_000 + line["amount"] - 3_000)


def test_d2_finds_a_donor_above_the_limit_of_its_kind() -> None:
    assert _found(_of_persons(amount=9_000, largest=2_501)) == [
        ("D2", "soft", "The largest sum of one donor of kind person, 2501, is above the limit 2500.")
    ]
    assert _found(_of_persons(amount=5_001, donors=2)) == [
        ("D2", "soft", "5001 came from 2 donors of kind person, so at least one is above the limit 2500.")
    ]
    assert _found(_of_persons(amount=5_000, donors=2)) == []
    assert _found(_of_persons(amount=5_000)) == []


def test_d2_finds_what_a_kind_of_donor_may_not_give_at_all() -> None:
    body = finance_report(income=[{"kind": "foreign", "amount": 7}], closing=1_000 + 7 - 3_000)
    assert _found(body) == [("D2", "soft", "Donors of kind foreign may give nothing, and 7 is stated.")]
    assert _found(finance_report(income=[{"kind": "foreign", "amount": 0}], closing=-2_000)) == []


def test_d2_has_another_limit_for_candidates_of_an_office() -> None:
    line = {"kind": "person", "amount": 9_000, "donors": 1, "largest": 9_000}
    assert _found(finance_report(None, "N", income=[line], closing=7_000)) == []
    assert [rule for rule, _, _ in _found(finance_report(income=[line], closing=7_000))] == ["D2"]


def test_d2_leaves_a_kind_of_donor_without_a_limit_alone() -> None:
    line = {"kind": "party", "amount": 9_000_000, "donors": 1, "largest": 9_000_000}
    assert _found(finance_report(income=[line], closing=9_000_000 - 2_000)) == []


@pytest.mark.parametrize(
    ("line", "above"),
    [
        ({"kind": "person", "amount": 2_510, "largest": 2_510}, {"largest": 2_511}),
        ({"kind": "person", "amount": 5_020, "donors": 2}, {"amount": 5_021}),
        ({"kind": "foreign", "amount": 10}, {"amount": 11}),
    ],
)
def test_d2_has_a_tolerance_for_each_donor(line: dict[str, Any], above: dict[str, Any]) -> None:
    tolerant = (RuleSetting(id="D2", severity=Severity.SOFT, tolerance=10),)
    assert _found(finance_report(income=[line]), tolerant) == []
    assert [rule for rule, _, _ in _found(finance_report(income=[line | above]), tolerant)] == ["D2"]


def test_d3_has_a_tolerance() -> None:
    tolerant = (RuleSetting(id="D3", severity=Severity.SOFT, tolerance=10, parameters={"max": 2_990}),)
    assert _found(finance_report(), tolerant) == []
    more = [{"kind": "meetings", "amount": 3_001}]
    assert [rule for rule, _, _ in _found(finance_report(spending=more), tolerant)] == ["D3"]


def test_d3_bounds_the_spending_of_the_candidates_of_its_offices() -> None:
    spending = [{"kind": "meetings", "amount": 5_000_000_000}, {"kind": "advertising", "amount": 1}]
    closing = 15_000 - 5_000_000_001
    assert _found(finance_report(None, "N", spending=spending, closing=closing)) == [
        ("D3", "soft", "Spending of 5000000001 is above the limit 5000000000.")
    ]
    assert _found(finance_report(spending=spending, closing=closing)) == [], "the rule is of the president's candidates"
    assert _found(finance_report(None, "N", spending=spending[:1], closing=closing + 1)) == []
    assert (
        _found(finance_report(spending=spending, closing=closing), (RuleSetting(id="D3", severity=Severity.SOFT),))
        == []
    )


def test_d4_counts_days_after_the_one_on_which_a_report_is_due() -> None:
    assert _found(finance_report(submitted="2028-12-02")) == [], "a day is tolerated"
    assert _found(finance_report(submitted="2028-12-03")) == [
        ("D4", "info", "Handed in on 2028-12-03, 2 days after it was due on 2028-12-01.")
    ]
    assert _found(finance_report(report="OTHER", submitted="2029-12-03")) == []


def test_d5_names_kinds_that_the_package_does_not_have_and_lines_given_twice() -> None:
    twice = {"kind": "meetings", "amount": 0}
    body = finance_report(
        report="LXX", income=[{"kind": "aliens", "amount": 14_000}], spending=[twice, twice], closing=15_000
    )
    assert _found(body) == [
        ("D5", "hard", "There is no kind of report LXX."),
        ("D5", "hard", "There is no kind of donor aliens."),
        ("D5", "hard", "The kind of spending meetings is given twice."),
    ]


def test_d5_names_the_field_of_each_kind() -> None:
    body = finance_report(report="LXX", income=[{"kind": "aliens", "amount": 1}], spending=[{"kind": "x", "amount": 1}])
    found = unknown_kinds(_event(Definition.of(finance_package()), body), SETTINGS)
    assert {field: [english for _, english in sentences] for field, sentences in found.items()} == {
        "report": ["There is no kind of report LXX."],
        "income": ["There is no kind of donor aliens."],
        "spending": ["There is no kind of spending x."],
    }


def test_d6_permits_a_period_of_one_day_that_is_reported_on_that_day() -> None:
    assert _found(finance_report(begins="2028-11-01", ends="2028-11-01", submitted="2028-11-01")) == []


@pytest.mark.parametrize(
    ("begins", "ends", "submitted"),
    [("2028-11-02", "2028-11-01", "2028-12-01"), ("2028-11-01", "2028-11-30", "2028-11-29")],
)
def test_d6_finds_days_that_are_out_of_order(begins: str, ends: str, submitted: str) -> None:
    found = _found(finance_report(begins=begins, ends=ends, submitted=submitted))
    sentence = f"The period is {begins} to {ends}, handed in on {submitted}: the days are out of order."
    assert found == [("D6", "hard", sentence)]


def test_d7_demands_an_opinion_of_the_kinds_that_are_audited() -> None:
    assert _found(finance_report(report="LPPDK")) == [
        ("D7", "soft", "Reports of kind LPPDK are audited, and this one states no opinion.")
    ]
    assert _found(finance_report(report="LXX", opinion=None))[0][0] == "D5"
