"""The rows of the tables of the register (schemas/tables/register.py), from the rows of the election package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

import orjson

from projections.definition.compiled import Definition
from schemas.definition.package import Area, Choice, Contest, DistrictPart, Key, Office
from schemas.definition.rows import LocalText
from schemas.tables.columns import Table
from schemas.tables.register import (
    AREAS,
    CHOICES,
    CONTESTS,
    DISTRICTS,
    KEYS,
    OFFICES,
    RULES,
    TEXTS,
)

Row = tuple[Any, ...]


def package_rows(definition: Definition, table: Table, rows: Iterable[Any]) -> Iterator[Row]:
    """The rows of a table that has one for each row of the package's table of the same name."""
    row_of = _ROW_OF[table.name]
    return (row_of(definition, row) for row in rows)


STATION_CELLS = ("code", "area", "registered_men", "registered_women", "registered_voters")
"""Columns of stations.csv of which `station_shaper` makes a row."""


def station_shaper(definition: Definition) -> Callable[[int, Sequence[str]], Row]:
    """Makes a row of the table `stations` of a row of stations.csv, with what the compiled definition knows already: a nation's
    stations are nearly all rows of the register, and reading each by its schema takes longer than the results. The function
    raises ValueError where the cells are not those of the definition."""
    stations, tree = definition.stations, definition.tree
    path = lru_cache(maxsize=1_024)(partial(_path, definition))  # neighbours are in one area

    def shaped(number: int, cells: Sequence[str]) -> Row:
        code, area, men, women, voters = cells
        if number >= len(stations.codes) or code != stations.codes[number] or area != tree.codes[stations.area[number]]:
            raise ValueError(f"row {number} is another station")
        registered = _count(men), _count(women), _count(voters)
        if registered[2] != stations.registered[number]:
            raise ValueError(f"row {number} has other registered voters")
        partition = int(stations.partition(number))
        return code, stations.names[number], area, path(area), *registered, partition

    return shaped


def _count(cell: str) -> int | None:
    if not cell:
        return None
    if not (cell.isdecimal() and cell.isascii() and len(cell) < 20):
        raise ValueError(f"{cell!r} is not a count")
    return int(cell)


def rule_rows(definition: Definition) -> Iterator[Row]:
    """A row for each rule and office; one for a rule of all offices."""
    for rule in definition.election.rules:
        parameters = orjson.dumps(rule.parameters, option=orjson.OPT_SORT_KEYS).decode() if rule.parameters else None
        for office in rule.offices or (None,):
            yield rule.id, office, rule.severity.value, rule.tolerance, parameters


def text_rows(definition: Definition) -> Iterator[Row]:
    """The names and titles that are in several languages."""
    election = definition.election
    named: list[tuple[str, str, LocalText | None]] = [
        ("election", election.id, election.title),
        *(("level", level.id, level.name) for level in election.levels),
        *(("office", entry.id, entry.office.name) for entry in definition.ballots.offices),
        *(("contest", entry.id, entry.contest.name) for entry in definition.ballots.contests),
    ]
    for subject, id, texts in named:
        for language, text in (texts.root if texts is not None else {}).items():
            yield subject, id, language, text


def _area(definition: Definition, row: Area) -> Row:
    return row.code, row.name, row.level, row.parent, _path(definition, row.code)


def _office(definition: Definition, row: Office) -> Row:
    return row.id, _first(row.name), row.blank_ballots.value


def _contest(definition: Definition, row: Contest) -> Row:
    area = definition.tree.codes[definition.ballots.contest(row.id).root_area]
    name = None if row.name is None else _first(row.name)
    return row.id, row.office, row.electorate, area, name, row.seats, row.votes_per_ballot, row.method.value


def _district(definition: Definition, row: DistrictPart) -> Row:
    return row.district, row.name, row.area


def _choice(definition: Definition, row: Choice) -> Row:
    return row.contest, row.id, row.name, row.kind.value, row.party, row.order


def _key(definition: Definition, row: Key) -> Row:
    return row.key_id, row.public_key, row.role.value, row.scope, row.holder


_ROW_OF: Mapping[str, Callable[[Definition, Any], Row]] = {
    AREAS.name: _area,
    OFFICES.name: _office,
    CONTESTS.name: _contest,
    DISTRICTS.name: _district,
    CHOICES.name: _choice,
    KEYS.name: _key,
}
PACKAGE_TABLES = (AREAS, OFFICES, CONTESTS, DISTRICTS, CHOICES, KEYS)
OTHER_TABLES: Mapping[str, Callable[[Definition], Iterator[Row]]] = {RULES.name: rule_rows, TEXTS.name: text_rows}


def _first(texts: LocalText) -> str:
    return next(iter(texts.root.values()))


def _path(definition: Definition, area: str) -> str:
    tree = definition.tree
    return "/".join(tree.codes[each] for each in reversed(tree.lineage[tree.number[area]]))
