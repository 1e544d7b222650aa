"""The count of a contest over time, minute by minute: of the whole nation, and of each area directly below it.

The law: at a time T, each station has the result that it had after the last of its records that was received before T, in the
order of the ledger. The time is `received_at`, which the gateway writes into the record before it appends the record, so that
the public log proves it and anybody can count the same again. A record that is received before an earlier record of the same
station, because two gateways' clocks differ, has the time of the earlier record. A time that cannot be true (none, more than
SPAN_US before the cut, or after the cut) is taken as that of the cut, so that no forged time shows a number earlier than known.

So the last row of an area is the cut itself, and the number of a station never depends on the time of another station.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from projections.area.tally import HEAD, apart, side_by_side
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.station.submissions import ResultState
from projections.tables.area_rows import TIER_OF_STATE, Row, counts_row, votes_rows
from projections.tables.histories import Change
from schemas.times import text_of_microseconds

NUMBERS_OF_CONTEST_MAX = 4_000_000
"""Numbers (areas × times × what a form has) that are kept of one contest, in about 100 MB. A president with 39 areas has each
minute of three days. At half, the third day is in steps of five minutes; at double, the process is over its 500 MB."""
NUMBERS_OF_OFFICE_MAX = 16_000_000
"""Numbers of all contests of an office together, of which one contest is in memory at a time. The limit bounds the rows: a
legislature with 84 contests of 114 numbers has each minute of 14 hours. At double, its file has 60 million rows, and writing
the file takes as long as the files of all stations."""
STEPS = (1, 5, 15, 60, 360, 1_440)
"""Minutes of a step. Where the table would be too long, a longer step is taken for the contest."""
_MINUTE_US = 60_000_000
SPAN_US = 400 * 1_440 * _MINUTE_US
"""How long before the cut a time of receipt is believed. It bounds the days, and so the rows at the longest step. No count
takes longer than a year."""
_ANNULLED = 3
"""Index of the number of annulled stations, after the three tiers."""


class _Standing(NamedTuple):
    """What a station with a history adds, and since when."""

    station: int
    at_us: int
    added: tuple[int, int] | None
    """Tier and numbers, as `_added` returns them."""


class CountOverTime:
    """Sums of changes by area and time. Tiers are numbers side by side (tally.side_by_side), so a change may be negative."""

    def __init__(self, definition: Definition, contest: ContestEntry, cut_us: int) -> None:
        """`cut_us`: when the cut was taken, in microseconds since 1970."""
        self._definition = definition
        self._contest = contest
        self._cut_us = cut_us
        self._width = HEAD + len(contest.choices)
        contests = len(definition.ballots.offices[contest.office_number].contests)
        self._numbers_max = min(NUMBERS_OF_CONTEST_MAX, NUMBERS_OF_OFFICE_MAX // contests)
        self._step = 0
        """Index in STEPS."""
        self._changes: dict[tuple[int, int], list[int]] = {}
        """(step's number since 1970, area) → change of clean, flagged, held and annulled in this step."""

    @property
    def step_minutes(self) -> int:
        return STEPS[self._step]

    def add(self, station: int, received_us: int, state: str, joined: int) -> None:
        """Add the result of a station that has no history; `joined` are the numbers of its form, side by side."""
        self._change(station, self._believed(received_us), TIER_OF_STATE[state], joined)

    def add_changes(self, changes: Iterable[Change]) -> None:
        """Add all results that stations with a history have had, station by station."""
        before: _Standing | None = None
        for change in changes:
            if before is not None and before.station != change.station:
                before = None
            at_us = self._believed(change.received_us)
            if before is not None:
                at_us = max(at_us, before.at_us)
                if before.added is not None:
                    tier, number = before.added
                    self._change(change.station, at_us, tier, -number)
            added = _added(change)
            if added is not None:
                self._change(change.station, at_us, *added)
            before = _Standing(change.station, at_us, added)

    def rows(self) -> Iterator[tuple[Row, list[Row]]]:
        """Rows by time: of each time and area that changed, one of `counts-over-time` and those of `votes-over-time`; at each
        time the nation comes first."""
        definition, contest = self._definition, self._contest
        root, rank = definition.tree.root, definition.stations.order.first
        sums: dict[int, list[int]] = {}
        moved: list[int] = []
        keys = sorted(self._changes, key=lambda key: (key[0], rank[key[1]]))
        for at, (number, area) in enumerate(keys):
            change = self._changes[number, area]
            for each in {root, area}:
                before = sums.get(each, [0] * 4)
                sums[each] = [mine + others for mine, others in zip(before, change, strict=True)]
            moved += [area] if area != root else []
            if at + 1 < len(keys) and keys[at + 1][0] == number:
                continue
            time = text_of_microseconds((number + 1) * self.step_minutes * _MINUTE_US)
            for each in (root, *moved):
                *tiers, annulled = sums[each]
                tally = [*(one for tier in tiers for one in apart(tier, self._width)), annulled]
                expected = definition.electorates.denominators[contest.number, each]
                yield (
                    (time, self.step_minutes, *counts_row(definition, contest, each, tally, expected)),
                    [(time, self.step_minutes, *row) for row in votes_rows(definition, contest, each, tally)],
                )
            moved = []

    def _believed(self, received_us: int) -> int:
        return received_us if self._cut_us - SPAN_US <= received_us <= self._cut_us else self._cut_us

    def _change(self, station: int, at_us: int, tier: int, number: int) -> None:
        line = self._definition.tree.lineage[self._definition.stations.area[station]]
        key = at_us // (self.step_minutes * _MINUTE_US), line[-2] if len(line) > 1 else line[-1]
        self._changes.setdefault(key, [0] * 4)[tier] += number
        while len(self._changes) * self._width > self._numbers_max and self._step + 1 < len(STEPS):
            self._take_longer_steps()

    def _take_longer_steps(self) -> None:
        before, self._step = self.step_minutes, self._step + 1
        joined: dict[tuple[int, int], list[int]] = {}
        for (number, area), change in self._changes.items():
            mine = joined.setdefault((number * before // self.step_minutes, area), [0] * 4)
            mine[:] = [one + other for one, other in zip(mine, change, strict=True)]
        self._changes = joined


def _added(change: Change) -> tuple[int, int] | None:
    """(tier, number): which tier a result is added to, and its numbers side by side, or 1 where the station is annulled. None
    where the result adds nothing."""
    if change.contribution is not None:
        return TIER_OF_STATE[change.state], side_by_side(change.contribution)
    return (_ANNULLED, 1) if change.state == ResultState.ANNULLED.value else None
