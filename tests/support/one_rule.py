"""One rule of the count on one form, for tests of the rules at their bounds."""

from __future__ import annotations

from typing import Any

from msgspec import convert

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.form.case import Case
from projections.form.rules import RULES
from schemas.ledger.reports import Form
from tests.support.small_election import elsewhere, small_package

_HERE, _ELSEWHERE = (Definition.of(package) for package in (small_package(()), elsewhere(small_package(()))))


def contest_of(contest: str, *, abroad: bool = False) -> ContestEntry:
    """A contest of the small election; `abroad`, with blank ballots apart (president) and two marks a ballot (council)."""
    definition = _ELSEWHERE if abroad else _HERE
    return definition.ballots.contest(contest)


def broken(
    rule: str,
    form: dict[str, Any],
    contest: str = "president",
    *,
    abroad: bool = False,
    registered: int | None = None,
    tolerance: int = 0,
    **parameters: int | str | list[str],
) -> list[str]:
    """English sentences of a rule about a form of which only this is stated; none where the rule holds."""
    case = Case(contest_of(contest, abroad=abroad), registered, tolerance, parameters)
    return [english for _, english in RULES[rule](convert({"votes": {}} | form, Form), case)]
