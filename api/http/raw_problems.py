"""Answers that are written to a connection as they are, without an application: each is a problem (RFC 9457)."""

from __future__ import annotations

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from api.errors import ApiError
from api.problems import MEDIA_TYPE, Problem

HEAD_BYTES_MAX = 16 * 1024
"""Limit for all header lines, trailers too. Browsers send 1 kB, with the cookies of other services on the same domain up to 8.
All connections together may then hold 64 MiB of heads; at double, 128."""
HEADERS_MAX = 100
"""Limit for the number of header lines. Browsers send 20, and each proxy adds some."""


class ParserStoppedError(ApiError):
    """Stops uvicorn's parser. The connection has the problem that is answered."""


def too_slow(sentence: str) -> Problem:
    return Problem(408, "Too slow", sentence)


def head_too_large() -> Problem:
    return Problem(
        431, "Head too large", f"A request may have {HEADERS_MAX} header lines of {HEAD_BYTES_MAX} bytes together."
    )


def wrong_host(hosts: int) -> Problem:
    """The refusal of a request without a Host header or with several (RFC 9112, 3.2), in which a proxy and the server behind it
    could see two different hosts."""
    found = "has no Host header" if not hosts else f"has {hosts} Host headers"
    return Problem(400, "Not one host", f"A request of HTTP/1.1 has one Host header; this one {found}.")


def answer_bytes(problem: Problem) -> bytes:
    """A whole answer that ends its connection."""
    body = orjson.dumps(problem.body)
    more = b"".join(b"%b: %b\r\n" % (name.lower().encode(), value.encode()) for name, value in problem.headers.items())
    return b"%bcontent-type: %b\r\ncontent-length: %d\r\n%bconnection: close\r\n\r\n%b" % (
        STATUS_LINE[problem.status],
        MEDIA_TYPE.encode(),
        len(body),
        more,
        body,
    )
