"""Sheets of forms: a CSV file with a form in each line, as a spreadsheet writes it, and the empty sheet of a contest.

A sheet has the columns `station`, `contest` and `version` (1 where there is none), and a column for each field by its path
(rekap/station/form_fields.py). Comma or semicolon separates the cells, whichever the first line has.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from rekap.sheet_rows import SheetError, sheet_rows
from rekap.station.form_fields import NotANumberError, body_of, fields_of, number_of
from runtime.package.shape_sentences import did_you_mean
from schemas.texts import shown

FORMS_MAX = 100_000
"""Limit for the forms of a sheet, which are in memory until all of them are checked: 100 MB of the presidential form. A nation
has several sheets, and `rekap submit` takes several files."""
_KEYS = ("station", "contest", "version")


class SheetForm(NamedTuple):
    line: int
    station: str
    body: dict[str, Any]
    mistakes: list[str]
    """Cells that cannot be read, each with its column. The body lacks them."""
    is_empty: bool
    """No field of the form is stated, as in the lines of the stations that have not reported yet."""


def read_sheet(file: Path, definition: Definition) -> Iterator[SheetForm]:
    """The forms of a sheet, one after the other. Raises SheetError where the file is not a sheet."""
    rows = sheet_rows(file)
    head = next(rows).cells
    _check_head(file, head, definition)
    for forms, row in enumerate(rows, start=1):
        if forms > FORMS_MAX:
            raise SheetError(file, row.line, f"a sheet may have {FORMS_MAX:,} forms; make two of it")
        yield _form(row.line, dict(zip(head, row.cells, strict=True)), definition)


def _check_head(file: Path, head: list[str], definition: Definition) -> None:
    for needed in ("station", "contest"):
        if needed not in head:
            raise SheetError(file, 1, f"the first line names no column {needed!r}; `rekap form --sheet` writes one")
    known = {*_KEYS, *(field.path for contest in definition.ballots.contests for field in fields_of(contest))}
    for column in head:
        if column not in known:
            near = [each for each in known if each.lower() == column.lower()]
            raise SheetError(file, 1, f"there is no field {shown(column)!r}{did_you_mean(near[:1])}")
        if head.count(column) > 1:
            raise SheetError(file, 1, f"the column {shown(column)!r} is there twice")


def _form(number: int, row: dict[str, str], definition: Definition) -> SheetForm:
    station, contest = row.pop("station"), row.pop("contest")
    mistakes = []
    numbers: dict[str, int | None] = {}
    version = 1
    for column, text in row.items():
        try:
            found = number_of(text)
        except NotANumberError as error:
            mistakes.append(f"{column}: {error}")
            continue
        if column == "version":
            version = 1 if found is None else found
        else:
            numbers[column] = found
    if contest not in definition.ballots.contest_number:
        mistakes.append(f"contest: there is no contest {shown(contest)!r}")
    is_empty = not any(text for column, text in row.items() if column != "version")
    return SheetForm(number, station, body_of(station, contest, version, numbers), mistakes, is_empty)


def empty_sheet(definition: Definition, contest: ContestEntry) -> Iterator[bytes]:
    """A sheet with a line for each station of the contest, to be filled in."""
    paths = [field.path for field in fields_of(contest)]
    yield _line([*_KEYS, *paths])
    for number, code in enumerate(definition.stations.codes):
        if contest.number in definition.electorates.contests_of_station(number):
            yield _line([code, contest.id, "1", *[""] * len(paths)])


def _line(cells: list[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().encode()
