"""Bulk files as programs that are not ours read them: each row as a dictionary, with None where there is no value."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import duckdb
import orjson
from lxml import etree
from python_calamine import CalamineWorkbook

from runtime.tables.xml_table import xsd
from schemas.tables.columns import Kind, Table


def rows_of(path: Path, table: Table) -> list[dict[str, Any]]:
    read = {".csv": _csv, ".ndjson": _ndjson, ".json": _json, ".parquet": _parquet, ".xml": _xml, ".xlsx": _xlsx}
    return read[path.suffix](path, table)


def _csv(path: Path, table: Table) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [_typed(row, table, apostrophes=1) for row in csv.DictReader(file, strict=True)]


def _ndjson(path: Path, table: Table) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def _json(path: Path, table: Table) -> list[dict[str, Any]]:
    whole = orjson.loads(path.read_bytes())
    assert whole["table"] == table.name
    rows: list[dict[str, Any]] = whole["rows"]
    return rows


def _parquet(path: Path, table: Table) -> list[dict[str, Any]]:
    with duckdb.connect() as database:
        rows = database.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
    return [dict(zip(table.column_names, row, strict=True)) for row in rows]


def _xml(path: Path, table: Table) -> list[dict[str, Any]]:
    """Raises DocumentInvalid where the file is not valid by its XSD."""
    document = etree.parse(path)
    etree.XMLSchema(etree.fromstring(xsd(table).encode())).assertValid(document)
    rows = ({cell.tag: cell.text for cell in row} for row in document.getroot())
    return [_typed({name: row.get(name, "") for name in table.column_names}, table) for row in rows]


def _xlsx(path: Path, table: Table) -> list[dict[str, Any]]:
    book = CalamineWorkbook.from_path(path)
    _, *sheets = (book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names)
    rows: list[dict[str, Any]] = []
    for header, *cells in sheets:
        assert tuple(header) == table.column_names
        for row in cells:
            values = [None if cell == "" else int(cell) if isinstance(cell, float) else cell for cell in row]
            rows.append(dict(zip(table.column_names, values, strict=True)))
    return rows


def _typed(row: dict[str, str], table: Table, *, apostrophes: int = 0) -> dict[str, Any]:
    """The values of cells that are texts; the first `apostrophes` characters of a text may be of the format."""
    kinds = {column.name: column.kind for column in table.columns}
    return {
        name: None
        if cell == ""
        else int(cell)
        if kinds[name] in (Kind.COUNT, Kind.AMOUNT)
        else cell.removeprefix("'" * apostrophes)
        if kinds[name] is Kind.TEXT
        else cell
        for name, cell in row.items()
    }
