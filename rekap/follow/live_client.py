"""A client of the live feed: one subscription, followed over broken connections without a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
import websockets
from websockets.asyncio.client import connect

from rekap.errors import UnusableError
from runtime.http_client import is_loopback

WAIT_SECONDS_MAX = 10.0
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
"""The server cuts a message over 128 KiB into parts. A single tally is never cut, and none has 8 MiB."""
PARTS_JOINED_AT = 64
"""Parts after which those received are joined, although more follow. The server repeats areas that change meanwhile, and the
joined parts have each area only once."""


class SubscriptionRefusedError(UnusableError):
    """The server refuses the subscription, or has no answer to it; the message is the server's."""


def feed_url(url: str) -> str:
    """The WebSocket address of the server at an HTTP address."""
    return url.rstrip("/").replace("http", "ws", 1) + "/v1/live"


def _proxy(url: str) -> Literal[True] | None:
    """The proxy of the environment (True), but none for an address of this machine."""
    return None if is_loopback(urlsplit(url).hostname or "") else True


async def follow(url: str, **wish: Any) -> AsyncGenerator[dict[str, Any]]:
    """The messages of one subscription (`office`, `area` or `level`, `stations`), without end, with their parts joined. After a
    lost connection `{"type": "lost"}` is yielded, and a new connection resumes after the last cursor. Raises
    SubscriptionRefusedError."""
    cursor: str | None = None
    wait = 0.2
    while True:
        parts: list[dict[str, Any]] = []
        try:
            async with connect(feed_url(url), max_size=MESSAGE_BYTES_MAX, proxy=_proxy(url)) as socket:
                subscribe = {"type": "subscribe", **{name: value for name, value in wish.items() if value is not None}}
                if cursor is not None:
                    subscribe["cursor"] = cursor
                await socket.send(orjson.dumps(subscribe).decode())
                async for text in socket:
                    message: dict[str, Any] = orjson.loads(text)
                    if message["type"] == "error":
                        raise SubscriptionRefusedError(message["sentence"])
                    wait = 0.2
                    if message["type"] in ("snapshot", "change"):
                        parts.append(message)
                        if message.get("more", False):
                            if len(parts) == PARTS_JOINED_AT:
                                parts = [joined(parts)]
                            continue
                        message, parts = joined(parts), []
                    cursor = message.get("cursor", cursor)
                    yield message
        except (OSError, websockets.WebSocketException):
            pass
        yield {"type": "lost"}
        await asyncio.sleep(wait)
        wait = min(2 * wait, WAIT_SECONDS_MAX)


def joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The message of these parts. Of a row that is in several parts, the newest is kept."""
    if len(parts) == 1:
        return parts[0]
    whole = dict(parts[-1])
    for rows, names in _ROWS.items():
        newest = {tuple(row[name] for name in names): row for part in parts for row in part.get(rows, ())}
        whole[rows] = list(newest.values())
    if "id" in parts[0]:
        whole["id"] = parts[0]["id"]
    return whole


_ROWS = {
    "areas": ("contest", "area"),
    "offices": ("office", "area"),
    "contests": ("contest",),
    "stations": ("station", "contest"),
}
"""The fields that identify a row of each kind."""
