"""An outbox for a station with a bad line: each form waits in one SQLite file until the gateway has answered it.

A receipt or a refusal is kept beside the form that it answers. The file also has the events that were signed here, with the
numbering of their keys (signed_events.py), and the pinned keys of gateways (pinned_keys.py).
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from projections.definition.compiled import Definition
from rekap.client.belief import ElectionName
from rekap.sqlite_files import meaning_of, open_database, transaction
from rekap.station import pinned_keys, signed_events
from rekap.station.errors import OutboxError
from runtime.package.shape_sentences import first_sentence
from schemas.ledger.envelope import ENVELOPE, ENVELOPE_BYTES_MAX, open_envelope
from schemas.ledger.events import AnyEvent
from schemas.texts import shown

WAITING, DELIVERED, REFUSED, DROPPED = "waiting", "delivered", "refused", "dropped"
STATES = (WAITING, DELIVERED, REFUSED, DROPPED)
EVENT_DIGITS_MIN = 6
"""Fewest digits by which a form is named. At half, two of a hundred forms begin with the same digits."""
_LAYOUT = 3
"""Layout of the file (SQLite's user_version)."""
_LAYOUT_WITHOUT_ORIGIN = 2
"""Layout that lacks the column `origin`. A file of it is taken over, because the forms of a station may wait in one."""

_TABLES = f"""
CREATE TABLE IF NOT EXISTS forms (
    number INTEGER PRIMARY KEY,
    event TEXT NOT NULL UNIQUE,
    envelope BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    mode TEXT NOT NULL,
    election TEXT NOT NULL,
    title TEXT NOT NULL,         -- kind, station, contest, version, to be read by people
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,   -- how often it was sent
    answer TEXT,                 -- the receipt or refusal that ended its waiting, as JSON
    last TEXT,                   -- why it still waits, after an attempt
    origin TEXT                  -- file and line that it was read from
);
CREATE INDEX IF NOT EXISTS forms_by_state ON forms (state, mode, election, number);
{signed_events.TABLES}
{pinned_keys.TABLES}
"""


class Waiting(NamedTuple):
    number: int
    event: str
    envelope: bytes
    title: str
    origin: str | None


class Kept(NamedTuple):
    """A form with all that the outbox has of it."""

    number: int
    event: str
    envelope: bytes
    election: ElectionName
    title: str
    state: str
    attempts: int
    answer: dict[str, Any] | None
    last: str | None
    origin: str | None


def named(form: Waiting | Kept) -> str:
    """A form as it is named in a line: file and line that it was read from, and what it is."""
    return f"{form.origin or form.event[:16]}: {form.title}"


@contextmanager
def opened_outbox(path: Path, *, must_exist: bool = False) -> Iterator[Outbox]:
    """The outbox in a file, closed at the end. Raises OutboxError, also if SQLite fails within the block."""
    try:
        with closing(Outbox(path, must_exist=must_exist)) as outbox:
            yield outbox
    except sqlite3.Error as error:
        raise OutboxError(f"{path}: {meaning_of(error)}") from None


class Outbox:
    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        """Open, or make, the outbox in a file. Raises OutboxError."""
        if must_exist and not path.is_file():
            raise OutboxError(f"there is no outbox {path}; --outbox names the file")
        self.path = path
        try:
            self._database = open_database(path, "")
            self._make_tables()
        except sqlite3.Error as error:
            raise OutboxError(f"{path} cannot be used as an outbox: {meaning_of(error)}") from None
        self.signed_events = signed_events.SignedEvents(self._database)
        self.pinned_keys = pinned_keys.PinnedKeys(self._database)

    def _make_tables(self) -> None:
        """Raises OutboxError and sqlite3.Error, with the file closed."""
        try:
            # In one statement, because another process may be making the file.
            layout, tables = self._database.execute(
                "SELECT user_version, (SELECT count(*) FROM sqlite_master) FROM pragma_user_version"
            ).fetchone()
            if layout == _LAYOUT_WITHOUT_ORIGIN:
                self._database.executescript(
                    f"BEGIN IMMEDIATE; ALTER TABLE forms ADD COLUMN origin TEXT; PRAGMA user_version = {_LAYOUT}; COMMIT"
                )
            elif layout != _LAYOUT and tables:
                raise OutboxError(f"{self.path} is a file of another kind, or of another version of Rekap")
            # In one transaction, because a file with tables and without their layout could not be opened again.
            self._database.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {_LAYOUT}; COMMIT")
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """A transaction: all that is kept and signed within the block is in the file at its end, or nothing if an exception
        leaves."""
        with transaction(self._database):
            yield

    def keep(self, given: Mapping[str, Any], *, origin: str | None = None) -> bool:
        """Keep a signed envelope, which was read from `origin`. Returns False if the outbox has it already. Raises OutboxError
        if it is not a signed envelope."""
        try:
            envelope = ENVELOPE.validate_python(given)
            opened = open_envelope(envelope)
        except ValidationError as error:
            raise OutboxError(f"not a signed envelope: {first_sentence(error)}") from None
        except ValueError as error:
            raise OutboxError(f"not a signed envelope: {error}") from None
        # Written again in one line, because a batch has an envelope in each line. The signature is of the payload
        # alone.
        return self._insert(opened.event_id.hex(), orjson.dumps(given), _event(opened.payload), origin)

    def sign(
        self,
        body: Mapping[str, Any],
        key: Ed25519PrivateKey,
        definition: Definition,
        *,
        correction: Mapping[str, Any] = MappingProxyType({}),
        origin: str | None = None,
    ) -> AnyEvent:
        """Sign an event's body with the key's next number (SignedEvents.sign), and keep it. Raises OutboxError."""
        event, signed = self.signed_events.sign(body, key, definition, correction)
        self._insert(signed.event_id, signed.envelope, event.model_dump(mode="json"), origin)
        return event

    def waiting(self, election: ElectionName, *, after: int, lines_max: int, bytes_max: int) -> list[Waiting]:
        """The oldest forms after a number that wait, up to `lines_max` and `bytes_max`, but the first one of any size."""
        rows = self._database.execute(
            "SELECT number, event, envelope, title, origin FROM forms WHERE state = ? AND mode = ? AND election = ? "
            "AND number > ? ORDER BY number LIMIT ?",
            (WAITING, *election, after, lines_max),
        )
        batch: list[Waiting] = []
        size = 0
        for row in rows:
            form = Waiting(*row)
            size += len(form.envelope) + 1
            if batch and size > bytes_max:
                break
            batch.append(form)
        return batch

    def count(self) -> int:
        """How many forms wait."""
        return int(self._database.execute("SELECT count(*) FROM forms WHERE state = ?", (WAITING,)).fetchone()[0])

    def elections_waiting(self) -> list[ElectionName]:
        """The elections for which forms wait."""
        rows = self._database.execute("SELECT DISTINCT mode, election FROM forms WHERE state = ?", (WAITING,))
        return [ElectionName(*row) for row in rows]

    def attempted(self, numbers: Iterable[int]) -> None:
        """Note an attempt before the forms are sent, because the gateway may have them even if no answer comes."""
        with transaction(self._database):
            self._database.executemany(
                "UPDATE forms SET attempts = attempts + 1 WHERE number = ?", [(number,) for number in numbers]
            )

    def end(self, ended: Mapping[int, tuple[str, Mapping[str, Any]]], left: Mapping[int, str]) -> None:
        """Note the outcome of a batch. `ended`: number → (DELIVERED or REFUSED, receipt or problem). `left`: number → why the
        form still waits."""
        with transaction(self._database):
            self._database.executemany(
                "UPDATE forms SET state = ?, answer = ?, last = NULL WHERE number = ? AND state = 'waiting'",
                [(state, orjson.dumps(answer).decode(), number) for number, (state, answer) in ended.items()],
            )
            self._database.executemany(
                "UPDATE forms SET last = ? WHERE number = ?", [(why, number) for number, why in left.items()]
            )

    def all(self, state: str | None = None) -> Iterator[Kept]:
        """All forms, or those in this state, in the order in which they were kept."""
        where, values = ("", ()) if state is None else ("WHERE state = ?", (state,))
        for row in self._database.execute(f"{_SELECT} {where} ORDER BY number", values):
            yield _kept(row)

    def find(self, beginning: str) -> Kept:
        """The form whose event id begins with these digits. Raises OutboxError if there is none or more than one."""
        if len(beginning) < EVENT_DIGITS_MIN or any(each not in "0123456789abcdef" for each in beginning):
            raise OutboxError(
                f"{shown(beginning)!r} is not the beginning of an event id: at least {EVENT_DIGITS_MIN} of its "
                "hexadecimal digits, as `rekap outbox list` shows them"
            )
        rows = self._database.execute(f"{_SELECT} WHERE event >= ? AND event < ? LIMIT 2", (beginning, beginning + "g"))
        found = [_kept(row) for row in rows]
        if len(found) != 1:
            raise OutboxError(
                f"{'more than one form begins' if found else 'no form in the outbox begins'} with {beginning}"
            )
        return found[0]

    def drop(self, form: Kept) -> str:
        """No longer deliver a form that waits. Returns a sentence about the consequence. Raises OutboxError if it has an
        answer."""
        with transaction(self._database):
            if form.state != WAITING:
                raise OutboxError(f"{form.event[:16]} does not wait: it is {form.state}")
            number = self.signed_events.number_of(form.event)
            attempts = self._database.execute("SELECT attempts FROM forms WHERE event = ?", (form.event,)).fetchone()[0]
            # No gateway has the event and no later event names it, so the key's next event can take its number.
            if number is not None and not attempts and self.signed_events.forget_newest(form.event):
                self._database.execute("DELETE FROM forms WHERE event = ?", (form.event,))
                return "it was never sent, and its number is free again"
            self._database.execute("UPDATE forms SET state = ? WHERE event = ?", (DROPPED, form.event))
        if attempts:
            return (
                "it was sent before and may be in the ledger: only a version above it, or an annulment, takes it back"
            )
        if number is None:
            return "it was never sent from here"
        return f"it was never sent; events of its key that follow will show number {number} as missing"

    def retry(self, form: Kept) -> None:
        """Let a form that was refused or dropped wait again. Raises OutboxError if it was delivered."""
        if form.state == DELIVERED:
            raise OutboxError(f"{form.event[:16]} is in the ledger already")
        with transaction(self._database):
            self._database.execute("UPDATE forms SET state = ?, answer = NULL WHERE event = ?", (WAITING, form.event))

    def _insert(self, event_id: str, envelope: bytes, fields: Mapping[str, Any], origin: str | None) -> bool:
        if len(envelope) > ENVELOPE_BYTES_MAX:
            raise OutboxError(
                f"the envelope has {len(envelope):,} bytes, and no gateway takes more than {ENVELOPE_BYTES_MAX:,}"
            )
        words = [shown(fields[name]) for name in ("type", "station", "contest") if isinstance(fields.get(name), str)]
        title = " ".join([*words, *([f"v{fields['version']}"] if type(fields.get("version")) is int else [])])
        done = self._database.execute(
            "INSERT OR IGNORE INTO forms VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, 0, NULL, NULL, ?)",
            (event_id, envelope, len(envelope), fields["mode"], fields["election"], title, WAITING, origin),
        )
        return done.rowcount > 0


_SELECT = "SELECT number, event, envelope, mode, election, title, state, attempts, answer, last, origin FROM forms"


def _kept(row: Any) -> Kept:
    number, event, envelope, mode, election, title, state, attempts, answer, last, origin = row
    parsed = None if answer is None else orjson.loads(answer)
    return Kept(number, event, envelope, ElectionName(mode, election), title, state, attempts, parsed, last, origin)


def _event(payload: bytes) -> dict[str, Any]:
    """The event in an envelope, of which only the fields are checked that the outbox needs. Raises OutboxError."""
    try:
        event = orjson.loads(payload)
    except ValueError:
        raise OutboxError("the envelope's payload is not JSON") from None
    if not isinstance(event, dict) or not all(
        isinstance(event.get(name), str) for name in ("type", "election", "mode")
    ):
        raise OutboxError("the envelope's payload is not an event: it has no type, election and mode")
    return event


def payload_of(envelope: bytes) -> bytes:
    return base64.b64decode(orjson.loads(envelope)["payload"])
