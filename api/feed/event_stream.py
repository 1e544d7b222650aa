"""The live feed as server-sent events: one subscription, and the bulletins that its client asked for, written until the client
disconnects or does not read, or until the feed ends.

ASGI sends the head of the answer. The events are then written to the connection itself, as chunks of the body, whose bytes all
streams of a channel share. A connection whose client does not read is ended as every other (api/http/unread.py).
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

from fastapi import Response
from starlette.types import Receive, Scope, Send

from api.feed.clients import Client, Clients
from api.feed.frames import EVENT, chunk
from api.feed.hub.hub import Hub
from api.http.connection import Connection

RETRY_SECONDS = 2.0
"""Least time after which a browser that lost its connection connects again; at most twice as long, each browser after a time of
its own. At half, a feed that has just been killed is asked before another has taken over; at double, a page waits 8 s."""
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class StreamClient(Client):
    """A client of one event stream, which is opened once the head of the answer is written."""

    def __init__(self, clients: Clients, hub: Hub, address: str, connection: Connection) -> None:
        super().__init__(clients, hub, address, connection, EVENT, is_open=False)
        self.ended = asyncio.Event()
        self.last = b""
        """What the answer ends with."""

    def open(self) -> None:
        self._take_connection()
        with suppress(RuntimeError):  # the connection has just been lost
            self.write_now(chunk(b"retry: %d\n" % int(1000 * RETRY_SECONDS * (1 + random.random()))))
        self._note_room(self.is_full)

    def end(self, sentence: str, after_s: float) -> None:
        """End the answer normally, so that a browser connects again."""
        self.last = _retry(sentence, after_s)
        self.has_gone()
        self.ended.set()


class EventStream(Response):
    """The events of a client as they come. When the feed ends, the answer ends normally with its status 200, because a browser
    then connects again, whereas an error would end its `EventSource` for good."""

    media_type = "text/event-stream"

    def __init__(self, client: StreamClient) -> None:
        super().__init__(headers=_HEADERS)
        del self.headers["content-length"]
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        gone, ended = asyncio.create_task(until_gone(receive)), asyncio.create_task(self._client.ended.wait())
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await asyncio.sleep(0)
            if not gone.done():  # a HEAD is at its end here
                self._client.open()
            await asyncio.wait({gone, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._client.has_gone()
            has_gone = gone.done()
            gone.cancel()
            ended.cancel()
        if not has_gone:
            await send({"type": "http.response.body", "body": self._client.last, "more_body": False})


async def until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def come_back(sentence: str, after_s: float) -> Response:
    """An answer that ends at once, after which a browser connects again in `after_s` seconds."""
    return Response(_retry(sentence, after_s), media_type="text/event-stream", headers=_HEADERS)


def _retry(sentence: str, after_s: float) -> bytes:
    return f": {sentence}\nretry: {int(1000 * after_s)}\n\n".encode()
