"""What a subscriber lacks: the earliest positions from which it must be sent, whatever is made meanwhile."""

from __future__ import annotations

from api.feed.frames import Frame
from api.feed.subscribers import Round
from schemas.served.feed_cursors import Positions
from tests.support.hub_feed import Feed
from tests.support.unread import read

EARLIER, LATER = Positions(1, (1,)), Positions(2, (2,))


def test_a_due_subscription_lacks_what_changed_since_the_earliest_of_its_positions() -> None:
    subscriber = Feed().join()
    read(subscriber)
    [subscription] = subscriber.subscriptions.values()
    subscriber.owe(subscription, LATER)
    under_way = subscription.round = Round((), (), LATER)
    subscriber.owe(subscription, LATER)
    assert (subscription.since, subscription.round) == (LATER, under_way), "the same positions begin no new round"
    subscriber.owe(subscription, EARLIER)
    assert subscription.round is not under_way, "it begins anew"
    assert subscription.since == EARLIER
    subscriber.owe(subscription, LATER)
    assert subscription.since == EARLIER
    subscriber.owe(subscription, None)
    assert subscription.since is None, "everything"
    subscriber.owe(subscription, EARLIER)
    assert subscription.since is None


def test_a_frame_of_a_subscription_that_has_ended_is_not_missed() -> None:
    subscriber = Feed().join()
    read(subscriber)
    [subscription] = subscriber.subscriptions.values()
    frame = Frame("change", b"{}", channel=subscription.channel, before=EARLIER)
    subscriber.forget(subscription)
    subscriber.miss(frame)
    subscriber.miss(Frame("heartbeat", b"{}"))
    assert not subscriber.is_behind
    assert subscriber.take() is None
