"""Whatever a client of the live feed misses, breaks or is too slow for, it ends with the newest state, and every number
it was ever sent is the fold of the `as_of` beside it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.feed.hub import passes
from api.feed.hub.hub import Hub
from api.feed.subscribers import Subscriber
from projections.area.tally import HEAD
from projections.fold.records import read_record
from projections.fold.rollup import Rollup
from projections.fold.tabulation import PartitionFold
from projections.shown.selected import selected
from projections.shown.tallies import published_tally
from proofs.signatures import load_public_key, verify
from rekap.client.held_rows import HeldRows
from rekap.client.live_feed import joined
from schemas.canonical import canonical_bytes
from schemas.codes import OfficeId
from schemas.derived.blocks import Block
from schemas.served.feed_cursors import Positions, cursor_of, positions_of
from schemas.served.live import FROM_SERVER, Fields, Subscribe
from tests.support.ledger import MemoryLedger
from tests.support.small_election import reported, small_package
from tests.support.unread import Unread, read

PACKAGE = small_package(partitions=2)
STATIONS = [station.code for station in PACKAGE.stations]
OFFICE = "president"
SUBTOTALS = 1

FORM = ("1.1.1-1", (0, 0, 0), 1)
forms = st.tuples(st.sampled_from(STATIONS), st.tuples(*[st.integers(0, 90)] * 3), st.integers(1, 3))
moments = st.lists(
    st.one_of(
        st.tuples(st.just("report"), forms),
        st.tuples(st.just("news"), forms),
        st.tuples(st.just("publish")),
        st.tuples(st.just("keyframe")),
        st.tuples(st.just("follow")),
        st.tuples(st.just("flush")),
        st.tuples(st.just("deliver"), st.sampled_from([1, 2, 100])),
        st.tuples(st.just("read"), st.sampled_from([1, 2, 100])),
        st.tuples(st.just("break")),
        st.tuples(st.just("heartbeat")),
    ),
    min_size=8,
    max_size=60,
)


class Night:
    """The stages before the hub, in memory, and the topics between them."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger(PACKAGE)
        self.definition = self.ledger.definition
        self.folds = [PartitionFold(self.definition, number) for number in range(self.definition.partitions)]
        self.rollup = Rollup(self.definition)
        self.subtotals: list[bytes] = []
        self.results: list[bytes] = []
        self.catch_up()

    def report(self, station: str, votes: tuple[int, int, int], version: int) -> None:
        self.ledger.append_as("officer", reported(station, votes, version=version))
        self.catch_up()

    def catch_up(self) -> None:
        for fold, records in zip(self.folds, self.ledger.partitions, strict=True):
            for offset in range(fold.next_offset, len(records)):
                record = read_record(offset, records[offset])
                key = self.definition.keys[record.key_id]
                fold.apply(record, verify(load_public_key(key.public_key), record.signature, record.payload))
            for block in fold.take_blocks():
                self._consume(block)

    def _consume(self, block: Block) -> None:
        self.subtotals.append(block.to_bytes())
        self.rollup.apply(block)

    def publish(self, *, keyframe: bool) -> None:
        office = self.rollup.offices[OfficeId(OFFICE)]
        result = office.keyframe() if keyframe else office.take_change()
        if result is not None:
            self.results.append(result.to_bytes())


class Client:
    """What a browser does: keeps the newest number of each area, and its last cursor over broken connections."""

    def __init__(self, night: Night, hub: Hub, command: dict[str, Any], room: int) -> None:
        self._night = night
        self._hub = hub
        self._command = command
        self._room = room
        self._cursor: str | None = None
        self._subscriber: Subscriber
        self.tallies: dict[tuple[str, str], dict[str, Any]] = {}
        self._held = HeldRows()
        self._parts: list[dict[str, Any]] = []
        self.connect()

    def connect(self) -> None:
        self._parts.clear()
        self._subscriber = self._hub.join(Unread(self._room), lambda: None)
        self._hub.subscribe(self._subscriber, Subscribe(**self._command, cursor=self._cursor))

    def break_off(self) -> None:
        self._hub.leave(self._subscriber)
        self.connect()

    def read(self, most: int) -> None:
        for message in self._messages(most):
            FROM_SERVER.validate_python(message)
            if message["type"] not in ("snapshot", "change", "delta"):
                self._cursor = message.get("cursor", self._cursor)
                continue
            fields = self._command.get("fields", "all")
            _assert_is_the_fold(self._night, message, message["areas"], fields)
            assert message["type"] != "delta" or self._command["deltas"]
            self._parts.append(message)
            assert message.get("more", False) == ("cursor" not in message)
            if message.get("more", False):
                continue
            message, self._parts = joined(self._parts), []
            message = self._held.apply(message)
            self._cursor = message["cursor"]
            if message["type"] == "snapshot":
                self.tallies.clear()
            for tally in message["areas"]:
                self.tallies[tally["area"], tally["contest"]] = tally
            _assert_is_the_fold(self._night, message, self.tallies.values(), fields)

    def canonical(self) -> bytes:
        """All rows that the client has, as canonical JSON."""
        rows = {kind: sorted(self._held.rows(kind), key=canonical_bytes) for kind in ("areas", "offices", "contests")}
        return canonical_bytes(rows)

    def _messages(self, most: int) -> Iterator[dict[str, Any]]:
        for _ in range(most):
            messages = read(self._subscriber, 1)
            if not messages:
                return
            yield messages[0]


def _fold_of(night: Night, cut: dict[str, int]) -> dict[tuple[str, str], list[int]]:
    """Every tally below and at the shard level, of exactly the prefixes that the cut names."""
    tallies: dict[tuple[str, str], list[int]] = {}
    for partition, records in enumerate(night.ledger.partitions):
        fold = PartitionFold(night.definition, partition)
        for offset in range(cut.get(str(partition), -1) + 1):
            record = read_record(offset, records[offset])
            key = night.definition.keys[record.key_id]
            fold.apply(record, verify(load_public_key(key.public_key), record.signature, record.payload))
        for block in fold.take_blocks():
            tallies |= {(contest, area): tally for contest, area, tally in block.areas}
    return tallies


def _assert_is_the_fold(
    night: Night, message: dict[str, Any], tallies: Iterable[dict[str, Any]], fields: Fields
) -> None:
    """Each of these is what the prefixes that the message names add up to."""
    definition = night.definition
    above, below = _fold_of(night, message["as_of"]), _fold_of(night, message["shard_as_of"])
    for shown in tallies:
        area = definition.tree.number[shown["area"]]
        contest = definition.ballots.contest(shown["contest"])
        if definition.tree.level[area] > definition.tree.shard_level:
            added = [below.get((contest.id, shown["area"]))]
        else:
            added = [
                above.get((contest.id, definition.tree.codes[shard]))
                for shard in definition.tree.partition_of_shard
                if area in definition.tree.lineage[shard]
            ]
        sums = [sum(numbers) for numbers in zip(*[tally for tally in added if tally is not None], strict=True)]
        expected = published_tally(contest, area, sums or [0] * (3 * (HEAD + len(contest.choices)) + 1), definition)
        assert shown == selected(expected, fields)


@settings(max_examples=300, deadline=None)
@given(
    moments,
    st.sampled_from(
        [
            {},
            {"area": "1.1"},
            {"level": "district"},
            {"area": "2"},
            {"area": "1", "children": False},
            {"fields": "totals"},
            {"level": "district", "fields": "choices"},
            {"area": "1.1", "children": False, "fields": "choices"},
        ]
    ),
    st.sampled_from([1, 1_500, 128 * 1024]),
    st.sampled_from([1, 2, 1_000]),
)
@example(  # breaks off between the marker of a gap and the state that follows it
    [("news", FORM), ("read", 2), ("break",), ("read", 2), ("report", FORM), ("break",)], {}, 1, 1_000
)
@example(  # the last row it lacks is in a part with `more`: a flush came between, which changed nothing of the channel
    [
        ("report", FORM),
        ("news", FORM),
        ("report", (*FORM[:2], 3)),
        ("publish",),
        ("read", 100),
        ("report", FORM),
        ("news", FORM),
        ("read", 1),
    ],
    {},
    1,
    1,
)
def test_a_client_ends_with_the_newest_state_and_was_never_sent_a_number_of_no_moment(
    night_moments: list[tuple[Any, ...]], channel: dict[str, Any], part_bytes: int, room: int
) -> None:
    night = Night()
    hub = Hub(night.definition, SUBTOTALS, part_bytes=part_bytes)
    hub.begin(Positions(0, (0,)))
    # Others before and behind the client, so that a pass over them all can stop before, at or after it.
    before, client, behind = (Client(night, hub, {"office": OFFICE, **channel}, each) for each in (1_000, room, 1_000))
    with_deltas = [Client(night, hub, {"office": OFFICE, **channel, "deltas": True}, each) for each in (1_000, room)]

    def follow() -> None:
        for offset in range(hub.positions.results, len(night.results)):
            hub.apply_result(offset, night.results[offset])
        for offset in range(hub.positions.subtotals[0], len(night.subtotals)):
            hub.apply_block(0, offset, night.subtotals[offset])

    def deliver(most: int) -> None:
        left = most

        def has_time() -> bool:
            nonlocal left
            left -= 1
            return left > 0

        with patch.object(passes, "DELIVERIES_IN_A_STEP", 1):
            hub.deliver(has_time)

    for moment in night_moments:
        match moment:
            case ("report", form):
                night.report(*form)
            case ("news", form):
                night.report(*form)
                night.publish(keyframe=False)
                follow()
                hub.flush()
            case ("publish",):
                night.publish(keyframe=False)
            case ("keyframe",):
                night.publish(keyframe=True)
            case ("follow",):
                follow()
            case ("flush",):
                hub.flush()
            case ("deliver", most):
                deliver(most)
            case ("read", most):
                client.read(most)
                with_deltas[1].read(most)
            case ("break",):
                client.break_off()
                with_deltas[1].break_off()
            case ("heartbeat",):
                hub.heartbeat()
    night.publish(keyframe=True)
    follow()
    hub.flush()
    deliver(10_000)
    newcomer = Client(night, hub, {"office": OFFICE, **channel}, 1_000)
    for each in (before, client, behind, newcomer, *with_deltas):
        each.read(10_000)
    assert newcomer.tallies
    assert [each.tallies for each in (before, client, behind)] == [newcomer.tallies] * 3
    assert [each.canonical() for each in with_deltas] == [newcomer.canonical()] * 2


def test_a_heartbeat_of_a_replica_that_is_behind_takes_no_cursor_back() -> None:
    night = Night()
    night.publish(keyframe=True)
    ahead = Positions(len(night.results), (len(night.subtotals),))
    behind = Hub(night.definition, SUBTOTALS)
    behind.begin(Positions(0, (0,)))
    subscriber = behind.join(Unread(), lambda: None)
    behind.subscribe(subscriber, Subscribe(office=OFFICE, cursor=cursor_of(ahead, night.definition.hash)))
    behind.heartbeat()
    for offset, value in enumerate(night.subtotals):
        behind.apply_block(0, offset, value)
    for offset, value in enumerate(night.results):
        behind.apply_result(offset, value)
    behind.heartbeat()
    behind.deliver(lambda: True)
    cursors = [
        positions_of(message["cursor"], night.definition.hash)
        for message in read(subscriber)
        if message.get("cursor") is not None
    ]
    assert cursors
    assert set(cursors) == {ahead}
