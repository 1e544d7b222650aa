"""A hub that follows a night, and what its subscribers read."""

from __future__ import annotations

import json
from typing import Any

from api.feed.hub.hub import Hub
from api.feed.subscribers import Subscriber
from schemas.served.live import Positions, Subscribe
from tests.properties.test_live_hub import OFFICE, STATIONS, Night


class Feed:
    """A night and a hub that follows it."""

    def __init__(self, **bounds: int) -> None:
        self.night = Night()
        self.hub = Hub(self.night.definition, 1, **bounds)
        self.hub.begin(Positions(0, (0,)))
        self.night.publish(keyframe=True)
        self.follow()

    def follow(self) -> None:
        for offset in range(self.hub.positions.results, len(self.night.results)):
            self.hub.apply_result(offset, self.night.results[offset])
        for offset in range(self.hub.positions.subtotals[0], len(self.night.subtotals)):
            self.hub.apply_block(0, offset, self.night.subtotals[offset])
        self.hub.flush()

    def report(self, votes: int, station: str = STATIONS[0]) -> None:
        self.night.report(station, (votes, 0, 0), votes + 1)
        self.night.publish(keyframe=False)
        self.follow()

    def join(self, party: str = "", **command: Any) -> Subscriber:
        subscriber = self.hub.join(lambda: None, party)
        self.hub.subscribe(subscriber, Subscribe(**{"office": OFFICE, **command}))
        return subscriber


def read(subscriber: Subscriber, most: int = 1_000) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while len(messages) < most and (frame := subscriber.take()) is not None:
        messages.append(json.loads(frame.text))
    return messages


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]
