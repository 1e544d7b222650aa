"""The keys of gateways that an outbox has pinned. A form is delivered or refused only by an answer that one of them signed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from typing import NamedTuple

from rekap.client.belief import ElectionName
from schemas.times import time_text

TABLES = """
CREATE TABLE IF NOT EXISTS gateways (
    mode TEXT NOT NULL,
    election TEXT NOT NULL,
    public_key BLOB NOT NULL,
    pinned_at TEXT NOT NULL,
    how TEXT NOT NULL,
    PRIMARY KEY (mode, election, public_key)
) WITHOUT ROWID;
"""


class PinnedKey(NamedTuple):
    election: ElectionName
    public_key: bytes
    pinned_at: str
    how: str


class PinnedKeys:
    """The table `gateways` of an outbox."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def pin(self, election: ElectionName, public_key: bytes, how: str) -> bool:
        """Pin a gateway's key. Returns False if it was pinned already."""
        done = self._database.execute(
            "INSERT OR IGNORE INTO gateways VALUES (?, ?, ?, ?, ?)",
            (*election, public_key, time_text(datetime.now(UTC), "seconds"), how),
        )
        return done.rowcount > 0

    def of(self, election: ElectionName) -> list[bytes]:
        rows = self._database.execute("SELECT public_key FROM gateways WHERE mode = ? AND election = ?", election)
        return [row[0] for row in rows]

    def all(self) -> list[PinnedKey]:
        rows = self._database.execute("SELECT * FROM gateways ORDER BY mode, election, pinned_at")
        return [PinnedKey(ElectionName(mode, election), *rest) for mode, election, *rest in rows]

    def unpin(self, public_key: bytes) -> bool:
        """Remove a key for all elections. Returns False if it was not pinned."""
        return self._database.execute("DELETE FROM gateways WHERE public_key = ?", (public_key,)).rowcount > 0
