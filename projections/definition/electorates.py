"""Who votes in which contest: the contests of a station and of an area, and what is expected of each."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from projections.definition.stations import Stations
from schemas.definition.package import ElectionPackage


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


@dataclass(frozen=True, eq=False)
class Electorates:
    """The electorate of each contest, by the contest's number, and what follows from it for stations and areas."""

    stations: Stations
    parts: tuple[frozenset[str], ...]
    """Codes (areas, or single stations) that the electorate of each contest consists of."""
    _of_area: dict[int, dict[int, int]] = field(default_factory=dict, repr=False)
    """What `contests_of_station` has found for the stations of an area."""

    @classmethod
    def of(cls, package: ElectionPackage, stations: Stations) -> Electorates:
        districts: dict[str, set[str]] = {}
        for part in package.districts:
            districts.setdefault(part.district, set()).add(part.area)
        parts = (frozenset(districts.get(contest.electorate, (contest.electorate,))) for contest in package.contests)
        return cls(stations, tuple(parts))

    def smallest_area(self, contest: int) -> int:
        """The smallest area that holds the whole electorate of the contest."""
        tree, stations = self.stations.tree, self.stations
        lines = [
            tree.lineage[tree.number[code] if code in tree.number else stations.area[stations.number[code]]]
            for code in self.parts[contest]
        ]
        common = set(lines[0]).intersection(*lines[1:])
        return max(common, key=tree.level.__getitem__)

    def contests_of_station(self, station: int) -> Mapping[int, int]:
        """Numbers of the contests that the station's voters vote in, ascending, each with its index among them."""
        area = self.stations.area[station]
        found = self._of_area.get(area)
        if found is None:
            tree = self.stations.tree
            codes = {tree.codes[a] for a in tree.lineage[area]}
            found = _indexed(number for number, parts in enumerate(self.parts) if not parts.isdisjoint(codes))
            self._of_area[area] = found
        single = self._of_single_stations.get(station)
        return found if single is None else _indexed(single.union(found))

    @cached_property
    def _of_single_stations(self) -> dict[int, frozenset[int]]:
        """Station → the contests whose electorate names the station itself."""
        found: dict[int, frozenset[int]] = {}
        numbers = self.stations.number
        for contest, codes in enumerate(self.parts):
            for code in codes & numbers.keys():
                station = numbers[code]
                found[station] = found.get(station, frozenset()) | {contest}
        return found

    @cached_property
    def denominators(self) -> dict[tuple[int, int], Denominator]:
        """(contest, area) → what is expected, for each area in which the contest is voted on anywhere."""
        found: dict[tuple[int, int], Denominator] = {}
        for station, area in enumerate(self.stations.area):
            registered = self.stations.registered[station]
            own = Denominator(1, 0, 1) if registered is None else Denominator(1, registered)
            for contest in self.contests_of_station(station):
                key = (contest, area)
                found[key] = together((own, found[key])) if key in found else own
        lineage = self.stations.tree.lineage
        for (contest, area), lowest in list(found.items()):
            for above in lineage[area][1:]:
                key = (contest, above)
                found[key] = together((lowest, found[key])) if key in found else lowest
        return found

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
        return self._slots[0][station] + self.contests_of_station(station)[contest]

    def slot_if_held(self, station: int, contest: int) -> int | None:
        """The slot of a station's contest; None where the station's voters do not vote in the contest."""
        index = self.contests_of_station(station).get(contest)
        return None if index is None else self._slots[0][station] + index

    @property
    def slots_of_partition(self) -> tuple[int, ...]:
        return self._slots[1]

    @cached_property
    def _slots(self) -> tuple[array[int], tuple[int, ...]]:
        """The first slot of each station; the number of slots of each partition."""
        taken = [0] * self.stations.tree.partitions
        first = array("I")
        for station in range(len(self.stations.codes)):
            partition = self.stations.partition(station)
            first.append(taken[partition])
            taken[partition] += len(self.contests_of_station(station))
        return first, tuple(taken)


def _indexed(contests: Iterable[int]) -> dict[int, int]:
    return {number: index for index, number in enumerate(sorted(contests))}
