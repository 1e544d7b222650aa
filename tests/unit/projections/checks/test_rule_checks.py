"""The rules of a package: each parameter at its limits, and fields that a contest of the rule's offices counts."""

from __future__ import annotations

from typing import Any

import pytest

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from schemas.codes import COUNT_MAX
from schemas.definition.package import RuleSetting, Severity
from schemas.definition.problems import Problem
from tests.support.small_election import elsewhere, small_package


def setting(rule: str, *offices: str, **parameters: Any) -> RuleSetting:
    return RuleSetting(id=rule, severity=Severity.SOFT, offices=offices, parameters=parameters)


@pytest.mark.parametrize(
    "parameter",
    [
        setting("G4", max=0),
        setting("G4", max=COUNT_MAX),
        setting("F9", officers=0, witnesses=COUNT_MAX),
        setting("G7", marks_per_choice=1),
        setting("G7", marks_per_choice=COUNT_MAX),
        setting("G3", rounding="up"),
        setting("G3", rounding="down"),
        setting("G3", rounding="nearest", reserve_percent=2),
        setting("X2", reference="council"),
        setting("M1", fields=["VA", "VC"]),
        setting("M1", fields=[]),
    ],
)
def test_a_parameter_may_be_at_its_limit(parameter: RuleSetting) -> None:
    assert problems(small_package((parameter,))) == []


NUMBER = "a whole number from 0 to 999,999,999"


@pytest.mark.parametrize(
    ("rule", "name", "value", "expected"),
    [
        ("G4", "max", COUNT_MAX + 1, NUMBER),
        ("G7", "marks_per_choice", COUNT_MAX + 1, "a whole number from 1 to 999,999,999"),
        ("G7", "marks_per_choice", "2", "a whole number from 1 to 999,999,999"),
        ("F9", "officers", ["VK"], NUMBER),
        ("M1", "fields", "VK", "a list of fields of the form"),
        ("M1", "fields", 3, "a list of fields of the form"),
    ],
)
def test_a_parameter_beyond_its_limit_is_found(rule: str, name: str, value: Any, expected: str) -> None:
    sentence = f"{name} of rule {rule} must be {expected}, got {value!r}"
    assert problems(small_package((setting(rule, **{name: value}),))) == [
        Problem("election", None, f"rules.0.parameters.{name}", sentence)
    ]


@pytest.mark.parametrize(
    ("offices", "fields", "never_counted"),
    [
        ((), ["VK", "VS"], ""),
        (("president",), ["VK"], ""),
        (("council",), ["VK"], "VK"),
        (("council",), ["VS"], ""),
        (("president",), ["VS"], "VS"),
        (("president", "council"), ["VK", "VS"], ""),
        (("council",), ["VS", "VA", "VK"], "VK"),
    ],
)
def test_a_field_is_demanded_only_where_a_contest_of_the_rules_offices_counts_it(
    offices: tuple[str, ...], fields: list[str], never_counted: str
) -> None:
    """Blank ballots (VK) are counted for the president, and valid ballots (VS) for the council, with two marks a ballot."""
    package = elsewhere(small_package((setting("M1", *offices, fields=fields),)))
    assert [entry.votes_per_ballot for entry in Definition.of(package).ballots.contests] == [1, 2, 2, 2]
    sentence = f"rule M1 asks for {never_counted}, which no contest of its offices counts"
    expected = [Problem("election", None, "rules.0.parameters.fields", sentence)]
    assert problems(package) == (expected if never_counted else [])


def test_of_an_unknown_rule_no_more_is_found_and_those_that_exist_are_listed_in_order() -> None:
    package = small_package((setting("F5", "mayor", max=1), setting("F5", "mayor")))
    sentence = "there is no rule F5; the rules are F3, F4, G4, X1"
    assert problems(package, known_rules=["X1", "G4", "F4", "F3"]) == [
        Problem("election", None, f"rules.{number}.id", sentence) for number in (0, 1)
    ]


def test_the_offices_of_which_a_rule_is_set_twice_are_listed_in_order() -> None:
    offices = ("f", "c", "e", "a", "d", "b")
    found = problems(small_package((setting("F3", *offices), setting("F3", *offices[::-1], "g"))))
    twice = [problem for problem in found if "twice" in problem.sentence]
    sentence = "rule F3 is set twice for 'a', 'b', 'c', 'd', 'e', 'f'"
    assert twice == [Problem("election", None, "rules.1.id", sentence)]
