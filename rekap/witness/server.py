"""`rekap witness`: cosigns what continues all that it has cosigned before (C2SP tlog-witness, tlog-cosignature).

    POST /add-checkpoint   a log's newest checkpoint and the proof that it continues the last one → cosignature
    GET  /                 who this is, and how far it has seen each log
    GET  /conflicts        checkpoints that a log has signed and that do not fit what was cosigned

What may be cosigned is decided in proofs/witness.py; the memory is rekap/witness/state.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import click
import httpx
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api.http.connections import Connections, raise_descriptor_limit
from api.http.server import bounded_server
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals
from proofs.notes import COSIGNATURE, ED25519, NoteError, VerifierKey, cosign, is_key_name, parse_key
from proofs.witness import BODY_BYTES_MAX, CONFLICT, MALFORMED, OK, SIZE_TYPE, Logs, RefusedError, read_request
from rekap.terminal import complain
from rekap.witness.state import StateError, WitnessState
from runtime.files.key_files import KeyFileError, load_key_file, load_or_make_key_file
from runtime.http_client import client_for
from runtime.logs import log_line, start_logs
from runtime.witnesses import read_bounded

logger = logging.getLogger("rekap.witness")

EXIT_NOT_STARTED = 3
BODY_SECONDS_MAX = 10.0
"""At half a log on a bad line is cut off; at double a few slow clients hold all connections for longer."""
CONNECTIONS_MAX = 200
CONNECTIONS_OF_ADDRESS_MAX = 20
"""A server has a connection for each of its logs at most, and keeps none. Silent ones take each other's places."""
LOGS_BYTES_MAX = 1024 * 1024
SERVER_SECONDS_MAX = 10.0
GRACEFUL_SECONDS = 5
READY = "rekap.witness ready"
"""Begins the log line that says that requests are answered from now on."""


class NotStartedError(Exception):
    """The witness cannot do its work; the sentence says why, and what to do."""


class Witness(NamedTuple):
    """One running witness: its key, its memory, and the logs it knows."""

    name: str
    key: Ed25519PrivateKey
    state: WitnessState
    logs: Logs

    @property
    def verifier_key(self) -> VerifierKey:
        return witness_key(self.name, self.key)

    def add_checkpoint(self, body: bytes) -> Response:
        """The answer to a request. A cosignature is in it only after its tree is on the disk."""
        try:
            request = read_request(body, self.logs)
        except RefusedError as refused:
            return PlainTextResponse(f"{refused}\n", refused.status)
        judged = self.state.judge(request, lambda: int(time.time()))
        decision, origin = judged.decision, request.checkpoint.origin
        if judged.evidence is not None:
            logger.critical(
                log_line(
                    "conflict",
                    kind=judged.evidence.value,
                    log=origin,
                    size=request.checkpoint.size,
                    then="kept with both signed checkpoints, see GET /conflicts",
                )
            )
        if decision.status == OK:
            return PlainTextResponse(cosign(request.note.text, self.name, self.key, judged.time).line)
        logger.warning(log_line("refused", log=origin, status=decision.status, why=decision.sentence))
        if decision.status == CONFLICT:
            return Response(f"{judged.size}\n", CONFLICT, headers={"Content-Type": SIZE_TYPE})
        return PlainTextResponse(f"{decision.sentence}\n", decision.status)

    def about(self) -> dict[str, object]:
        heads = self.state.heads()
        return {
            "name": self.name,
            "key": str(self.verifier_key),
            "logs": [
                {
                    "origin": origin,
                    "keys": [str(key) for key in keys],
                    "size": heads[origin].size if origin in heads else 0,
                }
                for origin, keys in sorted(self.logs.items())
            ],
        }


def witness_key(name: str, key: Ed25519PrivateKey) -> VerifierKey:
    """What readers check its cosignatures with."""
    return VerifierKey(name, COSIGNATURE, key.public_key().public_bytes_raw())


def witness_app(witness: Witness) -> Starlette:
    async def add_checkpoint(request: Request) -> Response:
        body = b""
        try:
            async with asyncio.timeout(BODY_SECONDS_MAX):
                async for part in request.stream():
                    body += part
                    if len(body) > BODY_BYTES_MAX:
                        break
        except (TimeoutError, ClientDisconnect):
            return PlainTextResponse("the request did not come to its end\n", MALFORMED)
        return await asyncio.to_thread(witness.add_checkpoint, body)

    async def about(request: Request) -> Response:
        return JSONResponse(await asyncio.to_thread(witness.about))

    async def conflicts(request: Request) -> Response:
        return JSONResponse({"conflicts": await asyncio.to_thread(witness.state.conflicts)})

    async def state_fails(request: Request, error: Exception) -> Response:
        logger.error(log_line("state-fails", error=error))
        return PlainTextResponse("the state of this witness cannot be read or written now\n", 503)

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/", about),
            Route("/conflicts", conflicts),
        ],
        exception_handlers={sqlite3.Error: state_fails},
    )


@click.command("witness")
@click.option("--name", required=True, help="name of the witness in its signatures, such as witness.example/w1")
@click.option(
    "--key", "key_file", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="private key that cosigns; made at the first start",
)  # fmt: skip
@click.option(
    "--state", "state_file", type=click.Path(path_type=Path, dir_okay=False), required=True,
    help="what was cosigned; made at the first start, and never to be lost while the key is used",
)  # fmt: skip
@click.option("--log", "log_keys", multiple=True, metavar="VKEY", help="verifier key of a log, its origin as the name")
@click.option("--server", metavar="URL", help="a Rekap server: its logs and their keys, as they are at the first start")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on")
@click.option("--port", type=click.IntRange(1, 65535), default=8100, show_default=True)
def witness(
    name: str, key_file: Path, state_file: Path, log_keys: tuple[str, ...], server: str | None, host: str, port: int
) -> None:
    """Witness public logs: cosign each checkpoint that continues what was cosigned before, and keep the others.

    Exit codes: 0 stopped, 2 the command is wrong, 3 it cannot start (key, state, server, port).
    """
    start_logs()
    if not is_key_name(name):
        raise click.BadParameter("a name has no spaces and no '+', and is not empty", param_hint="--name")
    if not log_keys and server is None:
        raise click.UsageError("name the logs: --log VKEY, or --server URL")
    given = [_log_key(text) for text in log_keys]
    try:
        state, key = open_memory(name, key_file, state_file)
        with contextlib.closing(state):
            logs: dict[str, list[VerifierKey]] = {}
            for each in dict.fromkeys([*given, *(pinned_logs(state, server.rstrip("/")) if server else ())]):
                logs.setdefault(each.name, []).append(each)
            _serve(Witness(name, key, state, logs), host, port)
    except (NotStartedError, StateError, KeyFileError) as error:
        complain(f"Error: {error}")
        raise SystemExit(EXIT_NOT_STARTED) from None


def _log_key(text: str) -> VerifierKey:
    try:
        key = parse_key(text)
    except NoteError as error:
        raise click.BadParameter(str(error), param_hint="--log") from None
    if key.kind != ED25519:
        raise click.BadParameter(f"{key.name!r} is the key of a witness, not of a log", param_hint="--log")
    return key


def open_memory(name: str, key_file: Path, state_file: Path) -> tuple[WitnessState, Ed25519PrivateKey]:
    """The state and the key, both made at the first start and bound to each other.

    Raises StateError, KeyFileError; also for a key without its state: a witness that has forgotten what it signed would
    sign another history.
    """
    if key_file.exists():
        load_key_file(key_file)  # first, so that a wrong file is called wrong
        if not state_file.exists():
            raise StateError(
                f"{key_file} is there, but not {state_file}, which says what it has cosigned. Bring the newest state back, or "
                "become another witness: a new --name, --key and --state"
            )
    try:
        state_file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StateError(f"{state_file.parent} cannot be made: {error.strerror}") from None
    state = WitnessState(state_file)
    try:
        # The key last: a crash in between leaves an empty state without a key, and that can be gone on with.
        key = load_or_make_key_file(key_file)
        state.belong_to(witness_key(name, key))
    except BaseException:
        state.close()
        raise
    return state, key


def pinned_logs(state: WitnessState, server: str) -> list[VerifierKey]:
    """The keys of a server's logs as they were at the first start. Raises NotStartedError where they are others now, or
    where they were never seen and cannot be had."""
    pinned = state.pinned(server)
    try:
        told = asyncio.run(_ask_for_logs(server))
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
        why = f"{server}/v1/log: {str(error) or type(error).__name__}"
        if not pinned:
            raise NotStartedError(f"the logs of {why}. Start again when the server is up, or give --log") from None
        logger.warning(log_line("server-away", why=why, then="its logs as pinned"))
        return sorted(map(parse_key, pinned))
    if not pinned:
        state.pin(server, told)
        logger.info(log_line("pinned", server=server, logs=len(told)))
        return list(told.values())
    if changed := pinned ^ {str(key) for key in told.values()}:
        before = ", ".join(sorted(changed & pinned)) or "none of them"
        after = ", ".join(sorted(changed - pinned)) or "none of them"
        raise NotStartedError(
            f"the logs of {server} are not those of the first start. Before: {before}. Now: {after}. A log does not "
            "change its key; ask its operator in public why, and to follow new logs start a witness with a new state"
        )
    return list(told.values())


async def _ask_for_logs(server: str) -> Mapping[str, VerifierKey]:
    """Origin → key. Raises ValueError where the answer is none, and what httpx raises."""
    async with asyncio.timeout(SERVER_SECONDS_MAX), client_for(server, seconds_max=SERVER_SECONDS_MAX) as client:
        answer, body = await read_bounded(client, "GET", f"{server}/v1/log", LOGS_BYTES_MAX)
    answer.raise_for_status()
    keys = {}
    try:
        for each in orjson.loads(body)["logs"]:
            key = parse_key(each["keys"][0])
            if key.name != each["origin"] or key.kind != ED25519:
                raise ValueError(f"{each['origin']!r} is not signed by a key of that name")
            keys[key.name] = key
    except (LookupError, TypeError, AttributeError, orjson.JSONDecodeError):
        raise ValueError("the answer does not name the logs and their keys (yet)") from None
    if not keys:
        raise ValueError("the server has no log")
    return keys


def _serve(witness: Witness, host: str, port: int) -> None:
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=CONNECTIONS_MAX
        )
    except OSError as error:
        raise NotStartedError(f"{host}, port {port}, cannot be listened on: {error.strerror or error}") from None
    logger.info(log_line("ready", url=f"http://{host}:{port}", logs=len(witness.logs), key=witness.verifier_key))
    server = bounded_server(
        witness_app(witness),
        connections=Connections(raise_descriptor_limit(CONNECTIONS_MAX), CONNECTIONS_OF_ADDRESS_MAX, Refusals()),
        proxies=TrustedProxies(),
        graceful_seconds=GRACEFUL_SECONDS,
    )
    with listening, contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])
