"""The list of rules that no package can turn off: each is one that the code finds, and each effect is one that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from projections.form import always_on
from projections.form.always_on import ALWAYS_ON, FINANCE_ALWAYS_ON
from projections.form.rules import RULE_IDS
from projections.station.submissions import ResultState
from schemas.definition.package import Severity

ALL = ALWAYS_ON | FINANCE_ALWAYS_ON
PROJECTIONS = Path(always_on.__file__).parents[1]


def test_each_listed_rule_is_found_by_the_code() -> None:
    code = [path.read_text() for path in PROJECTIONS.rglob("*.py") if path != Path(always_on.__file__)]
    assert {rule for rule in ALL if not any(f'"{rule}"' in text for text in code)} == set()


def test_no_rule_is_both_a_packages_choice_and_always_on() -> None:
    assert not ALL.keys() & RULE_IDS
    assert len(ALL) == len(ALWAYS_ON) + len(FINANCE_ALWAYS_ON)


@pytest.mark.parametrize("rule", ALL)
def test_a_broken_rule_has_the_effect_of_a_severity_or_a_state(rule: str) -> None:
    effect, _ = ALL[rule]
    states = {ResultState.REFUSED.value, ResultState.HELD.value, ResultState.ANNULLED.value}
    assert set(effect.split(", ")) <= states | {severity.value for severity in Severity}
