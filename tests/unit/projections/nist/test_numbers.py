"""The numbers of a result report: sums, where each is known, and undervotes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.area.tally import HEAD, TallyView, empty_tally
from projections.definition.electorates import Denominator
from projections.nist.numbers import UnitFacts, facts_of, known, together, undervotes
from tests.support.nist_reports import (
    DEFINITION,
    ELSEWHERE,
    FACTS,
)


def _tally(**numbers: int) -> TallyView:
    names = ["stations", "registered", "voters", "valid", "valid_ballots", "invalid", "blank", "total"]
    not_stated = ["registered", "voters", "valid_ballots", "invalid", "blank", "total"]
    clean = [numbers.get(name, 0) for name in names] + [numbers.get(f"no_{name}", 0) for name in not_stated]
    tally = empty_tally(0)
    tally[:HEAD] = clean
    tally[2 * HEAD] = numbers.get("held", 0)
    return TallyView.of(tally)


def test_facts_are_sums_that_all_counted_stations_state() -> None:
    view = _tally(stations=2, voters=500, total=490, invalid=5, held=1)
    assert facts_of(view, Denominator(4, 800)) == FACTS
    unknown = _tally(stations=2, voters=500, no_voters=1, total=490, no_total=2, invalid=5, no_invalid=1, held=1)
    assert facts_of(unknown, Denominator(4, 800, 1)) == UnitFacts(4, 3, 2, None, None, None, None)
    assert known(view.counted, 3) == 0


def test_facts_of_several_contests_are_their_sum_where_each_is_known() -> None:
    other = UnitFacts(1, 1, 1, None, 3, None, 2)
    assert together((FACTS, other)) == UnitFacts(5, 4, 3, None, 503, None, 7)


@pytest.mark.parametrize(
    ("reported", "counted", "status"),
    [(0, 0, "not-processed"), (1, 0, "in-process"), (4, 3, "in-process"), (4, 4, "completed")],
)
def test_the_status_follows_from_the_counted_stations(reported: int, counted: int, status: str) -> None:
    assert FACTS._replace(reported=reported, counted=counted).count_status == status


def test_undervotes_are_what_counted_ballots_could_bear_and_do_not() -> None:
    apart = ELSEWHERE.ballots.contest("president")
    assert undervotes(apart, 90, 90, 10) == 10
    assert undervotes(replace(apart, votes_per_ballot=2), 150, 90, 10) == 50
    assert undervotes(apart, 120, 90, 10) == 0
    assert [undervotes(apart, *each) for each in ((None, 90, 10), (90, None, 10), (90, 90, None))] == [None] * 3
    assert undervotes(DEFINITION.ballots.contest("president"), 90, 90, 10) is None
