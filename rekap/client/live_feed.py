"""A client of the live feed: one subscription, followed over broken connections without a gap."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
import websockets
from websockets.asyncio.client import connect

from rekap.client.held_rows import HeldRows, MissedError
from rekap.errors import UnusableError
from runtime.http_client import is_loopback
from schemas.served.close_frames import retry_after_s
from schemas.served.live import FROM_SERVER, MESSAGE_TYPES
from schemas.served.row_patches import ROW_NAMES
from schemas.texts import shown

WAIT_SECONDS_MIN, WAIT_SECONDS_MAX = 0.2, 10.0
"""Wait between two attempts to connect, where the server names no time. The client chooses a part of it by chance,
so that the clients of a server that died do not come back together."""
COME_BACK_SECONDS_MAX = 120.0
"""A time that the server names is obeyed up to this, twice the longest that a Rekap server names."""
MESSAGE_BYTES_MAX = 8 * 1024 * 1024
"""The server cuts a message over 128 KiB into parts. A single tally is never cut, and none has 8 MiB."""
CLOSE_SECONDS_MAX = 2.0
"""Limit for closing a connection. At half, a server on a slow line gets no close frame; at double, a server that does
not stop sending holds a client for longer."""
PARTS_BYTES_MAX = 256 * 1024 * 1024
"""Limit for all parts of one message. The longest, a level of 7,277 areas with 234 choices each, has 87 MB; a server whose
message never ends is left."""
PARTS_JOINED_AT = 64
"""Parts after which those received are joined, although more follow. The server repeats areas that change meanwhile, and the
joined parts have each area only once."""


class _OddError(Exception):
    """What came is not a message of the live feed."""


class SubscriptionRefusedError(UnusableError):
    """The server refuses the subscription, or has no answer to it; the message is the server's."""


def feed_url(url: str) -> str:
    """The WebSocket address of the server at an HTTP address."""
    return url.rstrip("/").replace("http", "ws", 1) + "/v1/live"


def _proxy(url: str) -> Literal[True] | None:
    """The proxy of the environment (True), but none for an address of this machine."""
    return None if is_loopback(urlsplit(url).hostname or "") else True


async def follow(url: str, **wish: Any) -> AsyncGenerator[dict[str, Any]]:
    """The messages of one subscription (`office`, `area` or `level`, `stations`, `deltas`), without end, their parts joined.
    A delta is yielded as the `change` that it gives. After a lost connection `{"type": "lost", "retry_s": …}` is yielded,
    and after `retry_s` seconds (those that the server named, if it named any) a new connection resumes at the last cursor. The
    connection is also lost where the server sends what is not a message of the feed. Raises SubscriptionRefusedError."""
    cursor: str | None = None
    held = HeldRows() if wish.get("deltas") else None
    wait = WAIT_SECONDS_MIN
    while True:
        parts: list[dict[str, Any]] = []
        parts_bytes = 0
        named: float | None = None
        try:
            async with connect(
                feed_url(url), max_size=MESSAGE_BYTES_MAX, proxy=_proxy(url), close_timeout=CLOSE_SECONDS_MAX
            ) as socket:
                subscribe = {"type": "subscribe", **{name: value for name, value in wish.items() if value is not None}}
                if cursor is not None:
                    subscribe["cursor"] = cursor
                await socket.send(orjson.dumps(subscribe).decode())
                async for text in socket:
                    message = _message(text)
                    if message["type"] == "error":
                        raise SubscriptionRefusedError(shown(message["sentence"]))
                    wait = WAIT_SECONDS_MIN
                    if message["type"] in ("snapshot", "change", "delta"):
                        parts.append(message)
                        parts_bytes += len(text)
                        if parts_bytes > PARTS_BYTES_MAX:
                            raise _OddError
                        if message.get("more", False):
                            if len(parts) == PARTS_JOINED_AT:
                                parts = [joined(parts)]
                            continue
                        message, parts, parts_bytes = joined(parts), [], 0
                        if held is not None:
                            message = held.apply(message)
                    cursor = message.get("cursor", cursor)
                    yield message
                named = retry_after_s(socket.close_reason or "")
        except websockets.ConnectionClosed as closed:
            named = None if closed.rcvd is None else retry_after_s(closed.rcvd.reason)
        except (MissedError, _OddError, RecursionError):  # a patch may be nested as deep as JSON can be
            cursor, wait = None, max(wait, 1.0)  # a server whose messages never fit is asked no more often
        except websockets.InvalidStatus as refused:
            named = _retry_after_header(refused)
        except (OSError, websockets.WebSocketException):
            pass
        retry_s = wait * (1 + random.random()) / 2 if named is None else min(named, COME_BACK_SECONDS_MAX)
        yield {"type": "lost", "retry_s": retry_s}
        await asyncio.sleep(retry_s)
        wait = min(2 * wait, WAIT_SECONDS_MAX)


def _message(text: str | bytes) -> dict[str, Any]:
    """A message, checked where its type is known; a later version may have others. Raises _OddError."""
    try:
        message = orjson.loads(text)
        if message["type"] in MESSAGE_TYPES:
            FROM_SERVER.validate_python(message, extra="ignore")
        elif not isinstance(message["type"], str):
            raise _OddError
        checked: dict[str, Any] = message
    except (ValueError, LookupError, TypeError, RecursionError):  # ValidationError is a ValueError
        raise _OddError from None
    return checked


def _retry_after_header(refused: websockets.InvalidStatus) -> float | None:
    """The seconds of `Retry-After` in an answer to a handshake. (A date is not read, because a Rekap server names seconds.)"""
    text = refused.response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The message of these parts. Of a row that is in several parts, the newest is kept."""
    if len(parts) == 1:
        return parts[0]
    whole = dict(parts[-1])
    for rows, names in ROW_NAMES.items():
        newest = {tuple(row[name] for name in names): row for part in parts for row in part.get(rows, ())}
        whole[rows] = list(newest.values())
    if any(part.get("held_whole") for part in parts):
        # A part with `held_whole` replaces what came before it.
        first = max(number for number, part in enumerate(parts) if part.get("held_whole"))
        parts_of_held, whole["held_whole"] = parts[first:], True
    else:
        parts_of_held = parts
    held = {(row["station"], row["contest"]): row for part in parts_of_held for row in part.get("held", ())}
    if held:
        whole["held"] = list(held.values())
    if "id" in parts[0]:
        whole["id"] = parts[0]["id"]
    return whole
