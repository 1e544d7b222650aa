"""Bulletins: all rows first, then what changes, and nobody waits for another."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from api.feed.hub.commands import CommandError
from api.feed.hub.hub import Hub
from api.feed.subscribers import Subscriber
from schemas.served.live import FROM_SERVER, Follow, Unsubscribe
from tests.support.hub_feed import Feed
from tests.support.unread import Unread, kinds, read


def _log(partition: int, size: int, note: str = "") -> bytes:
    return json.dumps(
        {"partition": partition, "origin": "o", "size": size, "root": "00", "note": note}, separators=(",", ":")
    ).encode()


def _logs(*sizes: int, note: str = "") -> dict[int, bytes]:
    return {partition: _log(partition, size, note) for partition, size in enumerate(sizes)}


def _publish(hub: Hub, rows: dict[int, bytes]) -> None:
    hub.bulletins.publish("checkpoints", rows)
    hub.deliver(lambda: True)


def _join(hub: Hub, *, room: int = 1_000, id: str | None = None) -> Subscriber:
    subscriber = hub.join(Unread(room), lambda: None)
    cast(Unread, subscriber.outlet).frames.clear()
    hub.follow(subscriber, Follow(bulletin="checkpoints", id=id))
    return subscriber


def _sizes(message: dict[str, Any]) -> dict[int, int]:
    FROM_SERVER.validate_python(message)
    return {log["partition"]: log["size"] for log in message["logs"]}


def test_one_that_follows_waits_for_the_rows_gets_all_and_then_those_that_change() -> None:
    hub = Feed().hub
    assert hub.bulletins.is_awaited("checkpoints") is None
    subscriber = _join(hub, id="mine")
    assert hub.bulletins.is_awaited("checkpoints") is True
    assert read(subscriber) == []
    _publish(hub, _logs(1, 1, 1))
    assert hub.bulletins.is_awaited("checkpoints") is False
    (first,) = read(subscriber)
    assert (first["id"], first["channel"], _sizes(first)) == ("mine", "checkpoints", {0: 1, 1: 1, 2: 1})
    _publish(hub, _logs(1, 2, 1))
    _publish(hub, _logs(1, 2, 1))
    (second,) = read(subscriber)
    assert ("id" in second, _sizes(second)) == (False, {1: 2})
    late = _join(hub)
    assert [_sizes(message) for message in read(late)] == [{0: 1, 1: 2, 2: 1}]
    assert read(subscriber) == []


def test_one_that_was_slow_gets_the_newest_of_what_changed() -> None:
    hub = Feed().hub
    slow = _join(hub, room=1)
    _publish(hub, _logs(1, 1, 1))
    read(slow)
    for size in (2, 3, 4):
        _publish(hub, _logs(1, size, size))
    sent, gap, newest = read(slow)
    assert (_sizes(sent), gap["reason"], gap["skipped"], _sizes(newest)) == (
        {1: 2, 2: 2},
        "slow-client",
        1,
        {1: 4, 2: 4},
    )
    _publish(hub, _logs(5, 4, 4))
    assert [_sizes(message) for message in read(slow)] == [{0: 5}]


def test_many_logs_come_in_parts_and_what_changes_between_them_comes_before_the_last() -> None:
    hub = Feed(part_bytes=200).hub
    subscriber = _join(hub)
    _publish(hub, _logs(1, 1, 1, 1, 1, 1, note="x" * 50))
    first = read(subscriber, 1)[0]
    assert (first["more"], _sizes(first)) == (True, {0: 1, 1: 1})
    _publish(hub, _logs(9, 1, 1, 1, 1, 9, note="x" * 50))
    rest = read(subscriber)
    assert [message.get("more", False) for message in rest] == [True] * (len(rest) - 1) + [False]
    held: dict[int, int] = {}
    for message in (first, *rest):
        held |= _sizes(message)
    assert held == {0: 9, 1: 1, 2: 1, 3: 1, 4: 1, 5: 9}
    _publish(hub, _logs(7, 7, 7, 7, 7, 7, note="x" * 50))
    changed = read(subscriber)
    assert len(changed) > 1, "a change that is too large for one frame comes in parts too"
    assert {partition: size for message in changed for partition, size in _sizes(message).items()} == dict.fromkeys(
        range(6), 7
    )


def test_a_log_that_has_gone_is_sent_to_nobody_who_comes_later() -> None:
    hub = Feed(part_bytes=200).hub
    subscriber = _join(hub)
    _publish(hub, _logs(1, 1, 1, note="x" * 50))
    first = read(subscriber, 1)[0]
    _publish(hub, _logs(1, 1, note="x" * 50))
    assert _sizes(first) == {0: 1, 1: 1}
    assert [_sizes(message) for message in read(subscriber)] == [{}, {}]
    _publish(hub, {})
    assert read(subscriber) == []


def test_unsubscribing_ends_it_and_the_next_one_waits_for_fresh_rows() -> None:
    hub = Feed().hub
    subscriber = _join(hub)
    _publish(hub, _logs(1))
    read(subscriber)
    hub.unsubscribe(subscriber, Unsubscribe(channel="checkpoints"))
    assert kinds(read(subscriber)) == ["unsubscribed"]
    assert hub.bulletins.is_awaited("checkpoints") is None
    again = _join(hub)
    assert read(again) == []
    hub.follow(again, Follow(bulletin="checkpoints"))
    _publish(hub, _logs(1))
    assert [_sizes(message) for message in read(again)] == [{0: 1}]
    hub.leave(again)
    assert hub.bulletins.is_awaited("checkpoints") is None


def test_bulletins_and_results_share_a_connection_and_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    feed = Feed()
    subscriber = feed.join()
    feed.hub.follow(subscriber, Follow(bulletin="health"))
    feed.hub.bulletins.publish("health", {0: b'{"status":"ok"}'})
    feed.report(1)
    messages = read(subscriber)
    assert kinds(messages) == ["hello", "snapshot", "health"]
    assert messages[-1]["health"] == {"status": "ok"}
    feed.hub.bulletins.publish("health", {0: b'{"status":"degraded"}'})
    feed.report(2)
    assert kinds(read(subscriber)) == ["health", "change"]
    monkeypatch.setattr("api.feed.hub.hub.SUBSCRIPTIONS_MAX", 2)
    with pytest.raises(CommandError, match="at most 2"):
        feed.hub.follow(subscriber, Follow(bulletin="checkpoints"))


def test_one_that_ends_leaves_the_others_their_bulletin() -> None:
    hub = Feed().hub
    one, other = _join(hub), _join(hub)
    _publish(hub, _logs(1))
    read(one), read(other)
    hub.unsubscribe(one, Unsubscribe(channel="checkpoints"))
    _publish(hub, _logs(2))
    assert read(one)[1:] == []
    (message,) = read(other)
    assert _sizes(message) == {0: 2}
