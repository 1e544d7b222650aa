"""Bodies that are held at once have one bound together, and what was held is free again, whatever became of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import Request

from api import gateway
from api.gateway import Gateway
from api.problems import Problem
from projections.definition import Definition
from runtime.settings import Settings
from tests.support.small_election import small_package

LIMIT = 10_000


@pytest.fixture
async def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Gateway]:
    monkeypatch.setattr(gateway, "BODIES_BYTES_MAX", 1_000)
    door = Gateway(Settings(gateway_key=tmp_path / "key.pem"), Definition(small_package()), None)
    yield door
    await door.stop()


def _request(size: int, chunk: int = 100) -> Request:
    parts = [b"x" * min(chunk, size - start) for start in range(0, size, chunk)]

    async def receive() -> dict[str, object]:
        body = parts.pop(0) if parts else b""
        return {"type": "http.request", "body": body, "more_body": bool(parts)}

    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


async def test_what_is_more_than_the_bound_is_told_to_come_back(door: Gateway) -> None:
    async with door.held_body(_request(600), LIMIT) as first:
        assert len(first) == 600
        with pytest.raises(Problem) as refused:
            async with door.held_body(_request(600), LIMIT):
                pytest.fail("1,200 bytes are held where 1,000 may be")
        assert refused.value.status == 503
        async with door.held_body(_request(400), LIMIT) as second:
            assert len(second) == 400


async def test_what_was_refused_or_failed_is_held_no_longer(door: Gateway) -> None:
    for limit in (LIMIT, 50):
        with pytest.raises(Problem):
            async with door.held_body(_request(1_100), limit):
                pytest.fail("it is too large")
    with pytest.raises(ZeroDivisionError):
        async with door.held_body(_request(1_000), LIMIT):
            raise ZeroDivisionError
    async with door.held_body(_request(1_000), LIMIT) as body:
        assert len(body) == 1_000
