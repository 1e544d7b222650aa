"""The ASGI app that takes each request of the portal first: finds the client address that it counts against, and applies the
rate limit."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from api.answers.reading import READ_BY_PAGES
from api.dispatcher import MISTAKE_COST, REFUSED_AFTER_SECONDS, with_rate_limit
from api.limits.limits import CLIENT_ADDRESS, Limits
from runtime import metrics


class RateLimitedPortal:
    """The ASGI app that the server runs. Unlike api/dispatcher.py it knows no submissions and no live feed."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            address = scope[CLIENT_ADDRESS] = self._limits.proxies.client_of(scope)
            limit = self._limits.requests
            if limit:
                send = with_rate_limit(limit, address, send, MISTAKE_COST)
                if not limit.take(address):
                    metrics.HTTP_REFUSED.labels("rate-of-address").inc()
                    await asyncio.sleep(REFUSED_AFTER_SECONDS)
                    response = limit.refusal(address, "Your address").response()
                    response.headers.update(READ_BY_PAGES)
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)
