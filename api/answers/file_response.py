"""A file on the disk as an answer. Only the bytes that the request wants are read, also of a file of gigabytes."""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import Callable, Mapping

from fastapi import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.answers.reading import wanted_bytes
from api.limits.limits import CLIENT_ADDRESS
from api.limits.open_files import OpenFiles, TooManyFilesError
from api.problems import Problem
from runtime import metrics

PIECE_BYTES = 64 * 1024
"""Bytes that are read and sent at once. At a quarter, a download costs twice the CPU; at four times, 4,096 clients that read
slowly hold 1 GB."""


OPEN_FILES = OpenFiles()
"""Descriptors are of the process, and so is their bound."""


class WholeFile(Response):
    """`file` is closed at the end. The length and digest that the headers state are those of the opened file, so a file that is
    deleted meanwhile is sent to its end."""

    def __init__(self, file: io.FileIO | io.BytesIO, length: int, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(
            None, headers={**headers, "Content-Length": str(length), "Accept-Ranges": "bytes"}, media_type=media_type
        )
        self._file = file
        self._length = length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            first, end = wanted_bytes(scope, self._length)
            self._file.seek(first)
            while first < end:
                piece = await asyncio.to_thread(self._file.read, min(PIECE_BYTES, end - first))
                if not piece:
                    raise OSError(f"the file ends at {first} of {self._length} bytes")
                first += len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._file.close()


async def opened(request: Request, descriptor: Callable[[], int]) -> io.FileIO:
    """The file of a descriptor, which a thread opens; it counts for the client address until it is closed. Raises what
    `descriptor` raises, and Problem."""
    try:
        return await asyncio.to_thread(OPEN_FILES.open, request.scope.get(CLIENT_ADDRESS, ""), descriptor)
    except TooManyFilesError as error:
        metrics.HTTP_REFUSED.labels("open-files").inc()
        if error.of_address:
            sentence = "Your address downloads many files at once; ask for the next when one of them has come."
            raise Problem(429, "Too many at once", sentence, retry_after_s=5) from None
        raise Problem(503, "Try again", "Many files are being downloaded just now.", retry_after_s=5) from None


def length_of(file: io.FileIO) -> int:
    return os.fstat(file.fileno()).st_size
