"""Problems of an election package, in terms of its tables and in terms of its files.

projections/checks/package_checks.py compares rows, and returns a `Problem` with table and row. runtime/package/reading.py reads
the files, and turns each `Problem` into a `PackageProblem` with file and line, beside those that it finds itself.
"""

from __future__ import annotations

from typing import NamedTuple

PROBLEMS_MAX = 1_000
"""Limit for the listed problems of one package. One wrong column makes a problem in each of 823,000 rows, of which the first
thousand show what is wrong; with ten, the first mistake would hide the second."""

ELECTION_TABLE = "election"
"""The `table` of a problem in `election.json`."""


class Problem(NamedTuple):
    """One problem, in terms of the tables."""

    table: str
    """A key of `schemas.definition.package.TABLES`, or ELECTION_TABLE."""
    row: int | None
    """Number of the row in its table, from 0; None where the whole table is meant, and for `election.json`."""
    column: str | None
    """The column, or for `election.json` the path of the value: `rules.2.offices.0`."""
    sentence: str


class PackageProblem(NamedTuple):
    """One problem, in terms of the files."""

    file: str
    line: int | None
    """Number of the line, from 1 as in an editor; None where there is no such file, or the problem is not of one line."""
    column: str | None
    sentence: str

    def __str__(self) -> str:
        parts = [self.file if self.line is None else f"{self.file}:{self.line}"]
        if self.column is not None:
            parts.append(self.column)
        return ": ".join([*parts, self.sentence])


class ProblemList:
    """Keeps the first PROBLEMS_MAX problems that are found, and counts the rest."""

    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.dropped = 0

    def add(self, table: str, row: int | None, column: str | None, sentence: str) -> None:
        if len(self.kept) < PROBLEMS_MAX:
            self.kept.append(Problem(table, row, column, sentence))
        else:
            self.dropped += 1

    def closed(self) -> list[Problem]:
        """All kept problems, and, where others were dropped, one with their number."""
        if not self.dropped:
            return self.kept
        return [*self.kept, Problem(ELECTION_TABLE, None, None, more_sentence(self.dropped))]


def more_sentence(dropped: int) -> str:
    return f"{dropped:,} more problems are not listed; correct these first"
