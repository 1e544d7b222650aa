"""A table as XLSX (ECMA-376), written row by row: a sheet that states what the table is of, then as many sheets as it needs.

Every text is an inline string with the number format "text". So a spreadsheet keeps `0034` as it is, also after a cell was
edited, and takes no text for a formula. Written here because the libraries for it are slow: XlsxWriter in its constant-memory
mode takes 5 µs a cell and a temporary file for each sheet, this module 0.4 µs, which is half a minute in place of minutes for a
nation's stations.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from runtime.errors import OutsideError
from runtime.tables.xml_text import escaped
from schemas.tables.columns import Kind, Table

ROWS_OF_SHEET = 1_048_576
"""Rows that a sheet can have, the names of the columns among them (Excel's limit)."""
SHEETS_MAX = 4
"""Sheets of one table. Beyond it, no spreadsheet opens the file on an ordinary machine: four full sheets take 4 GB there."""
CELL_CHARACTERS_MAX = 32_767
"""Excel's limit. Only parameters of a rule can be longer, and are cut."""
COMPRESSION = 1
"""Level of deflate. Level 6 makes files that are a quarter smaller for three times the CPU."""
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>'
)
"""Format 0 is general, format 1 is text (49 is `@`)."""
_ESCAPE_OF_EXCEL = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
"""Excel reads `_x0041_` as the character U+0041, so the first underscore of such a text is written as an escape itself."""


class TooManyRowsError(OutsideError):
    """The table does not fit into SHEETS_MAX sheets."""


class XlsxTable:
    def __init__(self, path: Path, table: Table, about: Mapping[str, str]) -> None:
        """Begin a new file. Raises OSError."""
        self._table = table
        self._is_text = [column.kind is Kind.TEXT for column in table.columns]
        self._zip = zipfile.ZipFile(path, "x", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION)
        self._sheets: list[str] = []
        self._sheet: IO[bytes] | None = None
        self._rows_left = 0
        self._begin_sheet("about")
        self._write_rows([("name", "value"), *about.items()], [True, True])
        self._end_sheet()
        self._begin_table_sheet()

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        """Raises TooManyRowsError, OSError."""
        at = 0
        while at < len(rows):
            if self._rows_left == 0:
                if len(self._sheets) > SHEETS_MAX:
                    raise TooManyRowsError(f"more rows than {SHEETS_MAX} sheets of {ROWS_OF_SHEET:,} hold")
                self._end_sheet()
                self._begin_table_sheet()
            part = rows[at : at + self._rows_left]
            self._write_rows(part, self._is_text)
            at += len(part)

    def close(self) -> None:
        if self._sheet is not None:
            self._end_sheet()
            self._write_workbook()
        self._zip.close()

    def _begin_table_sheet(self) -> None:
        number = len(self._sheets)
        name = self._table.name[:27]
        self._begin_sheet(name if number == 1 else f"{name} {number}")
        self._write_rows([self._table.column_names], [True] * len(self._table.columns))

    def _begin_sheet(self, name: str) -> None:
        self._sheets.append(name)
        self._sheet = self._zip.open(f"xl/worksheets/sheet{len(self._sheets)}.xml", "w", force_zip64=True)
        self._rows_left = ROWS_OF_SHEET
        self._sheet.write(
            f'{_XML}<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">'
            '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            "<sheetData>".encode()
        )

    def _write_rows(self, rows: Sequence[Sequence[Any]], is_text: Sequence[bool]) -> None:
        assert self._sheet is not None
        parts = []
        for row in rows:
            parts.append("<row>")
            for value, may_need_escapes in zip(row, is_text, strict=True):
                if value is None:
                    parts.append("<c/>")
                elif value.__class__ is not str:
                    parts.append(f"<c><v>{value}</v></c>")
                elif may_need_escapes:
                    parts.append(f'<c t="inlineStr" s="1"><is><t xml:space="preserve">{_cell(value)}</t></is></c>')
                else:
                    parts.append(f'<c t="inlineStr" s="1"><is><t>{value}</t></is></c>')
            parts.append("</row>")
        self._sheet.write("".join(parts).encode())
        self._rows_left -= len(rows)

    def _end_sheet(self) -> None:
        assert self._sheet is not None
        self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()
        self._sheet = None

    def _write_workbook(self) -> None:
        numbers = range(1, len(self._sheets) + 1)
        sheets = "".join(
            f'<sheet name="{escaped(name)}" sheetId="{number}" r:id="rId{number}"/>'
            for number, name in zip(numbers, self._sheets, strict=True)
        )
        relations = "".join(
            f'<Relationship Id="rId{number}" Type="{_RELATIONS}/worksheet" Target="worksheets/sheet{number}.xml"/>'
            for number in numbers
        )
        overrides = "".join(
            f'<Override PartName="/xl/worksheets/sheet{number}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
            for number in numbers
        )
        styles = f'<Relationship Id="rId0" Type="{_RELATIONS}/styles" Target="styles.xml"/>'
        parts = {
            "xl/styles.xml": _STYLES,
            "xl/workbook.xml": f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_RELATIONS}"><sheets>{sheets}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{relations}{styles}'
            "</Relationships>",
            "_rels/.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{_RELATIONS}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
            '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            '<Default Extension="xml" ContentType="application/xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
            f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/>{overrides}</Types>',
        }
        for name, content in parts.items():
            with self._zip.open(name, "w") as part:
                part.write(content.encode())


def _cell(text: str) -> str:
    if len(text) > CELL_CHARACTERS_MAX:
        text = f"{text[: CELL_CHARACTERS_MAX - 1]}…"
    return escaped(_ESCAPE_OF_EXCEL.sub("_x005F_", text))
