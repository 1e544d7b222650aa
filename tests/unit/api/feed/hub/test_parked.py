"""Subscriptions whose cursor is ahead wait for each source that lags: for what Kafka has, or for two heartbeats."""

from __future__ import annotations

import pytest

from api.feed.subscribers import Subscriber, Subscription
from schemas.served.feed_cursors import Positions, cursor_of
from schemas.served.live import Subscribe
from tests.properties.test_live_hub import OFFICE
from tests.support.hub_feed import Feed
from tests.support.unread import kinds, read


def test_a_subscription_waits_for_one_source_after_the_other() -> None:
    feed = Feed()
    hub = feed.hub
    results, (subtotals,) = hub.positions
    ahead = Positions(results + 1, (subtotals + 5,))
    subscriber = feed.join(cursor=cursor_of(ahead, feed.night.definition.hash))
    hub.pass_over(-1, results)
    hub.flush()
    assert subscriber.parked == 1
    assert kinds(read(subscriber)) == ["hello"]
    hub.pass_over(0, subtotals + 4)
    hub.flush()
    assert (subscriber.parked, hub.parked.heap_entries) == (0, 0)
    (change,) = read(subscriber)
    assert (change["type"], change["areas"], change["cursor"]) == (
        "change",
        [],
        cursor_of(ahead, feed.night.definition.hash),
    )


def test_a_subscription_that_ended_is_passed_over() -> None:
    feed = Feed()
    results, (subtotals,) = feed.hub.positions
    cursor = cursor_of(Positions(results + 1, (subtotals,)), feed.night.definition.hash)
    subscriber = feed.join(cursor=cursor)
    (subscription,) = subscriber.subscriptions.values()
    feed.hub.subscribe(subscriber, Subscribe(office=OFFICE))
    assert subscriber.parked == 0
    feed.hub.pass_over(-1, results)
    feed.hub.flush()
    assert isinstance(subscription, Subscription)
    assert kinds(read(subscriber)) == ["hello", "snapshot"]


def _begun(positions: Positions, ends: Positions) -> Feed:
    """A feed whose topics ended there when it began."""
    feed = Feed()
    feed.hub.parked.begin(ends)
    assert feed.hub.positions == positions
    return feed


def _heartbeats(feed: Feed, subscriber: Subscriber) -> list[str]:
    """What the subscriber gets in four heartbeats."""
    for _ in range(4):
        feed.heartbeat()
    return kinds(read(subscriber))


def test_a_subscription_waits_for_what_kafka_has_however_long_that_takes() -> None:
    results, (subtotals,) = Feed().hub.positions
    ends = Positions(results + 3, (subtotals + 2,))
    feed = _begun(Positions(results, (subtotals,)), ends)
    subscriber = feed.join(cursor=cursor_of(ends, feed.night.definition.hash))
    assert _heartbeats(feed, subscriber) == ["hello"], "an older state would be a step back"
    feed.hub.pass_over(-1, results + 2)
    feed.hub.flush()
    assert _heartbeats(feed, subscriber) == []
    feed.hub.pass_over(0, subtotals + 1)
    feed.hub.flush()
    assert kinds(read(subscriber)) == ["change"]
    assert subscriber.parked == 0


@pytest.mark.parametrize("beyond", [(1, 0), (0, 1)])
def test_a_cursor_beyond_the_ends_waits_for_two_heartbeats(beyond: tuple[int, int]) -> None:
    results, (subtotals,) = Feed().hub.positions
    ends = Positions(results + 3, (subtotals + 2,))
    feed = _begun(Positions(results, (subtotals,)), ends)
    ahead = Positions(ends.results + beyond[0], (ends.subtotals[0] + beyond[1],))
    subscriber = feed.join(cursor=cursor_of(ahead, feed.night.definition.hash))
    assert _heartbeats(feed, subscriber) == ["hello", "gap", "snapshot"]


def test_a_source_that_is_past_its_end_holds_up_no_wait_for_another() -> None:
    """A cursor of another replica, which has followed one source as far as this one and the other farther."""
    results, (subtotals,) = Feed().hub.positions
    feed = _begun(Positions(results, (subtotals,)), Positions(results - 1, (subtotals + 2,)))
    subscriber = feed.join(cursor=cursor_of(Positions(results, (subtotals + 2,)), feed.night.definition.hash))
    assert _heartbeats(feed, subscriber) == ["hello"]
