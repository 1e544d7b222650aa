"""A question to a replayed moment, and the API's answer to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from projections.definition.ballots import OfficeEntry
from projections.definition.compiled import Definition
from projections.readmodel.finance_pages import finance_lines, finance_page, position_in
from projections.readmodel.finance_queries import EXAMINED_MAX, Position
from projections.shown.answer_parts import (
    BEFORE_ALL,
    HISTORY_RECORDS,
    Part,
    RecordPosition,
    history_page,
    part_of_area,
    part_of_office,
)
from projections.shown.finance import finance_head
from projections.shown.published import (
    area_answer,
    as_of,
    contest_answer,
    office_answer,
    shard_as_of,
    station_answer,
    tallies_in,
)
from projections.station.submissions import ResultState
from rekap.follow.replay import Replayed, ReplayError

FINANCE_REPORTS = 100
"""Finance reports of a page: what the API lists without `limit`."""
_POSITION = re.compile(r"[0-9]{1,4}/[0-9]{1,18}")


class Question(NamedTuple):
    """What to show: one of these, or an area or a level together with an office."""

    area: str | None = None
    contest: str | None = None
    office: str | None = None
    station: str | None = None
    level: str | None = None
    part: int | None = None
    """Part of an area or an office; None is the first."""
    after: str | None = None
    """The record in a station's history after which the page begins, as partition/offset; of finance reports the `next` of the
    page before."""
    finance: bool = False

    def check(self, definition: Definition) -> None:
        """Raises ReplayError."""
        if self.finance:
            self._check_finance(definition)
            return
        given = [name for name in ("area", "contest", "office", "station", "level") if getattr(self, name) is not None]
        if len(given) > 1 and not (len(given) == 2 and "office" in given and {"area", "level"} & set(given)):
            raise ReplayError(f"--{' and --'.join(given)} do not go together")
        for name, known in (
            ("area", definition.tree.number),
            ("contest", definition.ballots.contest_number),
            ("office", definition.ballots.office_number),
            ("station", definition.stations.number),
            ("level", definition.tree.level_ids[:-1]),
        ):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise ReplayError(f"--{name}: there is no {name} {value!r} in this election")
        if self.part is not None and {"contest", "station", "level"} & set(given):
            raise ReplayError(f"--part: only an area or an office is shown in parts; --{given[-1]} is shown whole")
        if self.part is not None:
            self._part(definition)
        if self.after is not None and self.station is None:
            raise ReplayError("--after: goes with --station or --finance only")
        if self.after is not None and not _POSITION.fullmatch(self.after):
            raise ReplayError(f"--after: expected the partition/offset of a record, as 0/12, got {self.after[:80]!r}")

    def _check_finance(self, definition: Definition) -> None:
        given = [name for name in ("area", "contest", "office", "station", "level", "part") if getattr(self, name)]
        if given:
            raise ReplayError(f"--finance and --{given[0]} do not go together")
        if definition.election.finance is None:
            raise ReplayError("--finance: this election's package does not describe campaign finance")
        if self.after is not None and position_in(self.after) is None:
            raise ReplayError(f"--after: expected `next` of a page of finance reports, got {self.after[:80]!r}")

    def _offices(self, definition: Definition) -> Sequence[OfficeEntry]:
        if self.office is None:
            return definition.ballots.offices
        return [definition.ballots.office(self.office)]

    def _area(self, definition: Definition) -> int:
        return definition.tree.root if self.area is None else definition.tree.number[self.area]

    def _part(self, definition: Definition) -> Part:
        """Raises ReplayError."""
        number, offices = self.part or 1, self._offices(definition)
        try:
            if self.office is not None and self.area is None:
                return part_of_office(definition, offices[0], number)
            return part_of_area(definition, self._area(definition), offices, number)
        except LookupError as error:
            raise ReplayError(f"--part: {error}") from None

    def answer(self, definition: Definition, replayed: Replayed) -> dict[str, Any]:
        """The answer of the API to GET /v1/contests/…, areas/…, offices/…, stations/…, finance; for a level, the tallies of its
        areas."""
        moment = replayed.moment
        if self.finance:
            return self._finance(definition, replayed)
        if self.station is not None:
            number = definition.stations.number[self.station]
            last = BEFORE_ALL if self.after is None else _position(self.after)
            rest = (row for row in replayed.history if (row["offset"], row["partition"]) > last)
            page = history_page(rest, HISTORY_RECORDS)
            return station_answer(definition, number, replayed.results, page, moment)
        if self.contest is not None:
            return contest_answer(definition, definition.ballots.contest(self.contest), moment)
        offices = self._offices(definition)
        if self.level is not None:
            level = definition.tree.level_ids.index(self.level)
            areas = [number for number, each in enumerate(definition.tree.level) if each == level]
            return {
                "level": self.level,
                "offices": [
                    {
                        "office": office.id,
                        "as_of": as_of(moment, office),
                        "shard_as_of": shard_as_of(definition, moment, office),
                        "contests": tallies_in(definition, office, areas, moment),
                    }
                    for office in offices
                ],
            }
        if self.office is not None and self.area is None:
            return office_answer(definition, offices[0], moment, self._part(definition))
        return area_answer(definition, self._area(definition), offices, moment, self._part(definition))

    def _finance(self, definition: Definition, replayed: Replayed) -> dict[str, Any]:
        last = None if self.after is None else position_in(self.after)
        rest = [row for row in replayed.finance if last is None or Position.of(row) > last]
        examined = [row if row["state"] != ResultState.SUPERSEDED else {**row, "event": None} for row in rest]
        lines, after = finance_lines(definition, examined[:EXAMINED_MAX], FINANCE_REPORTS)
        return {**finance_head(definition, replayed.moment.blocks), **finance_page(lines, after)}


def _position(text: str) -> RecordPosition:
    partition, _, offset = text.partition("/")
    return RecordPosition(int(offset), int(partition))
