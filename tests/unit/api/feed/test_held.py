"""Held results on the feed: all that are held in an area first, then each that becomes held or ceases to be."""

from __future__ import annotations

from typing import Any

import pytest

from api.feed import held
from api.feed.held import HeldResults
from api.feed.hub.commands import CommandError
from api.feed.hub.hub import Hub
from schemas.served.feed_cursors import Positions, cursor_of
from schemas.served.live import Subscribe
from tests.properties.test_live_hub import OFFICE
from tests.support.held_feed import HeldByClient, HeldFeed
from tests.support.unread import Unread, kinds, read

HERE, NEAR, THERE = "1.1.1-1", "1.1.1-2", "2.1.1-1"


def _row(station: str, **fields: Any) -> dict[str, Any]:
    return {
        "station": station,
        "contest": OFFICE,
        "area": station.rpartition("-")[0],
        "state": "held",
        "partition": 0,
        "offset": 1,
        "event": "e" * 64,
        "version": 1,
        "rules": ["F3"],
        "through": 1,
        **fields,
    }


def test_a_held_result_comes_with_its_rules_and_goes_with_its_review() -> None:
    feed = HeldFeed()
    subscriber = feed.join(held=True)
    first = read(subscriber)[-1]
    assert (first["channel"], first["held_whole"], first["held_complete"]) == ("president/area/N/held", True, True)
    assert "held" not in first
    event = feed.hold(HERE)
    (change,) = read(subscriber)
    (row,) = change["held"]
    assert (row["station"], row["area"], row["state"], row["event"]) == (HERE, "1.1.1", "held", event)
    assert "F3" in row["rules"]
    assert "contribution" not in row
    assert "held_whole" not in change
    review = feed.decide(HERE, event, "accepted")
    ((row,),) = (message["held"] for message in read(subscriber))
    assert (row["state"], row["review"]["event"], row["review"]["decision"]) == ("flagged", review, "accepted")
    feed.report(7, HERE)
    assert [message.get("held") for message in read(subscriber)] in ([None], [])


def test_a_channel_shows_what_is_held_in_its_area_and_one_without_held_shows_nothing() -> None:
    feed = HeldFeed()
    feed.hold(HERE)
    feed.hold(THERE)
    here, plain, of_both = feed.join(held=True, area="1"), feed.join(), feed.join(held=True, deltas=True)
    assert set(HeldByClient().apply(read(here)).rows) == {HERE}
    assert set(HeldByClient().apply(read(of_both)).rows) == {HERE, THERE}
    assert not any("held" in name for message in read(plain) for name in message)
    feed.hold(NEAR)
    assert [row["station"] for message in read(here) for row in message.get("held", ())] == [NEAR]
    assert [row["station"] for message in read(of_both) for row in message.get("held", ())] == [NEAR]
    with pytest.raises(CommandError, match="by area, not by level"):
        feed.join(held=True, level="district")


def test_one_that_resumes_or_was_slow_learns_what_became_held_and_what_ceased_to_be() -> None:
    feed = HeldFeed()
    event = feed.hold(HERE)
    slow = feed.join(held=True, room=1)
    client = HeldByClient().apply(read(slow))
    cursor = cursor_of(feed.hub.positions, feed.night.definition.hash)
    feed.decide(HERE, event, "rejected")
    feed.hold(THERE)
    feed.hold(NEAR)
    messages = read(slow)
    assert kinds(messages) == ["change", "gap", "change"]
    assert not any(message.get("held_whole") for message in messages)
    assert set(client.apply(messages).rows) == {NEAR, THERE}
    back = feed.join(held=True, cursor=cursor)
    (resumed,) = read(back)[1:]
    assert {row["station"]: row["state"] for row in resumed["held"]}.keys() == {HERE, NEAR, THERE}
    assert "held_whole" not in resumed


def test_after_a_feed_has_begun_anew_one_that_resumes_gets_all_that_are_held() -> None:
    feed = HeldFeed()
    positions = feed.hub.positions
    feed.hold(HERE)
    hub = Hub(feed.night.definition, 1)
    hub.begin(feed.hub.positions, cuts={OFFICE: (0, 0)}, held={OFFICE: [_row(NEAR), _row(THERE)]})
    subscriber = hub.join(Unread(), lambda: None)
    cursor = cursor_of(positions, feed.night.definition.hash)
    hub.subscribe(subscriber, Subscribe(office=OFFICE, held=True, cursor=cursor))
    client = HeldByClient()
    client.rows[HERE] = {}
    assert set(client.apply(read(subscriber)).rows) == {NEAR, THERE}


def test_many_held_results_come_in_parts_of_which_the_first_replaces() -> None:
    feed = HeldFeed(part_bytes=300)
    feed.hub.state.offices[0].held.begin(
        [_row(f"{village}-{n}") for village in ("1.1.1", "1.1.2") for n in (1, 2)], [0, 0]
    )
    messages = read(feed.join(held=True, area="1.1", fields="totals"))[1:]
    assert len(messages) > 2
    assert [message.get("held_whole", False) for message in messages] == [True] + [False] * (len(messages) - 1)
    assert len(HeldByClient().apply(messages).rows) == 4


def test_more_than_there_is_room_for_are_named_as_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held.HeldResults.__init__, "__defaults__", (2,))
    feed = HeldFeed()
    subscriber = feed.join(held=True)
    events = [feed.hold(station) for station in (HERE, NEAR, THERE)]
    client = HeldByClient().apply(read(subscriber))
    assert (set(client.rows), client.is_complete) == ({HERE, NEAR}, False)
    feed.decide(HERE, events[0], "accepted")
    feed.hold("2.2.1-1")
    assert set(client.apply(read(subscriber)).rows) == {NEAR, "2.2.1-1"}
    too_many = HeldResults(1)
    too_many.begin([_row(HERE), _row(NEAR)], [0, 0])
    assert (len(too_many.all()), too_many.is_complete) == (1, False)


def test_what_was_forgotten_is_not_resumed_from() -> None:
    feed = HeldFeed()
    results = feed.hub.state.offices[0].held
    results._rows_max = 1
    before = feed.hub.positions
    event = feed.hold(HERE)
    feed.decide(HERE, event, "accepted")
    feed.hold(NEAR)
    assert results.since([before.results, *before.subtotals]) is None
    assert [key[0] for key, _ in results.all()] == [NEAR]
    after = feed.hub.positions
    assert results.since([after.results, *after.subtotals]) == []


def test_a_message_that_is_missing_makes_them_incomplete() -> None:
    feed = HeldFeed()
    subscriber = feed.join(held=True)
    feed.hold(HERE)
    assert HeldByClient().apply(read(subscriber)).is_complete
    feed.night.report(HERE, (1, 0, 0), 2)
    missing = len(feed.night.subtotals) - 1
    feed.hub.pass_over(0, missing)
    feed.night.report(HERE, (2, 0, 0), 3)
    feed.follow()
    assert not HeldByClient().apply(read(subscriber)).is_complete


def test_the_hub_begins_without_any() -> None:
    hub = Hub(HeldFeed().night.definition, 1)
    hub.begin(Positions(0, (0,)))
    assert [office.held.all() for office in hub.state.offices] == [[], []]
