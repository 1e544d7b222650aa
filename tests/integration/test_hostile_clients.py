"""Clients of one address that send too much, too slowly or nonsense: raw sockets against a running stack."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import orjson
import pytest

from proofs.notes import ED25519, VerifierKey
from rekap.embedded.ports import free_port
from rekap.operate.stack import Stack
from tests.support.ledger import private_key
from tests.support.stacks import Voices, eventually, stack_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

ATTACKER = "127.0.0.2"
CONNECTIONS = 32
FORM = {"type": "result.reported", "contest": "president", "version": 1}
BATCH = b"POST /v1/submissions:batch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


stack = stack_of(
    "hostile", REKAP_CONNECTIONS_OF_ADDRESS=str(CONNECTIONS), REKAP_SUBMISSIONS_PER_S="100", REKAP_REQUESTS_PER_S="50"
)


@contextmanager
def _sockets(url: str, count: int, send: bytes = b"") -> Iterator[list[socket.socket]]:
    """Connections of the attacker, each with something sent on it."""
    port = httpx.URL(url).port
    with ExitStack() as opened:
        sockets = []
        for _ in range(count):
            raw = opened.enter_context(socket.socket())
            raw.settimeout(10)
            raw.bind((ATTACKER, 0))
            raw.connect(("127.0.0.1", port))
            if send:
                raw.sendall(send)
            sockets.append(raw)
        yield sockets


async def _answer(raw: socket.socket) -> bytes:
    """All that comes until the server ends its half."""

    def read() -> bytes:
        received = b""
        while part := raw.recv(65_536):
            received += part
        return received

    return await asyncio.to_thread(read)


def _form(voices: Voices, station: str, **frame: str) -> bytes:
    votes = {"01": 5, "02": 7}
    form = {"votes": votes, "VA": 12, "VB": 1, "VC": 13}
    return voices.sign({**FORM, "station": station, "form": form}, **frame)


async def test_silent_sockets_close_each_other_only(stack: Stack, client: httpx.AsyncClient) -> None:
    with _sockets(stack.url, 5 * CONNECTIONS) as silent:
        assert (await client.get("/livez")).status_code == 200
        ended = 0
        for raw in silent:
            raw.setblocking(False)
            try:
                ended += raw.recv(100)[:12] in (b"", b"HTTP/1.1 503")
            except BlockingIOError:
                pass
            except ConnectionResetError:
                ended += 1
        assert ended == 4 * CONNECTIONS


async def test_heads_and_addresses_have_a_bound(stack: Stack) -> None:
    for request, status in (
        (b"GET /livez HTTP/1.1\r\nx: " + b"y" * 1_000_000, 431),
        (b"GET /livez HTTP/1.1\r\n" + b"a: b\r\n" * 5_000, 431),
        (b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"\x16\x03\x01" * 100, 400),
    ):
        with _sockets(stack.url, 1, request) as (raw,):
            answer = await _answer(raw)
        assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
        assert b"application/problem+json" in answer


async def test_bodies_that_stop_short_take_nothing_from_others(
    stack: Stack, client: httpx.AsyncClient, voices: Voices
) -> None:
    """The attacker gets its 40 of 128 MiB, and no more however many it sends."""
    size = 12 * 1024 * 1024
    refused = 0

    def send_all() -> None:
        nonlocal refused
        with _sockets(stack.url, 8) as sockets:
            for raw in sockets:
                try:
                    raw.sendall(BATCH % size + b"x" * (size - 1))
                except OSError:
                    refused += 1
            asyncio.run_coroutine_threadsafe(submitted(), loop).result(30)

    async def submitted() -> None:
        answer = await client.post("/v1/submissions", content=_form(voices, "1.1.1-1"))
        assert answer.status_code == 201, answer.text

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(send_all)


async def test_a_batch_of_line_ends_is_refused_at_once(stack: Stack, client: httpx.AsyncClient) -> None:
    sending = asyncio.create_task(client.post("/v1/submissions:batch", content=b"\n" * (16 * 1024 * 1024)))
    began = asyncio.get_running_loop().time()
    assert (await client.get("/livez")).status_code == 200
    assert asyncio.get_running_loop().time() - began < 5
    answer = await sending
    assert (answer.status_code, answer.json()["title"]) == (413, "Too many lines")


async def test_wrong_signatures_are_paid_for_and_others_pay_nothing(
    stack: Stack, client: httpx.AsyncClient, voices: Voices
) -> None:
    opened = orjson.loads(_form(voices, "1.1.1-2"))
    other = orjson.loads(_form(voices, "1.1.2-1"))
    wrong = orjson.dumps({**opened, "signatures": other["signatures"]})
    body = b"\n".join([wrong] * 300)
    transport = httpx.AsyncHTTPTransport(local_address=ATTACKER)
    async with httpx.AsyncClient(base_url=stack.url, transport=transport, timeout=30) as attacker:
        answer = await attacker.post("/v1/submissions:batch", content=body)
        statuses = [orjson.loads(line)["status"] for line in answer.content.splitlines()]
        assert set(statuses) == {401, 429}
        # Not all behind the first: on a slow machine its bucket fills up a little meanwhile.
        assert statuses[0] == 401
        assert statuses.count(429) > 100
        for _ in range(100):  # on a slow machine its bucket has filled up a little meanwhile
            single = await attacker.post("/v1/submissions", content=wrong)
            if single.status_code != 401:
                break
        assert single.status_code == 429
        assert int(single.headers["retry-after"]) >= 1
        assert single.headers["ratelimit-policy"] == '"submissions";q=1000;w=10'
        assert single.json()["violated-policies"] == ["submissions"]
    right = await client.post("/v1/submissions", content=_form(voices, "1.1.2-2"))
    assert right.status_code == 201
    assert right.headers["ratelimit"].startswith('"submissions";r=')


async def test_who_reads_too_much_gets_retry_after(stack: Stack, client: httpx.AsyncClient) -> None:
    # Connections are kept, because an address may make a few new ones a second, and others are closed without an answer.
    kept = httpx.Limits(max_connections=20, max_keepalive_connections=20)
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.3", limits=kept)
    async with httpx.AsyncClient(base_url=stack.url, transport=transport, timeout=30) as greedy:
        refused: list[httpx.Response] = []

        async def some_are_refused() -> bool:
            # More at once where the machine is slow: what is asked within a second must exceed what an address may.
            answers = await asyncio.gather(*(greedy.get("/v1/areas/nowhere") for _ in range(100)))
            refused.extend(answer for answer in answers if answer.status_code == 429)
            return len(refused) > 20

        await eventually(some_are_refused)
        assert refused[0].headers["content-type"] == "application/problem+json"
        assert int(refused[0].headers["retry-after"]) >= 1
    assert (await client.get("/livez")).status_code == 200


async def test_the_descriptor_limit_is_logged_at_the_start(
    stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    log = next(tmp_path_factory.getbasetemp().glob("hostile*/api.log")).read_text()
    assert "descriptors before=" in log


async def test_a_witness_answers_beside_hundreds_of_silent_sockets(tmp_path: Path) -> None:
    port = free_port()
    log = VerifierKey("log.example/1", ED25519, private_key("authority").public_key().public_bytes_raw())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rekap", "witness", "--name", "w1", "--port", str(port), "--log", str(log)),
        *("--key", str(tmp_path / "w.pem"), "--state", str(tmp_path / "w.sqlite")),
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(timeout=10) as client:

            async def answers() -> bool:
                try:
                    return (await client.get(url)).status_code == 200
                except httpx.HTTPError:
                    return False

            await eventually(answers)
        with _sockets(url, 400):
            async with httpx.AsyncClient(timeout=10) as client:
                assert (await client.get(url)).status_code == 200
    finally:
        process.kill()
        await process.wait()
