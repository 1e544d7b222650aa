"""Every rule of DOMAIN 1.2 and 1.3: it holds on a right form, and breaks on a form that is wrong in that one way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec import convert

from projections.definition.compiled import Definition
from projections.form.across_contests import CROSS_RULES, CrossJudge, cross_fields
from projections.form.case import Case, FormRule, Sentences
from projections.form.rules import RULE_IDS, RULES, FormJudge
from schemas.definition.package import ElectionPackage, RuleSetting, Severity
from schemas.ledger.reports import Form
from tests.support.small_election import elsewhere, small_package

Parameters = dict[str, int | str | list[str]]

PRESIDENT: dict[str, Any] = {
    "A": {"L": 150, "P": 150, "J": 300},
    "B1": {"L": 100, "P": 110, "J": 210},
    "B2": {"L": 1, "P": 2, "J": 3},
    "B3": {"L": 2, "P": 0, "J": 2},
    "B4": {"L": 103, "P": 112, "J": 215},
    "D": {"L": 1, "P": 1, "J": 2},
    "S1": 306,
    "S2": 215,
    "S3": 1,
    "S4": 90,
    "VA": 205,
    "VB": 10,
    "VC": 215,
    "votes": {"01": 100, "02": 60, "03": 45},
    "words": {"01": 100, "VA": 205},
    "signatures": {"officers": 7, "witnesses": 2},
}
COUNCIL: dict[str, Any] = {
    "VA": 30,
    "VB": 2,
    "VC": 32,
    "votes": {"P1-0": 5, "P1-1": 10, "P2-0": 7, "P2-1": 8},
    "party_totals": {"P1": 15, "P2": 15},
}
PARAMETERS: dict[str, dict[str, int | str | list[str]]] = {
    "F9": {"officers": 7, "witnesses": 1},
    "G3": {"reserve_percent": 2, "rounding": "up"},
    "G4": {"max": 300},
    "M1": {"fields": ["votes", "VA", "VB", "VC"]},
}

BROKEN = [
    ("F1", {"A": {"L": 150, "P": 149, "J": 300}}),
    ("F2", {"B4": {"L": 103, "P": 113, "J": 216}}),
    ("F3", {"VA": 204}),
    ("F4", {"VB": 11}),
    ("F5", {"S4": 91}),
    ("F6", {"S2": 214}),
    ("F6P", {"VC": None, "S2": 214}),
    ("F7", {"VC": 214}),
    ("F8", {"words": {"01": 1000}}),
    ("F9", {"signatures": {"officers": 6, "witnesses": 2}}),
    ("F9", {"signatures": {"officers": 7, "witnesses": 0}}),
    ("G1", {"B1": {"L": 151, "P": 59, "J": 210}}),
    ("G2", {"S1": 214}),
    ("G3", {"S1": 305}),
    ("G4", {"A": {"L": 151, "P": 150, "J": 301}}),
    ("G5", {"D": {"L": 104, "P": 0, "J": 104}}),
    ("G6", {"S3": 216}),
    ("G7", {"votes": {"01": 206, "02": 0, "03": 0}}),
    ("G8", {"VC": 306}),
    ("G9", {"VA": 216}),
    ("M1", {"VB": None}),
    ("M1", {"votes": {"01": 100, "02": 105}}),
]


def _form(stated: dict[str, Any]) -> Form:
    return convert(stated, Form)


def _judge(
    rule: str,
    form: dict[str, Any],
    contest: str = "president",
    *,
    severity: Severity = Severity.HARD,
    tolerance: int = 0,
    parameters: Parameters | None = None,
    country: Callable[[ElectionPackage], ElectionPackage] = lambda package: package,
) -> list[str]:
    """Rule ids found on a form in an election with this one rule."""
    asked = PARAMETERS.get(rule, {}) if parameters is None else parameters
    setting = RuleSetting(id=rule, severity=severity, tolerance=tolerance, parameters=asked)
    definition = Definition.of(country(small_package(rules=(setting,))))
    entry = definition.ballots.contest(contest)
    findings = FormJudge(definition).judge(_form(form), entry, 201)
    assert all(finding.severity is severity for finding in findings if finding.rule == rule)
    return [finding.rule for finding in findings]


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in ("P1", "P2")])
def test_a_right_form_breaks_no_rule(rule: str) -> None:
    assert _judge(rule, PRESIDENT) == []


@pytest.mark.parametrize(("rule", "wrong"), BROKEN)
def test_a_form_that_is_wrong_in_one_way_breaks_the_rule_for_it(rule: str, wrong: dict[str, Any]) -> None:
    assert set(_judge(rule, PRESIDENT | wrong)) == {rule}


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [("P1", {"party_totals": {"P1": 9_598, "P2": 15}}), ("P2", {"VA": 31}), ("P3", {"VC": 33}), ("F3", {"VA": 29})],
)
def test_a_legislative_form_is_added_up_again(rule: str, wrong: dict[str, Any]) -> None:
    """P1 as at TPS 3215102012022 in 2024: a stated party total of 9,598 beside 18 votes of its candidates."""
    assert _judge(rule, COUNCIL, "council-a") == []
    assert _judge(rule, COUNCIL | wrong, "council-a") == [rule]


@pytest.mark.parametrize("rule", sorted(RULES))
def test_what_is_not_on_the_form_breaks_no_rule_but_m1(rule: str) -> None:
    assert _judge(rule, {"votes": {"01": 1, "02": 2, "03": 3}}) == (["M1"] if rule == "M1" else [])


def test_a_difference_within_the_tolerance_is_none() -> None:
    assert _judge("F4", PRESIDENT | {"VB": 12}, tolerance=2) == []
    assert _judge("F4", PRESIDENT | {"VB": 13}, tolerance=2) == ["F4"]


@pytest.mark.parametrize(("registered", "ballots"), [(300, 306), (251, 257), (1, 2), (0, 0)])
def test_the_reserve_is_two_percent_rounded_up(registered: int, ballots: int) -> None:
    form = {"votes": {}, "A": {"L": None, "P": None, "J": registered}, "S1": ballots}
    assert _judge("G3", form) == []
    assert _judge("G3", form | {"S1": ballots + 1}) == ["G3"]


WITH_BLANK: dict[str, Any] = PRESIDENT | {"VA": 205, "VB": 6, "VK": 4}
"""As in `elsewhere`, where the president's blank ballots are counted apart."""
SEVERAL_MARKS: dict[str, Any] = {
    "B4": {"L": 20, "P": 20, "J": 40},
    "VA": 71,
    "VB": 3,
    "VC": 40,
    "VS": 37,
    "votes": {"P1-0": 30, "P1-1": 10, "P2-0": 20, "P2-1": 11},
}
"""As in `elsewhere`, where a ballot of the council bears two votes: 3 of 37 valid ballots have only one."""


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in ("P1", "P2")])
def test_a_right_form_with_blank_ballots_or_several_marks_breaks_no_rule(rule: str) -> None:
    asked: Parameters = {"fields": ["votes", "VA", "VB", "VC", "VK", "VS"]} if rule == "M1" else {}
    assert _judge(rule, WITH_BLANK, country=elsewhere, parameters=asked) == []
    assert _judge(rule, SEVERAL_MARKS, "council-a", country=elsewhere, parameters=asked) == []


@pytest.mark.parametrize(
    ("rule", "contest", "right", "wrong"),
    [
        ("F4", "president", {"VK": 4}, {"VK": 5}),
        ("P3", "president", {"VK": 4}, {"VK": 3}),
        ("F8", "president", {"words": {"VK": 4}}, {"words": {"VK": 40}}),
        ("M1", "president", {"VK": 0}, {"VK": None}),
        ("F3", "council-a", {"VA": 71}, {"VA": 37}),
        ("F4", "council-a", {"VS": 37}, {"VS": 71}),
        ("F7", "council-a", {"VC": 40}, {"VC": 74}),
        ("F8", "council-a", {"words": {"VS": 37}}, {"words": {"VS": 73}}),
        ("G7", "council-a", {"VS": 30}, {"VS": 29}),
        ("G9", "council-a", {"VS": 36}, {"VS": 35}),
        ("G9", "council-a", {"VS": None, "VC": 36}, {"VS": None, "VC": 35}),
        ("M1", "council-a", {"VS": 0}, {"VS": None}),
    ],
)
def test_blank_ballots_and_several_marks_at_their_bounds(
    rule: str, contest: str, right: dict[str, Any], wrong: dict[str, Any]
) -> None:
    form = WITH_BLANK if contest == "president" else SEVERAL_MARKS
    asked: Parameters = {"fields": ["VK", "VS"]} if rule == "M1" else {}
    assert _judge(rule, form | right, contest, country=elsewhere, parameters=asked) == []
    assert set(_judge(rule, form | wrong, contest, country=elsewhere, parameters=asked)) == {rule}


def test_the_package_has_the_marks_that_a_ballot_may_give_to_a_choice() -> None:
    form = SEVERAL_MARKS | {"VS": 15}
    for most, found in ((1, {"G7"}), (2, set())):
        parameters: dict[str, int | str | list[str]] = {"marks_per_choice": most}
        assert set(_judge("G7", form, "council-a", parameters=parameters, country=elsewhere)) == found


@pytest.mark.parametrize(
    ("contest", "form", "field"),
    [
        ("president", PRESIDENT | {"VS": 205}, "VS"),
        ("council-a", SEVERAL_MARKS | {"VK": 0}, "VK"),
        ("council-a", SEVERAL_MARKS | {"VK": 0, "VS": None}, "VK"),
    ],
)
def test_a_field_that_the_contest_does_not_count_is_always_found(
    contest: str, form: dict[str, Any], field: str
) -> None:
    definition = Definition.of(elsewhere(small_package(rules=())))
    entry = definition.ballots.contest(contest)
    (finding,) = FormJudge(definition).judge(_form(form), entry, 201)
    assert (finding.rule, finding.severity) == ("C2", Severity.HARD)
    assert finding.sentence_en.startswith(f"{field} is stated, but ")


@pytest.mark.parametrize(
    ("form", "country", "evaluated"),
    [
        (PRESIDENT, None, ["F8"]),
        (PRESIDENT | {"VA": 204}, None, ["F3", "F8"]),
        (PRESIDENT | {"votes": {"01": 100, "02": 105}}, None, ["F3", "F8"]),
        (PRESIDENT, elsewhere, ["F3", "F8"]),
    ],
    ids=["adds up", "does not add up", "a choice without a number", "blank ballots apart"],
)
def test_a_form_that_adds_up_is_spared_the_rules_that_hold_on_it(
    monkeypatch: pytest.MonkeyPatch,
    form: dict[str, Any],
    country: Callable[[ElectionPackage], ElectionPackage] | None,
    evaluated: list[str],
) -> None:
    seen: list[str] = []

    def rule_called(rule: str) -> FormRule:
        def check(form: Form, case: Case) -> Sentences:
            seen.append(rule)
            return []

        return check

    for rule in ("F3", "F8"):
        monkeypatch.setitem(RULES, rule, rule_called(rule))
    package = small_package(tuple(RuleSetting(id=rule, severity=Severity.HARD) for rule in ("F3", "F8")))
    definition = Definition.of(country(package) if country else package)
    assert FormJudge(definition).judge(_form(form), definition.ballots.contest("president"), 300) == ()
    assert seen == evaluated


def test_what_cannot_be_checked_without_a_register_is_not_found() -> None:
    setting = RuleSetting(id="G8", severity=Severity.HARD, parameters={"percent_without_b": 102})
    definition = Definition.of(small_package(rules=(setting,)))
    judge, form = FormJudge(definition), _form({"votes": {}, "VC": 300})
    assert judge.judge(form, definition.ballots.contests[0], None) == ()
    assert [finding.rule for finding in judge.judge(form, definition.ballots.contests[0], 0)] == ["G8"]


def test_a_choice_that_is_not_on_the_ballot_is_always_found() -> None:
    assert _judge("F4", PRESIDENT | {"votes": {"01": 1, "99": 5}}) == ["C1"]


def test_a_finding_names_the_numbers_in_two_languages() -> None:
    definition = Definition.of(small_package(rules=(RuleSetting(id="F4", severity=Severity.SOFT),)))
    (finding,) = FormJudge(definition).judge(_form(PRESIDENT | {"VB": 11}), definition.ballots.contests[0], 201)
    assert finding.sentence_en == "VC is 215, but VA + VB = 216."
    assert finding.sentence_id == "VC tertulis 215, tetapi VA + VB = 216."


@pytest.mark.parametrize(
    ("rule", "wrong", "found"),
    [
        ("X1", {"A": {"L": 150, "P": 151, "J": 301}}, ["X1"]),
        ("X2", {"B2": {"L": 2, "P": 2, "J": 4}}, ["X2"]),
        ("X2", {"B2": {"L": 1, "P": 0, "J": 1}}, []),
        ("X3", {"B3": {"L": 2, "P": 1, "J": 3}}, ["X3"]),
        ("X4", {"VC": 214}, ["X4"]),
    ],
)
def test_the_contests_of_a_station_are_compared(rule: str, wrong: dict[str, Any], found: list[str]) -> None:
    setting = RuleSetting(
        id=rule, severity=Severity.SOFT, parameters={"reference": "president"} if rule == "X2" else {}
    )
    judge = CrossJudge(Definition.of(small_package(rules=(setting,))))
    president = cross_fields(_form(PRESIDENT))
    same = cross_fields(_form(PRESIDENT | {"votes": {}}))
    other = cross_fields(_form(PRESIDENT | wrong))
    assert judge.judge("council", {"president": president, "council": same}) == ()
    assert [f.rule for f in judge.judge("council", {"president": president, "council": other})] == found


def test_every_rule_is_tested_here() -> None:
    tested = {rule for rule, _ in BROKEN} | {"P1", "P2", "P3", "X1", "X2", "X3", "X4"}
    assert tested == set(RULES) | set(CROSS_RULES) == RULE_IDS


def test_a_rule_of_some_offices_is_for_forms_of_these_alone() -> None:
    """With a form that adds up, and with one that does not, because the two have lists of rules of their own."""
    package = small_package((RuleSetting(id="F5", severity=Severity.HARD, offices=("council",)),))
    definition = Definition.of(package)
    judge = FormJudge(definition)
    for wrong in ({"S4": 91}, {"S4": 91, "VA": 204}):
        president = convert(PRESIDENT | wrong, Form)
        assert judge.judge(president, definition.ballots.contest("president"), None) == ()
    council = convert(COUNCIL | {"S1": 9, "S2": 1, "S3": 0, "S4": 0}, Form)
    found = judge.judge(council, definition.ballots.contest("council-a"), None)
    assert [finding.rule for finding in found] == ["F5"]
