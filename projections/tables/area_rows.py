"""The rows of an area in a contest, from its tally: one of counts, and one of votes for each choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.area.progress import progress, results_status
from projections.area.tally import CLEAN, FLAGGED, HEAD, HELD, NOT_STATED, TallyView
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.definition.electorates import Denominator
from projections.shown.tallies import known_numbers
from projections.station.submissions import ResultState

Row = tuple[Any, ...]

TIER_OF_STATE = {ResultState.COUNTED.value: CLEAN, ResultState.FLAGGED.value: FLAGGED, ResultState.HELD.value: HELD}


def counts_row(
    definition: Definition, contest: ContestEntry, area: int, tally: Sequence[int], expected: Denominator
) -> Row:
    """A row of the table `area-counts`."""
    view = TallyView.of(tally)
    counted = view.counted
    now = progress(view, expected)
    return (
        *_head(definition, contest, area),
        results_status(now),
        *now,
        None if expected.not_stated == expected.stations else expected.registered_voters,
        expected.not_stated,
        *known_numbers(counted, contest.counts_blank),
        *counted[NOT_STATED:HEAD],
    )


def votes_rows(definition: Definition, contest: ContestEntry, area: int, tally: Sequence[int]) -> list[Row]:
    """Rows of the table `area-votes`, one for each choice."""
    head = _head(definition, contest, area)
    counted = TallyView.of(tally).counted
    return [
        (*head, choice.id, choice.name, choice.party, votes)
        for choice, votes in zip(contest.ballot, counted[HEAD:], strict=True)
    ]


def _head(definition: Definition, contest: ContestEntry, area: int) -> Row:
    tree = definition.tree
    return contest.office, contest.id, tree.level_ids[tree.level[area]], tree.codes[area], tree.names[area]
