"""The rows of each table that is not of one office: the register, campaign finance, and the tables about tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consumers.exporter.cut import CopiedCut
from consumers.exporter.profiles import rows_of_candidates, rows_of_parties
from projections.definition.compiled import Definition
from projections.tables.file_plan import ALL_TABLES
from projections.tables.finance_rows import finance_rows
from projections.tables.register_rows import OTHER_TABLES, STATION_CELLS, package_rows, station_shaper
from runtime.package.reading import shaped_rows, table_rows
from schemas.tables.columns import Table
from schemas.tables.dictionary import CODES, COLUMNS, code_rows, column_rows
from schemas.tables.finance import FINANCE_TABLES
from schemas.tables.register import CANDIDATES, PARTIES, STATIONS


def rows_of(
    table: Table, definition: Definition, package: Path, cut: CopiedCut, *, with_profiles: bool
) -> Iterator[Any]:
    """`with_profiles` is false where the profiles of the package cannot be used. Raises PackageError, OSError."""
    if table is COLUMNS:
        return column_rows(ALL_TABLES)
    if table is CODES:
        return code_rows(ALL_TABLES)
    if table in FINANCE_TABLES:
        return finance_rows(definition, table, cut.finance(definition))
    if table is CANDIDATES:
        return rows_of_candidates(definition, package)
    if table is PARTIES:
        return rows_of_parties(package, with_profiles=with_profiles)
    if table.name in OTHER_TABLES:
        return OTHER_TABLES[table.name](definition)
    if table is STATIONS:
        return shaped_rows(package, table.name, STATION_CELLS, station_shaper(definition))
    return package_rows(definition, table, table_rows(package, table.name))
