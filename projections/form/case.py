"""What a rule of the form is given and what it returns, and the comparisons that rules share.

A rule returns a sentence in Indonesian and in English for each part of the form where it is broken, and nothing where it holds.
A number that is not on the form compares with nothing, so a rule that needs the number holds (M1 demands numbers).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from projections.area.tally import column_all
from projections.definition.ballots import ContestEntry
from schemas.ledger.reports import Form, Row

Sentences = list[tuple[str, str]]
"""(Indonesian, English), one pair for each part of the form where the rule is broken; empty where the rule holds."""
COLUMNS = ("L", "P", "J")


class Case(NamedTuple):
    """What a rule may look at besides the form."""

    contest: ContestEntry
    registered_voters: int | None
    """Registered voters of the station in the package; None where it does not state them."""
    tolerance: int
    parameters: Mapping[str, int | str | list[str]]

    def number(self, name: str, default: int) -> int:
        value = self.parameters.get(name, default)
        assert isinstance(value, int), (
            f"parameter {name}: expected a number (projections/checks/rule_checks.py lets no other pass)"
        )
        return value


FormRule = Callable[[Form, Case], Sentences]


def equal(name: str, stated: int | None, what: str, expected: int | None, tolerance: int) -> Sentences:
    if stated is None or expected is None or abs(stated - expected) <= tolerance:
        return []
    return [(f"{name} tertulis {stated}, tetapi {what} = {expected}.", f"{name} is {stated}, but {what} = {expected}.")]


def at_most(name: str, value: int | None, limit_name: str, limit: int | None, tolerance: int) -> Sentences:
    if value is None or limit is None or value <= limit + tolerance:
        return []
    return [
        (
            f"{name} tertulis {value}, lebih besar dari {limit_name} = {limit}.",
            f"{name} is {value}, more than {limit_name} = {limit}.",
        )
    ]


def sum_of(*values: int | None) -> int | None:
    """The sum of stated numbers, or None where one is missing."""
    total = 0
    for value in values:
        if value is None:
            return None
        total += value
    return total


def cell(row: Row | None, column: str) -> int | None:
    if row is None:
        return None
    return column_all(row) if column == "J" else getattr(row, column)


def columns(row: Row) -> tuple[int | None, int | None, int | None]:
    """Men, women and all, in the order of COLUMNS."""
    return row.L, row.P, column_all(row)
