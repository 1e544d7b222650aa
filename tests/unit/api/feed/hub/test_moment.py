"""What the messages of one flush state about it."""

from __future__ import annotations

import json

from api.feed.hub.moment import Moment
from api.feed.state import FeedState
from projections.definition.compiled import Definition
from schemas.served.feed_cursors import Positions, positions_of
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
FIRST, SECOND = Positions(3, (4,)), Positions(5, (6,))


def test_a_flush_moves_the_positions_and_the_cursor() -> None:
    moment = Moment(DEFINITION.hash, 2, FIRST)
    assert (moment.before, moment.now, moment.number) == (FIRST, FIRST, 0)
    assert positions_of(moment.cursor, DEFINITION.hash, 2) == FIRST
    moment.advance(SECOND)
    assert (moment.before, moment.now, moment.number) == (FIRST, SECOND, 1)
    assert positions_of(moment.cursor, DEFINITION.hash, 2) == SECOND


def test_the_cuts_of_an_office_are_those_of_the_flush_until_the_next_one() -> None:
    office = FeedState(DEFINITION, 1).offices[1]
    office.cut, office.through = (7, -1, 9), [8, 2, -1]
    moment = Moment(DEFINITION.hash, 1, FIRST)
    head = {"office": "council", "as_of": {"0": 7, "2": 9}, "shard_as_of": {"0": 8, "1": 2}}
    assert json.loads(b"{%b}" % moment.head(office)) == head
    office.cut, office.through = (10, 11, 12), [13, 14, 15]
    assert json.loads(b"{%b}" % moment.head(office)) == head, "no message of a flush states a later cut"
    assert moment.cuts(office) == (b'{"0":7,"2":9}', b'{"0":8,"1":2}')
    moment.advance(SECOND)
    assert moment.cuts(office) == (b'{"0":10,"1":11,"2":12}', b'{"0":13,"1":14,"2":15}')
    assert json.loads(b"{%b}" % moment.head(office))["as_of"] == {"0": 10, "1": 11, "2": 12}


def test_a_moment_that_begins_again_forgets_the_flushes_before() -> None:
    moment = Moment(DEFINITION.hash, 1, FIRST)
    moment.advance(SECOND)
    moment.begin(FIRST)
    assert (moment.before, moment.now, moment.number) == (FIRST, FIRST, 0)
    assert positions_of(moment.cursor, DEFINITION.hash, 1) == FIRST
