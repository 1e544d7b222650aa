"""Which files the bulk export of an election has, and their names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from projections.definition.compiled import Definition
from projections.tables.result_rows import TableOf, tables_of
from schemas.derived.blocks import FINANCE
from schemas.tables.columns import Table
from schemas.tables.dictionary import DICTIONARY_TABLES
from schemas.tables.finance import FINANCE_TABLES
from schemas.tables.register import REGISTER_TABLES
from schemas.tables.results import RESULT_TABLES

ALL_TABLES = (*RESULT_TABLES, *FINANCE_TABLES, *REGISTER_TABLES, *DICTIONARY_TABLES)


class PlannedFile(NamedTuple):
    """One table in any format."""

    stem: str
    """Name without its ending, such as `president.province.area-votes` or `choices`."""
    table: Table
    office: str | None
    """None for tables of the register; `-finance`, which no office can be named, for those of campaign finance."""
    level: str | None

    @property
    def of(self) -> TableOf:
        return TableOf(self.table, self.level)


def planned_files(
    definition: Definition, *, offices: Collection[str] | None = None, tables: Collection[str] | None = None
) -> list[PlannedFile]:
    """The files of these offices and tables, by id and name; None for all. No two have the same name, also where a file system
    takes capitals and small letters for the same."""
    planned = list(_all(definition))
    seen: set[str] = set()
    files = []
    for each in planned:
        stem = each.stem
        while stem.casefold() in seen:
            stem += "-2"
        seen.add(stem.casefold())
        if tables is not None and each.table.name not in tables:
            continue
        if offices is None or each.office is None or each.office in offices:
            files.append(each._replace(stem=stem))
    return files


def _all(definition: Definition) -> Iterator[PlannedFile]:
    for office in definition.ballots.offices:
        for table, level in tables_of(definition):
            stem = ".".join(part for part in (office.id, level, table.name) if part is not None)
            yield PlannedFile(stem, table, office.id, level)
    if definition.election.finance is not None:
        for table in FINANCE_TABLES:
            yield PlannedFile(table.name, table, FINANCE, None)
    for table in (*REGISTER_TABLES, *DICTIONARY_TABLES):
        yield PlannedFile(table.name, table, None, None)
