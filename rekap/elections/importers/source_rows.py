"""Rows of public data in CSV, read by column. An error names file and line, whatever a file has in it."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO, TypeVar

from pydantic import BaseModel, ValidationError

from rekap.errors import UnusableError
from runtime.package.shape_sentences import first_sentence
from schemas.texts import shown, written

CHARACTERS_MAX = 64 * 1024 * 1024
"""Limit for a file, unpacked. The candidates of a nation would be 16 MB. Rows take ten times as much memory; at double, a file
of gzip that is a bomb takes 1.3 GB before it is refused."""
LINE_CHARACTERS_MAX = 256 * 1024

Model = TypeVar("Model", bound=BaseModel)


class SourceFileError(UnusableError):
    """A file is missing, or has a value that it should not have; the message names file and line."""


@dataclass(frozen=True, slots=True)
class SourceRow:
    file: str
    line: int
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        if column not in self.cells:
            raise SourceFileError(f"{self.file}: there is no column {column!r}")
        return self.cells[column].strip()

    def made(self, model: type[Model], **fields: Any) -> Model:
        """A row of a package from values of this row. Raises SourceFileError where the package could not have it."""
        try:
            return model(**fields)
        except ValidationError as error:
            self.refuse(first_sentence(error))

    def wrong(self, column: str, expected: str) -> NoReturn:
        self.refuse(f"{column}: expected {expected}, got {written(self.cells[column])[:80]}")

    def refuse(self, sentence: str) -> NoReturn:
        raise SourceFileError(f"{self.file}:{self.line}: {sentence}")


def source_rows(path: Path) -> Iterator[SourceRow]:
    """The rows of a CSV file, also one that gzip has packed. Raises SourceFileError."""
    try:
        with _opened(path) as file:
            reader = csv.DictReader(_lines(path, file), strict=True)
            for cells in reader:
                if None in cells or None in cells.values():
                    raise SourceFileError(f"{path.name}:{reader.line_num}: a cell too many or too few")
                yield SourceRow(path.name, reader.line_num, cells)
    except FileNotFoundError:
        raise SourceFileError(f"{path}: there is no such file") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise SourceFileError(f"{path} cannot be read: {shown(error)}") from None


def _opened(path: Path) -> TextIO:
    if not path.is_file() and path.exists():
        raise SourceFileError(f"{path} is not a regular file")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    left = CHARACTERS_MAX
    while line := file.readline(LINE_CHARACTERS_MAX + 1):
        if len(line) > LINE_CHARACTERS_MAX:
            raise SourceFileError(f"{path}: has a line of more than {LINE_CHARACTERS_MAX:,} characters")
        left -= len(line)
        if left < 0:
            raise SourceFileError(f"{path}: has more than {CHARACTERS_MAX:,} characters")
        yield line
