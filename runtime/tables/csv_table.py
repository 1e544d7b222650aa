"""A table as CSV: RFC 4180, UTF-8, the column names in the first line. An empty cell has no value.

A spreadsheet takes a cell that begins with one of FORMULA_BEGINNINGS for a formula, which can run a program or send data away.
Such a text is written with an apostrophe before it. A text that begins with an apostrophe gets another one, so that a reader
has the text again by removing one apostrophe at the beginning of a cell of type `text`. Codes, counts, days, times and
hashes never begin with one of these characters, and an amount only where it is a number below 0.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas.tables.columns import Kind, Table

FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""Characters by which spreadsheets recognise a formula, and their wide forms, which those of some languages take for them."""
APOSTROPHE = "'"
_GUARDED = (*FORMULA_BEGINNINGS, APOSTROPHE)


class CsvTable:
    def __init__(self, path: Path, table: Table) -> None:
        """Begin a new file. Raises OSError."""
        self._file = path.open("x", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\r\n")
        self._writer.writerow(table.column_names)
        self._texts = [index for index, column in enumerate(table.columns) if column.kind is Kind.TEXT]

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        if self._texts:
            rows = [self._guarded(row) for row in rows]
        self._writer.writerows(rows)

    def _guarded(self, row: Sequence[Any]) -> Sequence[Any]:
        for index in self._texts:
            if row[index] is not None and row[index].startswith(_GUARDED):
                return [
                    f"{APOSTROPHE}{cell}"
                    if at in self._texts and cell is not None and cell.startswith(_GUARDED)
                    else cell
                    for at, cell in enumerate(row)
                ]
        return row

    def close(self) -> None:
        self._file.close()
