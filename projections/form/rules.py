"""The table of the rules of the count, and the judge of one form (DOMAIN 1.2 and 1.3).

    sums.py            F1 to F8, P1, P2    numbers that must be equal
    bounds.py          G1 to G9            numbers that must not be above others
    completeness.py    F9, M1, C1, C2      what must be on a form, and what must not
    across_contests.py X1 to X4            the forms that count for one station, contest beside contest
    always_on.py       the rest            rules that no package can turn off

Each function is one rule. A package turns rules on and gives each a severity and a tolerance. To change a rule, change its
function; to add one, write it in its file and enter it in RULES. MUST_AGREE lists code that has the same rules again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.form.across_contests import CROSS_RULES
from projections.form.adds_up import adds_up, has_more_kinds_of_ballots, holds_where_it_adds_up
from projections.form.bounds import g1, g2, g3, g4, g5, g6, g7, g8, g9
from projections.form.case import Case, FormRule
from projections.form.completeness import f9, m1, uncounted_fields, unknown_choices
from projections.form.sums import f1, f2, f3, f4, f5, f6, f6p, f7, f8, p1, p2
from schemas.definition.package import RuleSetting
from schemas.findings import Finding, of_rule
from schemas.ledger.reports import Form

RULES: dict[str, FormRule] = {
    "F1": f1,
    "F2": f2,
    "F3": f3,
    "F4": f4,
    "F5": f5,
    "F6": f6,
    "F6P": f6p,  # F6' of DOMAIN 1.2
    "F7": f7,
    "F8": f8,
    "F9": f9,
    "G1": g1,
    "G2": g2,
    "G3": g3,
    "G4": g4,
    "G5": g5,
    "G6": g6,
    "G7": g7,
    "G8": g8,
    "G9": g9,
    "P1": p1,
    "P2": p2,
    "P3": f4,  # on the legislative form
    "M1": m1,
}
"""Rule id → the rule of one form. The rules across the contests of a station are CROSS_RULES."""

RULE_IDS = frozenset(RULES) | frozenset(CROSS_RULES)


class Counterpart(NamedTuple):
    """Code that has the rules again, and must be changed with them."""

    path: str
    leaves_out: Mapping[str, str]
    """Rule id → why the counterpart does not have the rule."""


_NOT_IN_SHORTCUT = {
    "F8": "The shortcut does not read numbers in words.",
    "F9": "The shortcut does not read signatures.",
    "G3": "The reserve has a parameter, and its sum is not one of the form's.",
    "G4": "The largest station is a parameter.",
    "G6": "The ballots given back are not part of a sum of voters.",
    "P1": "The shortcut does not read party totals.",
    "P2": "The shortcut does not read party totals.",
    "M1": "Its fields are a parameter; STATED_WHERE_IT_ADDS_UP lists those for which it holds.",
}
MUST_AGREE = (
    Counterpart("projections/form/adds_up.py", _NOT_IN_SHORTCUT),
    Counterpart("audit/count/rules.py", {}),
    Counterpart(
        "audit/count/recount.sql",
        dict.fromkeys((*RULES, *CROSS_RULES), "The statements take the expressions of audit/count/rules.py."),
    ),
    Counterpart(
        "bench/fault/oracle.py",
        {rule: "The election of bench/fault/election.py has F3 alone." for rule in RULE_IDS if rule != "F3"},
    ),
)
"""Held by tests/unit/projections/form/test_must_agree.py: each counterpart names each rule, or `leaves_out` has the reason."""


class FormJudge:
    """The form rules that the package turns on, compiled for each contest."""

    def __init__(self, definition: Definition) -> None:
        settings = [setting for setting in definition.election.rules if setting.id in RULES]
        self._by_contest: list[list[tuple[RuleSetting, FormRule, Case]]] = [
            [
                (setting, RULES[setting.id], Case(contest, None, setting.tolerance, setting.parameters))
                for setting in settings
                if not setting.offices or contest.contest.office in setting.offices
            ]
            for contest in definition.ballots.contests
        ]
        self._where_it_adds_up = [
            self._by_contest[contest.number]
            if has_more_kinds_of_ballots(contest)
            else [each for each in self._by_contest[contest.number] if not holds_where_it_adds_up(each[0])]
            for contest in definition.ballots.contests
        ]

    def judge(self, form: Form, contest: ContestEntry, registered_voters: int | None) -> tuple[Finding, ...]:
        """All findings of a form: C1 and C2, which are always on, then the package's rules in the package's order."""
        findings: list[Finding] = []
        rules = self._by_contest
        if form.votes.keys() != contest.choice_index.keys():
            findings += unknown_choices(form, contest)
        elif adds_up(form):
            rules = self._where_it_adds_up
        if form.VK is not None or form.VS is not None:
            findings += uncounted_fields(form, contest)
        for setting, check, case in rules[contest.number]:
            if setting.id == "G8":
                case = case._replace(registered_voters=registered_voters)
            if sentences := check(form, case):
                findings += of_rule(setting.id, setting.severity, sentences)
        return tuple(findings)
