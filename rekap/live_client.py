"""A client of the live feed: one subscription, followed over broken connections without a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import websockets
from websockets.asyncio.client import connect

WAIT_SECONDS_MAX = 10.0
MESSAGE_BYTES_MAX = 64 * 1024 * 1024
"""A snapshot of all 7,277 districts of five offices is about 20 MB."""


class SubscriptionRefusedError(Exception):
    """The server says why."""


def feed_url(url: str) -> str:
    """The WebSocket address of the server at an HTTP address."""
    return url.rstrip("/").replace("http", "ws", 1) + "/v1/live"


async def follow(url: str, **wish: Any) -> AsyncIterator[dict[str, Any]]:
    """The messages of one subscription (`office`, `area` or `level`, `stations`), for ever: a lost connection is made
    again and goes on after the last cursor. In between `{"type": "lost"}` is given. Raises SubscriptionRefusedError."""
    cursor: str | None = None
    wait = 0.2
    while True:
        try:
            async with connect(feed_url(url), max_size=MESSAGE_BYTES_MAX) as socket:
                subscribe = {"type": "subscribe", **{name: value for name, value in wish.items() if value is not None}}
                if cursor is not None:
                    subscribe["cursor"] = cursor
                await socket.send(orjson.dumps(subscribe).decode())
                async for text in socket:
                    message: dict[str, Any] = orjson.loads(text)
                    if message["type"] == "error":
                        raise SubscriptionRefusedError(message["sentence"])
                    cursor = message.get("cursor", cursor)
                    wait = 0.2
                    yield message
        except (OSError, websockets.WebSocketException):
            pass
        yield {"type": "lost"}
        await asyncio.sleep(wait)
        wait = min(2 * wait, WAIT_SECONDS_MAX)
