"""An outbox for a station with a bad line: what is to be submitted waits in one SQLite file until the ledger has it.

Nothing leaves the file: receipts and refusals stay beside what they answer. Each key's numbering (`seq`, `prev`) goes on
in the file too, in the transaction that keeps the signed event, so that a power cut never uses a number twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from projections.definition import Definition
from proofs.signatures import key_id
from rekap.signing import Signer
from rekap.sqlite_files import open_database, transaction
from schemas.canonical import sha256_hex
from schemas.envelope import ENVELOPE, open_envelope
from schemas.events import LEDGER_EVENT

_TABLES = """
CREATE TABLE IF NOT EXISTS waiting (
    number INTEGER PRIMARY KEY,
    event TEXT NOT NULL UNIQUE,
    envelope BLOB NOT NULL,
    status INTEGER,          -- of the answer; null while there is none
    answer TEXT              -- receipt or problem, as JSON
);
CREATE TABLE IF NOT EXISTS signed (
    key_id TEXT NOT NULL,
    definition TEXT NOT NULL,
    body TEXT NOT NULL,      -- hash of what was asked to be signed: the same file twice is one event
    event TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (key_id, definition, body)
);
"""


class Waiting(NamedTuple):
    number: int
    event: str
    envelope: bytes


class Answered(NamedTuple):
    event: str
    status: int | None
    answer: dict[str, Any] | None


class OutboxError(Exception):
    """The outbox cannot be used, or what was given is nothing it can keep; the sentence says why."""


class Outbox:
    def __init__(self, path: Path) -> None:
        """Open, or make, the outbox in a file. Raises OutboxError."""
        try:
            self._database = open_database(path, _TABLES)
        except sqlite3.Error as error:
            raise OutboxError(f"{path} cannot be used as an outbox: {error}") from None

    def close(self) -> None:
        self._database.close()

    def keep(self, envelope: bytes) -> bool:
        """Keep a signed envelope; False where it is here already. Raises OutboxError where it is none."""
        try:
            event = open_envelope(ENVELOPE.validate_python(orjson.loads(envelope))).event_id.hex()
        except ValueError as error:
            raise OutboxError(f"not a signed envelope: {str(error).splitlines()[0]}") from None
        with transaction(self._database):
            return self._insert(event, envelope)

    def sign(self, body: Mapping[str, Any], key: Ed25519PrivateKey, definition: Definition) -> bool:
        """Sign an event's body with the key's next number and keep it; False where that was done before.

        `created_at` is now where the body does not say it. Raises OutboxError where the body is no event.
        """
        digest = sha256_hex(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
        signer_id = key_id(key.public_key().public_bytes_raw())
        with transaction(self._database):
            place = (signer_id, definition.hash)
            if self._database.execute(
                "SELECT 1 FROM signed WHERE key_id = ? AND definition = ? AND body = ?", (*place, digest)
            ).fetchone():
                return False
            last = self._database.execute(
                "SELECT seq, event FROM signed WHERE key_id = ? AND definition = ? ORDER BY seq DESC LIMIT 1", place
            ).fetchone()
            seq, prev = (last[0] + 1, last[1]) if last else (0, None)
            election = definition.election
            signer = Signer(
                key,
                election=election.id,
                mode=election.mode.value,
                definition=definition.hash,
                next_seq=seq,
                prev=prev,
            )
            now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            try:
                signed = signer.sign({"created_at": now, **body})
                LEDGER_EVENT.validate_json(open_envelope(ENVELOPE.validate_json(signed.envelope)).payload)
            except ValidationError as error:
                first = error.errors(include_url=False, include_context=False, include_input=False)[0]
                field = ".".join(str(part) for part in first["loc"] if "." not in str(part))
                raise OutboxError(f"{field}: {first['msg']}") from None
            except ValueError as error:
                raise OutboxError(str(error)) from None
            self._database.execute("INSERT INTO signed VALUES (?, ?, ?, ?, ?)", (*place, digest, signed.event_id, seq))
            return self._insert(signed.event_id, signed.envelope)

    def waiting(self, limit: int) -> list[Waiting]:
        """The oldest that have no answer yet."""
        rows = self._database.execute(
            "SELECT number, event, envelope FROM waiting WHERE status IS NULL ORDER BY number LIMIT ?", (limit,)
        )
        return [Waiting(*row) for row in rows]

    def count(self) -> int:
        """How many have no answer yet."""
        return int(self._database.execute("SELECT count(*) FROM waiting WHERE status IS NULL").fetchone()[0])

    def answer(self, answers: Mapping[int, tuple[int, Mapping[str, Any]]]) -> None:
        """Note the answers: number → (status, receipt or problem)."""
        with transaction(self._database):
            self._database.executemany(
                "UPDATE waiting SET status = ?, answer = ? WHERE number = ?",
                [(status, orjson.dumps(answer).decode(), number) for number, (status, answer) in answers.items()],
            )

    def all(self) -> Iterator[Answered]:
        for event, status, answer in self._database.execute(
            "SELECT event, status, answer FROM waiting ORDER BY number"
        ):
            yield Answered(event, status, None if answer is None else orjson.loads(answer))

    def _insert(self, event: str, envelope: bytes) -> bool:
        done = self._database.execute(
            "INSERT OR IGNORE INTO waiting (event, envelope) VALUES (?, ?)", (event, envelope)
        )
        return done.rowcount > 0
