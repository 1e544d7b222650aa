"""An outbox for a station with a bad line: what is to be submitted waits in one SQLite file until the ledger has it.

Nothing leaves the file: receipts and refusals stay beside what they answer. Each key's numbering (`seq`, `prev`) goes on
in the file too, in the transaction that keeps the signed event, so that a power cut never uses a number twice. Pinned
there as well: the keys of the gateways whose word ends a form's waiting (rekap/station/belief.py).
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from projections.definition.compiled import Definition
from proofs.signatures import key_id
from rekap.errors import UnusableError
from rekap.sqlite_files import open_database, transaction
from rekap.station.belief import Place
from rekap.station.signing import Signer
from runtime.package.shape_sentences import sentence
from schemas.canonical import NotCanonicalError, sha256_hex
from schemas.ledger.envelope import ENVELOPE, ENVELOPE_BYTES_MAX, open_envelope
from schemas.ledger.events import LEDGER_EVENT, AnyEvent
from schemas.texts import shown
from schemas.times import time_text

WAITING, DELIVERED, REFUSED, DROPPED = "waiting", "delivered", "refused", "dropped"
STATES = (WAITING, DELIVERED, REFUSED, DROPPED)
_LAYOUT = 2
"""Layout of the file (SQLite's user_version)."""

_TABLES = """
CREATE TABLE IF NOT EXISTS forms (
    number INTEGER PRIMARY KEY,
    event TEXT NOT NULL UNIQUE,
    envelope BLOB NOT NULL,
    bytes INTEGER NOT NULL,
    mode TEXT NOT NULL,
    election TEXT NOT NULL,
    title TEXT NOT NULL,         -- kind, station, contest, version: for people
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,   -- how often it was sent; 0: nobody has seen it
    answer TEXT,                 -- the receipt or refusal that ended its waiting, as JSON
    last TEXT                    -- why it still waits, after an attempt
);
CREATE INDEX IF NOT EXISTS forms_by_state ON forms (state, mode, election, number);
CREATE TABLE IF NOT EXISTS signed (
    key_id TEXT NOT NULL,
    definition TEXT NOT NULL,
    body TEXT NOT NULL,          -- hash of what was asked to be signed: the same file twice is one event
    event TEXT NOT NULL,
    seq INTEGER NOT NULL,
    station TEXT,
    contest TEXT,
    version INTEGER,
    PRIMARY KEY (key_id, definition, seq)
) WITHOUT ROWID;
CREATE UNIQUE INDEX IF NOT EXISTS signed_by_body ON signed (key_id, definition, body);
CREATE INDEX IF NOT EXISTS signed_by_station ON signed (definition, station, contest, version);
CREATE INDEX IF NOT EXISTS signed_by_event ON signed (event);
CREATE TABLE IF NOT EXISTS chains (
    key_id TEXT NOT NULL,
    definition TEXT NOT NULL,
    seq INTEGER NOT NULL,        -- of the first event that is signed here, and
    prev TEXT,                   -- the one before it, which another outbox held
    PRIMARY KEY (key_id, definition)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS gateways (
    mode TEXT NOT NULL,
    election TEXT NOT NULL,
    public_key BLOB NOT NULL,
    pinned_at TEXT NOT NULL,
    how TEXT NOT NULL,
    PRIMARY KEY (mode, election, public_key)
) WITHOUT ROWID;
"""


class Waiting(NamedTuple):
    number: int
    event: str
    envelope: bytes


class Kept(NamedTuple):
    """A form as the outbox shows it."""

    number: int
    event: str
    envelope: bytes
    place: Place
    title: str
    state: str
    attempts: int
    answer: dict[str, Any] | None
    last: str | None


class Gateway(NamedTuple):
    place: Place
    public_key: bytes
    pinned_at: str
    how: str


class OutboxError(UnusableError):
    """The outbox cannot be used, or what was given cannot be kept in it; the sentence says why."""


@contextmanager
def opened_outbox(path: Path, *, must_exist: bool = False) -> Iterator[Outbox]:
    """The outbox in a file, closed at the end. Raises OutboxError, also where SQLite fails in between."""
    try:
        with closing(Outbox(path, must_exist=must_exist)) as outbox:
            yield outbox
    except sqlite3.Error as error:
        raise OutboxError(f"{path}: {error}; is another `rekap submit` running, or the disk full?") from None


class Outbox:
    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        """Open, or make, the outbox in a file. Raises OutboxError."""
        if must_exist and not path.is_file():
            raise OutboxError(f"there is no outbox {path}; --outbox names the file")
        self.path = path
        try:
            self._database = open_database(path, "")
            layout = self._database.execute("PRAGMA user_version").fetchone()[0]
            tables = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if layout != _LAYOUT and tables:
                self._database.close()
                raise OutboxError(f"{path} is a file of another kind, or of another version of Rekap")
            self._database.executescript(_TABLES)
            self._database.execute(f"PRAGMA user_version = {_LAYOUT}")
        except sqlite3.Error as error:
            raise OutboxError(f"{path} cannot be used as an outbox: {error}") from None

    def close(self) -> None:
        self._database.close()

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """What is kept and signed inside is in the file at the end, all of it, or nothing where an exception leaves."""
        with transaction(self._database):
            yield

    def keep(self, given: Mapping[str, Any]) -> bool:
        """Keep a signed envelope; False where it is here already. Raises OutboxError where it is none."""
        try:
            envelope = ENVELOPE.validate_python(given)
            opened = open_envelope(envelope)
        except ValidationError as error:
            raise OutboxError(f"not a signed envelope: {_first(error)}") from None
        except ValueError as error:
            raise OutboxError(f"not a signed envelope: {error}") from None
        # One line, however the file is laid out: in a batch a line is an envelope. The signature is of the payload alone.
        return self._insert(opened.event_id.hex(), orjson.dumps(given), _event(opened.payload))

    def is_signed(self, body: Mapping[str, Any], key: Ed25519PrivateKey, definition: Definition) -> bool:
        """Whether this very body was signed here before: the same file twice is one event."""
        return (
            self._database.execute(
                "SELECT 1 FROM signed WHERE key_id = ? AND definition = ? AND body = ?",
                (*_chain(key, definition), _digest(body)),
            ).fetchone()
            is not None
        )

    def sign(
        self,
        body: Mapping[str, Any],
        key: Ed25519PrivateKey,
        definition: Definition,
        *,
        correction: Mapping[str, Any] = MappingProxyType({}),
    ) -> AnyEvent:
        """Sign an event's body with the key's next number, and keep it. Raises OutboxError where the body is no event.

        `created_at` is now where the body does not say it. A later version names the one before it, where the outbox has
        that and the body does not. `correction` is what the event says instead of the body.
        """
        chain = _chain(key, definition)
        last = self._database.execute(
            "SELECT seq, event FROM signed WHERE key_id = ? AND definition = ? ORDER BY seq DESC LIMIT 1", chain
        ).fetchone()
        seq, prev = (last[0] + 1, last[1]) if last else self._beginning(chain)
        election = definition.election
        signer = Signer(
            key, election=election.id, mode=election.mode.value, definition=definition.hash, next_seq=seq, prev=prev
        )
        said = {"created_at": _now(), **self._with_the_one_before(body, definition), **correction}
        try:
            signed = signer.sign(said)
            event = LEDGER_EVENT.validate_json(open_envelope(ENVELOPE.validate_json(signed.envelope)).payload)
        except ValidationError as error:
            raise OutboxError(_first(error)) from None
        except NotCanonicalError as error:
            raise OutboxError(str(error)) from None
        except (ValueError, TypeError, RecursionError) as error:
            raise OutboxError(f"not an event: {error}") from None
        place = tuple(getattr(event, name, None) for name in ("station", "contest", "version"))
        self._database.execute(
            "INSERT INTO signed VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*chain, _digest(body), signed.event_id, seq, *place)
        )
        self._insert(signed.event_id, signed.envelope, event.model_dump(mode="json"))
        return event

    def has_signed(self, key: Ed25519PrivateKey, definition: Definition) -> bool:
        """Whether the outbox knows how far this key has numbered its events."""
        chain = _chain(key, definition)
        found = self._database.execute(
            "SELECT 1 FROM signed WHERE key_id = ?1 AND definition = ?2 "
            "UNION ALL SELECT 1 FROM chains WHERE key_id = ?1 AND definition = ?2 LIMIT 1",
            chain,
        ).fetchone()
        return found is not None

    def begin(self, key: Ed25519PrivateKey, definition: Definition, seq: int, prev: str | None) -> None:
        """Number this key's events from here on: what was signed before, another outbox held."""
        chain = _chain(key, definition)
        self._database.execute("INSERT OR REPLACE INTO chains VALUES (?, ?, ?, ?)", (*chain, seq, prev))

    def _beginning(self, chain: tuple[str, str]) -> tuple[int, str | None]:
        row = self._database.execute(
            "SELECT seq, prev FROM chains WHERE key_id = ? AND definition = ?", chain
        ).fetchone()
        return (0, None) if row is None else (row[0], row[1])

    def _with_the_one_before(self, body: Mapping[str, Any], definition: Definition) -> Mapping[str, Any]:
        """The body with `supersedes`, where it is a later version that names none."""
        station, contest, version = (body.get(name) for name in ("station", "contest", "version"))
        if body.get("type") != "result.reported" or body.get("supersedes") or type(version) is not int or version < 2:
            return body
        if not isinstance(station, str) or not isinstance(contest, str):
            return body
        before = self._standing(definition.hash, station, contest, below=version)
        return body if before is None else {**body, "supersedes": before[0]}

    def _standing(self, definition: str, station: str, contest: str, *, below: int) -> tuple[str, int] | None:
        """(event, version) of the highest version under a number that was signed here and has not ended without counting."""
        row = self._database.execute(
            "SELECT s.event, s.version FROM signed s JOIN forms f ON f.event = s.event "
            "WHERE s.definition = ? AND s.station = ? AND s.contest = ? AND s.version < ? AND f.state IN (?, ?) "
            "ORDER BY s.version DESC LIMIT 1",
            (definition, station, contest, below, WAITING, DELIVERED),
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def signed_before(self, body: Mapping[str, Any], definition: Definition) -> tuple[str, int] | None:
        """(event, version) of the highest version that was signed here for this body's station and contest."""
        station, contest = body.get("station"), body.get("contest")
        if body.get("type") != "result.reported" or not isinstance(station, str) or not isinstance(contest, str):
            return None
        return self._standing(definition.hash, station, contest, below=2**31)

    def waiting(self, place: Place, *, after: int, lines_max: int, bytes_max: int) -> list[Waiting]:
        """The oldest after a number that have no answer yet, as many as fit: at least one, where there is one."""
        rows = self._database.execute(
            "SELECT number, event, envelope FROM forms WHERE state = ? AND mode = ? AND election = ? AND number > ? "
            "ORDER BY number LIMIT ?",
            (WAITING, *place, after, lines_max),
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
        """How many have no answer yet."""
        return int(self._database.execute("SELECT count(*) FROM forms WHERE state = ?", (WAITING,)).fetchone()[0])

    def places_waiting(self) -> list[Place]:
        rows = self._database.execute("SELECT DISTINCT mode, election FROM forms WHERE state = ?", (WAITING,))
        return [Place(*row) for row in rows]

    def attempted(self, numbers: Iterable[int]) -> None:
        """Note, before they are sent, that somebody may have seen these."""
        with transaction(self._database):
            self._database.executemany(
                "UPDATE forms SET attempts = attempts + 1 WHERE number = ?", [(number,) for number in numbers]
            )

    def end(self, ended: Mapping[int, tuple[str, Mapping[str, Any]]], left: Mapping[int, str]) -> None:
        """Note what came of a batch: number → (DELIVERED or REFUSED, receipt or problem), and why the others still wait."""
        with transaction(self._database):
            self._database.executemany(
                "UPDATE forms SET state = ?, answer = ?, last = NULL WHERE number = ? AND state = 'waiting'",
                [(state, orjson.dumps(answer).decode(), number) for number, (state, answer) in ended.items()],
            )
            self._database.executemany(
                "UPDATE forms SET last = ? WHERE number = ?", [(why, number) for number, why in left.items()]
            )

    def all(self, state: str | None = None) -> Iterator[Kept]:
        """In the order in which they came."""
        where, values = ("", ()) if state is None else ("WHERE state = ?", (state,))
        for row in self._database.execute(f"{_SELECT} {where} ORDER BY number", values):
            yield _kept(row)

    def find(self, beginning: str) -> Kept:
        """The form whose event id begins so. Raises OutboxError where none does, or more than one."""
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
        """No longer deliver a form that waits. Gives a sentence on what that means. Raises OutboxError where it has an
        answer."""
        with transaction(self._database):
            if form.state != WAITING:
                raise OutboxError(f"{form.event[:16]} does not wait: it is {form.state}")
            own = self._database.execute(
                "SELECT key_id, definition, seq FROM signed WHERE event = ?", (form.event,)
            ).fetchone()
            attempts = self._database.execute("SELECT attempts FROM forms WHERE event = ?", (form.event,)).fetchone()[0]
            if own is not None and not attempts:
                newest = self._database.execute(
                    "SELECT max(seq) FROM signed WHERE key_id = ? AND definition = ?", own[:2]
                ).fetchone()[0]
                if newest == own[2]:
                    # Nobody has seen it, and nothing names it: the key's next event takes its number.
                    self._database.execute("DELETE FROM signed WHERE event = ?", (form.event,))
                    self._database.execute("DELETE FROM forms WHERE event = ?", (form.event,))
                    return "it was never sent, and its number is free again"
            self._database.execute("UPDATE forms SET state = ? WHERE event = ?", (DROPPED, form.event))
        if attempts:
            return (
                "it was sent before and may be in the ledger: only a version above it, or an annulment, takes it back"
            )
        if own is None:
            return "it was never sent from here"
        return f"it was never sent; events of its key that follow will show number {own[2]} as missing"

    def retry(self, form: Kept) -> None:
        """Let a form that was refused or dropped wait again. Raises OutboxError where it was delivered."""
        if form.state == DELIVERED:
            raise OutboxError(f"{form.event[:16]} is in the ledger already")
        with transaction(self._database):
            self._database.execute("UPDATE forms SET state = ?, answer = NULL WHERE event = ?", (WAITING, form.event))

    # ── whose word is believed ───────────────────────────────────────────────────────────────────────────────────────

    def pin(self, place: Place, public_key: bytes, how: str) -> bool:
        """Believe a gateway's key from now on; False where it was pinned already."""
        done = self._database.execute(
            "INSERT OR IGNORE INTO gateways VALUES (?, ?, ?, ?, ?)", (*place, public_key, _now(), how)
        )
        return done.rowcount > 0

    def pinned(self, place: Place) -> list[bytes]:
        rows = self._database.execute("SELECT public_key FROM gateways WHERE mode = ? AND election = ?", place)
        return [row[0] for row in rows]

    def gateways(self) -> list[Gateway]:
        rows = self._database.execute("SELECT * FROM gateways ORDER BY mode, election, pinned_at")
        return [Gateway(Place(mode, election), *rest) for mode, election, *rest in rows]

    def unpin(self, public_key: bytes) -> bool:
        return self._database.execute("DELETE FROM gateways WHERE public_key = ?", (public_key,)).rowcount > 0

    def _insert(self, event: str, envelope: bytes, said: Mapping[str, Any]) -> bool:
        if len(envelope) > ENVELOPE_BYTES_MAX:
            raise OutboxError(
                f"the envelope has {len(envelope):,} bytes, and no gateway takes more than {ENVELOPE_BYTES_MAX:,}"
            )
        words = [shown(said[name]) for name in ("type", "station", "contest") if isinstance(said.get(name), str)]
        title = " ".join([*words, *([f"v{said['version']}"] if type(said.get("version")) is int else [])])
        done = self._database.execute(
            "INSERT OR IGNORE INTO forms VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, 0, NULL, NULL)",
            (event, envelope, len(envelope), said["mode"], said["election"], title, WAITING),
        )
        return done.rowcount > 0


EVENT_DIGITS_MIN = 6
_SELECT = "SELECT number, event, envelope, mode, election, title, state, attempts, answer, last FROM forms"


def _kept(row: Any) -> Kept:
    number, event, envelope, mode, election, title, state, attempts, answer, last = row
    said = None if answer is None else orjson.loads(answer)
    return Kept(number, event, envelope, Place(mode, election), title, state, attempts, said, last)


def _chain(key: Ed25519PrivateKey, definition: Definition) -> tuple[str, str]:
    return key_id(key.public_key().public_bytes_raw()), definition.hash


def _digest(body: Mapping[str, Any]) -> str:
    """Raises OutboxError."""
    try:
        return sha256_hex(orjson.dumps(body, option=orjson.OPT_SORT_KEYS))
    except TypeError as error:
        raise OutboxError(f"not an event: {error}") from None


def _event(payload: bytes) -> dict[str, Any]:
    """What an envelope holds, as far as the outbox has to know it. Raises OutboxError."""
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


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"] if "." not in str(part))
    return f"{field}: {sentence(first)}" if field else sentence(first)


def _now() -> str:
    return time_text(datetime.now(UTC), "seconds")
