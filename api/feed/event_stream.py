"""The live feed as server-sent events: one subscription, written until its client disconnects or does not read, or until the
feed ends.

ASGI reports that a client has gone only where the server notices, and between two messages there may be nothing to write.
So the stream checks its connection with each message and each heartbeat, and a message that does not leave in
`SEND_SECONDS_MAX` ends the stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

from fastapi import Response
from starlette.types import Receive, Scope, Send

from api.http.connection import CONNECTION, Connection

SEND_SECONDS_MAX = 30.0
"""A message that does not leave in this time means that the client does not read, so the connection is cut off."""
RETRY_MS = 2_000
"""Time after which a browser that lost its connection connects again."""


class EventStream(Response):
    """Chunks of an event stream as they come. When `chunks` ends, the answer ends normally with its status 200, because a
    browser then connects again, whereas an error would end its `EventSource` for good."""

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncIterator[bytes], ended: Callable[[], None] = lambda: None) -> None:
        """`ended` is called at the end, also where `chunks` never began, because the `finally` of a generator that was never
        started does not run."""
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._chunks = chunks
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        connection: Connection | None = scope.get(CONNECTION)
        writing = asyncio.create_task(self._write(connection, send))
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({writing, gone}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
        except TimeoutError:
            if connection is not None:
                connection.cut_off()
        finally:
            writing.cancel()
            gone.cancel()
            self._ended()
            await asyncio.gather(writing, gone, return_exceptions=True)

    async def _write(self, connection: Connection | None, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async with aclosing(self._chunks) as chunks:  # type: ignore[type-var]  # a generator
            async for chunk in chunks:
                if connection is not None and connection.is_gone:
                    return
                async with asyncio.timeout(SEND_SECONDS_MAX):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        async with asyncio.timeout(SEND_SECONDS_MAX):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def come_back(sentence: str, after_ms: int) -> EventStream:
    """An answer that ends at once, after which a browser connects again in `after_ms`."""

    async def chunks() -> AsyncIterator[bytes]:
        yield f": {sentence}\nretry: {after_ms}\n\n".encode()

    return EventStream(chunks())
