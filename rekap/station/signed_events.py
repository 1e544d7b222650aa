"""The events that an outbox has signed, and the numbering (`seq`, `prev`) of the keys that signed them.

The caller writes within the transaction that also keeps the envelope, so that a power cut never uses a number twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from projections.definition.compiled import Definition
from proofs.signatures import key_id
from rekap.station.errors import OutboxError
from rekap.station.signing import Signed, Signer
from runtime.package.shape_sentences import first_sentence
from schemas.canonical import NotCanonicalError, sha256_hex
from schemas.ledger.envelope import ENVELOPE, open_envelope
from schemas.ledger.events import LEDGER_EVENT, AnyEvent
from schemas.times import time_text

TABLES = """
CREATE TABLE IF NOT EXISTS signed (
    key_id TEXT NOT NULL,
    definition TEXT NOT NULL,
    body TEXT NOT NULL,          -- hash of the body that was given, so that the same file twice is one event
    event TEXT NOT NULL,
    seq INTEGER NOT NULL,
    station TEXT,                -- of a finance report: its account
    contest TEXT,                -- of a finance report: the kind of report
    version INTEGER,
    PRIMARY KEY (key_id, definition, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS signed_by_body ON signed (key_id, definition, body);
CREATE INDEX IF NOT EXISTS signed_by_station ON signed (definition, station, contest, version);
CREATE INDEX IF NOT EXISTS signed_by_event ON signed (event);
CREATE TABLE IF NOT EXISTS chains (
    key_id TEXT NOT NULL,
    definition TEXT NOT NULL,
    seq INTEGER NOT NULL,        -- of the first event that this outbox signs
    prev TEXT,                   -- the event before it, which another outbox signed
    PRIMARY KEY (key_id, definition)
) WITHOUT ROWID;
"""


class SignedEvents:
    """The tables `signed` and `chains` of an outbox."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database

    def contains(self, body: Mapping[str, Any], key: Ed25519PrivateKey, definition: Definition) -> bool:
        """Whether this key has signed exactly this body here before. Raises OutboxError where the body is not JSON."""
        found = self._database.execute(
            "SELECT 1 FROM signed WHERE key_id = ? AND definition = ? AND body = ?",
            (*_chain(key, definition), _digest(body)),
        ).fetchone()
        return found is not None

    def sign(
        self, body: Mapping[str, Any], key: Ed25519PrivateKey, definition: Definition, correction: Mapping[str, Any]
    ) -> tuple[AnyEvent, Signed]:
        """Sign an event's body with the key's next number. Raises OutboxError where the body is not an event.

        `created_at` is the present time where the body does not state one. A later version supersedes the version before it,
        if that was signed here and the body names none. Fields of `correction` replace those of the body.
        """
        chain = _chain(key, definition)
        seq, prev = self._next(chain)
        election = definition.election
        signer = Signer(
            key, election=election.id, mode=election.mode.value, definition=definition.hash, next_seq=seq, prev=prev
        )
        created_at = time_text(datetime.now(UTC), "seconds")
        whole = {"created_at": created_at, **self._with_supersedes(body, definition), **correction}
        try:
            signed = signer.sign(whole)
            event = LEDGER_EVENT.validate_json(open_envelope(ENVELOPE.validate_json(signed.envelope)).payload)
        except ValidationError as error:
            raise OutboxError(first_sentence(error)) from None
        except NotCanonicalError as error:
            raise OutboxError(str(error)) from None
        except (ValueError, TypeError, RecursionError) as error:
            raise OutboxError(f"not an event: {error}") from None
        subject = _subject(event.model_dump()) or (getattr(event, "station", None), getattr(event, "contest", None))
        self._database.execute(
            "INSERT INTO signed VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*chain, _digest(body), signed.event_id, seq, *subject, getattr(event, "version", None)),
        )
        return event, signed

    def numbers(self, key: Ed25519PrivateKey, definition: Definition) -> bool:
        """Whether this outbox knows the next number of the key."""
        found = self._database.execute(
            "SELECT 1 FROM signed WHERE key_id = ?1 AND definition = ?2 "
            "UNION ALL SELECT 1 FROM chains WHERE key_id = ?1 AND definition = ?2 LIMIT 1",
            _chain(key, definition),
        ).fetchone()
        return found is not None

    def begin(self, key: Ed25519PrivateKey, definition: Definition, seq: int, prev: str | None) -> None:
        """Number the key's events from `seq` on, after those that another outbox has signed."""
        self._database.execute(
            "INSERT OR REPLACE INTO chains VALUES (?, ?, ?, ?)", (*_chain(key, definition), seq, prev)
        )

    def highest_version(self, body: Mapping[str, Any], definition: Definition) -> tuple[str, int] | None:
        """(event, version) of the highest version that was signed here of this body's form or finance report."""
        subject = _subject(body)
        return None if subject is None else self._highest(definition.hash, *subject, below=2**31)

    def number_of(self, event: str) -> int | None:
        """The number of an event that was signed here."""
        row = self._database.execute("SELECT seq FROM signed WHERE event = ?", (event,)).fetchone()
        return None if row is None else row[0]

    def forget_newest(self, event: str) -> bool:
        """Delete an event that was never sent, so that the key's next event takes its number. Returns False, and deletes
        nothing, if another event of the key has a higher number."""
        deleted = self._database.execute(
            "DELETE FROM signed WHERE event = ? AND seq = (SELECT max(seq) FROM signed AS every"
            " WHERE every.key_id = signed.key_id AND every.definition = signed.definition)",
            (event,),
        )
        return deleted.rowcount > 0

    def _next(self, chain: tuple[str, str]) -> tuple[int, str | None]:
        """The next number of a key, and the event before it."""
        last = self._database.execute(
            "SELECT seq, event FROM signed WHERE key_id = ? AND definition = ? ORDER BY seq DESC LIMIT 1", chain
        ).fetchone()
        if last is not None:
            return last[0] + 1, last[1]
        row = self._database.execute(
            "SELECT seq, prev FROM chains WHERE key_id = ? AND definition = ?", chain
        ).fetchone()
        return (0, None) if row is None else (row[0], row[1])

    def _with_supersedes(self, body: Mapping[str, Any], definition: Definition) -> Mapping[str, Any]:
        """The body with `supersedes`, if it is a later version that names none."""
        subject, version = _subject(body), body.get("version")
        if subject is None or body.get("supersedes") or type(version) is not int or version < 2:
            return body
        before = self._highest(definition.hash, *subject, below=version)
        return body if before is None else {**body, "supersedes": before[0]}

    def _highest(self, definition: str, station: str, contest: str, *, below: int) -> tuple[str, int] | None:
        """(event, version) of the highest version under `below` that was signed here and waits or was delivered."""
        row = self._database.execute(
            "SELECT s.event, s.version FROM signed s JOIN forms f ON f.event = s.event "
            "WHERE s.definition = ? AND s.station = ? AND s.contest = ? AND s.version < ? "
            "AND f.state IN ('waiting', 'delivered') ORDER BY s.version DESC LIMIT 1",
            (definition, station, contest, below),
        ).fetchone()
        return None if row is None else (row[0], row[1])


def _subject(body: Mapping[str, Any]) -> tuple[str, str] | None:
    """What the versions of an event are counted by: station and contest of a form, account and kind of a finance report. None
    for other events, and where a field is missing or no text."""
    names = {"result.reported": ("station", "contest"), "finance.reported": ("area", "report")}.get(
        body.get("type", "")
    )
    if names is None or not all(isinstance(body.get(name), str) for name in names):
        return None
    if body["type"] == "result.reported":
        return body["station"], body["contest"]
    account = "/".join(str(body.get(name) or "") for name in ("area", "party", "contest", "choice"))
    return account, body["report"]


def _chain(key: Ed25519PrivateKey, definition: Definition) -> tuple[str, str]:
    return key_id(key.public_key().public_bytes_raw()), definition.hash


def _digest(body: Mapping[str, Any]) -> str:
    """Raises OutboxError."""
    try:
        return sha256_hex(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    except TypeError as error:
        raise OutboxError(f"not an event: {error}") from None
