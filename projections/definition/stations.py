"""The polling stations of an election package, as dense numbers: a station's number is its index in the package."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from functools import cached_property
from sys import intern
from typing import NamedTuple

from projections.definition.tree import AreaTree
from schemas.codes import AreaCode, Partition, StationCode
from schemas.definition.package import ElectionPackage


class StationOrder(NamedTuple):
    """The stations in one order, in which those of any area, at any level, are neighbours: area by area, each with its own
    stations and then with the areas in it, both by code. Where codes begin with the code of the area above, this is the order
    of the codes. A station's rank is its index in this order (the column `rank` of the table `station_result`)."""

    rank: array[int]
    """Station → its rank."""
    first: array[int]
    """Area → the rank of its first station."""
    end: array[int]
    """Area → the rank after that of its last station."""


@dataclass(frozen=True, eq=False)
class Stations:
    """The stations. Tuples have one entry for each station, in the package's order."""

    tree: AreaTree
    codes: tuple[str, ...]
    names: tuple[str | None, ...]
    area: array[int]
    """Station → the area that it lies in. As a tuple it would have an int of its own for each station after it was pickled."""
    registered: tuple[int | None, ...]
    """Registered voters, or None where the register is not known."""

    @classmethod
    def of(cls, package: ElectionPackage, tree: AreaTree) -> Stations:
        return cls(
            tree=tree,
            codes=tuple(station.code for station in package.stations),
            # Thousands of stations have one name, such as TPS 001.
            names=tuple(None if station.name is None else intern(station.name) for station in package.stations),
            area=array("I", [tree.number[station.area] for station in package.stations]),
            registered=tuple(station.registered_voters for station in package.stations),
        )

    @cached_property
    def number(self) -> dict[str, int]:
        """Code → number."""
        return {code: number for number, code in enumerate(self.codes)}

    def code(self, station: int) -> StationCode:
        return StationCode(self.codes[station])

    def partition(self, station: int) -> Partition:
        """The ledger partition that has the station's records."""
        return self.tree.partition_of_shard[self.tree.shard[self.area[station]]]

    def shard_code(self, station: int) -> AreaCode:
        """The ledger key of the station's records."""
        return AreaCode(self.tree.codes[self.tree.shard[self.area[station]]])

    def in_scope(self, scope: str, station: int) -> bool:
        """Whether a key's scope (an area or a station code) holds the station."""
        if scope == self.codes[station]:
            return True
        area = self.tree.number.get(scope)
        return area is not None and area in self.tree.lineage[self.area[station]]

    @cached_property
    def order(self) -> StationOrder:
        tree = self.tree
        stations: list[list[int]] = [[] for _ in tree.codes]
        for number, area in enumerate(self.area):
            stations[area].append(number)
        ranks = array("I", bytes(4 * len(self.codes)))
        first, end = (array("I", bytes(4 * len(tree.codes))) for _ in range(2))
        rank = 0
        to_do = [tree.root]
        while to_do:
            area = to_do.pop()
            if area < 0:
                end[~area] = rank
                continue
            first[area] = rank
            for number in sorted(stations[area], key=self.codes.__getitem__):
                ranks[number] = rank
                rank += 1
            to_do.append(~area)  # after the stations and areas in it
            to_do += sorted(tree.children[area], key=tree.codes.__getitem__, reverse=True)
        return StationOrder(ranks, first, end)
