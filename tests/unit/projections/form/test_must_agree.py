"""Code that repeats the rules of the count: each part names each rule, or the list has the reason why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from audit.count.rules import CROSS_RULES as AUDITORS_CROSS_RULES
from audit.count.rules import FORM_RULES as AUDITORS_FORM_RULES
from projections.form.across_contests import CROSS_RULES
from projections.form.adds_up import ADDS_UP
from projections.form.always_on import ALWAYS_ON
from projections.form.rules import MUST_AGREE, RULE_IDS, RULES, Counterpart

ROOT = Path(__file__).parents[4]
NOT_IN_THE_AUDITORS_COUNT = {
    "V4": "The auditor gives the state alone of a superseded form.",
    "R1": "The auditor gives the state alone of a rejected form.",
    "R2": "An accepted form is flagged by the statement itself.",
    "N1": "The auditor gives the state alone of an annulled form.",
}


@pytest.mark.parametrize("counterpart", MUST_AGREE, ids=lambda counterpart: counterpart.path)
def test_each_counterpart_names_each_rule_or_has_a_reason(counterpart: Counterpart) -> None:
    text = (ROOT / counterpart.path).read_text()
    rules = RULES if counterpart.path.startswith("projections/form/") else RULE_IDS
    named = {rule for rule in rules if re.search(rf"\b{rule}\b", text)}
    assert named | counterpart.leaves_out.keys() >= set(rules), "enter the rule there, or in MUST_AGREE with the reason"
    assert all(counterpart.leaves_out.values())


def test_the_shortcut_leaves_out_exactly_the_rules_of_the_list() -> None:
    shortcut = next(each for each in MUST_AGREE if each.path == "projections/form/adds_up.py")
    assert RULES.keys() - shortcut.leaves_out.keys() == ADDS_UP


def test_the_oracles_election_has_no_rule_that_the_oracle_leaves_out() -> None:
    oracle = next(each for each in MUST_AGREE if each.path == "bench/fault/oracle.py")
    rules = re.findall(r'RuleSetting\(id="(\w+)"', (ROOT / "bench" / "fault/election.py").read_text())
    assert rules
    assert not oracle.leaves_out.keys() & set(rules)


def test_the_auditor_has_the_same_rules() -> None:
    assert AUDITORS_FORM_RULES.keys() == RULES.keys()
    assert AUDITORS_CROSS_RULES.keys() == CROSS_RULES.keys()


def test_the_auditor_names_each_rule_that_is_always_on_or_the_list_has_a_reason() -> None:
    text = "".join(path.read_text() for path in (ROOT / "audit" / "count").iterdir() if path.is_file())
    named = {rule for rule in ALWAYS_ON if re.search(rf"\b{rule}\b", text)}
    assert named == ALWAYS_ON.keys() - NOT_IN_THE_AUDITORS_COUNT.keys()
