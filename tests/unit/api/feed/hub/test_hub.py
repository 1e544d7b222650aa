"""The live feed's bounds: what waits for a client, what a channel may be, who may take how much of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.feed.hub import channels
from api.feed.hub.commands import CommandError
from api.feed.hub.hub import Hub
from api.feed.subscribers import Subscriber
from schemas.served.live import Positions, Subscribe, Unsubscribe, cursor_of
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


def _read(subscriber: Subscriber, most: int = 1_000) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    while len(messages) < most and (frame := subscriber.take()) is not None:
        messages.append(json.loads(frame.text))
    return messages


def _kinds(messages: list[dict[str, Any]]) -> list[str]:
    return [message["type"] for message in messages]


def test_a_large_snapshot_comes_in_parts_of_bounded_bytes_and_only_the_last_has_a_cursor() -> None:
    feed = Feed(part_bytes=2_000)
    hello, *parts = _read(feed.join())
    assert hello["type"] == "hello"
    assert len(parts) > 2
    assert [part.get("more", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    assert ["cursor" in part for part in parts] == [False] * (len(parts) - 1) + [True]
    assert max(len(json.dumps(part)) for part in parts) < 2 * 2_000


def test_what_changes_behind_the_place_that_was_reached_comes_again_before_the_last_part() -> None:
    feed = Feed(part_bytes=1)
    subscriber = feed.join(level="district")
    first, second = _read(subscriber, 3)[1:]
    district = first["areas"][0]["area"]
    feed.report(7, f"{district}.1-1")
    rest = _read(subscriber)
    assert all(part.get("more", False) for part in (first, second, *rest[:-1]))
    again = [tally for part in rest for tally in part["areas"] if tally["area"] == district]
    assert again[-1]["counted"]["votes"]["01"] == 7
    assert _read(subscriber) == []


def test_one_that_never_reads_costs_a_bounded_queue_however_long_the_night_is() -> None:
    feed = Feed(queue_bytes_max=20_000)
    stuck, reading = feed.join(), feed.join()
    _read(stuck)
    for votes in range(40):
        feed.report(votes)
        _read(reading)
        assert stuck.queued_bytes <= 20_000
        assert feed.hub.queued_bytes == stuck.queued_bytes
    marker, *news = _read(stuck)
    assert (marker["type"], marker["reason"]) == ("gap", "slow-client")
    assert news[-1]["areas"][0]["counted"]["votes"]["01"] == 39
    feed.hub.leave(stuck)
    assert feed.hub.queued_bytes == 0


def test_past_the_budget_of_all_queues_the_fullest_falls_behind_and_no_other() -> None:
    feed = Feed(queued_bytes_max=30_000)
    stuck, late = feed.join(), feed.join(area="1")
    _read(stuck)
    for votes in range(30):
        feed.report(votes)
        _read(late)
        assert feed.hub.queued_bytes <= 30_000 + 10_000
    assert stuck.is_behind
    assert not late.is_behind


def test_frames_that_are_dropped_after_a_larger_change_are_still_owed() -> None:
    """A large change makes a client due that still has older frames in its queue; these are then lost."""
    feed = Feed(part_bytes=12_000)
    subscriber = feed.join(level="district")
    _read(subscriber)
    feed.report(5, "1.1.1-1")
    for station in ("1.2.1-1", "2.1.1-1", "2.2.1-1"):
        feed.night.report(station, (1, 0, 0), 1)
    feed.night.publish(keyframe=False)
    for subscription in list(subscriber.subscriptions.values()):
        subscriber.owe(subscription, feed.hub.positions)
    subscriber.fall_behind()
    told = {tally["area"]: tally for message in _read(subscriber) for tally in message.get("areas", ())}
    assert told["1.1"]["counted"]["votes"]["01"] == 5


def test_ten_thousand_cursors_of_the_future_cost_a_flush_nothing_and_end_in_the_newest_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    feed = Feed()
    cursor = cursor_of(Positions(10**9, (10**9,)), feed.night.definition.hash)
    wanted = [(area, stations) for area in ("N", "1", "2", "1.1") for stations in (False, True)]
    subscribers = [feed.join(cursor=cursor, area="N", stations=False) for _ in range(1_250)]
    for subscriber in subscribers:
        for area, stations in wanted[1:]:
            feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, cursor=cursor, area=area, stations=stations))
    looked_up: list[Positions] = []
    lagging = feed.hub.parked.lagging

    def counting(wanted: Positions) -> int | None:
        looked_up.append(wanted)
        return lagging(wanted)

    monkeypatch.setattr(feed.hub.parked, "lagging", counting)
    feed.report(1)
    assert looked_up == []
    assert [_kinds(_read(subscriber)) for subscriber in subscribers[:3]] == [["hello"]] * 3
    feed.hub.heartbeat()
    feed.hub.heartbeat()
    first = _read(subscribers[0])
    assert _kinds(first) == ["gap", "snapshot"] * len(wanted)
    assert {message["reason"] for message in first if message["type"] == "gap"} == {"cursor-ahead"}


def test_cursors_of_the_future_that_are_dropped_again_leave_nothing_behind() -> None:
    feed = Feed()
    cursor = cursor_of(Positions(10**9, (10**9,)), feed.night.definition.hash)
    subscriber = feed.join()
    for _ in range(2_000):
        feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, area="1", cursor=cursor))
        feed.hub.unsubscribe(subscriber, Unsubscribe(channel="president/area/1"))
    assert feed.hub.parked.heap_entries < 100


def test_a_cursor_that_is_soon_reached_goes_on_without_a_gap() -> None:
    feed = Feed()
    ahead = Positions(feed.hub.positions.results + 1, (feed.hub.positions.subtotals[0] + 1,))
    subscriber = feed.join(cursor=cursor_of(ahead, feed.night.definition.hash))
    assert _kinds(_read(subscriber)) == ["hello"]
    feed.report(1)
    assert _kinds(_read(subscriber)) == ["change"]


def test_no_party_takes_all_subscriptions() -> None:
    feed = Feed(subscriptions_of_party=2)
    feed.join("attacker")
    subscriber = feed.join("attacker", area="1")
    with pytest.raises(CommandError, match="your address has 2 already"):
        feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, area="2"))
    feed.join("somebody else", area="2")
    feed.hub.leave(subscriber)
    feed.join("attacker", area="2")


def test_a_channel_that_is_too_large_is_refused_with_the_bound_and_what_to_ask_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(channels, "CHANNEL_BYTES_MAX", 1 << 10)
    feed = Feed()
    with pytest.raises(CommandError, match="a channel at most 0; subscribe to areas below it") as error:
        feed.join(level="district")
    assert (error.value.status, error.value.field) == (413, "level")


def test_a_kept_cursor_of_another_feed_begins_again_where_a_given_one_is_refused() -> None:
    feed = Feed()
    subscriber = feed.hub.join(lambda: None)
    with pytest.raises(CommandError, match="not a cursor"):
        feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, cursor="nonsense"))
    feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, cursor="nonsense"), keeps_cursor=True)
    assert _kinds(_read(subscriber)) == ["hello", "gap", "snapshot"]


def test_station_rows_of_a_client_that_was_away_are_the_newest_of_each_station() -> None:
    feed = Feed()
    subscriber = feed.join(area="1.1", stations=True)
    cursor = _read(subscriber)[-1]["cursor"]
    feed.hub.leave(subscriber)
    for votes in (1, 2, 3):
        feed.report(votes, "1.1.1-1")
    feed.report(9, "2.1.1-1")
    (change,) = _read(feed.join(area="1.1", stations=True, cursor=cursor))[1:]
    assert [(row["station"], row["version"]) for row in change["stations"]] == [("1.1.1-1", 4)]


def test_an_office_whose_frames_meet_a_bug_is_named_and_its_clients_miss_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ended the feed of all offices, again and again."""
    feed = Feed()
    subscriber = feed.join()
    _read(subscriber)

    def faulty(*_: Any) -> None:
        raise ZeroDivisionError("an injected fault")

    with monkeypatch.context() as bug:
        bug.setattr(Hub, "_send", faulty)
        feed.report(5)
    [line] = feed.hub.state.stopped()
    assert line.startswith(f"office {OFFICE}: ZeroDivisionError: an injected fault")
    [nation] = [tally for tally in _read(subscriber)[-1]["areas"] if tally["area"] == "N"]
    assert nation["counted"]["votes"]["01"] == 5
    feed.report(6)
    assert feed.hub.state.stopped() == []
    [nation] = [tally for tally in _read(subscriber)[-1]["areas"] if tally["area"] == "N"]
    assert nation["counted"]["votes"]["01"] == 6
