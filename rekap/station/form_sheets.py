"""Sheets of forms: a CSV file with a form in each line, as a spreadsheet writes it, and the empty sheet of a contest.

A sheet has the columns `station`, `contest` and `version` (1 where there is none), and a column for each field by its path
(rekap/station/form_fields.py). Comma or semicolon separates the cells, whichever the first line has.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from rekap.station.event_files import EventFileError
from rekap.station.form_fields import NotANumberError, body_of, fields_of, number_of
from runtime.package.shape_sentences import did_you_mean
from schemas.texts import shown

LINE_BYTES_MAX = 256 * 1024
"""Limit for a line. One of the largest form, with 500 numbers, has 5 kB, and a head with their names 10 kB."""
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


def read_sheet(file: Path, definition: Definition) -> Iterator[SheetForm]:
    """The forms of a sheet, one after the other. Raises EventFileError where the file is not a sheet."""
    try:
        with file.open("rb") as opened:
            lines = _lines(file, opened)
            first = next(lines, (1, ""))[1]
            delimiter = ";" if first.count(";") > first.count(",") else ","
            head = [each.strip() for each in _cells(file, 1, first, delimiter)]
            _check_head(file, head, definition)
            forms = 0
            for number, text in lines:
                if text.strip(f"{delimiter} \t"):
                    if (forms := forms + 1) > FORMS_MAX:
                        raise EventFileError(file, number, f"a sheet may have {FORMS_MAX:,} forms; make two of it")
                    yield _form(file, number, head, _cells(file, number, text, delimiter), definition)
    except OSError as error:
        raise EventFileError(file, None, f"cannot be read: {error.strerror}") from None


def _lines(file: Path, opened: BinaryIO) -> Iterator[tuple[int, str]]:
    number = 0
    while line := opened.readline(LINE_BYTES_MAX + 1):
        number += 1
        if len(line) > LINE_BYTES_MAX:
            raise EventFileError(file, number, f"has more than {LINE_BYTES_MAX:,} bytes, so it is not a form")
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise EventFileError(file, number, "is not UTF-8; save the file as CSV UTF-8") from None


def _cells(file: Path, number: int, text: str, delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise EventFileError(file, number, f"is not a line of CSV ({error}); a cell may not have a line end") from None
    return rows[0] if rows else []


def _check_head(file: Path, head: list[str], definition: Definition) -> None:
    for needed in ("station", "contest"):
        if needed not in head:
            raise EventFileError(file, 1, f"the first line names no column {needed!r}; `rekap form --sheet` writes one")
    known = {*_KEYS, *(field.path for contest in definition.ballots.contests for field in fields_of(contest))}
    for column in head:
        if column not in known:
            near = [each for each in known if each.lower() == column.lower()]
            raise EventFileError(file, 1, f"there is no field {shown(column)!r}{did_you_mean(near[:1])}")
        if head.count(column) > 1:
            raise EventFileError(file, 1, f"the column {shown(column)!r} is there twice")


def _form(file: Path, number: int, head: list[str], cells: list[str], definition: Definition) -> SheetForm:
    if len(cells) != len(head):
        raise EventFileError(file, number, f"has {len(cells)} cells, but the first line names {len(head)} columns")
    row = dict(zip(head, cells, strict=True))
    station, contest = row.pop("station").strip(), row.pop("contest").strip()
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
    return SheetForm(number, station, body_of(station, contest, version, numbers), mistakes)


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
