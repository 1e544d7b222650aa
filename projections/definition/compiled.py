"""An election package made ready for counting: dense numbers for areas, stations and contests, and the relations between them.

The folds work on these numbers; codes are looked up where rows are published. The package has been checked (checks.py), so that
a code that is not found is a bug.
"""

from __future__ import annotations

import base64
import zlib
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from schemas.codes import AreaCode, ContestId, KeyId, OfficeId, Partition, StationCode
from schemas.definition.package import BlankBallots, Choice, Contest, Election, ElectionPackage, Method, Office, Role


def partition_of(shard_area: str, partitions: int) -> Partition:
    """The ledger partition of an area at the shard level: CRC-32 of its code, modulo the number of partitions.

    The same as librdkafka's `consistent` partitioner, so that a reader in any language finds a station's records.
    """
    return Partition(zlib.crc32(shard_area.encode()) % partitions)


NO_PARTY = "-"
"""The line of votes for choices without a party. No party can have this id (schemas/codes.py)."""


class Denominator(NamedTuple):
    """What is expected of an area in a contest: stations, and the voters registered there."""

    stations: int
    registered_voters: int
    """Sum over the stations whose register is known."""
    not_stated: int = 0
    """Stations whose register is not known."""


def together(parts: Iterable[Denominator]) -> Denominator:
    """The sum of denominators; the sum of none has no stations."""
    stations = registered = not_stated = 0
    for part in parts:
        stations += part.stations
        registered += part.registered_voters
        not_stated += part.not_stated
    return Denominator(stations, registered, not_stated)


class KeyEntry(NamedTuple):
    key_id: KeyId
    public_key: bytes
    role: Role
    scope: str


@dataclass(frozen=True, slots=True)
class ContestEntry:
    """A contest with its ballot. `number` is its index in the package and in every dense table here."""

    number: int
    id: ContestId
    contest: Contest
    office: OfficeId
    office_number: int
    root_area: int
    """The smallest area that holds the whole electorate: the contest's total is the tally of this area."""
    ballot: tuple[Choice, ...]
    """The choices, in the order of the ballot."""
    choices: tuple[str, ...]
    """Their ids."""
    choice_index: dict[str, int]
    choice_line: tuple[int, ...]
    """For each choice the index of its line in OfficeEntry.lines."""
    choices_of_party: dict[str, tuple[str, ...]]
    counts_blank: bool
    """Whether blank ballots are counted apart."""
    votes_per_ballot: int
    """As `contest.votes_per_ballot`; copied, because it is read for every form."""

    @property
    def leading_places(self) -> int:
        """How many choices can lead: as many as there are seats, where the seats go to the choices with the most votes; 1 where
        seats are shared out among parties, because the order of the choices does not show who wins them."""
        return 1 if self.contest.method is Method.SAINTE_LAGUE else self.contest.seats


@dataclass(frozen=True, slots=True)
class OfficeEntry:
    number: int
    id: OfficeId
    office: Office
    contests: tuple[int, ...]
    lines: tuple[str, ...]
    """Lines of the office's sums: the parties with a choice in any contest of the office, in the package's order; and NO_PARTY,
    last, where some choice has no party, so that the lines add up to the votes."""

    @property
    def parties(self) -> tuple[str, ...]:
        return tuple(line for line in self.lines if line != NO_PARTY)

    @property
    def counts_blank(self) -> bool:
        return self.office.blank_ballots is BlankBallots.APART


class StationOrder(NamedTuple):
    """The stations in one order, in which those of any area, at any level, are neighbours: area by area, each with its own
    stations and then with the areas in it, both by code. Where codes begin with the code of the area above, this is the order
    of the codes. A station's rank is its index in this order (the column `place` of the table `station_result`)."""

    rank: array[int]
    """Station → its rank."""
    first: array[int]
    """Area → the rank of its first station."""
    end: array[int]
    """Area → the rank after that of its last station."""


class Definition:
    """The compiled package. Numbers of areas, stations, contests and offices are indexes in the tables of the package.

    Holds the tree (`parent`, `level`, `lineage`), the electorates (`contests_of_station`), the denominators, the keys.
    """

    def __init__(self, package: ElectionPackage) -> None:
        self.election: Election = package.election
        self.hash = package.definition_hash()
        self.partitions = package.election.partitions
        self.level_ids = tuple(level.id for level in package.election.levels)
        level_number = {level: number for number, level in enumerate(self.level_ids)}
        self.shard_level = level_number[package.election.shard_level]

        self.area_codes = tuple(area.code for area in package.areas)
        self.area_names = tuple(area.name for area in package.areas)
        self.area_number: dict[str, int] = {code: number for number, code in enumerate(self.area_codes)}
        self.area_level = tuple(level_number[area.level] for area in package.areas)
        self.area_parent = tuple(-1 if area.parent is None else self.area_number[area.parent] for area in package.areas)
        self.lineage: tuple[tuple[int, ...], ...] = tuple(self._lineage(n) for n in range(len(self.area_codes)))
        """For each area: itself, its parent, …, the root."""
        self.children: tuple[tuple[int, ...], ...] = self._children()
        self.root = self.area_parent.index(-1)

        self.station_codes = tuple(station.code for station in package.stations)
        self.station_names = tuple(station.name for station in package.stations)
        self.station_number: dict[str, int] = {code: number for number, code in enumerate(self.station_codes)}
        self.station_area = tuple(self.area_number[station.area] for station in package.stations)
        self.station_registered = tuple(station.registered_voters for station in package.stations)

        shard_of_area = {
            number: next((a for a in lineage if self.area_level[a] == self.shard_level), -1)
            for number, lineage in enumerate(self.lineage)
        }
        self.area_shard = tuple(shard_of_area[number] for number in range(len(self.area_codes)))
        """For each area its area at the shard level; -1 for those above it."""
        self.shard_partition: dict[int, Partition] = {
            number: partition_of(code, self.partitions)
            for number, code in enumerate(self.area_codes)
            if self.area_level[number] == self.shard_level
        }
        self.counting_areas: tuple[tuple[int, ...], ...] = tuple(
            tuple(a for a in lineage if self.area_level[a] >= self.shard_level) for lineage in self.lineage
        )
        """For each area at or below the shard level: itself and those above it up to the shard level."""

        self.offices, self.contests = self._compile_contests(package)
        self.office_number: dict[str, int] = {entry.id: entry.number for entry in self.offices}
        self.contest_number: dict[str, int] = {entry.id: entry.number for entry in self.contests}
        self.keys: dict[str, KeyEntry] = {
            key.key_id: KeyEntry(KeyId(key.key_id), base64.b64decode(key.public_key), key.role, key.scope)
            for key in package.keys
        }
        self._parts = self._electorates(package)
        self._contests_of_area: dict[int, dict[int, int]] = {}
        self._contests_of_single: dict[int, frozenset[int]] = {}
        for number, codes in enumerate(self._parts):
            for code in codes & self.station_number.keys():
                station = self.station_number[code]
                self._contests_of_single[station] = self._contests_of_single.get(station, frozenset()) | {number}
        self.denominators: dict[tuple[int, int], Denominator] = self._denominators()
        self._first_slot, self.slots_of_partition = self._slots()

    def _lineage(self, area: int) -> tuple[int, ...]:
        line = [area]
        while (parent := self.area_parent[line[-1]]) >= 0:
            line.append(parent)
        return tuple(line)

    def _children(self) -> tuple[tuple[int, ...], ...]:
        children: list[list[int]] = [[] for _ in self.area_codes]
        for number, parent in enumerate(self.area_parent):
            if parent >= 0:
                children[parent].append(number)
        return tuple(tuple(each) for each in children)

    @cached_property
    def station_order(self) -> StationOrder:
        codes = self.station_codes
        stations: list[list[int]] = [[] for _ in self.area_codes]
        for number, area in enumerate(self.station_area):
            stations[area].append(number)
        ranks = array("I", bytes(4 * len(codes)))
        first, end = (array("I", bytes(4 * len(self.area_codes))) for _ in range(2))
        rank = 0
        to_do = [self.root]
        while to_do:
            area = to_do.pop()
            if area < 0:
                end[~area] = rank
                continue
            first[area] = rank
            for number in sorted(stations[area], key=codes.__getitem__):
                ranks[number] = rank
                rank += 1
            to_do.append(~area)  # after the stations and areas in it
            to_do += sorted(self.children[area], key=self.area_codes.__getitem__, reverse=True)
        return StationOrder(ranks, first, end)

    def _compile_contests(self, package: ElectionPackage) -> tuple[tuple[OfficeEntry, ...], tuple[ContestEntry, ...]]:
        office_number = {office.id: number for number, office in enumerate(package.offices)}
        contests_of_office: dict[str, list[int]] = {office.id: [] for office in package.offices}
        parties_of_office: dict[str, set[str | None]] = {office.id: set() for office in package.offices}
        choices_of_contest: dict[str, list[Choice]] = {contest.id: [] for contest in package.contests}
        for choice in sorted(package.choices, key=lambda c: c.order):
            choices_of_contest[choice.contest].append(choice)
        for number, contest in enumerate(package.contests):
            contests_of_office[contest.office].append(number)
            parties_of_office[contest.office].update(choice.party for choice in choices_of_contest[contest.id])
        offices = tuple(
            OfficeEntry(
                number,
                OfficeId(office.id),
                office,
                tuple(contests_of_office[office.id]),
                (
                    *(party.id for party in package.parties if party.id in parties_of_office[office.id]),
                    *((NO_PARTY,) if None in parties_of_office[office.id] else ()),
                ),
            )
            for number, office in enumerate(package.offices)
        )
        parts = self._electorates(package)
        contests = []
        for number, contest in enumerate(package.contests):
            ballot = tuple(choices_of_contest[contest.id])
            office = offices[office_number[contest.office]]
            by_party: dict[str, list[str]] = {}
            for choice in ballot:
                if choice.party is not None:
                    by_party.setdefault(choice.party, []).append(choice.id)
            contests.append(
                ContestEntry(
                    number=number,
                    id=ContestId(contest.id),
                    contest=contest,
                    office=office.id,
                    office_number=office.number,
                    root_area=self._smallest_common(parts[number]),
                    ballot=ballot,
                    choices=tuple(choice.id for choice in ballot),
                    choice_index={choice.id: index for index, choice in enumerate(ballot)},
                    choice_line=tuple(
                        office.lines.index(NO_PARTY if choice.party is None else choice.party) for choice in ballot
                    ),
                    choices_of_party={party: tuple(ids) for party, ids in by_party.items()},
                    counts_blank=office.counts_blank,
                    votes_per_ballot=contest.votes_per_ballot,
                )
            )
        return offices, tuple(contests)

    def _electorates(self, package: ElectionPackage) -> list[frozenset[str]]:
        """For each contest the codes (areas, or single stations) that its electorate consists of."""
        districts: dict[str, set[str]] = {}
        for part in package.districts:
            districts.setdefault(part.district, set()).add(part.area)
        return [
            frozenset(districts[contest.electorate])
            if contest.electorate in districts
            else frozenset({contest.electorate})
            for contest in package.contests
        ]

    def _smallest_common(self, codes: Iterable[str]) -> int:
        lines = [
            self.lineage[
                self.area_number[code] if code in self.area_number else self.station_area[self.station_number[code]]
            ]
            for code in codes
        ]
        common = set(lines[0]).intersection(*lines[1:])
        return max(common, key=lambda area: self.area_level[area])

    def contests_of_station(self, station: int) -> Mapping[int, int]:
        """Numbers of the contests that the station's voters vote in, ascending, each with its index among them."""
        area = self.station_area[station]
        found = self._contests_of_area.get(area)
        if found is None:
            codes = {self.area_codes[a] for a in self.lineage[area]}
            found = _indexed(number for number, parts in enumerate(self._parts) if not parts.isdisjoint(codes))
            self._contests_of_area[area] = found
        single = self._contests_of_single.get(station)
        return found if single is None else _indexed(single.union(found))

    @cached_property
    def tally_bytes(self) -> tuple[int, ...]:
        """For each contest about the largest size of one published tally as JSON: it has all votes four times."""
        return tuple(2_000 + 4 * sum(len(choice) + 15 for choice in entry.choices) for entry in self.contests)

    def contests_in(self, area: int) -> tuple[int, ...]:
        """Numbers of the contests that are voted on anywhere in the area, ascending."""
        return self._contests_in.get(area, ())

    @cached_property
    def _contests_in(self) -> dict[int, tuple[int, ...]]:
        found: dict[int, list[int]] = {}
        for contest, area in sorted(self.denominators):
            found.setdefault(area, []).append(contest)
        return {area: tuple(contests) for area, contests in found.items()}

    def slot(self, station: int, contest: int) -> int:
        """The number of a station's contest among all those of its partition, from 0 to `slots_of_partition` - 1."""
        return self._first_slot[station] + self.contests_of_station(station)[contest]

    def _slots(self) -> tuple[array[int], tuple[int, ...]]:
        """For each station its first slot; for each partition how many slots it has."""
        taken = [0] * self.partitions
        first = array("I")
        for station in range(len(self.station_codes)):
            partition = self.partition_of_station(station)
            first.append(taken[partition])
            taken[partition] += len(self.contests_of_station(station))
        return first, tuple(taken)

    def _denominators(self) -> dict[tuple[int, int], Denominator]:
        found: dict[tuple[int, int], Denominator] = {}
        for station, area in enumerate(self.station_area):
            registered = self.station_registered[station]
            own = Denominator(1, 0, 1) if registered is None else Denominator(1, registered)
            for contest in self.contests_of_station(station):
                key = (contest, area)
                found[key] = together((own, found[key])) if key in found else own
        for (contest, area), lowest in list(found.items()):
            for above in self.lineage[area][1:]:
                key = (contest, above)
                found[key] = together((lowest, found[key])) if key in found else lowest
        return found

    def partition_of_station(self, station: int) -> Partition:
        return self.shard_partition[self.area_shard[self.station_area[station]]]

    def shard_code_of_station(self, station: int) -> AreaCode:
        """The ledger key of the station's records."""
        return AreaCode(self.area_codes[self.area_shard[self.station_area[station]]])

    def in_scope(self, scope: str, station: int) -> bool:
        """Whether a key's scope (an area or a station code) holds the station."""
        if scope == self.station_codes[station]:
            return True
        area = self.area_number.get(scope)
        return area is not None and area in self.lineage[self.station_area[station]]

    def station_code(self, station: int) -> StationCode:
        return StationCode(self.station_codes[station])


def _indexed(contests: Iterable[int]) -> dict[int, int]:
    return {number: index for index, number in enumerate(sorted(contests))}
