"""The shortcut for a form that adds up: one look at all rows and sums instead of fifteen rules.

Nearly all forms add up. The rules of ADDS_UP hold on such a form whatever their tolerances, so FormJudge (rules.py) skips them.
"""

from __future__ import annotations

from typing import Any

from projections.definition.ballots import ContestEntry
from schemas.definition.package import RuleSetting
from schemas.ledger.reports import Form

ADDS_UP = frozenset({"F1", "F2", "F3", "F4", "F5", "F6", "F6P", "F7", "G1", "G2", "G5", "G7", "G8", "G9", "P3"})
"""Rules that hold on every form that adds up. Which rules are left out, and why, is in rules.py: MUST_AGREE."""
STATED_WHERE_IT_ADDS_UP = frozenset(
    {"A", "B1", "B2", "B3", "B4", "S1", "S2", "S3", "S4", "VA", "VB", "VC", "VK", "VS", "votes"}
)
"""What M1 may ask for and find on every form that adds up and has a number for every choice."""


def adds_up(form: Form) -> bool:
    """Whether all rows and sums of the form are stated and agree exactly. Where they do not, each rule is evaluated."""
    a: Any = form.A
    b1: Any = form.B1
    b2: Any = form.B2
    b3: Any = form.B3
    b4: Any = form.B4
    d: Any = form.D
    numbers: Any = form
    try:
        return (
            a.L + a.P == a.J
            and b1.L + b1.P == b1.J
            and b2.L + b2.P == b2.J
            and b3.L + b3.P == b3.J
            and b4.L + b4.P == b4.J == numbers.VC == numbers.S2 == numbers.VA + numbers.VB
            and b1.L + b2.L + b3.L == b4.L
            and b1.P + b2.P + b3.P == b4.P
            and b1.L <= a.L
            and b1.P <= a.P
            and numbers.S2 + numbers.S3 + numbers.S4 == numbers.S1
            and sum(form.votes.values()) == numbers.VA
            and (d is None or (d.L + d.P == d.J and d.L <= b4.L and d.P <= b4.P))
        )
    except (AttributeError, TypeError):  # a row, or a number, is not stated
        return False


def has_more_kinds_of_ballots(contest: ContestEntry) -> bool:
    """Whether the ballots in the box are not just VA + VB, so that the shortcut does not apply to the contest's forms."""
    return contest.counts_blank or contest.votes_per_ballot > 1


def holds_where_it_adds_up(setting: RuleSetting) -> bool:
    """Whether the rule holds on every form that adds up and has a number for every choice of its contest."""
    if setting.id == "M1":
        fields = setting.parameters.get("fields", [])
        assert isinstance(fields, list)
        return STATED_WHERE_IT_ADDS_UP.issuperset(fields)
    return setting.id in ADDS_UP
