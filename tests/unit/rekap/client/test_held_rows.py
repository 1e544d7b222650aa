"""What a client with deltas holds is what a client without them is sent, and a delta that it missed is noticed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rekap.client.held_rows import HeldRows, MissedError
from schemas.served.live import FROM_SERVER
from tests.properties.test_live_hub import STATIONS
from tests.support.hub_feed import Feed
from tests.support.unread import kinds, read


def _by_area(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["area"]: row for row in rows}


def test_deltas_are_shorter_and_stand_for_the_same_change() -> None:
    feed = Feed()
    feed.report(5)  # the first result of an area is a whole row
    with_deltas, plain = feed.join(deltas=True), feed.join()
    held = HeldRows()
    held.apply(read(with_deltas)[-1])
    read(plain)
    for votes in (7, 11, 13):
        feed.report(votes, STATIONS[votes % 2])
        (delta,), (change,) = read(with_deltas), read(plain)
        FROM_SERVER.validate_python(delta)
        assert (delta["type"], delta["channel"]) == ("delta", "president/area/N/deltas")
        assert len(json.dumps(delta)) < len(json.dumps(change)) / 2
        meant = held.apply(delta)
        assert (meant["type"], meant["as_of"], meant["cursor"]) == ("change", change["as_of"], change["cursor"])
        for kind in ("areas", "offices"):
            assert _by_area(meant[kind]) == _by_area(change[kind])
        assert meant["contests"] == change["contests"]
        assert not any("patches" in name or name.startswith("from_") for name in meant)


def test_a_delta_that_was_missed_is_noticed_at_the_next() -> None:
    feed = Feed()
    subscriber = feed.join(deltas=True)
    held = HeldRows()
    held.apply(read(subscriber)[-1])
    feed.report(1)
    (_missed,) = read(subscriber)
    feed.report(2)
    (next_delta,) = read(subscriber)
    with pytest.raises(MissedError):
        held.apply(next_delta)


def test_a_patch_of_a_row_that_is_not_held_is_a_miss() -> None:
    feed = Feed()
    feed.report(1)
    subscriber = feed.join(deltas=True)
    snapshot = read(subscriber)[-1]
    held = HeldRows()
    held.apply({**snapshot, "areas": []})
    feed.report(2)
    with pytest.raises(MissedError):
        held.apply(read(subscriber)[0])


def test_what_happens_elsewhere_between_two_deltas_is_no_miss() -> None:
    feed = Feed()
    subscriber = feed.join(deltas=True, area="2", fields="totals")
    held = HeldRows()
    held.apply(read(subscriber)[-1])
    feed.report(1, "1.1.1-1")
    assert read(subscriber) == []
    feed.report(1, "2.1.1-1")
    for message in read(subscriber):
        held.apply(message)
    assert _by_area(held.rows("areas"))["2"]["counted"]["valid"] == 1


def test_one_that_was_slow_gets_whole_rows_and_then_deltas_again() -> None:
    feed = Feed()
    subscriber = feed.join(deltas=True, room=2)
    held = HeldRows()
    held.apply(read(subscriber)[-1])
    for votes in range(5):
        feed.report(votes)
    messages = read(subscriber)
    assert kinds(messages) == ["delta", "delta", "gap", "change"]
    feed.report(5)
    for message in [*messages, *read(subscriber)]:
        if message["type"] != "gap":
            held.apply(message)
    assert _by_area(held.rows("areas"))["N"]["counted"]["votes"]["01"] == 5
