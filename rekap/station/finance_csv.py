"""Campaign finance reports in a CSV file, a row for each line of a report, as the bodies of events (docs/finance.md)."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from projections.definition.compiled import Definition
from rekap.station.event_files import EventFileError, Given
from schemas.codes import AMOUNT_MAX
from schemas.definition.finance_settings import FINANCE_KINDS_MAX, FinanceSettings
from schemas.texts import shown

OF_REPORT = (
    "party", "area", "contest", "choice", "report", "version", "begins", "ends", "submitted", "opening", "closing", "opinion",
    "document_sha256", "document_url",
)  # fmt: skip
"""Columns in which all rows of a report agree."""
OF_LINE = ("line", "kind", "amount", "donors", "largest")
REQUIRED = ("report", "begins", "ends", "submitted", "opening", "closing", "document_sha256")
COLUMNS = (*OF_REPORT, *OF_LINE)
ACCOUNT = ("party", "area", "contest", "choice", "report", "version")

FILE_BYTES_MAX = 64 * 1024 * 1024
"""Some 100,000 reports. The file is in memory as a whole, because the rows of a report may be apart."""
ROWS_MAX = 500_000
"""Rows take 1 kB of memory each, however short they are. A report has some ten."""
_WHOLE = re.compile(r"[0-9]{1,15}")
_AMOUNT = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,4}))?")

_Row = Mapping[str, str]


def finance_bodies(file: Path, definition: Definition) -> Iterator[Given]:
    """The reports of the file, each at the line of its first row. Raises EventFileError."""
    settings = definition.election.finance
    if settings is None:
        raise EventFileError(file, None, "the package does not describe campaign finance (`finance` of election.json)")
    found: dict[tuple[str, ...], list[tuple[int, _Row]]] = {}
    for line, row in _rows(file):
        found.setdefault(tuple(row[name] for name in ACCOUNT), []).append((line, row))
    if not found:
        raise EventFileError(file, None, "has no row below the names of its columns")
    for rows in found.values():
        yield Given(file, rows[0][0], _body(file, rows, settings, definition))


def _rows(file: Path) -> Iterator[tuple[int, _Row]]:
    reader = csv.reader(io.StringIO(_text(file), newline=""), strict=True)
    try:
        header = next(reader, [])
        if unknown := [name for name in header if name not in COLUMNS]:
            raise EventFileError(file, 1, f"there is no column {shown(unknown[0])!r}; columns are {', '.join(COLUMNS)}")
        if missing := [name for name in REQUIRED if name not in header]:
            raise EventFileError(file, 1, f"the column {missing[0]} is missing")
        if len(set(header)) < len(header):
            raise EventFileError(file, 1, "a column is named twice")
        left = ROWS_MAX
        for cells in reader:
            if not any(cells):
                continue
            if not left:
                raise EventFileError(file, reader.line_num, f"more than {ROWS_MAX:,} rows; cut the file into several")
            left -= 1
            if len(cells) != len(header):
                words = f"has {len(cells)} cells, but the first line names {len(header)} columns"
                raise EventFileError(file, reader.line_num, words)
            yield reader.line_num, dict.fromkeys(COLUMNS, "") | dict(zip(header, map(str.strip, cells), strict=True))
    except csv.Error as error:
        raise EventFileError(file, reader.line_num, f"is not CSV: {error}") from None


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise EventFileError(file, None, f"cannot be read: {error.strerror}") from None
    if len(data) > FILE_BYTES_MAX:
        raise EventFileError(file, None, f"has more than {FILE_BYTES_MAX:,} bytes; cut it into several files")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise EventFileError(
            file, line, f"byte {data[error.start]:#04x} is not UTF-8; save the file as UTF-8"
        ) from None


def _body(
    file: Path, rows: list[tuple[int, _Row]], settings: FinanceSettings, definition: Definition
) -> dict[str, Any]:
    number, first = rows[0]
    for line, row in rows:
        for name in OF_REPORT:
            if row[name] != first[name]:
                mine, other = shown(row[name]), shown(first[name])
                words = f"{name}: {mine!r} is not {other!r}, as line {number} of the same report has it"
                raise EventFileError(file, line, words)
    for name in REQUIRED:
        if not first[name]:
            raise EventFileError(file, number, f"{name}: is empty")
    body: dict[str, Any] = {"type": "finance.reported", "area": first["area"] or _area_of(first, definition)}
    body |= {name: first[name] for name in ("party", "contest", "choice", "opinion") if first[name]}
    body |= {name: first[name] for name in ("report", "begins", "ends", "submitted")}
    body["version"] = _whole(file, number, "version", first["version"] or "1")
    for name in ("opening", "closing"):
        body[name] = _amount(file, number, name, first[name], settings)
    body["document"] = {"sha256": first["document_sha256"]}
    if first["document_url"]:
        body["document"]["url"] = first["document_url"]
    for line, row in rows:
        if row["line"] == "" and len(rows) == 1 and not any(row[name] for name in OF_LINE):
            continue
        if row["line"] not in ("income", "spending"):
            raise EventFileError(file, line, f"line: {shown(row['line'])!r} is neither income nor spending")
        lines = body.setdefault(row["line"], [])
        if len(lines) == FINANCE_KINDS_MAX:
            raise EventFileError(file, line, f"a report has at most {FINANCE_KINDS_MAX} lines of {row['line']}")
        lines.append(_line(file, line, row, settings))
    return body


def _area_of(row: _Row, definition: Definition) -> str:
    """The area of a candidate's account; empty where the contest is unknown, which the checks of the event then name."""
    number = definition.ballots.contest_number.get(row["contest"])
    return "" if number is None else definition.tree.codes[definition.ballots.contests[number].root_area]


def _line(file: Path, line: int, row: _Row, settings: FinanceSettings) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": row["kind"], "amount": _amount(file, line, "amount", row["amount"], settings)}
    if row["line"] == "income":
        if row["donors"]:
            found["donors"] = _whole(file, line, "donors", row["donors"])
        if row["largest"]:
            found["largest"] = _amount(file, line, "largest", row["largest"], settings)
    elif row["donors"] or row["largest"]:
        raise EventFileError(file, line, "donors and largest belong to lines of income")
    return found


def _whole(file: Path, line: int, name: str, cell: str) -> int:
    if not _WHOLE.fullmatch(cell):
        raise EventFileError(file, line, f"{name}: expected a whole number, got {shown(cell)!r}")
    return int(cell)


def _amount(file: Path, line: int, name: str, cell: str, settings: FinanceSettings) -> int:
    """The amount in the minor unit, exactly."""
    match = _AMOUNT.fullmatch(cell)
    if match is None:
        words = f"{name}: expected an amount such as 1500000, without separators of thousands, got {shown(cell)!r}"
        raise EventFileError(file, line, words)
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    if len(fraction) > settings.decimals:
        words = f"{name}: {settings.currency} has {settings.decimals} digits after the point here, got {shown(cell)!r}"
        raise EventFileError(file, line, words)
    amount = int(whole + fraction.ljust(settings.decimals, "0"))
    if amount > AMOUNT_MAX:
        raise EventFileError(file, line, f"{name}: {shown(cell)} is above the largest amount")
    return -amount if sign else amount
