"""Whatever a client of a channel with held results misses, breaks off or is too slow for: it ends with what is held."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from api.feed.subscribers import Subscriber
from schemas.served.live import Subscribe
from tests.properties.test_live_hub import OFFICE, STATIONS
from tests.support.held_feed import HeldByClient, HeldFeed
from tests.support.unread import Unread, read

stations = st.sampled_from(STATIONS[:4] + STATIONS[-2:])
moments = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), stations),
        st.tuples(st.just("decide"), stations, st.sampled_from(["accepted", "rejected"])),
        st.tuples(st.just("report"), stations),
        st.tuples(st.just("read"), st.sampled_from([1, 2, 100])),
        st.tuples(st.just("break")),
    ),
    min_size=4,
    max_size=30,
)


class Client:
    def __init__(self, feed: HeldFeed, room: int, **command: Any) -> None:
        self._feed = feed
        self._room = room
        self._command = {"office": OFFICE, "held": True, **command}
        self._cursor: str | None = None
        self._subscriber: Subscriber
        self._parts: list[dict[str, Any]] = []
        self.held = HeldByClient()
        self.connect()

    def connect(self) -> None:
        self._parts.clear()
        self._subscriber = self._feed.hub.join(Unread(self._room), lambda: None)
        self._feed.hub.subscribe(self._subscriber, Subscribe(**self._command, cursor=self._cursor))

    def break_off(self) -> None:
        self._feed.hub.leave(self._subscriber)
        self.connect()

    def read(self, most: int) -> None:
        for message in read(self._subscriber, most):
            if message["type"] in ("snapshot", "change", "delta"):
                self._parts.append(message)
                if message.get("more", False):
                    continue
                self.held.apply(self._parts)
                self._parts.clear()
            self._cursor = message.get("cursor", self._cursor)


@settings(max_examples=150, deadline=None)
@given(
    moments,
    st.sampled_from([{}, {"area": "1.1"}, {"fields": "totals"}, {"deltas": True}]),
    st.sampled_from([1, 700, 128 * 1024]),
    st.sampled_from([1, 2, 1_000]),
)
def test_a_client_ends_with_what_is_held(
    night: list[tuple[Any, ...]], channel: dict[str, Any], part_bytes: int, room: int
) -> None:
    feed = HeldFeed(part_bytes=part_bytes)
    client, live = Client(feed, room, **channel), Client(feed, 1_000, **channel)
    events: dict[str, str] = {}
    versions: dict[str, int] = {}
    for moment in night:
        match moment:
            case ("hold", station):
                versions[station] = versions.get(station, 0) + 1
                events[station] = feed.hold(station, versions[station])
            case ("decide", station, decision):
                if station in events:
                    feed.decide(station, events[station], decision)
            case ("report", station):
                versions[station] = versions.get(station, 0) + 1
                feed.report(versions[station] - 1, station)
            case ("read", most):
                client.read(most)
                live.read(100)
            case ("break",):
                client.break_off()
    newcomer = Client(feed, 1_000, **channel)
    area = channel.get("area", "")
    expected = {station: offset for station, offset in feed.held_now().items() if station.startswith(area)}
    for each in (client, live, newcomer):
        each.read(10_000)
        assert {station: row["offset"] for station, row in each.held.rows.items()} == expected
        assert each.held.is_complete
