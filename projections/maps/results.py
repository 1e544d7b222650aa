"""Results joined to a map: for each of its areas the votes, the leader, shares and progress, as properties of a feature.

Areas are compared by the choices of the office's contest. An office with several contests has another ballot in each, so its
areas are compared by party. Shares are numbers with four decimals, made of whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from projections.area.progress import Margin, Progress, margin, progress, results_status
from projections.area.tally import HEAD, TallyView
from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.definition.electorates import Denominator, together
from projections.maps.plan import MapKind
from projections.shown.answer_parts import Line
from projections.shown.published import Moment, as_of, shard_as_of
from projections.shown.shares import HUNDREDTHS


class MapChoice(NamedTuple):
    """A choice, or a party, by which the areas of a map are compared."""

    id: str
    name: str


class AreaResult(NamedTuple):
    """What has been counted in an area of a map."""

    stations: Progress
    votes: tuple[int, ...]
    """Votes by the index of the choice."""
    ahead: Margin
    """The margin for one seat."""

    @property
    def leader(self) -> str | None:
        """The choice with the most votes; None where there are no votes, or several have equally many."""
        return self.ahead.leaders[0] if len(self.ahead.leaders) == 1 else None


class Wanted(NamedTuple):
    """What is read from the read model for a map with results."""

    lines: list[Line]
    areas: list[int]
    """Areas whose sums by party are read."""


class MapResults:
    """The results of an office for the areas or contests of a map."""

    def __init__(
        self, definition: Definition, office: OfficeEntry, names: Sequence[str], party_names: Mapping[str, str]
    ) -> None:
        """`names` are codes of areas or ids of contests, as the features of the map have them; `party_names` are those of the
        parties by id."""
        self._definition = definition
        self.office = office
        self._contest = definition.ballots.contests[office.contests[0]] if len(office.contests) == 1 else None
        if self._contest is not None:
            self.choices = tuple(MapChoice(choice.id, choice.name) for choice in self._contest.ballot)
        else:
            self.choices = tuple(MapChoice(party, party_names.get(party, party)) for party in office.parties)
        self._names = names

    def wanted(self, kind: MapKind) -> Wanted:
        tree, found = self._definition.tree, Wanted([], [])
        for name in self._names:
            if kind is MapKind.CONTESTS:
                contest = self._definition.ballots.contest(name)
                found.lines.append(Line(contest.root_area, contest.number))
            elif self._contest is None and tree.level[tree.number[name]] <= tree.shard_level:
                found.areas.append(tree.number[name])
            else:
                found.lines.extend(
                    Line(tree.number[name], each.number)
                    for each in self._definition.contests_of(self.office, tree.number[name])
                )
        return found

    def result(self, kind: MapKind, name: str, moment: Moment) -> AreaResult:
        """The result of a feature of a map of this kind."""
        return self._of_contest(name, moment) if kind is MapKind.CONTESTS else self._of_area(name, moment)

    def _of_contest(self, name: str, moment: Moment) -> AreaResult:
        contest = self._definition.ballots.contest(name)
        return self._of_contests(contest.root_area, [contest], moment)

    def _of_area(self, name: str, moment: Moment) -> AreaResult:
        tree = self._definition.tree
        area = tree.number[name]
        contests = self._definition.contests_of(self.office, area)
        if self._contest is None and tree.level[area] <= tree.shard_level:
            view = TallyView.of(moment.office_tally(self.office, name))
            return self._result(self._now(area, contests, view), view.counted[HEAD:])
        return self._of_contests(area, contests, moment)

    def _of_contests(self, area: int, contests: Sequence[ContestEntry], moment: Moment) -> AreaResult:
        code = self._definition.tree.codes[area]
        votes = [0] * (len(self.choices) + 1)  # the last line is that of candidates of no party
        parts: list[Progress] = []
        for contest in contests:
            view = TallyView.of(moment.tally(contest, code))
            parts.append(self._now(area, [contest], view))
            for index, number in enumerate(view.counted[HEAD:]):
                line = index if self._contest is not None else contest.choice_line[index]
                votes[line] += number
        now = Progress(*map(sum, zip(*parts, strict=True))) if parts else Progress(*[0] * len(Progress._fields))
        return self._result(now, votes)

    def _now(self, area: int, contests: Iterable[ContestEntry], view: TallyView) -> Progress:
        denominators = self._definition.electorates.denominators
        expected = [denominators.get((each.number, area), Denominator(0, 0)) for each in contests]
        return progress(view, together(expected))

    def _result(self, now: Progress, votes: Sequence[int]) -> AreaResult:
        own = tuple(votes[: len(self.choices)])
        return AreaResult(now, own, margin([choice.id for choice in self.choices], own))

    def head(self, moment: Moment) -> dict[str, Any]:
        """What a map with results states of them. `choices` are those of `votes`; votes for candidates of no party are in none
        of them where areas are compared by party."""
        return {
            "office": self.office.id,
            "compared_by": "party" if self._contest is None else "choice",
            "choices": [choice._asdict() for choice in self.choices],
            "as_of": as_of(moment, self.office),
            "shard_as_of": shard_as_of(self._definition, moment, self.office),
        }

    def properties(self, result: AreaResult) -> dict[str, Any]:
        """The properties of a feature, one level deep but for `votes`, as programs for maps read them best."""
        now, total, leader = result.stations, sum(result.votes), result.leader
        ids = [choice.id for choice in self.choices]
        first = max(result.votes, default=0)
        return {
            "results_status": results_status(now),
            "stations_expected": now.expected,
            "stations_reported": now.reported,
            "stations_counted": now.counted,
            "stations_held": now.held,
            "counted_share": share_reached(now.counted, now.expected),
            "votes_total": total,
            "leader": leader,
            "leader_name": None if leader is None else self.choices[ids.index(leader)].name,
            "leader_votes": None if leader is None else first,
            "leader_share": None if leader is None else share(first, total),
            "margin": result.ahead.votes,
            "tied": list(result.ahead.leaders) if len(result.ahead.leaders) > 1 else [],
            "votes": dict(zip(ids, result.votes, strict=True)),
        }


def share(part: int, whole: int) -> orjson.Fragment | None:
    """A part of a whole as a JSON number, such as 0.5312, rounded as the shares of snapshots are (projections/shown/shares.py);
    None of nothing."""
    return _fragment((2 * HUNDREDTHS * part + whole) // (2 * whole)) if whole else None


def share_reached(part: int, whole: int) -> orjson.Fragment | None:
    """A part of a whole as a JSON number, cut off instead of rounded, so that 1 means all; None of nothing."""
    return _fragment(HUNDREDTHS * part // whole) if whole else None


def _fragment(hundredths: int) -> orjson.Fragment:
    ones, decimals = divmod(hundredths, HUNDREDTHS)
    return orjson.Fragment(f"{ones}.{decimals:04}".encode())
