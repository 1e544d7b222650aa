"""A witness over HTTP: it cosigns a checkpoint that continues all that it has cosigned (C2SP tlog-witness, tlog-cosignature).

    POST /add-checkpoint   a log's newest checkpoint and the proof that it continues the last one → cosignature
    GET  /                 name and key of the witness, and the size up to which it has cosigned each log
    GET  /conflicts        checkpoints that a log has signed and that do not fit what was cosigned

proofs/witness.py decides what may be cosigned; rekap/witness/state.py keeps the state.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sqlite3
import time
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from api.http.connections import Connections, raise_descriptor_limit
from api.limits.client_address import TrustedProxies
from api.limits.refusals import Refusals
from api.server import bounded_server
from proofs.notes import COSIGNATURE, VerifierKey, cosign
from proofs.witness import BODY_BYTES_MAX, CONFLICT, MALFORMED, OK, SIZE_TYPE, Logs, RefusedError, read_request
from rekap.witness.errors import NotStartedError
from rekap.witness.state import WitnessState
from runtime.logs import log_line

logger = logging.getLogger("rekap.witness")

BODY_SECONDS_MAX = 10.0
"""Limit for a whole request. At half, a log on a bad line is cut off; at double, a few slow clients hold all connections for
longer."""
CONNECTIONS_MAX = 200
CONNECTIONS_OF_ADDRESS_MAX = 20
"""A log server has at most one connection for each of its logs, and keeps none open. A new connection closes a silent one of
the same address."""
GRACEFUL_SECONDS = 5
READY = "rekap.witness ready"
"""The beginning of the log line that is written when requests are answered."""


class Witness(NamedTuple):
    """One running witness: its key, its state, and the logs that it follows."""

    name: str
    key: Ed25519PrivateKey
    state: WitnessState
    logs: Logs

    @property
    def verifier_key(self) -> VerifierKey:
        return witness_key(self.name, self.key)

    def add_checkpoint(self, body: bytes) -> Response:
        """The answer to a request. It has a cosignature only after the tree is on the disk."""
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
    """The verifier key of the witness, with which readers check its cosignatures."""
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


def serve(witness: Witness, host: str, port: int) -> None:
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
