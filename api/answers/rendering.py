"""Small tables in any format, made when they are asked for, a few at a time and by threads.

They are written by the same code as the bulk files, into a directory of the process, and read back. No file there outlives its
answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from api.errors import ListsBusyError
from runtime.files.temporary import directory_until_exit
from runtime.tables.table_files import Format, TableFiles
from schemas.tables.columns import Table

RENDERINGS_MAX = 2
"""Tables that are made at once. The threads share the interpreter with the event loop: with one, a Parquet file waits for a
workbook; with four, submissions of the same process take twice as long meanwhile."""
WAITING_MAX = 8
"""Tables that are being made, or wait for their turn. The longest takes half a second, so the last one waits for two. At half,
a page that offers five files is refused some; at double, clients give up before their answer."""
ROWS_MAX = 20_000
"""Rows of a table. The longest rows have 600 bytes (counts of an area as JSON), so no answer has more than 12 MB. At half, the
stations of a large regency do not fit; at double, a table takes a second of the process."""

Rows = Callable[[], Iterable[Sequence[Sequence[Any]]]]
"""Makes the rows, in batches. A thread calls it."""


class Renderings:
    """One event loop owns it."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(RENDERINGS_MAX)
        self._wanted = 0
        self._numbers = count()

    @cached_property
    def _directory(self) -> Path:
        return directory_until_exit("rekap-renderings-")

    async def table(self, table: Table, rows: Rows, about: Mapping[str, Any], format: Format) -> bytes:
        """The table as a file. Raises ListsBusyError where too many are wanted already, and OSError."""
        if self._wanted >= WAITING_MAX:
            raise ListsBusyError
        self._wanted += 1
        try:
            async with self._turns:
                stem = f"table-{next(self._numbers)}"
                return await asyncio.to_thread(_rendered, self._directory, stem, table, rows, about, format)
        finally:
            self._wanted -= 1


def _rendered(directory: Path, stem: str, table: Table, rows: Rows, about: Mapping[str, Any], format: Format) -> bytes:
    files = TableFiles(directory, stem, table, [format], about)
    try:
        for batch in rows():
            files.write(batch)
        return files.complete()[format].read_bytes()
    finally:
        files.abandon()
        for each in directory.glob(f"{stem}.*"):
            each.unlink()
