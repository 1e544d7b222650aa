"""The way into the portal: an address that asks for much is refused, others are not, and pages may read the refusal."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from starlette.responses import PlainTextResponse

from api.limits.limits import Limits
from rekap.portal import rate_limited
from rekap.portal.rate_limited import RateLimitedPortal
from runtime.settings import Settings


def _client(app: RateLimitedPortal, address: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://portal.example")


async def test_an_address_that_asks_for_much_is_refused_and_another_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limited, "REFUSED_AFTER_SECONDS", 0.0)
    app = RateLimitedPortal(PlainTextResponse("here"), Limits(replace(Settings(), requests_per_s=1)))
    async with _client(app, "192.0.2.1") as busy, _client(app, "192.0.2.2") as other:
        for _ in range(10):
            answer = await busy.get("/v1/elections")
            assert (answer.status_code, answer.headers["ratelimit-policy"]) == (200, '"requests";q=10;w=10')
        refused = await busy.get("/v1/elections")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["access-control-allow-origin"] == "*"
        assert (await other.get("/v1/elections")).status_code == 200


async def test_without_a_limit_nobody_is_refused() -> None:
    app = RateLimitedPortal(PlainTextResponse("here"), Limits(replace(Settings(), requests_per_s=0)))
    async with _client(app, "192.0.2.1") as client:
        for _ in range(30):
            assert (await client.get("/")).status_code == 200


async def test_mistakes_cost_more_than_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limited, "REFUSED_AFTER_SECONDS", 0.0)
    app = RateLimitedPortal(PlainTextResponse("none", 404), Limits(replace(Settings(), requests_per_s=1)))
    async with _client(app, "192.0.2.1") as client:
        statuses = [(await client.get("/none")).status_code for _ in range(4)]
    assert statuses == [404, 404, 429, 429]
