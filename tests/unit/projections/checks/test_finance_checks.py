"""What a package states about campaign finance: each kind once, limits of offices that exist, rules that can hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from projections.checks.package_checks import problems
from schemas.definition.finance_settings import FinanceSettings
from schemas.definition.package import ElectionPackage, RuleSetting, Severity
from schemas.definition.problems import Problem
from tests.support.small_election import small_package
from tests.support.small_finance import FINANCE_RULES, SETTINGS, finance_package


def _with(settings: FinanceSettings | None, *rules: RuleSetting) -> ElectionPackage:
    package = small_package()
    election = package.election.model_copy(update={"finance": settings, "rules": rules})
    return replace(package, election=election)


def test_a_package_with_finance_has_no_problem() -> None:
    assert problems(finance_package()) == []


def test_the_hash_of_a_package_without_finance_is_the_one_from_before_the_field() -> None:
    assert small_package().definition_hash() == _with(None, *small_package().election.rules).definition_hash()
    hashes = {small_package().definition_hash(), _with(SETTINGS, *small_package().election.rules).definition_hash()}
    assert len(hashes) == 2
    assert "finance" not in small_package().election.model_dump(mode="json", exclude_defaults=True)


@pytest.mark.parametrize("field", ["reports", "donors", "spending"])
def test_a_kind_is_given_once(field: str) -> None:
    kinds = getattr(SETTINGS, field)
    settings = SETTINGS.model_copy(update={field: (*kinds, kinds[0])})
    assert problems(_with(settings)) == [
        Problem("election", None, f"finance.{field}.{len(kinds)}.id", f"{kinds[0].id!r} is given twice")
    ]


def test_a_limit_of_an_unknown_office_is_found() -> None:
    donor = SETTINGS.donors[1].model_copy(update={"limits": {"presidnt": 1}})
    settings = SETTINGS.model_copy(update={"donors": (SETTINGS.donors[0], donor)})
    sentence = "'presidnt' is not an office of offices.csv; did you mean 'president'?"
    assert problems(_with(settings)) == [Problem("election", None, "finance.donors.1.limits.presidnt", sentence)]


def test_a_finance_rule_needs_finance() -> None:
    found = problems(_with(None, *FINANCE_RULES[:1]))
    sentence = "rule D1 needs the field `finance`, which describes campaign finance"
    assert found == [Problem("election", None, "rules.0.id", sentence)]


@pytest.mark.parametrize("value", [10**14 + 1, -1, "much"])
def test_a_limit_of_spending_is_an_amount(value: Any) -> None:
    rule = RuleSetting(id="D3", severity=Severity.SOFT, parameters={"max": value})
    sentence = f"max of rule D3 must be a whole number from 0 to 100,000,000,000,000, got {value!r}"
    assert problems(_with(SETTINGS, rule)) == [Problem("election", None, "rules.0.parameters.max", sentence)]
    assert problems(_with(SETTINGS, rule.model_copy(update={"parameters": {"max": 10**14}}))) == []
