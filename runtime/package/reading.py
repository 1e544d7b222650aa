"""Reading an election package from disk, with every mistake placed in its file and line (DESIGN 4).

A package is a directory, or a zip of one, with `election.json` and a CSV file for each table (UTF-8, commas, the column
names in the first line; an empty cell has no value). `read_package` finds all problems at once, in three passes:

    1. bytes    each file is there, is text, is CSV or JSON           sources.py, texts.py
    2. rows     each row has the shape that its table requires        election_file.py, tables.py, rows.py
    3. tables   the caller's `check`, which is `projections.checks.package_checks.problems`, compares rows with each other

The third pass gets the rows of the first two with a stand-in for each bad cell, so that one typing error does not hide
the other mistakes. A second problem in the same cell is left out.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.package.election_file import ElectionFile
from runtime.package.errors import PackageError, UnreadablePackageError
from runtime.package.file_names import ELECTION_FILE, FILES, OPTIONAL_TABLES, file_of
from runtime.package.problem_list import FileProblems
from runtime.package.sources import open_source
from runtime.package.tables import ROWS_MAX, CellShaper, Row, Table, read_table, stream_cells, stream_table
from runtime.package.texts import PackageTexts
from schemas.definition.package import TABLES, Election, ElectionPackage
from schemas.definition.problems import ELECTION_TABLE, PackageProblem, Problem

Check = Callable[[ElectionPackage], Sequence[Problem]]


@dataclass(frozen=True, slots=True)
class PackageReading:
    """What a package holds, or all its problems. The package is None exactly where there are problems."""

    package: ElectionPackage | None
    problems: tuple[PackageProblem, ...]
    warnings: tuple[PackageProblem, ...]
    """What was ignored: files that do not belong to a package, a byte order mark."""


def load_package(path: Path, check: Check) -> ElectionPackage:
    """The election package in a directory or zip. Raises PackageError with all problems at once."""
    reading = read_package(path, check)
    if reading.package is None:
        raise PackageError(reading.problems)
    return reading.package


def read_package(path: Path, check: Check) -> PackageReading:
    """The election package in a directory or zip, or its problems; and warnings. Raises UnreadablePackageError."""
    problems = FileProblems()
    texts = PackageTexts(open_source(path), problems)
    if texts.names.isdisjoint(FILES):
        raise UnreadablePackageError(
            f"{path} is not an election package: it has no {ELECTION_FILE} and none of its tables"
        )
    election_file = ElectionFile(problems)
    election = _read_election(election_file, texts, problems)
    tables = {table: read_table_file(table, texts, problems) for table in TABLES}
    package = _package(election, tables)
    if package is not None:
        _add_problems(check(package), tables, election_file, problems)
    else:
        words = "tables were not compared with each other; they will be once the problems above are corrected"
        problems.warn(ELECTION_FILE, None, words)
    if listed := problems.listed():
        return PackageReading(None, listed, tuple(problems.warnings))
    assert package is not None, "there is no problem, so there is a package"
    return PackageReading(package, (), tuple(problems.warnings))


def table_rows(path: Path, table: str) -> Iterator[Any]:
    """The rows of one table of a package that was read before, in the order of its file. Only a few thousand rows are in
    memory, so that a nation's stations fit. Raises PackageError where the package is another one meanwhile."""

    def rows(pieces: Iterable[str], problems: FileProblems) -> Iterator[Any]:
        for each in stream_table(table, pieces, problems):
            yield from each

    return _streamed(path, table, rows)


def shaped_rows(path: Path, table: str, columns: Sequence[str], shape: CellShaper[Row]) -> Iterator[Row]:
    """The rows that `shape` makes of the cells of these columns, of a table that was read before. Only a piece of its text is
    in memory. Raises PackageError where the package is another one meanwhile."""
    return _streamed(path, table, lambda pieces, problems: stream_cells(table, pieces, columns, shape, problems))


def _streamed(path: Path, table: str, rows: Callable[[Iterable[str], FileProblems], Iterator[Row]]) -> Iterator[Row]:
    problems = FileProblems()
    texts = PackageTexts(open_source(path), problems)
    file = file_of(table)
    if file in texts.names:
        yield from rows(texts.pieces(file, ROWS_MAX[table]), problems)
    elif table not in OPTIONAL_TABLES:
        problems.add(file, None, None, "the file is missing")
    if listed := problems.listed():
        raise PackageError(listed)


def _read_election(file: ElectionFile, texts: PackageTexts, problems: FileProblems) -> Election | None:
    if ELECTION_FILE not in texts.names:
        problems.add(ELECTION_FILE, None, None, "the file is missing")
        return None
    text = texts.read(ELECTION_FILE)
    return None if text is None else file.read(text)


def read_table_file(table: str, texts: PackageTexts, problems: FileProblems) -> Table | None:
    """The rows of a table; None where its file cannot be read as a table."""
    file = file_of(table)
    if file not in texts.names:
        if table in OPTIONAL_TABLES:
            return Table([], array("L"))
        problems.add(file, None, None, "the file is missing")
        return None
    text = texts.read(file, ROWS_MAX[table])
    return None if text is None else read_table(table, text, problems)


def _package(election: Election | None, tables: Mapping[str, Table | None]) -> ElectionPackage | None:
    if election is None:
        return None
    rows = {name: tuple(table.rows) for name, table in tables.items() if table is not None}
    return ElectionPackage(election=election, **rows) if len(rows) == len(TABLES) else None


def _add_problems(
    found: Iterable[Problem], tables: Mapping[str, Table | None], election_file: ElectionFile, problems: FileProblems
) -> None:
    """Add the problems of the third pass with file and line, except where the same cell or row has a problem already."""
    cells = problems.cells()
    for table, row, column, words in found:
        if table == ELECTION_TABLE:
            file, line = ELECTION_FILE, election_file.line_of(column or "")
        else:
            read = tables[table]
            assert read is not None, "only a package with all its tables is checked"
            file, line = file_of(table), 1 if row is None else read.lines[row]
        if cells.isdisjoint({(file, line, column), (file, line, None)}):
            problems.add(file, line, column, words)
