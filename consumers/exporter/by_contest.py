"""Copied rows of an office, contest by contest."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Protocol, TypeVar

from projections.definition.ballots import ContestEntry


class _OfContest(Protocol):
    @property
    def contest(self) -> str: ...


Copied = TypeVar("Copied", bound=_OfContest)


def by_contest(
    rows: Iterator[Copied], contests: Iterable[ContestEntry]
) -> Iterator[tuple[ContestEntry, Iterator[Copied]]]:
    """Each contest with its copied rows; what of them is not read when the next contest is taken is skipped. Contests come in
    the order in which they were copied; one may have no rows."""
    groups = itertools.groupby(rows, attrgetter("contest"))
    group = next(groups, None)
    for contest in contests:
        if group is not None and group[0] == contest.id:
            yield contest, group[1]
            group = next(groups, None)
        else:
            yield contest, iter(())
