"""Step 1: bodies are read no further than their limit, in bytes and, for batches, in line ends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import overload

from fastapi import Request

from api.limits.client_address import NOBODY
from api.limits.limits import CLIENT_ADDRESS, Limits
from api.problems import Problem
from api.submit.answers import busy, too_large, too_much_at_once
from runtime import metrics

BATCH_LINES_MAX = 1_000
LINE_ENDS_MAX = 2 * BATCH_LINES_MAX
"""Limit for all line ends of a batch. Empty lines are not counted as lines, so there may be as many of them."""
BATCH_BYTES_MAX = 16 * 1024 * 1024
CODING_SHOWN_MAX = 60
"""Limit for what is quoted of a header field in a sentence."""
_CODINGS_OF = {b"content-encoding": (b"identity",), b"transfer-encoding": (b"chunked", b"identity")}
"""Codings that are read, by the header field that states how a body is coded. Decoding others would need a bound of its own,
because 60 kB can unpack to 60 MB, and forms are small."""


def coding_refusal(headers: Iterable[tuple[bytes, bytes]]) -> Problem | None:
    """Why a body is not read, with its bytes in another coding than JSON has; None where they are in none."""
    for name, value in headers:
        if name in _CODINGS_OF and value.strip().lower() not in _CODINGS_OF[name]:
            field = name.decode()
            problem = Problem(
                415,
                "Coding not understood",
                f"{field}: a body is sent as it is, not compressed or coded otherwise; got "
                f"{value[:CODING_SHOWN_MAX].decode('latin-1')!a}.",
                field=f"header.{field}",
            )
            problem.headers["Accept-Encoding"] = "identity"  # RFC 9110, 15.5.16
            return problem
    return None


@asynccontextmanager
async def held_body(
    limits: Limits, request: Request, bytes_max: int, *, is_batch: bool = False
) -> AsyncIterator[bytearray]:
    """The body, read no further than the limit and no further than there is room for it. Raises Problem."""
    if (refusal := coding_refusal(request.scope["headers"])) is not None:
        raise refusal
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > bytes_max:
        raise too_large(int(declared), bytes_max)
    address, held = request.scope.get(CLIENT_ADDRESS, NOBODY), limits.bodies
    body = bytearray()
    line_ends = 0
    try:
        async for chunk in request.stream():
            # Counted while they come, because 16 MiB of line ends would be 16 million lines.
            line_ends += chunk.count(b"\n") if is_batch else 0
            if line_ends > LINE_ENDS_MAX:
                raise _too_many_lines(line_ends)
            if len(body) + len(chunk) > bytes_max:
                raise too_large(len(body) + len(chunk), bytes_max)
            if (full := held.lacks_room(address, len(chunk), is_batch=is_batch)) is not None:
                raise _no_room(limits, address, len(chunk), full)
            held.take(address, len(chunk), is_batch=is_batch)
            body += chunk
        yield body
    finally:
        held.give_back(address, len(body), is_batch=is_batch)


def _no_room(limits: Limits, address: str, count: int, full: str) -> Problem:
    if limits.bodies.is_address_full(address, count):
        metrics.HTTP_REFUSED.labels("bodies-of-address").inc()
        return too_much_at_once(f"{full.capitalize()}.")
    limits.refusals.add("bodies", full)
    return busy(f"{full.capitalize()}.")


class Lines(Sequence[bytes]):
    """The lines of a batch that are not empty, without the spaces around them. Each is copied when it is asked for, because
    all copies at once, of the body and of its lines, are three times as much memory as is counted for the batch."""

    def __init__(self, body: bytearray) -> None:
        """A body that was held has LINE_ENDS_MAX at most. Raises Problem."""
        self._body = memoryview(body)
        self._spans: list[tuple[int, int]] = []
        start = 0
        while start < len(body):
            found = body.find(b"\n", start)
            end = len(body) if found < 0 else found
            if self._line(start, end):
                self._spans.append((start, end))
            start = end + 1
        if len(self._spans) > BATCH_LINES_MAX:
            raise _too_many_lines(len(self._spans))

    def __len__(self) -> int:
        return len(self._spans)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [self._line(*span) for span in self._spans[index]]
        return self._line(*self._spans[index])

    def _line(self, start: int, end: int) -> bytes:
        return bytes(self._body[start:end]).strip()


def _too_many_lines(count: int) -> Problem:
    return Problem(413, "Too many lines", f"A batch has up to {BATCH_LINES_MAX} lines, got {count} or more.", field="")
