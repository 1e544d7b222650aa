"""One moment of an election, copied to the disk, so that the parts of an archive are all of this moment.

The copy takes seconds, in one transaction. The files are written from the copy afterwards, as the exporter does and for the
same reason: PostgreSQL cannot clean up the rows that the recorder replaces while a transaction is open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from consumers.exporter.cut import CopiedCut, copy_cut
from projections.definition.compiled import Definition
from projections.readmodel import queries
from projections.shown.published import Moment
from schemas.codes import NOTHING_YET
from schemas.derived.results import Cut

ROWS_AT_ONCE = 2_000
"""Tallies that are fetched and stored at once, about 6 MB. At a tenth, the cost of a batch shows."""
READ_SECONDS_MAX = 600.0
"""Limit for reading all tallies, as long as for the copy of a contest."""
_TABLES = {
    "area_tally": ("contest", "area", queries.ALL_TALLIES),
    "office_tally": ("office", "area", queries.ALL_OFFICE_TALLIES),
}


@dataclass(frozen=True, slots=True)
class ArchivedMoment:
    definition: Definition
    package: Path
    logs: Path
    """Directory of the logs' files (REKAP_LOG_DIRECTORY)."""
    copied: CopiedCut
    """The results of all stations."""
    shown: Moment
    """Everything else of the read model. Its tallies are looked up on the disk."""

    def reach(self, partition: int) -> int:
        """The last offset of a ledger partition of which a number is in the archive; NOTHING_YET where there is none."""
        offsets = [through for (_, number), through in self.shown.blocks.items() if number == partition]
        offsets += [cut[partition] for cut in self.shown.results.values()]
        return max(offsets, default=int(NOTHING_YET))


class StoredTallies(Mapping[tuple[str, str], Sequence[int]]):
    """The tallies of a nation, some gigabytes, in a file of SQLite."""

    def __init__(self, connection: sqlite3.Connection, table: str) -> None:
        self._connection = connection
        self._table = table

    def __getitem__(self, key: tuple[str, str]) -> Sequence[int]:
        statement = f"SELECT tally FROM {self._table} WHERE first = ? AND area = ?"  # noqa: S608  # our own name
        found = self._connection.execute(statement, key).fetchone()
        if found is None:
            raise KeyError(key)
        tally: list[int] = orjson.loads(found[0])
        return tally

    def __iter__(self) -> Iterator[tuple[str, str]]:
        yield from self._connection.execute(f"SELECT first, area FROM {self._table}")  # noqa: S608  # our own name

    def __len__(self) -> int:
        return int(self._connection.execute(f"SELECT count(*) FROM {self._table}").fetchone()[0])  # noqa: S608  # our own name


@asynccontextmanager
async def copied_moment(
    connection: Any, definition: Definition, package: Path, logs: Path, directory: Path
) -> AsyncIterator[ArchivedMoment]:
    """Copy the read model into files of an empty directory, in one transaction. Raises OSError, sqlite3.Error, and what asyncpg
    raises."""
    # A thread writes the parts while the event loop waits for it, so two threads use the connection, never at once.
    stored = sqlite3.connect(directory / "tallies", check_same_thread=False, isolation_level=None)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            copied = await copy_cut(connection, definition, definition.ballots.offices, directory)
            shown = _watermarks(await connection.fetch(queries.WATERMARKS, timeout=READ_SECONDS_MAX))
            for table in _TABLES:
                await _store(connection, stored, table)
        tallies, office_tallies = (StoredTallies(stored, table) for table in _TABLES)
        yield ArchivedMoment(
            definition, package, logs, copied, shown._replace(tallies=tallies, office_tallies=office_tallies)
        )
    finally:
        stored.close()


async def _store(connection: Any, stored: sqlite3.Connection, table: str) -> None:
    *_, query = _TABLES[table]
    stored.execute("PRAGMA synchronous = OFF")  # the file is deleted with the copy
    stored.execute(f"CREATE TABLE {table} (first TEXT, area TEXT, tally TEXT, PRIMARY KEY (area, first)) WITHOUT ROWID")
    cursor = await connection.cursor(query, timeout=READ_SECONDS_MAX)
    stored.execute("BEGIN")
    while rows := await cursor.fetch(ROWS_AT_ONCE, timeout=READ_SECONDS_MAX):
        stored.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", [tuple(row) for row in rows])  # noqa: S608  # our own name
    stored.execute("COMMIT")


def _watermarks(rows: Any) -> Moment:
    results: dict[str, Cut] = {}
    blocks: dict[tuple[str, int], int] = {}
    for row in rows:
        if row["partitions"] is None:
            results[row["office"]] = tuple(row["offsets"])
        else:
            blocks |= {
                (row["office"], partition): through
                for partition, through in zip(row["partitions"], row["offsets"], strict=True)
            }
    return Moment(results, blocks, {}, {})
