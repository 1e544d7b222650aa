"""SQLite files whose commits outlive a power cut: a station's outbox, a witness's state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_SECONDS_MAX = 10.0
"""How long one process waits for another's transaction; ours take milliseconds."""


def open_database(path: Path, tables: str) -> sqlite3.Connection:
    """Open, or make, a file with these tables. Any thread may use the connection, one at a time. Raises sqlite3.Error."""
    database = sqlite3.connect(path, isolation_level=None, timeout=LOCK_SECONDS_MAX, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        # In WAL mode, FULL waits for the disk at each commit. With NORMAL a power cut would undo the last commits.
        database.execute("PRAGMA synchronous=FULL")
        database.executescript(tables)
    except sqlite3.Error:
        database.close()
        raise
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """A transaction whose writes are on the disk at its end, all or none. Because it is IMMEDIATE, no other process writes
    between its reads and its writes."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite ends some by itself, such as when the disk is full
            database.execute("ROLLBACK")
        raise
