"""Rows of a CSV file as a spreadsheet writes it: UTF-8 with or without a mark, comma or semicolon, each row in one line.

SheetError   the file cannot be read, or a line of it cannot be taken; names file and line
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rekap.errors import UnusableError
from schemas.texts import shown

LINE_BYTES_MAX = 256 * 1024
"""Limit for a line. One of the largest form, with 500 numbers, has 5 kB, and a head with their names 10 kB."""


class SheetError(UnusableError):
    """A sheet cannot be read, or a line of it cannot be taken; the message begins with file and line."""

    def __init__(self, file: Path, line: int | None, sentence: str) -> None:
        super().__init__(f"{shown(file)}: {sentence}" if line is None else f"{shown(file)}:{line}: {sentence}")


class SheetRow(NamedTuple):
    line: int
    cells: list[str]
    """Cells without spaces around them, as many as the first line names."""


def sheet_rows(file: Path) -> Iterator[SheetRow]:
    """The first line, and then each line that has something in a cell. Raises SheetError."""
    try:
        with file.open("rb") as opened:
            lines = _lines(file, opened)
            first = next(lines, (1, ""))[1]
            delimiter = ";" if first.count(";") > first.count(",") else ","
            head = _cells(file, 1, first, delimiter)
            yield SheetRow(1, head)
            for number, text in lines:
                if not text.strip(f"{delimiter} \t"):
                    continue
                cells = _cells(file, number, text, delimiter)
                if len(cells) != len(head):
                    raise SheetError(
                        file, number, f"has {len(cells)} cells, but the first line names {len(head)} columns"
                    )
                yield SheetRow(number, cells)
    except OSError as error:
        raise SheetError(file, None, f"cannot be read: {error.strerror}") from None


def _lines(file: Path, opened: BinaryIO) -> Iterator[tuple[int, str]]:
    number = 0
    while line := opened.readline(LINE_BYTES_MAX + 1):
        number += 1
        if len(line) > LINE_BYTES_MAX:
            raise SheetError(file, number, f"has more than {LINE_BYTES_MAX:,} bytes")
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            raise SheetError(file, number, "is not UTF-8; save the file as CSV UTF-8") from None


def _cells(file: Path, number: int, text: str, delimiter: str) -> list[str]:
    try:
        rows = list(csv.reader([text], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise SheetError(file, number, f"is not a line of CSV ({error}); a cell may not have a line end") from None
    return [cell.strip() for cell in rows[0]] if rows else []
