"""The recount's database: DuckDB in a directory of its own, bounded in memory, threads and disk, and filled from files.

Tables are kept compressed in a file, because in memory DuckDB keeps them uncompressed: the forms of a nation with candidates
are 5 GB there. What a statement needs beyond MEMORY goes to files in the same directory.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import orjson

from audit.findings import AuditError

MEMORY = "768MB"
"""Memory for DuckDB's tables and statements, so that an audit stays under 2 GB beside the package of a nation (0.6 GB) and the
processes that check records. At half, statements of one log of a nation go to disk; at double, nothing is faster."""
THREADS = max(1, min(4, os.cpu_count() or 1))
"""Threads of DuckDB. Each needs memory of its own in joins and sorts; above four, MEMORY would have to grow with them."""
DISK = "64GB"
"""Files of statements that do not fit into memory. A nation with candidates needs a few gigabytes."""


PREFIX = "recount-"
"""How the directories of databases are named; one that a killed audit left is removed by the next (workspace.py)."""


class Database:
    """A DuckDB database in a temporary directory, which is removed by `close`, or when nothing uses the database any more."""

    def __init__(self, directory: Path | None) -> None:
        """`directory` is where the temporary one is made; None where the operating system has its own."""
        if directory is not None:
            directory.mkdir(parents=True, exist_ok=True)
        self._path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=directory))
        self.connection = duckdb.connect(
            self._path / "recount.duckdb",
            config={
                "memory_limit": MEMORY,
                "threads": THREADS,
                "temp_directory": str(self._path / "spilled"),
                "max_temp_directory_size": DISK,
                "preserve_insertion_order": False,
            },
        )
        self.close = weakref.finalize(self, _remove, self.connection, self._path)
        self.connection.execute("SET enable_progress_bar = false")
        self.connection.execute("SET parquet_metadata_cache = true")
        self._statements = statements_of(files("audit.count").joinpath("recount.sql").read_text(encoding="utf-8"))

    def run(self, name: str, insertions: dict[str, str] | None = None, **parameters: Any) -> None:
        """Run the statements of this name in recount.sql. Insertions replace `{word}`: they are SQL of the auditor's own.
        Raises AuditError."""
        for statement in self._statements[name].split(";\n"):
            text = statement
            for word, inserted in (insertions or {}).items():
                text = text.replace(f"{{{word}}}", inserted)
            used = set(re.findall(r"\$(\w+)", text))
            try:
                self.connection.execute(text, {key: value for key, value in parameters.items() if key in used} or None)
            except (duckdb.OutOfMemoryException, duckdb.IOException) as error:
                raise AuditError(f"the recount needs more memory or disk than it has: {error}") from None

    def make(self, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Make a table of these rows."""
        self.connection.execute(f"CREATE OR REPLACE TABLE {table} ({columns})")
        self.append(table, columns, rows)

    def append(self, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Append rows to a table of these columns through a file, because a row costs 1 µs there and 138 µs as a parameter of
        `unnest`."""
        names = [column.split()[0] for column in columns.split(", ")]
        file = self._path / f"{table}.ndjson"
        with file.open("wb") as output:
            output.writelines(
                orjson.dumps(dict(zip(names, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE) for row in rows
            )
        if file.stat().st_size:
            types = ", ".join(f"'{column.split()[0]}': '{column.split()[1]}'" for column in columns.split(", "))
            self.connection.execute(
                f"INSERT INTO {table} FROM read_json($1, format = 'newline_delimited', columns = {{{types}}})",
                [str(file)],
            )
        file.unlink()


def _remove(connection: duckdb.DuckDBPyConnection, directory: Path) -> None:
    connection.close()
    shutil.rmtree(directory, ignore_errors=True)


def statements_of(text: str) -> dict[str, str]:
    """Name → SQL, from lines that hold nothing but `-- name`."""
    found: dict[str, list[str]] = {}
    name = ""
    for line in text.splitlines():
        words = line.removeprefix("-- ")
        if words != line and words.isalpha() and words.islower():
            name = words
            found[name] = []
        elif name:
            found[name].append(line)
    return {name: "\n".join(lines).strip().removesuffix(";") for name, lines in found.items()}
