"""Wherever a feed begins anew, a client with a cursor of what was read back gets the changes that it missed, and no gap."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.feed.hub.hub import Hub
from api.feed.state import FeedState
from schemas.served.feed_cursors import Positions, cursor_of
from schemas.served.live import Subscribe
from tests.properties.test_live_hub import OFFICE, SUBTOTALS, Night, forms
from tests.support.unread import Unread, kinds, read

Rows = dict[tuple[str, ...], dict[str, Any]]

moments = st.lists(
    st.one_of(
        st.tuples(st.just("report"), forms),
        st.tuples(st.just("publish"), st.just(False)),
        st.tuples(st.just("publish"), st.just(True)),
        st.tuples(st.just("again"), st.integers(1, 4)),
    ),
    min_size=1,
    max_size=40,
)
CHANNELS: list[dict[str, Any]] = [{}, {"area": "1.1"}, {"level": "district"}, {"area": "1.1.1", "stations": True}]


def _night(happened: list[tuple[Any, ...]]) -> Night:
    night = Night()
    for kind, what in happened:
        if kind == "report":
            night.report(*what)
        elif kind == "publish":
            night.publish(keyframe=what)
        else:  # a worker that was replaced publishes once more what it had
            night.results += night.results[-what:]
            night.subtotals += night.subtotals[-what:]
    return night


def _follow(state: FeedState, night: Night, since: Positions, to: Positions) -> None:
    for offset in range(since.results, to.results):
        state.apply_result(offset, night.results[offset])
    for offset in range(since.subtotals[0], to.subtotals[0]):
        state.apply_block(0, offset, night.subtotals[offset])


def _hub(night: Night) -> Hub:
    hub = Hub(night.definition, SUBTOTALS)
    hub.begin(Positions(0, (0,)))
    return hub


def _begun_anew(night: Night, first: Hub, since: Positions, read_back: bool) -> Hub:
    """A hub that begins with the state of another, as the read model has it, and knows what changed since some positions."""
    definition, state = night.definition, first.state
    hub = Hub(definition, SUBTOTALS)
    contests, codes = definition.ballots.contests, definition.tree.codes
    hub.begin(
        first.positions,
        [
            (contests[key[0]].id, codes[key[1]], tally)
            for office in state.offices
            for key, tally in office.areas.items()
        ],
        [
            (office.entry.id, codes[area], tally)
            for office in state.offices
            for area, tally in office.office_tallies.items()
        ],
        {office.entry.id: office.cut for office in state.offices if office.has_published},
        {
            (office.entry.id, partition): through
            for office in state.offices
            for partition, through in enumerate(office.through)
            if through >= 0
        },
    )
    if read_back:
        earlier = FeedState(definition, SUBTOTALS)
        earlier.begin(since)
        _follow(earlier, night, since, first.positions)
        hub.state.remember(earlier, [0, 1])
    return hub


def _resumed(hub: Hub, channel: dict[str, Any], cursor: Positions | None) -> list[dict[str, Any]]:
    text = None if cursor is None else cursor_of(cursor, hub.definition.hash)
    subscriber = hub.join(Unread(), lambda: None)
    hub.subscribe(subscriber, Subscribe(office=OFFICE, cursor=text, **channel))
    return [message for message in read(subscriber) if message["type"] != "hello"]


def _rows(messages: list[dict[str, Any]]) -> Rows:
    rows: Rows = {}
    for message in messages:
        for name, keys in (
            ("areas", ("area", "contest")),
            ("contests", ("contest",)),
            ("stations", ("station", "contest")),
        ):
            for row in message.get(name, ()):
                rows[(name, *(row[key] for key in keys))] = row
    return rows


@settings(max_examples=60, deadline=None)
@given(moments, moments, moments, moments, st.sampled_from(CHANNELS))
@example([("publish", True)], [], [("publish", True)], [("report", ("1.1.1-1", (1, 2, 3), 1)), ("publish", False)], {})
@example([], [], [], [("publish", True)], {})  # the progress of a contest in which no form has come
def test_a_client_with_a_cursor_of_what_was_read_back_gets_what_it_missed(
    before: list[tuple[Any, ...]],
    read: list[tuple[Any, ...]],
    seen: list[tuple[Any, ...]],
    missed: list[tuple[Any, ...]],
    channel: dict[str, Any],
) -> None:
    """Read back is what came after `before`; a client saw all but what it `missed`."""
    parts = [_night(happened) for happened in (before, before + read + seen)]
    since, cursor = (Positions(len(each.results), (len(each.subtotals),)) for each in parts)
    night = _night(before + read + seen + missed)
    now = Positions(len(night.results), (len(night.subtotals),))
    first = _hub(night)
    _follow(first.state, night, Positions(0, (0,)), now)
    first.flush()
    stayed, newest = _rows(_resumed(first, channel, cursor)), _rows(_resumed(first, channel, None))

    messages = _resumed(_begun_anew(night, first, since, read_back=True), channel, cursor)
    assert "gap" not in kinds(messages)
    rows = _rows(messages)
    assert stayed.keys() <= rows.keys(), "nothing that it missed is missing"
    if "snapshot" not in kinds(messages):
        assert all(row == newest.get(key, row) for key, row in rows.items()), "each is the newest"
        above = {key for key in rows if key[0] == "areas" and _is_above(night, key[1])}
        assert above <= stayed.keys(), "nothing that did not change is sent again"
    # With a keyframe in what was read back before its cursor, there is no need of a snapshot; but a message that is published
    # again may be one from before, which cannot be known then.
    is_plain = not any(kind == "again" for kind, _ in [*read, *seen, *missed])
    has_keyframe = is_plain and any(
        b'"kind":"keyframe"' in value for value in night.results[since.results : cursor.results]
    )
    if has_keyframe and "snapshot" in kinds(messages):
        assert "snapshot" in kinds(_resumed(first, channel, cursor)), "one that stayed needs it too"


def _is_above(night: Night, area: str) -> bool:
    tree = night.definition.tree
    return tree.level[tree.number[area]] <= tree.shard_level


@settings(max_examples=20, deadline=None)
@given(moments, st.sampled_from(CHANNELS))
def test_a_cursor_before_what_was_read_back_gets_a_gap(
    happened: list[tuple[Any, ...]], channel: dict[str, Any]
) -> None:
    night = _night([("report", ("1.1.1-1", (1, 2, 3), 1)), ("publish", True), *happened])
    now = Positions(len(night.results), (len(night.subtotals),))
    first = _hub(night)
    _follow(first.state, night, Positions(0, (0,)), now)
    first.flush()
    since = Positions(1, (1,))
    messages = _resumed(_begun_anew(night, first, since, read_back=True), channel, Positions(0, (1,)))
    assert kinds(messages)[0] == "gap"
    again = _resumed(_begun_anew(night, first, since, read_back=False), channel, Positions(0, (0,)))
    assert kinds(again)[0] == "gap"
