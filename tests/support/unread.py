"""A connection of the feed in memory, and what a client reads from it."""

from __future__ import annotations

import json
from typing import Any, cast

from api.feed.frames import TEXT
from api.feed.subscribers import Subscriber


class Unread:
    """A connection that takes `room` frames until a test reads them."""

    descriptor = -1

    def __init__(self, room: int = 1_000) -> None:
        self.room = room
        self.form = TEXT
        self.frames: list[bytes] = []

    @property
    def is_full(self) -> bool:
        return len(self.frames) >= self.room

    def write_now(self, data: bytes) -> None:
        self.frames.append(data)


def read(subscriber: Subscriber, most: int = 1_000) -> list[dict[str, Any]]:
    """The next messages that a client reads: what was written to it, then what it lacks."""
    outlet = cast(Unread, subscriber.outlet)
    messages: list[dict[str, Any]] = []
    while len(messages) < most:
        if not outlet.frames:
            if (frame := subscriber.take()) is None:
                break
            outlet.write_now(frame.in_form(outlet.form))
        messages.append(json.loads(outlet.frames.pop(0)))
    return messages


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]
