"""A table as Parquet, made by DuckDB from the table's CSV file, with which the auditor counts already.

DuckDB reads and writes a few thousand rows at a time, so memory does not grow with the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from runtime.tables.csv_table import APOSTROPHE
from schemas.tables.columns import Kind

MEMORY = "200MB"
"""Limit for DuckDB. At half, a table of 30 columns does not fit with the groups of rows that are being written."""
ROWS_OF_GROUP = 61_440
"""Rows that a reader reads at once; DuckDB's own number is the double, and takes twice the memory."""
_TYPES = {Kind.COUNT: "BIGINT", Kind.AMOUNT: "BIGINT"}
"""All others are texts. 64 bits hold the sum over all stations of a nation, and of all lines of a finance report
(schemas/codes.py: COUNT_MAX, AMOUNT_MAX)."""


def write_parquet(csv: Path, parquet: Path, table: Sequence[tuple[str, Kind]], about: Mapping[str, str]) -> None:
    """Write the rows of a CSV file (csv_table.py) whose columns are these. `about` is kept in the file's metadata. Raises
    OSError."""
    columns = ", ".join(f"{_text(name)}: {_text(_TYPES.get(kind, 'VARCHAR'))}" for name, kind in table)
    selected = ", ".join(_selected(name, kind) for name, kind in table)
    metadata = ", ".join(f"{_text(name)}: {_text(value)}" for name, value in about.items())
    with duckdb.connect(
        config={"memory_limit": MEMORY, "threads": 1, "temp_directory": "", "autoinstall_known_extensions": False}
    ) as database:
        try:
            rows = (
                f"SELECT {selected} FROM read_csv({_text(str(csv))}, auto_detect = false, header = true, delim = ',', "  # noqa: S608  # our own names
                f"quote = '\"', escape = '\"', new_line = '\\r\\n', nullstr = '', columns = {{{columns}}})"
            )
            options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROWS_OF_GROUP}, KV_METADATA {{{metadata}}}"
            database.execute(f"COPY ({rows}) TO {_text(str(parquet))} ({options})")
        except duckdb.IOException as error:
            raise OSError(f"{parquet}: {error}") from None


def _selected(name: str, kind: Kind) -> str:
    """The column; a text without the apostrophe that keeps spreadsheets from taking it for a formula."""
    column = '"' + name.replace('"', '""') + '"'
    if kind is not Kind.TEXT:
        return column
    return f"CASE WHEN {column}[1] = {_text(APOSTROPHE)} THEN {column}[2:] ELSE {column} END AS {column}"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
