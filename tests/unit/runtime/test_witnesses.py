"""Asking witnesses that answer anything but what they should: the log continues, and asks again later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from proofs.notes import COSIGNATURE, ED25519, VerifierKey, cosign, parse_note
from runtime import witnesses
from runtime.settings import SettingsError
from runtime.witnesses import Witness, WitnessClient, parse_witnesses
from tests.support.ledger import private_key
from tests.support.made_logs import ORIGIN, MadeLog

LOG = MadeLog("aaaaaaaa")
NOTE = LOG.note(8)
TEXT = parse_note(NOTE).text
KEY = VerifierKey("w1", COSIGNATURE, private_key("witness").public_key().public_bytes_raw())
GOOD = cosign(TEXT, "w1", private_key("witness"), 1_900_000_000).line
STRANGE = cosign(TEXT, "w2", private_key("another"), 1_900_000_000).line

Answer = Callable[[str], Awaitable[bytes]]
"""First line of the request's body → all of the answer."""


def _http(status: int, text: str) -> bytes:
    return f"HTTP/1.1 {status} -\r\nContent-Length: {len(text.encode())}\r\n\r\n{text}".encode()


@asynccontextmanager
async def _witness(answer: Answer) -> AsyncIterator[Witness]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(await answer((await reader.readuntil(b"\n")).decode().strip()))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield Witness(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", KEY)


async def _ask(client: WitnessClient) -> list[str]:
    signatures = await client.cosign(ORIGIN, 8, TEXT, NOTE, lambda old: LOG.proof(old, 8))
    return [signature.line for signature in signatures]


@asynccontextmanager
async def _client(*asked: Witness, clock: Callable[[], float] = time.monotonic) -> AsyncIterator[WitnessClient]:
    client = WitnessClient(asked, clock)
    try:
        yield client
    finally:
        await client.close()


async def test_the_size_that_the_witness_knows_is_where_the_proof_begins() -> None:
    asked: list[str] = []

    async def answer(first: str) -> bytes:
        asked.append(first)
        return _http(200, STRANGE + GOOD) if first == "old 5" else _http(409, "5\n")

    async with _witness(answer) as witness, _client(witness) as client:
        assert await _ask(client) == [GOOD], "and the line of another key is left out"
    assert asked == ["old 0", "old 5"]


@pytest.mark.parametrize(
    "answered",
    [
        _http(409, "9\n"),
        _http(409, "²\n"),
        _http(409, "1" * 5000),
        _http(409, "0\n"),
        _http(404, "unknown\n"),
        _http(500, ""),
        _http(200, ""),
        _http(200, STRANGE),
        _http(200, GOOD.replace("A", "B")),
        _http(200, GOOD * 1_000),
        b"nonsense",
    ],
)
async def test_an_answer_that_is_no_cosignature_gives_none(answered: bytes) -> None:
    async def answer(_: str) -> bytes:
        return answered

    async with _witness(answer) as witness, _client(witness) as client:
        assert await _ask(client) == []


async def test_one_that_is_slow_is_left_alone_for_a_while_and_the_others_are_asked() -> None:
    now = [1000.0]
    asked: list[str] = []
    is_slow = [True]

    async def slow(first: str) -> bytes:
        asked.append(first)
        if is_slow[0]:
            await asyncio.sleep(30)
        return _http(200, GOOD)

    async def quick(_: str) -> bytes:
        return _http(200, GOOD)

    async with (
        _witness(slow) as first,
        _witness(quick) as second,
        _client(first, second, clock=lambda: now[0]) as client,
    ):
        assert await _ask(client) == [GOOD]
        is_slow[0] = False
        assert await _ask(client) == [GOOD]
        assert len(asked) == 1, "it rests"
        now[0] += witnesses.REST_SECONDS
        assert await _ask(client) == [GOOD, GOOD]


def test_the_setting_names_witnesses_by_url_and_key() -> None:
    assert parse_witnesses("") == []
    assert parse_witnesses(f"http://w1.test/ {KEY}, ") == [Witness("http://w1.test", KEY)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("http://w1.test", "expected a URL, a space and a key"),
        (f"w1.test {KEY}", "'w1.test' is not an http address"),
        (f"http://w1.test {KEY._replace(kind=ED25519)}", "is the key of a log"),
        (f"http://w1.test {KEY},http://w2.test {KEY}", "is named twice"),
    ],
)
def test_a_setting_that_names_none_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        parse_witnesses(text)
