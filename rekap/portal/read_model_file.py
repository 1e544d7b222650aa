"""The read model of an archived election: the tables of projections/readmodel as a file of SQLite, which is written once.

It is built under another name and renamed when it is whole, so a reader never sees a part of one.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from projections.readmodel.recording import FINANCE_COLUMNS, RECORD_COLUMNS, STATION_RESULT
from projections.readmodel.rows import Rows
from runtime.files.atomic_write import sync_directory

TABLES = """
CREATE TABLE block_watermark (office TEXT, partition INTEGER, through INTEGER, PRIMARY KEY (office, partition)) WITHOUT ROWID;
CREATE TABLE result_watermark (office TEXT PRIMARY KEY, as_of TEXT) WITHOUT ROWID;
CREATE TABLE record (
    partition INTEGER, "offset" INTEGER, version INTEGER, received_us INTEGER, event BLOB, leaf BLOB, office TEXT, type TEXT,
    key TEXT, station TEXT, contest TEXT, area TEXT, shard TEXT, payload TEXT, state TEXT, findings TEXT,
    PRIMARY KEY (partition, "offset")
);
CREATE TABLE station_result (
    station TEXT, contest TEXT, rank INTEGER, partition INTEGER, "offset" INTEGER, through INTEGER, state TEXT, contribution
    TEXT, PRIMARY KEY (contest, rank)
) WITHOUT ROWID;
CREATE TABLE finance_report (
    account TEXT, report TEXT, version INTEGER, partition INTEGER, "offset" INTEGER, area TEXT, party TEXT, contest TEXT,
    PRIMARY KEY (account, report, version, partition, "offset")
) WITHOUT ROWID;
CREATE TABLE area_tally (contest TEXT, area TEXT, tally TEXT, PRIMARY KEY (area, contest)) WITHOUT ROWID;
CREATE TABLE office_tally (office TEXT, area TEXT, tally TEXT, PRIMARY KEY (area, office)) WITHOUT ROWID;
"""
"""The columns of PostgreSQL's tables (projections/readmodel/migrations); an array is JSON."""
INDEXES = """
CREATE INDEX record_event ON record (event, partition, "offset");
CREATE INDEX record_history ON record (station, "offset", partition);
CREATE INDEX record_station ON record (station, received_us, partition, "offset");
CREATE INDEX record_received ON record (received_us, partition, "offset");
CREATE INDEX record_shard ON record (shard, received_us, partition, "offset");
CREATE INDEX record_key ON record (key, received_us, partition, "offset");
CREATE INDEX record_contest ON record (contest, received_us, partition, "offset");
CREATE INDEX record_type ON record (type, received_us, partition, "offset");
CREATE INDEX station_result_state ON station_result (contest, state, rank);
CREATE INDEX finance_report_area ON finance_report (area, account, report, version, partition, "offset");
CREATE INDEX finance_report_party ON finance_report (party, account, report, version, partition, "offset");
CREATE INDEX finance_report_contest ON finance_report (contest, account, report, version, partition, "offset");
"""
"""Made at the end, because sorting costs less than an index that grows row by row."""
CACHE_KIB = 64 * 1024
"""Memory for pages while the file is built. At a quarter, rows that change are read from the disk again and again."""


@contextmanager
def new_read_model(path: Path) -> Iterator[sqlite3.Connection]:
    """An empty read model, which is at `path` when the block ends, whole. Raises OSError, sqlite3.Error."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    connection = sqlite3.connect(unfinished, isolation_level=None)
    try:
        # What is built is deleted where its process dies, so nothing has to outlive a crash before the rename.
        connection.executescript(
            f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE_KIB};"
        )
        connection.executescript(TABLES)
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")
        connection.executescript(f"{INDEXES} ANALYZE;")
        connection.close()
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.rename(path)
        sync_directory(path.parent)
    finally:
        with suppress(sqlite3.Error):
            connection.close()
        unfinished.unlink(missing_ok=True)


def opened_read_model(path: Path) -> sqlite3.Connection:
    """A connection that only reads. It may be used by one thread at a time. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    connection.row_factory = as_dictionary
    return connection


def write_rows(connection: sqlite3.Connection, rows: Rows) -> None:
    """Write what one transaction of the recorder writes (consumers/recorder/transaction.py). Raises sqlite3.Error."""
    _replace(connection, "record", RECORD_COLUMNS, rows.records)
    partitions, offsets, states, findings = rows.states
    connection.executemany(
        'UPDATE record SET state = ?, findings = ? WHERE partition = ? AND "offset" = ?',
        zip(states, findings, partitions, offsets, strict=True),
    )
    _replace(connection, "station_result", STATION_RESULT.columns, rows.stations)
    _replace(connection, "area_tally", ("contest", "area", "tally"), rows.tallies)
    _replace(connection, "office_tally", ("office", "area", "tally"), rows.office_tallies)
    _replace(connection, "finance_report", FINANCE_COLUMNS, rows.finance)
    _replace(connection, "block_watermark", ("office", "partition", "through"), list(zip(*rows.blocks, strict=True)))
    as_of = [(office, "[" + ",".join(map(str, cut)) + "]") for office, cut in rows.results]
    _replace(connection, "result_watermark", ("office", "as_of"), as_of)


def _replace(
    connection: sqlite3.Connection, table: str, columns: tuple[str, ...], rows: Sequence[tuple[object, ...]]
) -> None:
    names, places = ", ".join(f'"{column}"' for column in columns), ", ".join("?" for _ in columns)
    connection.executemany(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({places})", rows)  # noqa: S608  # our own names


def as_dictionary(cursor: sqlite3.Cursor, row: tuple[object, ...]) -> dict[str, object]:
    return {column[0]: value for column, value in zip(cursor.description, row, strict=True)}
