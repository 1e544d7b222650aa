"""Pass 2 of reading a package: the text of a CSV file to the rows of its table, with each mistake in its line."""

from __future__ import annotations

import csv
import difflib
import io
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from pydantic import ValidationError

from runtime.package.descriptor import EXAMPLE_LANGUAGE, PRIMARY_KEYS
from runtime.package.file_names import file_of
from runtime.package.problem_list import FileProblems
from runtime.package.rows import RowShaper, WrongWidthError, field_of_column
from runtime.package.shape_sentences import did_you_mean
from schemas.definition.package import TABLES
from schemas.definition.problems import PROBLEMS_MAX
from schemas.definition.profiles import PROFILE_TABLES
from schemas.definition.rows import LANGUAGE_PATTERN, text_fields

ROWS_MAX: Mapping[str, int] = {
    "areas": 500_000,
    "stations": 1_500_000,
    "offices": 1_000,
    "contests": 100_000,
    "districts": 500_000,
    "parties": 10_000,
    "choices": 3_000_000,
    "keys": 1_500_000,
    "candidates": 3_000_000,
    "party_profiles": 10_000,
}
"""India, the largest election in the world, has 1,050,000 stations. A row takes up to a kilobyte of memory."""
LINE_CHARACTERS_MAX = 65_536
"""Limit for a line. A dozen cells of the longest allowed text are 4,000 characters."""
COLUMNS_MAX = 64
"""Limit for the columns that a first line names. No table has more than a dozen, and each unknown name is compared with all
missing ones."""
ERRORS_MAX = 10 * PROBLEMS_MAX
"""Problems after which the rest of a table is not read. Each takes a sentence to make, and only PROBLEMS_MAX are listed."""
ROWS_AT_ONCE = 5_000
"""Rows shaped in one call. At 5,000 the cost of a call does not show, and where all rows are bad pydantic's one error for
them stays small."""
PIECE_CHARACTERS = 1_000_000
"""The text is cut into lines in pieces of this length, because StringIO takes 4 bytes for each character: 200 MB for a nation's
stations as a whole."""
CELL_CHARACTERS_MAX = 131_072
"""Limit for a cell, which is the default of Python's `csv`. The longest allowed text has 300 characters; a cell over the limit
is a quote that was never closed. The limit of `csv` is one of the whole process, so a lower one that is set here would also
hold for what other threads read, such as the exporter's copies of signed events of 60 KiB."""


Row = TypeVar("Row")


@dataclass(slots=True)
class Table:
    """A table as read. Row n of `rows` begins in line `lines[n]`."""

    rows: list[Any]
    lines: array[int]


def read_table(table: str, text: str, problems: FileProblems) -> Table | None:
    """The rows of a table, with stand-ins for cells that do not have their shape; None where the text is not a table."""
    return _TableReader(table, problems).read(text)


def stream_table(table: str, pieces: Iterable[str], problems: FileProblems) -> Iterator[list[Any]]:
    """The rows of a table that was read before without a problem, ROWS_AT_ONCE at a time. Ends early, with the problem in
    `problems`, where the text is another one meanwhile."""
    return _TableReader(table, problems).stream(pieces)


CellShaper = Callable[[int, Sequence[str]], Row]
"""Makes a row of the number of its row and the cells of some columns. Raises ValueError where the cells are not those that were
read before."""


def stream_cells(
    table: str, pieces: Iterable[str], columns: Sequence[str], shape: CellShaper[Row], problems: FileProblems
) -> Iterator[Row]:
    """The rows of a table as from `stream_table`, in a tenth of the time, for a caller that knows how to check the cells. Each
    row is made of the cells of these columns, empty where the table does not have the column."""
    return _TableReader(table, problems).stream_cells(pieces, columns, shape)


class _TableReader:
    def __init__(self, table: str, problems: FileProblems) -> None:
        self._table = table
        self._model = (TABLES | PROFILE_TABLES)[table]
        self._problems = problems

    def read(self, text: str) -> Table | None:
        reader = csv.reader(_bounded_lines(_pieces(text)), strict=True)
        del text
        try:
            header = next(reader, [])
        except csv.Error as error:
            self._add(1, None, _csv_sentence(error))
            return None
        if not self._check_header(header):
            return None
        try:
            return self._read_rows(header, reader)
        except _BrokenOffError:
            return None

    def stream(self, pieces: Iterable[str]) -> Iterator[list[Any]]:
        reader = csv.reader(_bounded_lines(pieces), strict=True)
        try:
            header = next(reader, [])
            if not self._check_header(header):
                return
            shaper = RowShaper(self._model, header)
            for cells, lines in self._chunks(reader):
                try:
                    yield shaper.shape(cells)
                except (ValidationError, WrongWidthError):
                    self._add(lines[0], None, "a row from here on does not have its shape any more")
                    return
        except csv.Error as error:
            self._add(1, None, _csv_sentence(error))
        except _BrokenOffError:
            return

    def stream_cells(self, pieces: Iterable[str], columns: Sequence[str], shape: CellShaper[Row]) -> Iterator[Row]:
        reader = csv.reader(_bounded_lines(pieces), strict=True)
        begins = 1
        try:
            header = next(reader, [])
            if not self._check_header(header):
                return
            indexes = [header.index(column) if column in header else len(header) for column in columns]
            number = 0
            begins = reader.line_num + 1
            for cells in reader:
                if cells:
                    if len(cells) != len(header):
                        raise ValueError("another number of cells")
                    cells.append("")  # the cell of a column that is not there
                    yield shape(number, [cells[index] for index in indexes])
                    number += 1
                begins = reader.line_num + 1
        except csv.Error as error:
            self._add(begins, None, _csv_sentence(error))
        except ValueError:
            self._add(begins, None, "a row from here on does not have its shape any more")

    def _check_header(self, header: list[str]) -> bool:
        """Whether the rows can be read under this first line."""
        texts = text_fields(self._model)
        fields = [f"{name}_{EXAMPLE_LANGUAGE}" if name in texts else name for name in self._model.model_fields]
        if not header:
            self._add(1, None, f"the first line must name the columns: {','.join(fields)}")
            return False
        if len(header) == 1 and (separator := next((each for each in ";\t|" if each in header[0]), None)):
            name = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}[separator]
            self._add(1, None, f"columns are separated by {name}; save the file with commas")
            return False
        if len(header) > COLUMNS_MAX:
            words = (
                f"the first line names {len(header):,} columns, more than {COLUMNS_MAX}; this table has {len(fields)}"
            )
            self._add(1, None, words)
            return False
        can_be_read = True
        for column in dict.fromkeys(header):
            field, language = field_of_column(column, texts)
            if language is not None:
                if not re.match(LANGUAGE_PATTERN, language):
                    words = f"{language!r} is not a language tag as BCP 47 writes it, such as en, pt-BR or zh-Hant"
                    self._add(1, column, words)
                    can_be_read = False
            elif column in texts:
                words = f"has no language; name one, such as {column}_{EXAMPLE_LANGUAGE}, for each that it is in"
                self._add(1, column, words)
                can_be_read = False
            elif field not in self._model.model_fields:
                missing = [name for name in fields if name not in header]
                near = difflib.get_close_matches(column.strip().lower(), missing, 1)
                words = f"there is no column {column[:300]!r} in this table{did_you_mean(near)}"
                self._add(1, column[:300] or None, words)
            if header.count(column) > 1:
                self._add(1, column[:300] or None, f"column {column[:300]!r} is given twice")
                can_be_read = False
        given = {field_of_column(column, texts)[0] for column in header}
        for name, info in self._model.model_fields.items():
            if info.is_required() and name not in given:
                column = f"{name}_{EXAMPLE_LANGUAGE}" if name in texts else name
                self._add(1, column, f"column {column!r} is missing")
                can_be_read = False
        return can_be_read

    def _read_rows(self, header: list[str], reader: _CsvReader) -> Table:
        shaper = RowShaper(self._model, header)
        result = Table([], array("L"))
        key_of = attrgetter(*PRIMARY_KEYS[self._table])
        seen: set[int] = set()
        for cells, lines in self._chunks(reader):
            result.lines.extend(lines)
            try:
                result.rows += shaper.shape(cells)
            except (ValidationError, WrongWidthError):
                for each, line in zip(cells, lines, strict=True):
                    row, errors = shaper.shape_one(each)
                    result.rows.append(row)
                    for column, words in errors:
                        self._add(line, column, words)
            seen.update(hash(key_of(row)) for row in result.rows[len(result.rows) - len(cells) :])
            given_again = len(result.rows) - len(seen)
            if given_again > PROBLEMS_MAX or self._problems.dropped > ERRORS_MAX:
                kind = "repeated rows" if given_again > PROBLEMS_MAX else "problems"
                words = f"has too many {kind} up to here, so the rest was not read"
                self._problems.add(file_of(self._table), lines[-1], None, words, always=True)
                raise _BrokenOffError
        return result

    def _chunks(self, reader: _CsvReader) -> Iterator[tuple[list[list[str]], list[int]]]:
        """The rows that are not blank, ROWS_AT_ONCE at a time, each with the line it begins in."""
        cells: list[list[str]] = []
        lines: list[int] = []
        begins = reader.line_num + 1
        try:
            for each in reader:
                if len(each) > COLUMNS_MAX:
                    words = f"has {len(each):,} cells; no table has more than {COLUMNS_MAX} columns"
                    self._add(begins, None, words)
                elif each:
                    cells.append(each)
                    lines.append(begins)
                    if len(cells) == ROWS_AT_ONCE:
                        yield cells, lines
                        cells, lines = [], []
                begins = reader.line_num + 1
        except csv.Error as error:
            self._add(begins, None, _csv_sentence(error))
            yield cells, lines
            raise _BrokenOffError from None
        if cells:
            yield cells, lines

    def _add(self, line: int, column: str | None, words: str) -> None:
        self._problems.add(file_of(self._table), line, column, words)


class _CsvReader(Protocol):
    line_num: int

    def __iter__(self) -> Iterator[list[str]]: ...


class _BrokenOffError(Exception):
    """A table could not be read to its end, so that other tables cannot be compared with its rows."""


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = text.find("\n", start + PIECE_CHARACTERS) + 1 or len(text)
        yield text[start:end]
        start = end


def _bounded_lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a text that comes in pieces of whole lines. Raises csv.Error, as the CSV reader does, at a line that is too
    long for any table."""
    for piece in pieces:
        for line in io.StringIO(piece, newline=""):
            if len(line) > LINE_CHARACTERS_MAX:
                raise csv.Error(f"line too long: {len(line):,}")
            yield line


def _csv_sentence(error: csv.Error) -> str:
    if "field larger" in str(error):
        return f"a cell has more than {CELL_CHARACTERS_MAX:,} characters; is a quote not closed?"
    if "line too long" in str(error):
        length = str(error).rpartition(" ")[2]
        return f"the line has {length} characters, more than {LINE_CHARACTERS_MAX:,}; is a line end missing?"
    if "unexpected end" in str(error):
        return "a quote is opened here and never closed"
    return 'there is a quote inside a cell; put quotes around the whole cell and write each inside as ""'
