"""The rows of the tables of the register (schemas/tables/register.py), from the rows of the election package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from projections.definition.compiled import Definition
from schemas.definition.package import Area, Choice, Contest, DistrictPart, Key, LocalText, Office, Party, Station
from schemas.tables.columns import Table
from schemas.tables.register import (
    AREAS,
    CHOICES,
    CONTESTS,
    DISTRICTS,
    KEYS,
    OFFICES,
    PARTIES,
    RULES,
    STATIONS,
    TEXTS,
)

Row = tuple[Any, ...]


def package_rows(definition: Definition, table: Table, rows: Iterable[Any]) -> Iterator[Row]:
    """The rows of a table that has one for each row of the package's table of the same name."""
    row_of = _ROW_OF[table.name]
    return (row_of(definition, row) for row in rows)


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


def _station(definition: Definition, row: Station) -> Row:
    tree = definition.tree
    partition = tree.partition_of_shard[tree.shard[tree.number[row.area]]]
    registered = row.registered_men, row.registered_women, row.registered_voters
    return row.code, row.name, row.area, _path(definition, row.area), *registered, int(partition)


def _office(definition: Definition, row: Office) -> Row:
    return row.id, _first(row.name), row.blank_ballots.value


def _contest(definition: Definition, row: Contest) -> Row:
    area = definition.tree.codes[definition.ballots.contest(row.id).root_area]
    name = None if row.name is None else _first(row.name)
    return row.id, row.office, row.electorate, area, name, row.seats, row.votes_per_ballot, row.method.value


def _district(definition: Definition, row: DistrictPart) -> Row:
    return row.district, row.name, row.area


def _party(definition: Definition, row: Party) -> Row:
    return row.id, row.name, row.short_name, row.number


def _choice(definition: Definition, row: Choice) -> Row:
    return row.contest, row.id, row.name, row.kind.value, row.party, row.order


def _key(definition: Definition, row: Key) -> Row:
    return row.key_id, row.public_key, row.role.value, row.scope, row.holder


_ROW_OF: Mapping[str, Callable[[Definition, Any], Row]] = {
    AREAS.name: _area,
    STATIONS.name: _station,
    OFFICES.name: _office,
    CONTESTS.name: _contest,
    DISTRICTS.name: _district,
    PARTIES.name: _party,
    CHOICES.name: _choice,
    KEYS.name: _key,
}
PACKAGE_TABLES = (AREAS, STATIONS, OFFICES, CONTESTS, DISTRICTS, PARTIES, CHOICES, KEYS)
OTHER_TABLES: Mapping[str, Callable[[Definition], Iterator[Row]]] = {RULES.name: rule_rows, TEXTS.name: text_rows}


def _first(texts: LocalText) -> str:
    return next(iter(texts.root.values()))


def _path(definition: Definition, area: str) -> str:
    tree = definition.tree
    return "/".join(tree.codes[each] for each in reversed(tree.lineage[tree.number[area]]))
