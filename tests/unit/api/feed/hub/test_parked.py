"""Subscriptions whose cursor is ahead wait for each source that lags, and no longer than a heartbeat."""

from __future__ import annotations

from api.feed.subscribers import Subscription
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
