"""A table as NDJSON: an object a line, with the same names in each. What has no value is null."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from schemas.tables.columns import Table


class NdjsonTable:
    def __init__(self, path: Path, table: Table) -> None:
        """Begin a new file. Raises OSError."""
        self._names = table.column_names
        self._file = path.open("xb")

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        names = self._names
        self._file.writelines(
            orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE) for row in rows
        )

    def close(self) -> None:
        self._file.close()
