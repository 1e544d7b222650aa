"""A Rekap server's answers, each bounded in bytes and time, for asynchronous code.

AwayError      no answer came that fits; later one may (runtime/http_client.py)
RefusedError   the server has refused the request, with its reason
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
import orjson

from rekap.client.errors import RefusedError
from runtime.http_client import AwayError, Reply, ask, base_url, client_for, what_came
from schemas.texts import shown

ANSWER_BYTES_MAX = 16 * 1024 * 1024
"""Limit for an answer. The server answers in parts of some megabytes."""
ANSWER_SECONDS_MAX = 30.0
"""Limit for an answer, of which the server sends the longest in a second on a line of 100 Mbit/s."""

Query = Mapping[str, str | int | None]
"""Names and values of a query; a value None is left out."""


class Server:
    """A server at an address. Raises AddressError (runtime/http_client.py) where the address is not one."""

    def __init__(self, url: str, *, seconds_max: float = ANSWER_SECONDS_MAX) -> None:
        self.url = base_url(url)
        self._seconds_max = seconds_max
        self._client = client_for(self.url, seconds_max=seconds_max)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def answer(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """The JSON object at `/v1/…`. Raises AwayError, RefusedError."""
        reply = await self._reply(f"/v1/{path}", query, ANSWER_BYTES_MAX)
        try:
            found = orjson.loads(reply.body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise AwayError(what_came(reply), was_odd=True)
        return found

    async def content(self, path: str, *, bytes_max: int = ANSWER_BYTES_MAX) -> bytes:
        """The bytes at a path, which begins with a slash. Raises AwayError, RefusedError."""
        return (await self._reply(path, None, bytes_max)).body

    async def _reply(self, path: str, query: Query | None, bytes_max: int) -> Reply:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self.url}{path}" + (f"?{urlencode(given)}" if given else "")
        reply = await ask(self._client, "GET", url, bytes_max=bytes_max, seconds_max=self._seconds_max)
        if reply.status == httpx.codes.OK:
            return reply
        raise refusal_in(reply) or AwayError(what_came(reply), was_odd=True)


def refusal_in(reply: Reply) -> RefusedError | None:
    """The refusal in an answer; None where the answer is not a problem of a Rekap server (RFC 9457)."""
    try:
        problem = orjson.loads(reply.body)
    except ValueError:
        return None
    match problem:
        case {"status": int(status), "detail": str(detail), **others} if status == reply.status:
            field = others.get("field")
            return RefusedError(status, shown(detail), field=shown(field) if isinstance(field, str) else None)
    return None


def in_path(text: str) -> str:
    """A code as one part of a path."""
    return quote(text, safe="")
