"""What one office's message does to the live feed: where it cannot be applied, that office alone keeps its last state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.feed.state import REASON_CHARACTERS_MAX, FeedState, packed
from api.feed.touched import Mark, Touched
from projections.fold.chain import Applied
from projections.fold.rollup import Rollup
from schemas.codes import OfficeId
from schemas.derived.blocks import Block
from schemas.derived.bundles import bundled
from schemas.derived.results import Cut, Result
from schemas.served.feed_cursors import Positions
from tests.support.ledger import MemoryLedger, fold
from tests.support.small_election import reported, small_package


class Night:
    def __init__(self) -> None:
        self.ledger = MemoryLedger(small_package())
        self.rollup = Rollup(self.ledger.definition)
        self.feed = FeedState(self.ledger.definition, 1)
        self.feed.begin(Positions(0, (0,)))
        self.offset = 0

    def report(self, station: str) -> tuple[list[Block], list[Result]]:
        self.ledger.append_as("officer", reported(station))
        council = {"votes": {"P1-0": 1, "P1-1": 2, "P2-0": 3, "P2-1": 4}, "VA": 10, "VB": 0, "VC": 10}
        self.ledger.append_as("officer", reported(station, contest="council-a") | {"form": council})
        blocks = [
            block
            for number in range(self.ledger.definition.partitions)
            for block in fold(self.ledger, number, cuts=range(99))[1]
        ]
        for block in blocks:
            self.rollup.apply(block)
        changes = [office.take_change() for office in self.rollup.offices.values()]
        return blocks, [change for change in changes if change is not None]

    def give(self, result: Result) -> Applied:
        self.offset += 1
        return self.feed.apply_result(self.offset, result.to_bytes())

    def state(self, office: int) -> tuple[Any, ...]:
        kept = self.feed.offices[office]
        return kept.cut, dict(kept.areas), dict(kept.office_tallies), dict(kept.contest_rows)


PRESIDENT, COUNCIL = 0, 1
WRONG: list[Callable[[Result], Result]] = [
    lambda result: result._replace(areas=[*result.areas[:-1], (result.areas[-1][0], result.areas[-1][1], [1, 2])]),
    lambda result: result._replace(areas=[*result.areas, ("council-a", "nowhere", [])]),
    lambda result: result._replace(offices=[*result.offices, ("1", [3])]),
    lambda result: result._replace(contests=[*result.contests, {"contest": "mayor"}]),
]


@pytest.mark.parametrize("spoilt", WRONG)
def test_a_result_that_cannot_be_applied_changes_nothing_and_stops_no_other_office(
    spoilt: Callable[[Result], Result],
) -> None:
    night = Night()
    for change in night.report("1.1.1-1")[1]:
        assert night.give(change) is Applied.APPLIED
    before = night.state(COUNCIL)
    president, council = night.report("1.1.1-2")[1]
    assert night.give(spoilt(council)) is Applied.GAP
    assert night.state(COUNCIL) == before, "all of it or nothing"
    assert night.give(president) is Applied.APPLIED
    [line] = night.feed.stopped()
    assert line.startswith("office council: ")
    frame = night.rollup.offices[OfficeId("council")].keyframe()
    assert frame is not None
    assert night.give(frame) is Applied.APPLIED
    assert night.feed.stopped() == []
    assert night.feed.offices[COUNCIL].cut == frame.as_of


def test_a_block_that_cannot_be_applied_is_a_gap_of_its_office_alone() -> None:
    night = Night()
    blocks, _ = night.report("1.1.1-1")
    for offset, block in enumerate(blocks, start=1):
        if block.office == "council" and block.areas:
            block = block._replace(areas=[("council-a", "1.1.1", [1, 2])])
        night.feed.apply_block(0, offset, block.to_bytes())
    [line] = night.feed.stopped()
    assert line.startswith("office council: AssertionError: a tally has 2 numbers")
    partition = night.ledger.definition.stations.partition(0)
    assert night.feed.offices[PRESIDENT].whole[partition]
    assert not night.feed.offices[COUNCIL].whole[partition]


def test_each_block_of_a_bundle_is_applied_at_the_offset_of_the_message() -> None:
    night = Night()
    blocks, _ = night.report("1.1.1-1")
    of_president = [block for block in blocks if block.office == "president"]
    through = {block.partition: block.through for block in of_president}
    assert len(through) > 1, "of several partitions"
    night.feed.apply_block(0, 1, bundled([block.to_bytes() for block in of_president]))
    assert night.feed.offices[PRESIDENT].through == [through[partition] for partition in sorted(through)]
    assert night.feed.apply_block(0, 1, of_president[0].to_bytes()) is Applied.SKIPPED, "the message was read"


def _keyframes(night: Night) -> list[Result]:
    frames = [office.keyframe() for office in night.rollup.offices.values()]
    return [frame for frame in frames if frame is not None]


def _of_read_model(frames: list[Result]) -> tuple[list[tuple[str, str, str]], list[tuple[str, str, str]]]:
    """What the read model has of the areas from the shard level up: tallies by contest, and of offices."""
    areas = [(contest, area, packed(tally)) for frame in frames for contest, area, tally in frame.areas]
    offices: list[tuple[str, str, str]] = [
        (frame.office, area, packed(tally)) for frame in frames for area, tally in frame.offices
    ]
    return areas, offices


def test_a_feed_that_begins_from_the_read_model_is_where_one_is_that_applied_the_messages() -> None:
    """Also of the contests in which no form has come."""
    night = Night()
    blocks, _ = night.report("1.1.1-1")
    results = _keyframes(night)
    assert [night.give(result) for result in results] == [Applied.APPLIED] * 2
    tallies, office_tallies = _of_read_model(results)
    through = {(block.office, block.partition): block.through for block in blocks}
    begun = FeedState(night.ledger.definition, 1)
    begun.begin(
        Positions(7, (8,)),
        tallies,
        office_tallies,
        {result.office: result.as_of for result in results},
        through | {("-finance", 0): 99},
        {"president": [{"station": "1.1.1-9", "contest": "president", "offset": 3}]},
    )
    applied, night.feed = night.feed, begun
    for number, office in enumerate(begun.offices):
        whole = applied.offices[number]
        assert night.state(number) == (whole.cut, whole.areas, whole.office_tallies, whole.contest_rows)
        assert office.has_published
        assert office.through == [through[office.entry.id, partition] for partition in range(3)]
        assert office.whole == [True] * 3
    assert begun.positions == begun.floors == begun.recent_stations.floors == [7, 8]
    assert [key for key, _ in begun.offices[PRESIDENT].held.all()] == [("1.1.1-9", "president")]
    assert begun.offices[COUNCIL].held.all() == []


def test_before_an_office_has_published_no_progress_of_its_contests_is_known() -> None:
    begun = FeedState(Night().ledger.definition, 1)
    begun.begin(Positions(7, (8,)), cuts={"council": (3, -1, 7)})
    assert begun.offices[PRESIDENT].contest_rows == {}
    assert len(begun.offices[COUNCIL].contest_rows) == 3


def test_a_message_that_was_read_or_applied_before_is_skipped() -> None:
    night = Night()
    blocks, [president, _] = night.report("1.1.1-1")
    assert night.give(president) is Applied.APPLIED
    assert night.feed.apply_result(night.offset, president.to_bytes()) is Applied.SKIPPED, "at an offset that was read"
    assert night.give(president) is Applied.SKIPPED, "at another offset, with a cut that was applied"
    of_president = next(block for block in blocks if block.office == "president")
    assert night.feed.apply_block(0, 1, of_president.to_bytes()) is Applied.APPLIED
    assert night.feed.apply_block(0, 2, of_president.to_bytes()) is Applied.SKIPPED


def test_a_result_in_parts_is_applied_with_its_last_part() -> None:
    night = Night()
    [president, _] = night.report("1.1.1-1")[1]
    parts = president.to_parts("writer-1", bytes_max=200)
    assert len(parts) > 1
    applied = [night.feed.apply_result(offset, part) for offset, part in enumerate(parts, start=1)]
    assert applied == [Applied.PART] * (len(parts) - 1) + [Applied.APPLIED]
    assert night.feed.offices[PRESIDENT].cut == president.as_of
    assert {mark.offset for mark in night.feed.offices[PRESIDENT].changed.values()} == {len(parts)}


def test_after_a_result_that_is_missing_the_office_waits_for_a_keyframe_and_clients_are_given_a_gap() -> None:
    night = Night()
    office = night.feed.offices[PRESIDENT]
    assert night.give(night.report("1.1.1-1")[1][PRESIDENT]) is Applied.APPLIED
    night.report("1.1.1-2")
    before = night.state(PRESIDENT)
    assert night.give(night.report("1.1.2-1")[1][PRESIDENT]) is Applied.GAP
    assert office.waits_for_keyframe
    assert night.state(PRESIDENT) == before
    frame = night.rollup.offices[OfficeId("president")].keyframe()
    assert frame is not None
    assert night.give(frame) is Applied.APPLIED
    assert not office.waits_for_keyframe
    assert office.gap_since([night.offset, 0]) == "results-gap"
    assert office.gap_since([night.offset + 1, 0]) is None


def test_a_first_block_that_is_missing_is_not_a_gap_for_clients_and_a_later_one_is() -> None:
    night = Night()
    for station in ("1.1.1-1", "1.1.1-2"):
        blocks, _ = night.report(station)
    partition = night.ledger.definition.stations.partition(0)
    of_president = [block for block in blocks if block.office == "president" and block.partition == partition]
    first, second = [block for block in of_president if block.areas]
    office = night.feed.offices[PRESIDENT]
    assert night.feed.apply_block(0, 1, second.to_bytes()) is Applied.APPLIED, "clients have seen nothing before it"
    assert not office.whole[partition]
    assert office.touched.gap is None
    missed = second._replace(from_=second.through + 1, through=second.through + 2)
    assert night.feed.apply_block(0, 2, missed.to_bytes()) is Applied.GAP
    assert office.touched.gap == "subtotals-gap"
    assert first.through < second.through


def test_only_rows_that_changed_are_touched() -> None:
    night = Night()
    [president, _] = night.report("1.1.1-1")[1]
    night.give(president)
    office = night.feed.offices[PRESIDENT]
    office.touched = Touched()
    assert night.give(president._replace(as_of=tuple(offset + 1 for offset in president.as_of))) is Applied.APPLIED
    assert not office.touched.keys


def test_a_part_of_an_office_that_stopped_keeps_its_first_reason() -> None:
    office = Night().feed.offices[PRESIDENT]
    for number in (1, 2):
        office.stop("results", ValueError(f"error {number}"), "a test")
    office.stop("frames", ValueError("x" * REASON_CHARACTERS_MAX), "a test")
    assert office.stopped == {
        "results": "ValueError: error 1 (a test)",
        "frames": "ValueError: " + "x" * (REASON_CHARACTERS_MAX - len("ValueError: ")),
    }


def test_the_first_result_of_an_office_is_more_than_the_rows_that_it_has() -> None:
    """Until then areas without a tally are not known, and with it they have zeros."""
    night = Night()
    assert night.give(night.report("1.1.1-1")[1][PRESIDENT]) is Applied.APPLIED
    office = night.feed.offices[PRESIDENT]
    assert office.touched.everything
    assert office.is_everything_since([night.offset, 0])
    assert not office.is_everything_since([night.offset + 1, 0]), "for a client that has that result"


@pytest.mark.parametrize("cuts", [[], [0]], ids=["the genesis with a report", "the genesis alone"])
def test_the_first_block_of_a_partition_is_more_than_the_rows_that_it_has(cuts: list[int]) -> None:
    """Below the shard level likewise: the other villages of the partition have zeros from then on."""
    night = Night()
    night.report("1.1.1-1")
    partition = night.ledger.definition.stations.partition(0)
    blocks = [block for block in fold(night.ledger, partition, cuts=cuts)[1] if block.office == "president"]
    assert [len(block.areas) > 0 for block in blocks] == [*([False] * len(cuts)), True]
    for offset, block in enumerate(blocks):
        assert night.feed.apply_block(0, offset, block.to_bytes()) is Applied.APPLIED
    office = night.feed.offices[PRESIDENT]
    assert office.is_everything_since([0, 0])
    assert not office.is_everything_since([0, 1]), "for a client that has the first block"


def test_a_partition_that_is_published_from_its_first_event_again_changes_the_rows_that_are_new() -> None:
    night = Night()
    partition = night.ledger.definition.stations.partition(0)
    office = night.feed.offices[PRESIDENT]
    for offset, station in enumerate(("1.1.1-1", "1.1.1-2")):
        night.report(station)
        [block] = [block for block in fold(night.ledger, partition)[1] if block.office == "president"]
        assert night.feed.apply_block(0, offset, block.to_bytes()) is Applied.APPLIED
    village = night.ledger.definition.tree.number["1.1.1"]
    assert office.changed == {(0, village): Mark(1, 1)}
    assert not office.is_everything_since([0, 1])


def test_keyframes_of_partitions_are_not_for_the_feed() -> None:
    night = Night()
    night.report("1.1.1-1")
    state, _ = fold(night.ledger, night.ledger.definition.stations.partition(0))
    assert night.feed.apply_block(0, 0, state.keyframe(OfficeId("president")).to_bytes()) is Applied.SKIPPED
    assert night.feed.offices[PRESIDENT].areas == {}
    assert night.feed.positions == [0, 1]


def test_held_results_are_counted_by_office() -> None:
    night = Night()
    assert night.feed.held_stations() == {}, "before the first result nothing is known"
    night.ledger.append_as("officer", reported("1.1.2-1", VA=99))
    for result in night.report("1.1.1-1")[1]:
        night.give(result)
    assert night.feed.held_stations() == {"president": 1, "council": 0}


@pytest.mark.parametrize("has_met_a_keyframe", [True, False])
def test_what_changed_before_the_feed_began_is_taken_over_by_source(has_met_a_keyframe: bool) -> None:
    night = Night()
    blocks, results = night.report("1.1.1-1")
    earlier = FeedState(night.ledger.definition, 1)
    earlier.begin(Positions(0, (0,)))
    if has_met_a_keyframe:
        for result in results:
            night.offset += 1
            earlier.apply_result(night.offset, result.to_bytes())
    for offset, block in enumerate(blocks):
        earlier.apply_block(0, offset, block.to_bytes())
    newest = Positions(night.offset + 1, (len(blocks),))
    tallies, office_tallies = _of_read_model(_keyframes(night))
    cuts: dict[str, Cut] = {result.office: result.as_of for result in results}
    for sources in ([0, 1], [1]):
        state = FeedState(night.ledger.definition, 1)
        state.begin(newest, tallies, office_tallies, cuts)
        state.remember(earlier, sources)
        office, known = state.offices[PRESIDENT], earlier.offices[PRESIDENT]
        assert office.changed == {key: mark for key, mark in known.changed.items() if mark.source in sources}
        # Without a keyframe of `results`, nothing is known of the rows that they changed, so a client needs a snapshot.
        is_known = has_met_a_keyframe or 0 not in sources
        assert office.is_everything_since([newest.results - 1, newest.subtotals[0]]) == (not is_known)
        assert state.floors == [0 if 0 in sources else newest.results, 0]
        assert state.recent_stations.floors == [0 if 0 in sources else newest.results, 0]
        assert not office.touched, "the first flush sends nothing of it"


def test_a_second_reading_replaces_what_the_first_one_took_over() -> None:
    """The first one reads back all of `subtotals`, the second one, over a shorter time, all of `results`. Of `subtotals` it
    knows no change, so a client that lacks some must not be given changes without them."""
    night = Night()
    blocks, results = night.report("1.1.1-1")
    newest = Positions(len(results), (len(blocks),))

    def read_back() -> FeedState:
        earlier = FeedState(night.ledger.definition, 1)
        earlier.begin(Positions(0, (0,)))
        for offset, result in enumerate(results):
            earlier.apply_result(offset, result.to_bytes())
        for offset, block in enumerate(blocks):
            earlier.apply_block(0, offset, block.to_bytes())
        return earlier

    state = FeedState(night.ledger.definition, 1)
    state.begin(newest, cuts={result.office: result.as_of for result in results})
    state.remember(read_back(), [1])
    assert state.floors == state.recent_stations.floors == [newest.results, 0]
    state.remember(read_back(), [0])
    assert {mark.source for mark in state.offices[PRESIDENT].changed.values()} == {0}
    assert state.floors == state.recent_stations.floors == [0, newest.subtotals[0]]
