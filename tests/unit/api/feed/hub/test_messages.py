"""The messages of the feed are those that their schema describes, with the members that the client must know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.feed.frames import Frame
from api.feed.hub.commands import CommandError
from api.feed.hub.messages import (
    MessageRows,
    bulletin_message,
    error_frame,
    gap_frame,
    heartbeat_frame,
    held_members,
    hello_frame,
    unsubscribed_frame,
)
from api.feed.state import FeedState
from api.feed.subscribers import Channel, Selection, Subscription
from api.feed.touched import OF_OFFICE, WHOLE
from projections.definition.compiled import Definition
from schemas.served.live import FROM_SERVER
from tests.support.hub_feed import Feed
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
STATE = FeedState(DEFINITION, 1)
HEAD = b'"office":"president","as_of":{"0":7},"shard_as_of":{"0":8}'


def _channel(**fields: Any) -> Channel:
    return Channel("president/area/1", Selection(0, 1, None, False, **fields), STATE.offices[0])


def _valid(frame: Frame) -> dict[str, Any]:
    """The message of a frame, which has the shape of its type."""
    FROM_SERVER.validate_json(frame.text)
    message: dict[str, Any] = json.loads(frame.text)
    assert message["type"] == frame.kind
    return message


def test_each_row_is_in_the_member_of_its_kind_and_the_size_is_that_of_all() -> None:
    message = MessageRows()
    assert message.is_empty
    message.add((0, 4), b'{"row":1}')
    message.add((OF_OFFICE, 4), b'{"row":2}')
    message.add((0, WHOLE), b'{"row":3}')
    message.add_station(b'{"row":4}')
    message.add_held(b'{"row":5}')
    message.add_patch((0, 4), b'{"row":6}')
    message.add_patch((OF_OFFICE, 4), b'{"row":7}')
    message.add_patch((0, WHOLE), b'{"row":8}')
    assert not message.is_empty
    assert message.size == 8 * len(b'{"row":1}')
    text = message.message("delta", _channel(), HEAD, cursor="c", id="mine", more=[b'"more":true'])
    assert json.loads(text) == {
        "id": "mine",
        "type": "delta",
        "channel": "president/area/1",
        "office": "president",
        "as_of": {"0": 7},
        "shard_as_of": {"0": 8},
        "cursor": "c",
        "areas": [{"row": 1}],
        "offices": [{"row": 2}],
        "contests": [{"row": 3}],
        "stations": [{"row": 4}],
        "held": [{"row": 5}],
        "area_patches": [{"row": 6}],
        "office_patches": [{"row": 7}],
        "contest_patches": [{"row": 8}],
        "more": True,
    }


def test_a_message_without_stations_held_results_and_patches_names_none() -> None:
    assert json.loads(MessageRows().message("change", _channel(), HEAD, cursor=None)).keys() == {
        *("type", "channel", "office", "as_of", "shard_as_of", "areas", "offices", "contests")
    }


@pytest.mark.parametrize(
    ("held", "is_whole", "is_complete", "members"),
    [
        (False, True, True, []),
        (True, False, True, [b'"held_complete":true']),
        (True, True, False, [b'"held_whole":true', b'"held_complete":false']),
    ],
)
def test_a_channel_with_held_results_states_whether_they_are_all(
    held: bool, is_whole: bool, is_complete: bool, members: list[bytes]
) -> None:
    channel = Channel("c", Selection(0, 1, None, False, held=held), FeedState(DEFINITION, 1).offices[0])
    channel.office.held.is_complete = is_complete
    assert held_members(channel, is_whole=is_whole) == members


def test_a_client_is_greeted_with_what_it_follows() -> None:
    assert _valid(hello_frame(DEFINITION, 12)) == {
        "type": "hello",
        "election": "small",
        "mode": "rehearsal",
        "definition": DEFINITION.hash,
        "licence": DEFINITION.election.licence,
        "heartbeat_s": 12,
    }


def test_a_heartbeat_has_the_cut_of_each_office_and_those_that_wait_for_a_keyframe() -> None:
    state = FeedState(DEFINITION, 1)
    state.offices[0].cut = (7, -1, -1)
    state.offices[1].waits_for_keyframe = True
    frame = heartbeat_frame("c", state.offices)
    assert frame.cursor == "c"
    message = _valid(frame)
    assert message["as_of"] == {"president": {"0": 7}, "council": {}}
    assert message["waiting"] == ["council"]
    assert message["cursor"] == "c"


def test_a_gap_has_no_cursor_and_only_the_members_that_are_known() -> None:
    bare = gap_frame("slow-client", None, skipped=3)
    assert (bare.cursor, bare.gap) == (None, "slow-client")
    assert _valid(bare).keys() == {"type", "reason", "sentence", "skipped"}
    message = _valid(gap_frame("cursor-too-old", _channel(), id="mine", stations_lost=True))
    assert message.keys() == {"type", "reason", "sentence", "id", "channel", "office", "stations_lost"}
    assert (message["id"], message["office"], message["stations_lost"]) == ("mine", "president", True)


def test_an_error_names_the_command_where_it_had_a_name() -> None:
    error = CommandError(404, "office", "there is none")
    assert _valid(error_frame(error)) == {
        "type": "error",
        "status": 404,
        "field": "office",
        "sentence": "there is none",
    }
    error.id = "mine"
    assert _valid(error_frame(error))["id"] == "mine"


def test_the_end_of_a_subscription_names_it() -> None:
    subscription = Subscription(Feed().join(), _channel(), "mine")
    assert _valid(unsubscribed_frame(subscription)) == {
        "type": "unsubscribed",
        "id": "mine",
        "channel": "president/area/1",
    }


def test_a_bulletin_has_one_row_of_health_or_one_for_each_log() -> None:
    assert json.loads(bulletin_message("health", [b'{"status":"ok"}'])) == {
        "type": "health",
        "channel": "health",
        "health": {"status": "ok"},
    }
    logs = bulletin_message("checkpoints", [b'{"partition":0}', b'{"partition":1}'], id="mine", more=True)
    assert json.loads(logs) == {
        "id": "mine",
        "type": "checkpoints",
        "channel": "checkpoints",
        "logs": [{"partition": 0}, {"partition": 1}],
        "more": True,
    }
