"""The state of a witness in one SQLite file: for each log the newest tree that it has cosigned, and evidence of forks.

With an older copy of the file, the same key would cosign a second history. So the file belongs to one key, a new tree is on the
disk before its cosignature is sent, and two processes with one file take turns.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from proofs.notes import VerifierKey
from proofs.witness import NOTHING_YET, OK, Conflict, Decision, Head, Request, decide
from rekap.sqlite_files import meaning_of, open_database, transaction
from rekap.witness.errors import StateError

CONFLICTS_MAX = 20
"""The first conflicts of each log and kind are kept, up to this number. One proves a fork. Anybody can send unproved trees."""

_TABLES = """
CREATE TABLE IF NOT EXISTS witness (
    verifier_key TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS head (
    origin TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    checkpoint TEXT NOT NULL     -- as the log signed it: the other half of a fork's proof
);
CREATE TABLE IF NOT EXISTS conflict (
    origin TEXT NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    kind TEXT NOT NULL,
    found_at INTEGER NOT NULL,   -- seconds since 1970
    checkpoint TEXT NOT NULL,
    cosigned TEXT NOT NULL,      -- the checkpoint that had been cosigned then
    PRIMARY KEY (origin, size, root)
);
CREATE TABLE IF NOT EXISTS pin (
    server TEXT NOT NULL,
    verifier_key TEXT NOT NULL,
    PRIMARY KEY (server, verifier_key)
);
"""


class Judged(NamedTuple):
    decision: Decision
    size: int
    """Size of the newest cosigned tree, after this request."""
    time: int
    """A time at which nothing larger had been cosigned, in seconds since 1970."""
    evidence: Conflict | None
    """The conflict that this request has added to those that are kept."""


class WitnessState:
    def __init__(self, path: Path) -> None:
        """Open, or make, the state in a file. Raises StateError."""
        self._path = path
        self._turns = threading.Lock()  # one connection, used by the server's threads in turn
        try:
            self._database = open_database(path, _TABLES)
        except sqlite3.Error as error:
            raise StateError(f"{path} cannot be used as the state of a witness: {meaning_of(error)}") from None

    def close(self) -> None:
        self._database.close()

    def belong_to(self, key: VerifierKey) -> None:
        """Bind the state to this key. Raises StateError if it is bound to another key."""
        with self._transaction() as database:
            row = database.execute("SELECT verifier_key FROM witness").fetchone()
            if row is None:
                database.execute("INSERT INTO witness VALUES (?)", (str(key),))
            elif row[0] != str(key):
                raise StateError(
                    f"{self._path} is the state of the witness {row[0]}, not of {key}: give the --name and --key of that "
                    "witness, or another --state"
                )

    def pinned(self, server: str) -> frozenset[str]:
        """The verifier keys of a server's logs as they were first seen."""
        with self._transaction() as database:
            rows = database.execute("SELECT verifier_key FROM pin WHERE server = ?", (server,)).fetchall()
        return frozenset(row[0] for row in rows)

    def pin(self, server: str, keys: Mapping[str, VerifierKey]) -> None:
        with self._transaction() as database:
            database.executemany("INSERT INTO pin VALUES (?, ?)", [(server, str(key)) for key in keys.values()])

    def judge(self, request: Request, clock: Callable[[], int]) -> Judged:
        """Decide, and keep the new head or the conflict. Both are on the disk when this method returns.

        The time is read within the transaction, in which no other process can move the head. A later time could be after a
        larger tree was cosigned.
        """
        origin, checkpoint = request.checkpoint.origin, request.note.to_bytes().decode()
        with self._transaction() as database:
            time = clock()
            row = database.execute("SELECT size, root, checkpoint FROM head WHERE origin = ?", (origin,)).fetchone()
            head = Head(row[0], row[1]) if row is not None else NOTHING_YET
            decision = decide(request, head)
            if decision.status == OK:
                evidence = self._advance(origin, head, request.head, checkpoint)
                return Judged(decision, request.head.size, time, evidence)
            evidence = decision.conflict
            if evidence is not None and not self._keep(evidence, origin, request.head, time, checkpoint, row[2]):
                evidence = None
        return Judged(decision, head.size, time, evidence)

    def _advance(self, origin: str, old: Head, new: Head, checkpoint: str) -> Conflict | None:
        if new == old != NOTHING_YET:
            return None
        database = self._database
        database.execute("INSERT OR IGNORE INTO head VALUES (?, ?, ?, '')", (origin, *NOTHING_YET))
        moved = database.execute(
            "UPDATE head SET size = ?, root = ?, checkpoint = ? WHERE origin = ? AND size = ? AND root = ?",
            (*new, checkpoint, origin, *old),
        )
        assert moved.rowcount == 1, f"the head of {origin} moved inside a transaction"
        # A tree that came without a proof before: if it is this tree, it was not a conflict; another tree of this size
        # is a fork.
        database.execute("DELETE FROM conflict WHERE origin = ? AND size = ? AND root = ?", (origin, *new))
        forks = database.execute(
            "UPDATE conflict SET kind = ?, cosigned = ? WHERE origin = ? AND size = ?",
            (Conflict.FORK.value, checkpoint, origin, new.size),
        )
        return Conflict.FORK if forks.rowcount else None

    def _keep(self, conflict: Conflict, origin: str, head: Head, time: int, checkpoint: str, cosigned: str) -> bool:
        """Keep a conflict. Returns False if it was kept before, or if CONFLICTS_MAX are kept."""
        (count,) = self._database.execute(
            "SELECT count(*) FROM conflict WHERE origin = ? AND kind = ?", (origin, conflict.value)
        ).fetchone()
        if count >= CONFLICTS_MAX:
            return False
        kept = self._database.execute(
            "INSERT OR IGNORE INTO conflict VALUES (?, ?, ?, ?, ?, ?, ?)",
            (origin, *head, conflict.value, time, checkpoint, cosigned),
        )
        return kept.rowcount == 1

    def heads(self) -> dict[str, Head]:
        """Origin → the newest cosigned tree."""
        with self._transaction() as database:
            rows = database.execute("SELECT origin, size, root FROM head").fetchall()
        return {origin: Head(size, root) for origin, size, root in rows}

    def conflicts(self) -> list[dict[str, Any]]:
        """The evidence, oldest first. `checkpoint` and `cosigned` are notes that the log has signed."""
        with self._transaction() as database:
            rows = database.execute(
                "SELECT origin, kind, found_at, size, checkpoint, cosigned FROM conflict ORDER BY found_at, origin, size"
            ).fetchall()
        names = ("origin", "kind", "found_at", "size", "checkpoint", "cosigned")
        return [dict(zip(names, row, strict=True)) for row in rows]

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._turns, transaction(self._database):
            yield self._database
