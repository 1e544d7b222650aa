"""A hub that follows a night, and what its subscribers read."""

from __future__ import annotations

from typing import Any

from api.feed.hub.hub import Hub
from api.feed.subscribers import Subscriber
from schemas.served.feed_cursors import Positions
from schemas.served.live import Subscribe
from tests.properties.test_live_hub import OFFICE, STATIONS, Night
from tests.support.unread import Unread


class Feed:
    """A night and a hub that follows it."""

    def __init__(self, **bounds: int) -> None:
        self.night = Night()
        self.hub = Hub(self.night.definition, 1, **bounds)
        self.hub.begin(Positions(0, (0,)))
        self.night.publish(keyframe=True)
        self.follow()

    def follow(self) -> None:
        self.apply()
        self.hub.flush()
        self.hub.deliver(lambda: True)

    def apply(self) -> None:
        for offset in range(self.hub.positions.results, len(self.night.results)):
            self.hub.apply_result(offset, self.night.results[offset])
        for offset in range(self.hub.positions.subtotals[0], len(self.night.subtotals)):
            self.hub.apply_block(0, offset, self.night.subtotals[offset])

    def report(self, votes: int, station: str = STATIONS[0]) -> None:
        self.night.report(station, (votes, 0, 0), votes + 1)
        self.night.publish(keyframe=False)
        self.follow()

    def heartbeat(self) -> None:
        self.hub.heartbeat()
        self.hub.deliver(lambda: True)

    def join(self, address: str = "", *, room: int = 1_000, **command: Any) -> Subscriber:
        subscriber = self.hub.join(Unread(room), lambda: None, address)
        self.hub.subscribe(subscriber, Subscribe(**{"office": OFFICE, **command}))
        return subscriber
