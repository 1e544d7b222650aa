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
    except BaseException:
        database.close()
        raise
    return database


_MEANINGS = {
    "SQLITE_NOTADB": "it is a file of another kind",
    "SQLITE_CORRUPT": "the file is damaged; copy it before anything else is tried",
    "SQLITE_FULL": "the disk is full",
    "SQLITE_IOERR": "the disk does not read or write it",
    "SQLITE_READONLY": "you may not write into it or its directory",
    "SQLITE_PERM": "you may not read it",
    "SQLITE_CANTOPEN": "it cannot be opened: its directory is missing, or you may not write there",
    "SQLITE_BUSY": "another process has been writing into it for seconds, perhaps the same command in another terminal",
    "SQLITE_LOCKED": "another process has been writing into it for seconds, perhaps the same command in another terminal",
}


def meaning_of(error: sqlite3.Error) -> str:
    """What an error of SQLite means, without the library's own text."""
    name = getattr(error, "sqlite_errorname", None) or type(error).__name__
    return next((words for each, words in _MEANINGS.items() if name.startswith(each)), f"SQLite reports {name}")


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
