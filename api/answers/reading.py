"""What every GET has: HEAD, conditions and ranges, an entity tag, and access from pages of other sites.

The routes answer a plain GET with the whole answer. This middleware makes of that answer what the request asked for, so that
no route can forget to do so.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.answers import conditions
from api.problems import Problem, allowed_methods

READING = ("GET", "HEAD")
READ_BY_PAGES = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Accept-Ranges, Age, Allow, Content-Digest, Content-Disposition, Content-Location, "
    "Content-Range, ETag, Link, RateLimit, RateLimit-Policy, Repr-Digest, Retry-After",
}
"""Pages of any site may read (Fetch standard, CORS), because all answers are public and no cookie is used. They may not submit,
because the answer to a submission has no such header."""
_PREFLIGHT = {
    **READ_BY_PAGES,
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "Accept, Cache-Control, If-Match, If-Modified-Since, If-None-Match, If-Range, "
    "If-Unmodified-Since, Last-Event-ID, Range",
    "Access-Control-Max-Age": "86400",
}
_OF_CONTENT = (
    "content-length", "content-type", "content-encoding", "content-range", "accept-ranges", "content-digest",
)  # fmt: skip
"""Fields that a 304 leaves out; it repeats all others (RFC 9110, 15.4.5)."""


ANSWER = "rekap.answer"
"""Key of the scope under which a response finds the answer that is made of it."""


def wanted_bytes(scope: Scope, length: int) -> conditions.Part:
    """The bytes of a response of this length that are still to be sent, after its head was sent with an empty first piece: none
    for a HEAD, a 304, a 412 or a 416. A response that asks sends these bytes and no others. A long file is then not read from
    its beginning for a range near its end."""
    answer = scope.get(ANSWER)
    return conditions.Part(0, length) if answer is None else answer.wanted_bytes(length)


class Reading:
    """ASGI middleware of the app."""

    def __init__(self, app: ASGIApp, licence: str | None = None) -> None:
        """`licence` is the value of `Link` in each answer with data (schemas/licences.py); None where the answers are not of
        one election."""
        self._app = app
        self._licence = licence

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            await _options(scope, receive, send)
        elif scope["type"] == "http" and scope["method"] in READING:
            answer = _Answer(scope, receive, send, self._licence)
            headers = [each for each in scope["headers"] if each[0] not in (b"range", b"if-range")]
            await self._app({**scope, "method": "GET", "headers": headers, ANSWER: answer}, answer.receive, answer.send)
        else:
            await self._app(scope, receive, send)


async def _options(scope: Scope, receive: Receive, send: Send) -> None:
    methods = allowed_methods(scope["app"], scope)
    request = Request(scope)
    response: Response
    if not methods:
        response = Problem(404, "Not Found", f"OPTIONS {request.url.path}: Not Found").response()
    else:
        is_preflight = request.headers.get("access-control-request-method") in READING and "GET" in methods
        headers = _PREFLIGHT if is_preflight else {}
        response = Response(status_code=204, headers={"Allow": ", ".join(methods), **headers})
    await response(scope, receive, send)


class _Answer:
    """One answer of the app. The head waits for the first piece of the body, to know whether the piece is the whole body."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, licence: str | None) -> None:
        self._licence = licence
        self._is_head = scope["method"] == "HEAD"
        self._asked = Headers(scope=scope)
        self._receive = receive
        self._send = send
        self._start: Message | None = None
        self._begun = asyncio.Event()
        """Set once the head has been sent."""
        self._is_whole = False
        """Whether the whole answer has been sent."""
        self._part: conditions.Part | None = None
        self._at = 0
        """How many bytes of the body the app has sent."""

    async def receive(self) -> Message:
        if self._is_head:  # otherwise a stream would continue for a HEAD
            await self._begun.wait()
            return {"type": "http.disconnect"}
        return await self._receive()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            is_whole = message["status"] == 200
            headers = readable_headers(message["headers"], self._licence if is_whole else None)
            message = {**message, "headers": headers.raw}
            if is_whole:
                headers.setdefault("Cache-Control", "no-cache")
            if "no-store" in headers.get("Cache-Control", "") or not is_whole:
                await self._begin(message)
            else:
                self._start = message
        elif message["type"] == "http.response.body":
            body, more = message.get("body", b""), message.get("more_body", False)
            if self._start is not None:
                await self._begin_with(self._start, body, is_all=not more)
                self._start = None
            if not self._is_whole:
                await self._send_body(body, more)
        else:
            await self._send(message)

    def wanted_bytes(self, length: int) -> conditions.Part:
        if self._is_whole:
            return conditions.Part(0, 0)
        wanted = conditions.Part(0, length) if self._part is None else self._part
        self._at = wanted.first
        return wanted

    async def _begin_with(self, start: Message, body: bytes, *, is_all: bool) -> None:
        """Send the head of a 200, or of what the request's conditions make of it."""
        headers = MutableHeaders(raw=start["headers"])
        if is_all and "ETag" not in headers:
            headers["ETag"] = entity_tag(body)
        etag, modified = headers.get("ETag"), headers.get("Last-Modified")
        status = conditions.outcome(self._asked, etag, modified)
        if status == conditions.NOT_MODIFIED:
            await self._begin({**start, "status": 304, "headers": without_content(headers).raw}, ends=True)
            return
        if status == conditions.PRECONDITION_FAILED:
            problem = Problem(412, "Precondition failed", "The answer is not the one that If-Match names.")
            await self._begin_problem(problem, headers)
            return
        length = int(headers.get("Content-Length", "-1"))
        if headers.get("Accept-Ranges") == "bytes" and length >= 0 and not self._is_head:
            self._part = conditions.part(self._asked, length, etag, modified)
            if self._part is conditions.NOT_SATISFIABLE:
                problem = Problem(416, "No such range", f"The answer has {length} bytes.", field="header.range")
                headers["Content-Range"] = f"bytes */{length}"
                await self._begin_problem(problem, headers)
                return
            if self._part is not None:
                first, end = self._part
                del headers["Content-Digest"]  # that of the whole (RFC 9530, 2); Repr-Digest stays
                headers["Content-Range"] = f"bytes {first}-{end - 1}/{length}"
                headers["Content-Length"] = str(end - first)
                start = {**start, "status": 206, "headers": headers.raw}
        await self._begin(start)

    async def _begin_problem(self, problem: Problem, headers: MutableHeaders) -> None:
        response = problem.response()
        kept = _without(
            headers,
            (
                "cache-control",
                "content-disposition",
                "repr-digest",
                *(each for each in _OF_CONTENT if each != "content-range"),
            ),
        )
        kept.update(response.headers)
        await self._begin({"type": "http.response.start", "status": problem.status, "headers": kept.raw})
        if not self._is_whole:
            await self._send({"type": "http.response.body", "body": response.body})
            self._is_whole = True

    async def _begin(self, start: Message, *, ends: bool = False) -> None:
        await self._send(start)
        if ends or self._is_head:
            await self._send({"type": "http.response.body", "body": b""})
            self._is_whole = True
        self._begun.set()

    async def _send_body(self, body: bytes, more: bool) -> None:
        if self._part is not None:
            first, end = self._part
            body, self._at = body[max(0, first - self._at) : max(0, end - self._at)], self._at + len(body)
        if not body and more:
            return
        await self._send({"type": "http.response.body", "body": body, "more_body": more})


def entity_tag(body: bytes) -> str:
    """A strong entity tag (RFC 9110, 8.8.3), which is the same from every replica."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def readable_headers(raw: Iterable[tuple[bytes, bytes]], licence: str | None) -> MutableHeaders:
    """The header fields of an answer, those with which pages of other sites may read it, and the licence of its data."""
    headers = MutableHeaders(raw=[*raw])
    for name, value in READ_BY_PAGES.items():
        headers.setdefault(name, value)
    if licence is not None:
        headers.append("Link", licence)
    return headers


def without_content(headers: MutableHeaders) -> MutableHeaders:
    """The header fields of the 304 in place of a 200."""
    return _without(headers, _OF_CONTENT)


def _without(headers: MutableHeaders, names: Iterable[str]) -> MutableHeaders:
    return MutableHeaders(raw=[each for each in headers.raw if each[0].decode("latin-1").lower() not in names])
