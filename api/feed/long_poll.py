"""The live feed by long polling: one answer with the messages after a cursor, as soon as there are any.

For clients behind a proxy that passes on no stream. Each request is a client of the feed for as long as it waits, and is sent
the frames that all others get. The answer ends with the first message after which the client lacks nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from fastapi import Response
from starlette.types import Receive, Scope, Send

from api.feed.clients import Client, Clients
from api.feed.event_stream import until_gone
from api.feed.frames import TEXT
from api.feed.hub.hub import Hub
from api.feed.subscribers import PART_BYTES

WAIT_SECONDS_MAX = 25.0
"""Limit for waiting. Proxies end a request without an answer after 30 s or more; at half, twice as many requests come."""


class Collecting:
    """A connection that keeps what is written until it is taken."""

    was_unread = False
    was_flooded = False
    descriptor = -1

    def __init__(self) -> None:
        self.is_full = False
        self.has_some = asyncio.Event()
        self._messages: list[bytes] = []
        self._bytes = 0
        self._room_changed: Callable[[bool], None] = lambda _: None

    def direct(self) -> Callable[[bytes], None]:
        return self._write

    def watch_room(self, call: Callable[[bool], None]) -> None:
        self._room_changed = call

    def has_no_end(self) -> bool:
        return True

    def cut_off(self) -> None:
        self.has_some.set()

    def take(self) -> list[bytes]:
        messages, self._messages, self._bytes = self._messages, [], 0
        self.has_some.clear()
        self._set_full(False)
        return messages

    def _write(self, data: bytes) -> None:
        self._messages.append(data)
        self._bytes += len(data)
        self.has_some.set()
        self._set_full(self._bytes >= PART_BYTES)

    def _set_full(self, is_full: bool) -> None:
        if is_full != self.is_full:
            self.is_full = is_full
            self._room_changed(is_full)


class PollClient(Client):
    """A client that waits for one answer."""

    def __init__(self, clients: Clients, hub: Hub, address: str) -> None:
        self.collecting = Collecting()
        super().__init__(clients, hub, address, self.collecting, TEXT, is_open=True)
        self.collecting.take()  # the hello
        self.has_ended = False

    @property
    def lacks_nothing(self) -> bool:
        return not (self.subscriber.has_work or self.subscriber.is_behind)

    def end(self, sentence: str, after_s: float) -> None:
        """End the answer. The client may ask again at once, so the sentence and the time are not sent."""
        self.has_ended = True
        self.has_gone()
        self.collecting.has_some.set()


class PollAnswer(Response):
    """`{"messages": […]}`, sent part by part as the client reads."""

    media_type = "application/json"

    def __init__(self, client: PollClient) -> None:
        super().__init__(headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client, collecting = self._client, self._client.collecting
        gone = asyncio.create_task(until_gone(receive))
        gone.add_done_callback(lambda _: collecting.has_some.set())
        separator = b'{"messages":['
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            until = asyncio.get_running_loop().time() + WAIT_SECONDS_MAX
            is_over = False
            while not is_over:
                try:
                    async with asyncio.timeout_at(until):
                        await collecting.has_some.wait()
                except TimeoutError:
                    is_over = True
                if gone.done():
                    return
                for message in collecting.take():
                    await send({"type": "http.response.body", "body": separator + message, "more_body": True})
                    separator = b","
                is_over = is_over or client.has_ended or (separator == b"," and client.lacks_nothing)
        finally:
            client.has_gone()
            gone.cancel()
        end = b"]}" if separator == b"," else separator + b"]}"
        await send({"type": "http.response.body", "body": end, "more_body": False})
