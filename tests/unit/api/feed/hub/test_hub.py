"""The live feed's bounds: what waits for a client, what a channel may be, who may take how much of it."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from api.feed import recent
from api.feed.hub import channels, passes
from api.feed.hub import hub as hub_module
from api.feed.hub.commands import CommandError
from api.feed.hub.hub import Hub
from schemas.served.feed_cursors import Positions, cursor_of
from schemas.served.live import Subscribe, Unsubscribe
from tests.properties.test_live_hub import OFFICE, STATIONS
from tests.support.hub_feed import Feed
from tests.support.unread import Unread, kinds, read


def test_a_large_snapshot_comes_in_parts_of_bounded_bytes_and_only_the_last_has_a_cursor() -> None:
    feed = Feed(part_bytes=2_000)
    hello, *parts = read(feed.join())
    assert hello["type"] == "hello"
    assert len(parts) > 2
    assert [part.get("more", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    assert ["cursor" in part for part in parts] == [False] * (len(parts) - 1) + [True]
    assert max(len(json.dumps(part)) for part in parts) < 2 * 2_000


def test_what_changes_behind_the_area_that_was_reached_comes_again_before_the_last_part() -> None:
    feed = Feed(part_bytes=1)
    subscriber = feed.join(level="district")
    first, second = read(subscriber, 3)[1:]
    district = first["areas"][0]["area"]
    feed.report(7, f"{district}.1-1")
    rest = read(subscriber)
    assert all(part.get("more", False) for part in (first, second, *rest[:-1]))
    again = [tally for part in rest for tally in part["areas"] if tally["area"] == district]
    assert again[-1]["counted"]["votes"]["01"] == 7
    # It comes in these parts alone: a client that waits for a change before it has read the last part waits for ever.
    assert kinds([first, second, *rest]) == ["snapshot"] * (2 + len(rest))
    assert read(subscriber) == []


def test_one_that_does_not_read_costs_one_frame_and_gets_the_newest_state_when_it_does() -> None:
    feed = Feed()
    stuck, reading = feed.join(room=2), feed.join(room=1)
    read(stuck), read(reading)
    changes = []
    for votes in range(40):
        feed.report(votes)
        changes += read(reading)
        assert len(cast(Unread, stuck.outlet).frames) <= 2
    assert kinds(changes) == ["change"] * 40
    first, second, marker, newest = read(stuck)
    assert [first, second] == changes[:2]
    assert (marker["type"], marker["reason"], marker["skipped"]) == ("gap", "slow-client", 1)
    assert newest["areas"][0]["counted"]["votes"]["01"] == 39
    feed.report(40)
    assert kinds(read(stuck)) == ["change"]


def test_one_that_falls_behind_with_one_channel_and_then_gets_a_larger_change_is_owed_both() -> None:
    feed = Feed(part_bytes=12_000)
    subscriber = feed.join(level="district", room=1)
    read(subscriber)
    feed.report(4, "1.1.1-1")
    feed.report(5, "1.1.1-1")
    assert subscriber.is_behind
    for station in ("1.2.1-1", "2.1.1-1", "2.2.1-1"):
        feed.night.report(station, (1, 0, 0), 1)
    feed.night.publish(keyframe=False)
    feed.follow()
    sent = {tally["area"]: tally for message in read(subscriber) for tally in message.get("areas", ())}
    assert sent["1.1"]["counted"]["votes"]["01"] == 5
    assert sent["2.2"]["counted"]["votes"]["01"] == 1


def test_a_pass_that_stops_half_way_continues_where_it_was_and_gives_nobody_a_frame_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passes, "DELIVERIES_IN_A_STEP", 2)
    feed = Feed()
    subscribers = [feed.join() for _ in range(7)]
    for subscriber in subscribers:
        read(subscriber)
    feed.night.report(STATIONS[0], (1, 0, 0), 1)
    feed.night.publish(keyframe=False)
    feed.apply()
    feed.hub.flush()
    assert not feed.hub.deliver(lambda: False)
    feed.hub.leave(subscribers[2])
    (caught_up,) = subscribers[3].subscriptions.values()
    subscribers[3].owe(caught_up, feed.hub.positions)
    assert kinds(read(subscribers[3])) == []
    feed.hub.heartbeat()
    assert not feed.hub.deliver(lambda: False)
    while not feed.hub.deliver(lambda: False):
        pass
    got = [kinds(read(subscriber)) for subscriber in subscribers]
    assert got == [["change", "heartbeat"]] * 2 + [[], ["heartbeat"]] + [["change", "heartbeat"]] * 3


def test_a_flush_while_a_pass_is_under_way_sends_both_in_order() -> None:
    feed = Feed()
    subscriber = feed.join()
    read(subscriber)
    for votes in (1, 2):
        feed.night.report(STATIONS[0], (votes, 0, 0), votes)
        feed.night.publish(keyframe=False)
        feed.apply()
        feed.hub.flush()
    assert len(read(subscriber)) == 1
    feed.hub.deliver(lambda: True)
    (change,) = read(subscriber)
    assert change["areas"][0]["counted"]["votes"]["01"] == 2


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
    assert [kinds(read(subscriber)) for subscriber in subscribers[:3]] == [["hello"]] * 3
    feed.heartbeat()
    feed.heartbeat()
    first = read(subscribers[0])
    assert kinds(first) == ["gap", "snapshot"] * len(wanted)
    assert {message["reason"] for message in first if message["type"] == "gap"} == {"cursor-ahead"}


def test_cursors_of_the_future_that_are_dropped_again_leave_nothing_behind() -> None:
    feed = Feed()
    cursor = cursor_of(Positions(10**9, (10**9,)), feed.night.definition.hash)
    subscriber = feed.join()
    for _ in range(2_000):
        feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, area="1", cursor=cursor))
        feed.hub.unsubscribe(subscriber, Unsubscribe(channel="president/area/1"))
    assert feed.hub.parked.heap_entries < 100


def test_a_cursor_that_is_soon_reached_continues_without_a_gap() -> None:
    feed = Feed()
    ahead = Positions(feed.hub.positions.results + 1, (feed.hub.positions.subtotals[0] + 1,))
    subscriber = feed.join(cursor=cursor_of(ahead, feed.night.definition.hash))
    assert kinds(read(subscriber)) == ["hello"]
    feed.report(1)
    assert kinds(read(subscriber)) == ["change"]


def test_no_address_takes_all_subscriptions() -> None:
    feed = Feed(subscriptions_of_address=2)
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
    subscriber = feed.hub.join(Unread(), lambda: None)
    with pytest.raises(CommandError, match="not a cursor"):
        feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, cursor="nonsense"))
    feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, cursor="nonsense"), keeps_cursor=True)
    assert kinds(read(subscriber)) == ["hello", "gap", "snapshot"]


def test_station_rows_of_a_client_that_was_away_are_the_newest_of_each_station() -> None:
    feed = Feed()
    subscriber = feed.join(area="1.1", stations=True)
    cursor = read(subscriber)[-1]["cursor"]
    feed.hub.leave(subscriber)
    for votes in (1, 2, 3):
        feed.report(votes, "1.1.1-1")
    feed.report(9, "2.1.1-1")
    (change,) = read(feed.join(area="1.1", stations=True, cursor=cursor))[1:]
    assert [(row["station"], row["version"]) for row in change["stations"]] == [("1.1.1-1", 4)]


def test_an_office_whose_frames_meet_a_bug_is_named_and_its_clients_miss_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ended the feed of all offices, again and again."""
    feed = Feed()
    subscriber = feed.join()
    read(subscriber)

    def faulty(*_: Any) -> None:
        raise ZeroDivisionError("an injected fault")

    with monkeypatch.context() as bug:
        bug.setattr(Hub, "_send", faulty)
        feed.report(5)
    [line] = feed.hub.state.stopped()
    assert line.startswith(f"office {OFFICE}: ZeroDivisionError: an injected fault")
    [nation] = [tally for tally in read(subscriber)[-1]["areas"] if tally["area"] == "N"]
    assert nation["counted"]["votes"]["01"] == 5
    feed.report(6)
    assert feed.hub.state.stopped() == []
    [nation] = [tally for tally in read(subscriber)[-1]["areas"] if tally["area"] == "N"]
    assert nation["counted"]["votes"]["01"] == 6


def test_a_change_of_what_no_bound_holds_makes_the_subscriber_due() -> None:
    feed = Feed(part_bytes=10)
    subscriber = feed.join()
    read(subscriber)
    feed.report(1)
    assert subscriber.is_behind
    assert subscriber.has_work
    read(subscriber)
    assert not subscriber.is_behind


def test_a_heartbeat_goes_to_all_who_lack_nothing() -> None:
    feed = Feed()
    reading, behind = feed.join(), feed.join()
    read(reading)
    feed.heartbeat()
    assert kinds(read(reading)) == ["heartbeat"]
    assert kinds(read(behind)) == ["hello", "snapshot"]


def test_a_command_that_cannot_be_followed_is_answered_by_its_id() -> None:
    feed = Feed()
    subscriber = feed.hub.join(Unread(), lambda: None)
    error = CommandError(404, "area", "there is no such area")
    feed.hub.refuse(subscriber, error)
    error.id = "mine"
    feed.hub.refuse(subscriber, error)
    answer = {"type": "error", "status": 404, "field": "area", "sentence": "there is no such area"}
    assert read(subscriber)[1:] == [answer, {"id": "mine", **answer}]


def test_a_connection_has_a_bound_of_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "SUBSCRIPTIONS_MAX", 1)
    feed = Feed()
    subscriber = feed.join()
    with pytest.raises(CommandError, match="a connection has at most 1 subscriptions"):
        feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, area="1"))
    feed.hub.subscribe(subscriber, Subscribe(office=OFFICE))


def test_a_subscription_ends_by_its_id_or_by_its_channel() -> None:
    feed = Feed()
    subscriber = feed.join(id="mine")
    feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, area="1"))
    with pytest.raises(CommandError, match="is missing: name the id"):
        feed.hub.unsubscribe(subscriber, Unsubscribe())
    with pytest.raises(CommandError, match="there is no subscription 'other' on this connection"):
        feed.hub.unsubscribe(subscriber, Unsubscribe(id="other"))
    with pytest.raises(CommandError, match="there is no subscription 'president/area/9' on this connection"):
        feed.hub.unsubscribe(subscriber, Unsubscribe(channel="president/area/9"))
    feed.hub.unsubscribe(subscriber, Unsubscribe(id="mine"))
    feed.hub.unsubscribe(subscriber, Unsubscribe(channel="president/area/1"))
    assert subscriber.subscriptions == {}
    assert feed.hub.subscribers == 1


def test_what_waits_for_a_subscription_goes_with_it() -> None:
    feed = Feed()
    subscriber = feed.join()
    feed.hub.subscribe(subscriber, Subscribe(office=OFFICE, area="1"))
    read(subscriber)
    subscriber.outlet = Unread(room=0)
    feed.report(1, "1.1.1-1")
    feed.hub.unsubscribe(subscriber, Unsubscribe(channel="president/area/1"))
    (change,) = [message for message in read(subscriber) if message["type"] == "change"]
    assert change["channel"] == "president/area/N"


def test_the_hub_gives_what_its_state_has() -> None:
    feed = Feed()
    feed.report(1)
    assert feed.hub.cuts() == feed.hub.state.cuts()
    assert feed.hub.held_stations() == feed.hub.state.held_stations()


def test_a_client_that_resumes_from_before_the_feed_began_gets_a_snapshot_and_the_reason() -> None:
    feed = Feed()
    feed.hub.begin(Positions(5, (7,)))
    cursor = cursor_of(Positions(4, (7,)), feed.night.definition.hash)
    gap, snapshot = read(feed.join(cursor=cursor, area="1.1", stations=True, id="mine"))[1:]
    assert (gap["id"], gap["reason"], gap["stations_lost"]) == ("mine", "cursor-too-old", True)
    assert (snapshot["type"], snapshot["id"]) == ("snapshot", "mine")


def test_stations_that_are_not_remembered_are_named_as_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "SEARCHED_BYTES_MAX", 10)
    feed = Feed()
    subscriber = feed.join(area="1.1", stations=True)
    cursor = read(subscriber)[-1]["cursor"]
    feed.report(1, "1.1.1-1")
    gap, change = read(feed.join(area="1.1", stations=True, cursor=cursor))[1:]
    assert (gap["reason"], gap["stations_lost"], change["type"]) == ("cursor-too-old", True, "change")
    subscriber.outlet = Unread(room=0)
    feed.report(2, "1.1.1-1")
    assert [message.get("reason") for message in read(subscriber)][:2] == ["slow-client", "slow-client"]


def test_one_that_is_due_and_lacks_nothing_after_all_is_sent_nothing() -> None:
    feed = Feed()
    subscriber = feed.join()
    read(subscriber)
    for subscription in subscriber.subscriptions.values():
        subscriber.owe(subscription, feed.hub.positions)
    assert read(subscriber) == []
    assert not subscriber.is_behind


def test_a_phone_gets_one_line_of_totals_in_a_few_hundred_bytes() -> None:
    feed = Feed()
    subscriber = feed.join(children=False, fields="totals")
    read(subscriber)
    feed.report(3)
    (change,) = read(subscriber)
    assert change["channel"] == "president/area/N/own/totals"
    assert [tally["counted"]["total"] for tally in change["areas"]] == [4]
    assert (change["offices"], change["contests"]) == ([], [])
    assert len(json.dumps(change, separators=(",", ":"))) < 450
