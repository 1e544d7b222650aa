"""What a client that lacks something is sent: the newest of each row, once, and a snapshot where rows were not noted."""

from __future__ import annotations

from schemas.served.feed_cursors import Positions, cursor_of
from tests.support.hub_feed import Feed
from tests.support.unread import read


def test_a_cursor_from_before_the_first_result_gets_a_snapshot_without_a_gap() -> None:
    feed = Feed()
    _, snapshot = read(feed.join(cursor=cursor_of(Positions(0, (0,)), feed.night.definition.hash), area="1"))
    assert (snapshot["type"], [tally["area"] for tally in snapshot["areas"]]) == ("snapshot", ["1", "1.1", "1.2"])


def test_a_row_that_changes_before_it_was_sent_is_in_the_next_part_once() -> None:
    feed = Feed(part_bytes=6_500)
    subscriber = feed.join(level="district")
    (_, first) = read(subscriber, 2)
    assert first["more"]
    assert [tally["area"] for tally in first["offices"]] == ["1.1", "1.2", "2.1"]
    feed.report(7, "2.2.1-1")
    (rest,) = read(subscriber)
    assert [(tally["area"], tally["counted"]["total"]) for tally in rest["offices"]] == [("2.2", 8)]
    assert [(tally["area"], tally["counted"]["votes"]["01"]) for tally in rest["areas"]] == [("2.2", 7)]
