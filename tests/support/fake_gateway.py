"""A gateway on loopback that answers as a test wants: honestly, with its own key, or with other bytes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from proofs.merkle import leaf_hash
from proofs.notes import ED25519, Note, VerifierKey, sign
from schemas.ledger.envelope import ENVELOPE, ledger_record, open_envelope
from schemas.served.logs import receipt_text, refusal_text
from tests.support.ledger import CREATED_AT, private_key

Respond = Callable[["FakeGateway", str, bytes], bytes | Awaitable[bytes]]
"""(gateway, path, body) → the whole answer, head and all."""


@dataclass
class FakeGateway:
    """Honest unless `respond` is given. What was taken is in `ledger`, in order."""

    election: str = "small"
    mode: str = "rehearsal"
    key: Ed25519PrivateKey = field(default_factory=lambda: private_key("gateway"))
    respond: Respond | None = None
    refuses: Callable[[bytes], dict[str, Any] | None] = lambda envelope: None
    url: str = ""
    ledger: list[bytes] = field(default_factory=list)
    requests: list[tuple[str, int]] = field(default_factory=list)
    """(path, bytes of the body)"""
    _open: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"rekap/{self.mode}/{self.election}/gateway-1"

    @property
    def verifier_key(self) -> str:
        return str(VerifierKey(self.name, ED25519, self.key.public_key().public_bytes_raw()))

    def honest(self, path: str, body: bytes) -> bytes:
        if path.endswith("/v1/gateway"):
            return answer(200, {"gateway_key": self.verifier_key})
        if path.endswith("/v1/submissions:batch"):
            lines = [self.line(number, each) for number, each in enumerate(body.split(b"\n"), start=1)]
            return answer(200, b"".join(orjson.dumps(each) + b"\n" for each in lines), "application/x-ndjson")
        return answer(404, {"detail": "not here"})

    def line(self, number: int, envelope: bytes) -> dict[str, Any]:
        problem = self.refuses(envelope)
        if problem is not None:
            return {"line": number, "status": problem["status"], "problem": self.signed_problem(problem, envelope)}
        return {"line": number, "status": 201, "receipt": self.receipt(envelope)}

    def receipt(self, envelope: bytes) -> dict[str, Any]:
        event = open_envelope(ENVELOPE.validate_json(envelope)).event_id.hex()
        self.ledger.append(envelope)
        leaf = leaf_hash(ledger_record(envelope, "gateway-1", CREATED_AT)).hex()
        text = receipt_text(self.election, event, 0, len(self.ledger), leaf, CREATED_AT)
        return {
            "submission": event,
            "partition": 0,
            "offset": len(self.ledger),
            "leaf_hash": leaf,
            "received_at": CREATED_AT,
            "gateway": "gateway-1",
            "duplicate": False,
            "signed": self.note(text),
        }

    def signed_problem(self, problem: dict[str, Any], envelope: bytes) -> dict[str, Any]:
        return {**problem, "signed": self.note(refusal_text(self.election, envelope, problem))}

    def note(self, text: str) -> str:
        return Note(text, (sign(text, self.name, self.key),)).to_bytes().decode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                path = head.split(b" ")[1].decode()
                lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
                body = await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b""
                self.requests.append((path, len(body)))
                made = self.honest(path, body) if self.respond is None else self.respond(self, path, body)
                writer.write(made if isinstance(made, bytes) else await made)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def hang_up(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(0.01)


def answer(status: int, body: bytes | dict[str, Any], media_type: str = "application/json", *heads: str) -> bytes:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    head = [f"HTTP/1.1 {status} X", f"Content-Type: {media_type}", f"Content-Length: {len(content)}", *heads]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


@asynccontextmanager
async def listening(gateway: FakeGateway) -> AsyncIterator[FakeGateway]:
    server = await asyncio.start_server(gateway.serve, "127.0.0.1", 0, limit=2**20)
    gateway.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield gateway
    finally:
        server.close()
        await gateway.hang_up()


@contextmanager
def in_a_thread(gateway: FakeGateway) -> Iterator[FakeGateway]:
    """For what brings an event loop of its own, such as a command."""
    started = threading.Event()
    handle: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def go() -> None:
        ends = asyncio.Event()
        async with listening(gateway):
            handle.append((asyncio.get_running_loop(), ends))
            started.set()
            await ends.wait()

    thread = threading.Thread(target=asyncio.run, args=(go(),))
    thread.start()
    try:
        assert started.wait(10)
        yield gateway
    finally:
        loop, ends = handle[0]
        loop.call_soon_threadsafe(ends.set)
        thread.join(10)
