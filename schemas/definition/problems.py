"""What may be wrong with an election package, as the tables have it and as its files have it.

`Problem` knows tables and rows, and comes from whoever compares rows (projections/definition/checks.py); `PackageProblem`
knows files and lines, and comes from whoever reads them (runtime/package/reading.py), which turns the one into the other.
"""

from __future__ import annotations

from typing import NamedTuple

PROBLEMS_MAX = 1_000
"""Problems listed of one package. One wrong column makes a problem in each of 823,000 rows: nobody reads those, and
the first thousand show what is wrong; ten would hide the second mistake behind the first."""

ELECTION_TABLE = "election"
"""The `table` of a problem in `election.json`."""


class Problem(NamedTuple):
    """One thing that is wrong, in terms of the tables."""

    table: str
    """A key of `schemas.definition.package.TABLES`, or ELECTION_TABLE."""
    row: int | None
    """Place of the row in its table, from 0; None where the whole table is meant, and for `election.json`."""
    column: str | None
    """The column, or for `election.json` the path of the value: `rules.2.offices.0`."""
    sentence: str


class PackageProblem(NamedTuple):
    """One thing that is wrong, in terms of the files."""

    file: str
    line: int | None
    """From 1, as an editor counts; None where there is no such file."""
    column: str | None
    sentence: str

    def __str__(self) -> str:
        parts = [self.file if self.line is None else f"{self.file}:{self.line}"]
        if self.column is not None:
            parts.append(self.column)
        return ": ".join([*parts, self.sentence])


class ProblemList:
    """Problems as they are found: keeps the first PROBLEMS_MAX and counts the rest."""

    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.dropped = 0

    def add(self, table: str, row: int | None, column: str | None, sentence: str) -> None:
        if len(self.kept) < PROBLEMS_MAX:
            self.kept.append(Problem(table, row, column, sentence))
        else:
            self.dropped += 1

    def closed(self) -> list[Problem]:
        """All kept problems, and where some were dropped one more that says how many."""
        if not self.dropped:
            return self.kept
        return [*self.kept, Problem(ELECTION_TABLE, None, None, more_sentence(self.dropped))]


def more_sentence(dropped: int) -> str:
    return f"{dropped:,} more problems are not listed; correct these first"
