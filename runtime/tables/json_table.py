"""A table as one JSON object: what it is of, and under `rows` an object for each row. What has no value is null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from schemas.tables.columns import Table


class JsonTable:
    def __init__(self, path: Path, table: Table, about: Mapping[str, Any]) -> None:
        """Begin a new file. Raises OSError."""
        self._names = table.column_names
        self._file = path.open("xb")
        self._file.write(orjson.dumps(about).removesuffix(b"}") + b',"rows":[')
        self._separator = b"\n"

    def write(self, rows: Sequence[Sequence[Any]]) -> None:
        if not rows:
            return
        names = self._names
        self._file.write(self._separator)
        self._file.write(b",\n".join(orjson.dumps(dict(zip(names, row, strict=True))) for row in rows))
        self._separator = b",\n"

    def close(self) -> None:
        if not self._file.closed:
            self._file.write(b"\n]}\n")
        self._file.close()
