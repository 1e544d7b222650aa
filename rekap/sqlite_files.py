"""SQLite files that must not forget what they have said: a station's outbox, a witness's state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_SECONDS_MAX = 10.0
"""How long one process waits for another's transaction; ours take milliseconds."""


def open_database(path: Path, tables: str) -> sqlite3.Connection:
    """Open, or make, a file with these tables. Raises sqlite3.Error.

    A connection for any thread, one at a time.
    """
    database = sqlite3.connect(path, isolation_level=None, timeout=LOCK_SECONDS_MAX, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        # In WAL mode FULL waits for the disk at each commit; with NORMAL a power cut takes the last ones back.
        database.execute("PRAGMA synchronous=FULL")
        database.executescript(tables)
    except sqlite3.Error:
        database.close()
        raise
    return database


@contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """All or nothing, and on the disk at the end. IMMEDIATE: no other process writes between its reads and its writes."""
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite ends some by itself, such as when the disk is full
            database.execute("ROLLBACK")
        raise
