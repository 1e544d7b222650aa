"""The numbers of an office's result reports, kept on the disk while the tables are written.

The tables come area by area with all choices of each, and a report has choice by choice all areas. So the votes are written
down in blocks, in which those of one choice are neighbours, and are read again choice by choice. In memory are the facts of the
areas, 26 bytes for each station, and the blocks that are being filled, one for each level.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.nist.numbers import UnitFacts, together, undervotes
from projections.station.submissions import ResultState
from projections.tables.result_rows import Batch, TableOf
from schemas.nist.objects import Batches, area_id, station_id
from schemas.tables.results import AREA_COUNTS, AREA_VOTES, STATION_COUNTS, STATION_VOTES

NUMBERS_OF_BLOCK = 65_536
"""Votes in a block, which makes 512 kB. At a quarter, a legislature's report reads four times as many blocks for each choice;
at four times, the blocks of eight levels take 20 MB as numbers of Python."""
_NUMBER_BYTES = 8
_COUNTED = (ResultState.COUNTED, ResultState.FLAGGED)
_REPORTED = (*_COUNTED, ResultState.HELD)
_NOTHING, _NOT_STATED_BY_ALL = -1, -2
_AREA = {name: index for index, name in enumerate(AREA_COUNTS.column_names)}
_STATION = {name: index for index, name in enumerate(STATION_COUNTS.column_names)}
_VOTES_OF_STATION = STATION_VOTES.column_names.index("votes")
_STATE_OF_STATION_VOTES = STATION_VOTES.column_names.index("state")
_VOTES_OF_AREA = AREA_VOTES.column_names.index("votes")
_OF_UNDERVOTES = ("valid", "valid_ballots", "blank")


class _Block(NamedTuple):
    level: int
    at: int
    """Index of its first byte in the file."""
    id_bytes: int
    units: int


class _Filling:
    """The units of a level whose block has not been written."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.votes: list[int] = []
        """Unit by unit, all choices of each."""
        self.undervotes: list[int] = []


class OfficeNumbers:
    """Takes the rows of an office, contest by contest, and gives the numbers of its reports."""

    def __init__(self, definition: Definition, office: OfficeEntry, by_rank: Sequence[int], path: Path) -> None:
        """`path` is a new file, which the caller deletes. Raises OSError."""
        stations = len(by_rank)
        self.definition = definition
        self.office = office
        self.by_rank = by_rank
        self.contests: list[ContestOnDisk] = []
        self._file: BinaryIO = path.open("x+b")
        self._areas: dict[int, UnitFacts] = {}
        self._voters, self._ballots, self._invalid = (array("q", [_NOTHING]) * stations for _ in range(3))
        self._reported, self._counted = bytearray(stations), bytearray(stations)

    def begin(self, contest: ContestEntry) -> ContestOnDisk:
        """Begin a contest, of which all rows are that are added from now on."""
        self.contests.append(ContestOnDisk(self, contest))
        return self.contests[-1]

    def close(self) -> None:
        self._file.close()

    def facts_of_area(self, area: int) -> UnitFacts | None:
        return self._areas.get(area)

    def facts_of_station(self, station: int) -> UnitFacts:
        contests = self.definition.electorates.contests_of_station(station)
        return UnitFacts(
            sum(number in contests for number in self.office.contests),
            self._reported[station],
            self._counted[station],
            self.definition.stations.registered[station],
            *(each[station] if each[station] >= 0 else None for each in (self._voters, self._ballots, self._invalid)),
        )

    # ── what the contests of the office need ────────────────────────────────────────────────────────────────────────

    def add_area(self, area: int, facts: UnitFacts) -> None:
        before = self._areas.get(area)
        self._areas[area] = facts if before is None else together((before, facts))

    def add_station(self, station: int, row: Sequence[Any]) -> None:
        state = row[_STATION["state"]]
        if state not in _REPORTED:
            return
        self._reported[station] += 1
        if state not in _COUNTED:
            return
        self._counted[station] += 1
        for numbers, name in ((self._voters, "voters"), (self._ballots, "total"), (self._invalid, "invalid")):
            number = row[_STATION[name]]
            if number is None or numbers[station] == _NOT_STATED_BY_ALL:
                numbers[station] = _NOT_STATED_BY_ALL
            else:
                numbers[station] = max(numbers[station], 0) + number

    def append(self, level: int, ids: Sequence[str], columns: Sequence[Sequence[int]]) -> _Block:
        names = "\n".join(ids).encode()
        block = _Block(level, self._file.seek(0, 2), len(names), len(ids))
        self._file.write(names)
        for column in columns:
            self._file.write(array("q", column).tobytes())
        return block

    def read(self, block: _Block, column: int) -> tuple[list[str], array[int]]:
        self._file.seek(block.at)
        ids = self._file.read(block.id_bytes).decode().split("\n")
        self._file.seek(block.at + block.id_bytes + column * block.units * _NUMBER_BYTES)
        numbers = array("q")
        numbers.frombytes(self._file.read(block.units * _NUMBER_BYTES))
        return ids, numbers


class ContestOnDisk:
    """The numbers of one contest by reporting unit."""

    def __init__(self, office: OfficeNumbers, contest: ContestEntry) -> None:
        definition = office.definition
        self.contest = contest
        self.facts: UnitFacts | None = None
        self._office = office
        self._blocks: list[_Block] = []
        self._filling: dict[int, _Filling] = {}
        *levels, stations = definition.tree.level_ids
        self._levels = list(enumerate(levels))
        self._station_level = len(levels)
        self._station_counts, self._station_votes = TableOf(STATION_COUNTS, stations), TableOf(STATION_VOTES, stations)
        self._stations = self._in_order()

    def add(self, batch: Batch) -> None:
        """Take all tables of a batch of projections/tables/result_rows.py."""
        self._add_stations(batch.get(self._station_counts, ()), batch.get(self._station_votes, ()))
        for number, level in self._levels:
            self._add_areas(
                number, batch.get(TableOf(AREA_COUNTS, level), ()), batch.get(TableOf(AREA_VOTES, level), ())
            )

    def end(self) -> None:
        """End the contest, because all its rows have been added."""
        for level in list(self._filling):
            self._write(level)

    def down_to(self, level: int) -> NumbersDownTo:
        """The numbers of the units at this level and above it; stations are at the last level."""
        return NumbersDownTo(self, level)

    def vote_counts(self, level: int) -> int:
        """How many votes by unit and choice there are down to this level."""
        return len(self.contest.choices) * sum(block.units for block in self._blocks if block.level <= level)

    def batches(self, column: int, level: int) -> Iterator[tuple[list[str], Sequence[int]]]:
        for block in self._blocks:
            if block.level <= level:
                yield self._office.read(block, column)

    def _in_order(self) -> Iterator[int]:
        """The stations of the contest in the order of its rows."""
        definition, contest = self._office.definition, self.contest
        order, by_rank = definition.stations.order, self._office.by_rank
        for rank in range(order.first[contest.root_area], order.end[contest.root_area]):
            if contest.number in definition.electorates.contests_of_station(by_rank[rank]):
                yield by_rank[rank]

    def _add_stations(self, counts: Sequence[Sequence[Any]], votes: Sequence[Sequence[Any]]) -> None:
        if not counts:
            return
        filling = self._filling.setdefault(self._station_level, _Filling())
        for row in counts:
            self._office.add_station(next(self._stations), row)
            if row[_STATION["state"]] in _COUNTED:
                filling.ids.append(station_id(row[_STATION["station"]]))
                if self.contest.counts_blank:
                    filling.undervotes.append(self._undervotes(*(row[_STATION[name]] for name in _OF_UNDERVOTES)))
        filling.votes += [row[_VOTES_OF_STATION] for row in votes if row[_STATE_OF_STATION_VOTES] in _COUNTED]
        self._write_full(self._station_level)

    def _add_areas(self, level: int, counts: Sequence[Sequence[Any]], votes: Sequence[Sequence[Any]]) -> None:
        if not counts:
            return
        filling = self._filling.setdefault(level, _Filling())
        numbers = self._office.definition.tree.number
        for row in counts:
            area = numbers[row[_AREA["area"]]]
            facts = _facts_of_area(row)
            self._office.add_area(area, facts)
            if area == self.contest.root_area:
                self.facts = facts
            filling.ids.append(area_id(row[_AREA["area"]]))
            if self.contest.counts_blank:
                filling.undervotes.append(self._undervotes(*(_stated(row, name) for name in _OF_UNDERVOTES)))
        filling.votes += [row[_VOTES_OF_AREA] for row in votes]
        self._write_full(level)

    def _undervotes(self, valid: int | None, valid_ballots: int | None, blank: int | None) -> int:
        found = undervotes(self.contest, valid, valid_ballots, blank)
        return _NOTHING if found is None else found

    def _write_full(self, level: int) -> None:
        if len(self._filling[level].votes) >= NUMBERS_OF_BLOCK:
            self._write(level)

    def _write(self, level: int) -> None:
        filling, choices = self._filling.pop(level), len(self.contest.choices)
        if filling.ids:
            columns = [filling.votes[choice::choices] for choice in range(choices)]
            if self.contest.counts_blank:
                columns.append(filling.undervotes)
            self._blocks.append(self._office.append(level, filling.ids, columns))


class NumbersDownTo:
    """The numbers of a contest for one report."""

    def __init__(self, contest: ContestOnDisk, level: int) -> None:
        self.contest = contest.contest
        self.facts = contest.facts
        self._on_disk = contest
        self._level = level

    def votes(self, choice: int) -> Batches:
        return self._on_disk.batches(choice, self._level)

    def undervotes(self) -> Batches:
        for ids, numbers in self._on_disk.batches(len(self.contest.choices), self._level):
            known = [(id, number) for id, number in zip(ids, numbers, strict=True) if number != _NOTHING]
            yield [id for id, _ in known], [number for _, number in known]


def _facts_of_area(row: Sequence[Any]) -> UnitFacts:
    return UnitFacts(
        *(row[_AREA[f"stations_{name}"]] for name in ("expected", "reported", "counted")),
        *(_stated(row, name) for name in ("registered_voters_expected", "voters", "total", "invalid")),
    )


def _stated(row: Sequence[Any], name: str) -> int | None:
    """A sum of the row of an area; None where a counted station does not state the number."""
    not_stated = _AREA.get(f"{name}_not_stated")
    number: int | None = row[_AREA[name]]
    return number if not_stated is None or row[not_stated] == 0 else None
