"""Copied rows, contest by contest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, cast

import pytest

from consumers.exporter.by_contest import by_contest
from projections.definition.compiled import Definition
from tests.support.small_election import small_package

COUNCIL = [each for each in Definition.of(small_package()).ballots.contests if each.id.startswith("council")]


class Row(NamedTuple):
    contest: str
    station: int


def _rows(*contests: str) -> Any:
    return iter([Row(contest, number) for number, contest in enumerate(contests)])


def _stations(rows: Iterable[Row]) -> list[int]:
    return [row.station for row in rows]


@pytest.mark.parametrize(
    ("copied", "found"),
    [
        (("council-a", "council-a", "council-b", "council-c"), [[0, 1], [2], [3]]),
        (("council-b",), [[], [0], []]),
        (("council-a", "council-c"), [[0], [], [1]]),
        ((), [[], [], []]),
    ],
)
def test_each_contest_has_its_rows_also_one_that_has_none(copied: tuple[str, ...], found: list[list[int]]) -> None:
    pairs = [(contest.id, _stations(cast(Any, rows))) for contest, rows in by_contest(_rows(*copied), COUNCIL)]
    assert pairs == list(zip(("council-a", "council-b", "council-c"), found, strict=True))


def test_rows_that_are_not_read_are_skipped() -> None:
    read = {
        contest.id: next(rows).station if contest.id != "council-b" else None
        for contest, rows in by_contest(_rows("council-a", "council-a", "council-b", "council-c"), COUNCIL)
    }
    assert read == {"council-a": 0, "council-b": None, "council-c": 3}


def test_rows_are_read_as_they_are_wanted() -> None:
    """A nation has more rows than memory."""
    taken: list[int] = []

    def rows() -> Any:
        for number, contest in enumerate(("council-a", "council-a", "council-c")):
            taken.append(number)
            yield Row(contest, number)

    pairs = by_contest(rows(), COUNCIL)
    _, of_first = next(pairs)
    next(of_first)
    assert taken == [0]
