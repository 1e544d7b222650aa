"""The tree of areas of an election package, as dense numbers: an area's number is its index in the package."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property

from schemas.codes import Partition
from schemas.definition.package import ElectionPackage


def partition_of(area: str, partitions: int) -> Partition:
    """The ledger partition of the records whose key is this area: CRC-32 of its code, modulo the number of partitions. The key
    is the station's area at the shard level, and for campaign finance the area of the account, at any level.

    The same as librdkafka's `consistent` partitioner, so that a reader in any language finds a station's records.
    """
    return Partition(zlib.crc32(area.encode()) % partitions)


@dataclass(frozen=True, eq=False)
class AreaTree:
    """The areas and their levels. Tuples have one entry for each area, in the package's order."""

    level_ids: tuple[str, ...]
    """The levels, from the root down."""
    shard_level: int
    """Index in `level_ids` of the level whose areas are the keys of the ledger."""
    codes: tuple[str, ...]
    names: tuple[str, ...]
    level: tuple[int, ...]
    parent: tuple[int, ...]
    """-1 for the root."""
    partitions: int
    """Partitions of the ledger."""

    @classmethod
    def of(cls, package: ElectionPackage) -> AreaTree:
        level_ids = tuple(level.id for level in package.election.levels)
        level_number = {level: number for number, level in enumerate(level_ids)}
        number = {area.code: index for index, area in enumerate(package.areas)}
        return cls(
            level_ids=level_ids,
            shard_level=level_number[package.election.shard_level],
            codes=tuple(area.code for area in package.areas),
            names=tuple(area.name for area in package.areas),
            level=tuple(level_number[area.level] for area in package.areas),
            parent=tuple(-1 if area.parent is None else number[area.parent] for area in package.areas),
            partitions=package.election.partitions,
        )

    @cached_property
    def number(self) -> dict[str, int]:
        """Code → number."""
        return {code: number for number, code in enumerate(self.codes)}

    @cached_property
    def root(self) -> int:
        return self.parent.index(-1)

    @cached_property
    def lineage(self) -> tuple[tuple[int, ...], ...]:
        """Lineage of each area: itself, its parent, …, the root."""
        return tuple(self._lineage(area) for area in range(len(self.codes)))

    def _lineage(self, area: int) -> tuple[int, ...]:
        line = [area]
        while (parent := self.parent[line[-1]]) >= 0:
            line.append(parent)
        return tuple(line)

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        children: list[list[int]] = [[] for _ in self.codes]
        for number, parent in enumerate(self.parent):
            if parent >= 0:
                children[parent].append(number)
        return tuple(tuple(each) for each in children)

    @cached_property
    def shard(self) -> tuple[int, ...]:
        """The area at the shard level to which each area belongs; -1 for those above that level."""
        return tuple(next((a for a in line if self.level[a] == self.shard_level), -1) for line in self.lineage)

    @cached_property
    def partition_of_shard(self) -> dict[int, Partition]:
        """Area at the shard level → its ledger partition."""
        return {
            number: partition_of(code, self.partitions)
            for number, code in enumerate(self.codes)
            if self.level[number] == self.shard_level
        }

    @cached_property
    def counting(self) -> tuple[tuple[int, ...], ...]:
        """Areas to which each area at or below the shard level belongs: itself and those above it up to the shard level. A
        tabulator keeps a tally of each."""
        return tuple(tuple(a for a in line if self.level[a] >= self.shard_level) for line in self.lineage)
