"""What is read of peers, whatever answers at their addresses."""

from __future__ import annotations

import asyncio

import pytest

from api.health import peers as module
from api.health.decision import PeerReading
from api.health.peers import Peers
from rekap.embedded.ports import free_port
from runtime.http_client import AddressError
from tests.support.fake_gateway import FakeGateway, answer, listening

ANSWER = {"status": "ok", "roles": ["feed"], "alarms": [], "refusing": [], "stages": {}}


async def _read(made: bytes) -> PeerReading:
    async with listening(FakeGateway(respond=lambda gateway, path, body: made)) as server:
        peers = Peers(server.url)
        (reading,) = await peers.read()
        await peers.close()
    assert reading.address == server.url
    assert server.requests == [("/v1/health", 0)]
    return reading


async def test_an_answer_is_read() -> None:
    assert (await _read(answer(200, ANSWER))).answer == ANSWER


async def test_what_is_not_an_answer_of_health_is_named() -> None:
    assert (await _read(answer(200, b"<html>"))).answer == "its answer is not JSON"
    assert (await _read(answer(200, {"status": "ok"}))).answer == "its answer is not that of /v1/health"
    assert (await _read(answer(200, b"[]"))).answer == "its answer is not that of /v1/health"
    assert "more than" in str((await _read(answer(200, b" " * (module.ANSWER_BYTES_MAX + 1)))).answer)


async def test_peers_that_do_not_answer_cost_one_deadline_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PEER_SECONDS_MAX", 0.2)

    async def never(*_: object) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with listening(FakeGateway(respond=never)) as server:
        peers = Peers(f"{server.url}, {server.url},http://127.0.0.1:{free_port()}")
        async with asyncio.timeout(0.35):
            readings = await peers.read()
        await peers.close()
    assert [isinstance(reading.answer, str) for reading in readings] == [True, True, True]


async def test_an_address_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(AddressError):
        Peers("feed:8000")
    assert await Peers("").read() == []
