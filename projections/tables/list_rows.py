"""The rows of the lists of stations and areas (schemas/tables/lists.py), and the order and choice of their columns."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import orjson

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.shown.published import published_time
from projections.tables.area_rows import Row
from projections.tables.result_rows import station_row, stations_by_rank
from projections.tables.standings import standing_of
from schemas.tables.columns import Kind, Table
from schemas.tables.results import AREA_COUNTS

KEPT_LISTS_OF_AREAS = 16
"""Lists of areas that are kept. The villages of a nation are 0.7 MB, and listing them takes 20 ms; at half, two readers of
several nationwide contests list them again and again."""


class UnknownColumnError(ValueError):
    """A table has no such column; the sentence names those that it has."""


class Selection(NamedTuple):
    """Some columns of a table, in the order of the request."""

    table: Table
    indexes: Sequence[int]

    @classmethod
    def of(cls, table: Table, fields: str | None) -> Selection:
        """`fields` are names with commas between; None for all columns. Raises UnknownColumnError."""
        if fields is None:
            return cls(table, range(len(table.columns)))
        names = fields.split(",")
        for name in names:
            if name not in table.column_names:
                raise UnknownColumnError(f"There is no column {name!r}; there are: {', '.join(table.column_names)}.")
        if len(set(names)) < len(names):
            raise UnknownColumnError(f"A column is named twice: {fields}.")
        return cls(
            Table(
                table.name,
                table.version,
                table.title,
                tuple(column for name in names for column in table.columns if column.name == name),
                table.key,
            ),
            [table.column_names.index(name) for name in names],
        )

    def row(self, row: Row) -> Row:
        return tuple(row[index] for index in self.indexes)

    def named(self, row: Row) -> dict[str, Any]:
        return dict(zip(self.table.column_names, self.row(row), strict=True))


@dataclass(frozen=True, eq=False)
class InOrder:
    """The stations and the areas of a definition in the order of StationOrder. Made when they are needed first; of a nation the
    stations take a tenth of a second."""

    definition: Definition

    @cached_property
    def by_rank(self) -> Sequence[int]:
        """Rank → station."""
        return stations_by_rank(self.definition)

    @cached_property
    def _position(self) -> Sequence[int]:
        """Area → its index among the areas of its level."""
        positions = [0] * len(self.definition.tree.codes)
        for areas in self._areas_of_level:
            for position, area in enumerate(areas):
                positions[area] = position
        return positions

    @cached_property
    def _areas_of_level(self) -> tuple[Sequence[int], ...]:
        tree, order = self.definition.tree, self.definition.stations.order
        levels: list[list[int]] = [[] for _ in tree.level_ids]
        for area, level in enumerate(tree.level):
            levels[level].append(area)
        for each in levels:
            each.sort(key=lambda area: (order.first[area], order.end[area], tree.codes[area]))
        return tuple(levels)

    def areas(self, within: int, level: int, contest: ContestEntry) -> Sequence[int]:
        """The areas of a level in an area in which a contest is voted on, in order."""
        tree, root = self.definition.tree, contest.root_area
        is_inside = within in tree.lineage[root] and tree.level[root] <= level
        return self._kept_areas(root if is_inside else within, level, contest.number)

    @cached_property
    def _kept_areas(self) -> Callable[[int, int, int], Sequence[int]]:
        return lru_cache(KEPT_LISTS_OF_AREAS)(self._areas)

    def _areas(self, within: int, level: int, contest: int) -> Sequence[int]:
        """Areas of a level in an area, in which a contest is voted on. Only those are looked at whose first station is one of
        the area's, or the next one: areas without a station too."""
        tree, order = self.definition.tree, self.definition.stations.order
        lineage, expected = tree.lineage, self.definition.electorates.denominators
        of_level = self._areas_of_level[level]
        begin = bisect_left(of_level, order.first[within], key=order.first.__getitem__)
        end = bisect_right(of_level, order.end[within], key=order.first.__getitem__)
        return [area for area in of_level[begin:end] if within in lineage[area] and (contest, area) in expected]

    def index_after(self, areas: Sequence[int], area: int) -> int:
        """The index at which the areas behind this one begin in a list of areas in order, all of its level."""
        return bisect_right(areas, self._position[area], key=self._position.__getitem__)


def listed_station(definition: Definition, contest: ContestEntry, station: int, row: Mapping[str, Any] | None) -> Row:
    """A row of the table `station-list`; `row` is one of readmodel/station_queries.py, None where nothing was submitted."""
    if row is None:
        return (*station_row(definition, contest, station, None), None, None)
    rules = " ".join(rules_of(row))
    counts = station_row(definition, contest, station, standing_of(row))
    return (*counts, rules or None, published_time(row["changed_us"]))


def rules_of(row: Mapping[str, Any]) -> list[str]:
    """The rules that the form breaks, each once."""
    findings = row["findings"]
    return [] if findings is None else list(dict.fromkeys(finding["rule"] for finding in orjson.loads(findings)))


def column_to_sort(name: str) -> int:
    """Index of a column of `area-list` by which areas can be sorted. Raises UnknownColumnError."""
    counts = {column.name: index for index, column in enumerate(AREA_COUNTS.columns) if column.kind is Kind.COUNT}
    if name not in counts:
        raise UnknownColumnError(f"Areas are not sorted by {name!r}, but by area, or by one of: {', '.join(counts)}.")
    return counts[name]


SortKey = tuple[int, str]
"""What a row is sorted by: its number (negative for the largest first), and the code of its area."""


def sorted_areas(rows: Iterable[Row], column: int, *, largest_first: bool) -> list[tuple[SortKey, Row]]:
    """Rows of `area-list` by a number, with ties by the code of the area. A row whose number is not stated comes last."""
    area = AREA_COUNTS.column_names.index("area")

    def key(row: Row) -> SortKey:
        number = row[column]
        if number is None:
            return _LAST, row[area]
        return -number if largest_first else number, row[area]

    return sorted(((key(row), row) for row in rows), key=lambda each: each[0])


_LAST = 2**62
"""Number above any of a nation."""
