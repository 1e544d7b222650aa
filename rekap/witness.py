"""`rekap witness`: cosigns checkpoints of logs that go on, and refuses those that contradict what it has seen.

The server's side of C2SP tlog-witness. For each request, in this order:

    1. read and judged       against what is remembered, in one transaction that no other can enter
    2. remembered            written and fsynced                    after this line no other history is ever cosigned
    3. cosigned              with the time of now

A crash after 2 costs a cosignature, which the log asks for again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import click
import httpx
import orjson
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from proofs.notes import COSIGNATURE, ED25519, Note, NoteError, VerifierKey, cosign, parse_key
from proofs.witness import (
    CONFLICT,
    NOTHING_SEEN,
    REQUEST_BYTES_MAX,
    Request,
    Seen,
    WitnessRefusalError,
    check_request,
    parse_request,
)
from runtime.key_files import KeyFileError, load_or_make_key_file
from runtime.logs import event, start_logs

log = logging.getLogger("rekap.witness")

EXIT_NOT_STARTED = 3
CONFLICTS_KEPT_MAX = 100
"""Of each log: one is proof enough, and whoever holds a log's key could send them for ever."""
SERVER_SECONDS_MAX = 60
"""How long `--server` may take to answer at the first start."""
SIZE_TYPE = "text/x.tlog.size"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (origin TEXT PRIMARY KEY, key TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL,
    cosigned_at INTEGER);
CREATE TABLE IF NOT EXISTS conflict (origin TEXT NOT NULL, seen_at INTEGER NOT NULL, sentence TEXT NOT NULL,
    note BLOB NOT NULL, PRIMARY KEY (origin, note));
"""


class OtherKeyError(Exception):
    """A log has another key than the one that was pinned."""


class Witness:
    """What was seen, in one SQLite file, and the key that says so."""

    def __init__(self, name: str, key: Ed25519PrivateKey, state: Path) -> None:
        self._name = name
        self._key = key
        self._state = state
        self.verifier_key = VerifierKey(name, COSIGNATURE, key.public_key().public_bytes_raw())
        with self._connected() as database:
            database.executescript(_SCHEMA)

    def pin(self, keys: Sequence[VerifierKey]) -> None:
        """Watch these logs, each under this key for ever. Raises OtherKeyError."""
        with self._connected() as database:
            for key in keys:
                row = database.execute("SELECT key FROM log WHERE origin = ?", (key.name,)).fetchone()
                if row is not None and row[0] != str(key):
                    raise OtherKeyError(
                        f"the log {key.name} has the key {key}, but {row[0]} was pinned; a log that changes its key is "
                        "another log: start a new --state file for it, if you know why"
                    )
                database.execute(
                    "INSERT INTO log VALUES (?, ?, 0, ?, NULL) ON CONFLICT DO NOTHING",
                    (key.name, str(key), NOTHING_SEEN.root),
                )

    def add_checkpoint(self, body: bytes) -> str:
        """The signature line for a checkpoint that goes on. Raises WitnessRefusalError."""
        request = parse_request(body)
        now = int(time.time())
        with self._connected() as database:
            database.execute("BEGIN IMMEDIATE")  # 1: no other request, and no other process, comes in between
            key, seen = self._remembered(database, request.checkpoint.origin)
            try:
                check_request(request, key, seen)
            except WitnessRefusalError as refusal:
                if refusal.is_evidence:
                    self._keep_conflict(database, request, now, str(refusal))
                    database.execute("COMMIT")
                raise
            database.execute(
                "UPDATE log SET size = ?, root = ?, cosigned_at = ? WHERE origin = ?",
                (request.checkpoint.size, request.checkpoint.root, now, request.checkpoint.origin),
            )
            database.execute("COMMIT")  # 2
        return cosign(request.note.text, self._name, self._key, now).line  # 3

    def _remembered(self, database: sqlite3.Connection, origin: str) -> tuple[VerifierKey | None, Seen]:
        row = database.execute("SELECT key, size, root FROM log WHERE origin = ?", (origin,)).fetchone()
        return (None, NOTHING_SEEN) if row is None else (parse_key(row[0]), Seen(row[1], row[2]))

    def _keep_conflict(self, database: sqlite3.Connection, request: Request, now: int, sentence: str) -> None:
        """The log's own signature under a second history: whoever has both can prove it."""
        origin = request.checkpoint.origin
        log.error(event("conflict", origin=origin, size=request.checkpoint.size, said=sentence))
        (kept,) = database.execute("SELECT count(*) FROM conflict WHERE origin = ?", (origin,)).fetchone()
        if kept < CONFLICTS_KEPT_MAX:
            database.execute(
                "INSERT INTO conflict VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (origin, now, sentence, Note(request.note.text, request.note.signatures).to_bytes()),
            )

    def about(self) -> dict[str, Any]:
        with self._connected() as database:
            rows = database.execute(
                "SELECT origin, key, size, hex(root), cosigned_at FROM log ORDER BY origin"
            ).fetchall()
        names = ("origin", "key", "size", "root", "cosigned_at")
        logs = [dict(zip(names, row, strict=True)) for row in rows]
        return {"witness": str(self.verifier_key), "logs": [each | {"root": each["root"].lower()} for each in logs]}

    def conflicts(self) -> list[dict[str, Any]]:
        with self._connected() as database:
            rows = database.execute("SELECT origin, seen_at, sentence, note FROM conflict ORDER BY seen_at").fetchall()
        return [
            {"origin": origin, "seen_at": at, "sentence": sentence, "checkpoint": note.decode()}
            for origin, at, sentence, note in rows
        ]

    def _connected(self) -> closing[sqlite3.Connection]:
        database = sqlite3.connect(self._state, timeout=10, isolation_level=None)
        # FULL: a transaction that has ended survives a power cut, which the order of steps rests on.
        database.execute("PRAGMA synchronous = FULL")
        return closing(database)


def create_app(witness: Witness) -> Starlette:
    async def add_checkpoint(request: HttpRequest) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > REQUEST_BYTES_MAX:
                return PlainTextResponse(f"more than {REQUEST_BYTES_MAX} bytes\n", status_code=413)
        try:
            line = await asyncio.to_thread(witness.add_checkpoint, body)
        except WitnessRefusalError as refusal:
            if refusal.status == CONFLICT:
                return Response(f"{refusal.known_size}\n", status_code=CONFLICT, media_type=SIZE_TYPE)
            return PlainTextResponse(f"{refusal}\n", status_code=refusal.status)
        return PlainTextResponse(line)

    async def about(_: HttpRequest) -> Response:
        return _json(await asyncio.to_thread(witness.about))

    async def conflicts(_: HttpRequest) -> Response:
        return _json(await asyncio.to_thread(witness.conflicts))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        log.info(event("ready", witness=str(witness.verifier_key)))
        yield

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/", about),
            Route("/conflicts", conflicts),
        ],
        lifespan=lifespan,
    )


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value, option=orjson.OPT_INDENT_2), media_type="application/json")


def keys_of_server(url: str) -> list[VerifierKey]:
    """The keys of a Rekap server's logs. Raises NoteError, httpx.HTTPError."""
    deadline = time.monotonic() + SERVER_SECONDS_MAX
    while True:
        try:
            answer = httpx.get(f"{url.rstrip('/')}/v1/log", timeout=5).raise_for_status().json()
            if all(each["keys"] for each in answer["logs"]):
                return [parse_key(each["keys"][0]) for each in answer["logs"]]
        except httpx.HTTPError:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise NoteError(f"{url} has logs without keys: its notary has not started yet")
        time.sleep(1)


@click.command("witness")
@click.option("--name", required=True, help="your witness's name, as it stands in cosignatures: a domain of yours")
@click.option(
    "--key",
    "key_file",
    type=click.Path(path_type=Path),
    required=True,
    help="its private key; made where there is none",
)
@click.option(
    "--state", type=click.Path(path_type=Path), required=True, help="what it remembers (SQLite); never delete it"
)
@click.option("--log", "logs", multiple=True, help="verifier key of a log to watch")
@click.option("--server", help="a Rekap server: its logs are pinned at the first start")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8010, show_default=True)
def witness(
    name: str, key_file: Path, state: Path, logs: tuple[str, ...], server: str | None, host: str, port: int
) -> None:
    """Cosign the checkpoints of logs, each only where it continues what was cosigned before (docs/witness.md)."""
    start_logs()
    try:
        if not name.strip() or any(character.isspace() or character == "+" for character in name):
            raise NoteError(f"{name!r} is no name: no spaces and no plus sign")
        keys = [parse_key(each) for each in logs]
        wrong = next((key for key in keys if key.kind != ED25519), None)
        if wrong is not None:
            raise NoteError(f"{wrong} is the key of a witness, not of a log")
        own = Witness(name, load_or_make_key_file(key_file), state)
        if server is not None:
            keys += keys_of_server(server)
        own.pin(keys)
        if not own.about()["logs"]:
            raise NoteError("no log to watch: name one with --log, or a server with --server")
    except (NoteError, KeyFileError, OtherKeyError, httpx.HTTPError, sqlite3.Error, OSError) as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(EXIT_NOT_STARTED) from None
    uvicorn.run(create_app(own), host=host, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=5)
