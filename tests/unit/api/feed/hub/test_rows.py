"""A row is sent as a patch of what it was before, or whole where there is no shorter patch."""

from __future__ import annotations

import orjson

from api.feed.hub.rows import Rows, _patch
from tests.support.hub_feed import Feed
from tests.support.unread import read


def test_a_row_without_one_before_is_sent_whole() -> None:
    feed = Feed()
    subscriber = feed.join(deltas=True, area="1.1.1")
    read(subscriber)
    feed.report(4, "1.1.1-1")
    (message,) = read(subscriber)
    assert [tally["counted"]["votes"]["01"] for tally in message["areas"]] == [4]


def test_the_patch_of_two_rows_is_made_once() -> None:
    feed = Feed()
    rows, office = Rows(feed.night.definition), feed.hub.state.offices[0]
    feed.report(4)
    key, before = next((key, row) for key, row in office.areas.items() if key[1] == feed.night.definition.tree.root)
    feed.report(5)
    after = office.areas[key]
    whole, patch = made = rows.patch(office, key, before, after, "all")
    assert patch is not None
    assert orjson.loads(patch)["counted"]["votes"] == {"01": 5}
    assert rows.patch(office, key, before, after, "all") is made
    assert rows.patch(office, key, None, after, "all") == (whole, None)


def test_a_row_that_lost_a_member_has_no_patch() -> None:
    assert _patch((0, 1), b'{"contest":"president","area":"1","lost":1}', b'{"contest":"president","area":"1"}') is None
