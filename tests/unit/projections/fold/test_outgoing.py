"""Where each office's next block begins and ends, what is in it, and when there is none."""

from __future__ import annotations

import pytest

from projections.area.tally import HEAD, AreaTallies, tally_length
from projections.definition.compiled import Definition
from projections.fold import outgoing
from projections.fold.outgoing import OutgoingBlocks
from projections.station.submissions import ResultState
from schemas.codes import OfficeId
from schemas.derived.blocks import FINANCE, UNATTRIBUTED, Block, keyframe
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
PRESIDENT, COUNCIL = OfficeId("president"), OfficeId("council")
CONTEST = {
    code: DEFINITION.ballots.contest_number[code] for code in ("president", "council-a", "council-b", "council-c")
}
AREA = DEFINITION.tree.number


def blocks_of(through: dict[OfficeId, int] | None = None) -> tuple[OutgoingBlocks, AreaTallies]:
    tallies = AreaTallies([tally_length(len(contest.choices)) for contest in DEFINITION.ballots.contests])
    return OutgoingBlocks(DEFINITION, 2, tallies, through), tallies


def add(tallies: AreaTallies, contest: str, *areas: str) -> list[tuple[int, int]]:
    """Add one station to the areas, in the clean tier."""
    keys = [(CONTEST[contest], AREA[area]) for area in areas]
    choices = len(DEFINITION.ballots.contests[CONTEST[contest]].choices)
    tallies.add(keys, 0, (1,) * (HEAD + choices), 1)
    return keys


def test_a_block_begins_where_the_offices_last_one_ended() -> None:
    blocks, _ = blocks_of()
    assert blocks.is_empty
    blocks.touch(PRESIDENT, 0)
    blocks.touch(PRESIDENT, 4)
    assert not blocks.is_empty
    assert blocks.take_blocks() == [Block("block", PRESIDENT, 2, -1, 4, [], [], [], [])]
    blocks.touch(COUNCIL, 5)
    blocks.touch(PRESIDENT, 7)
    blocks.touch(UNATTRIBUTED, 6)
    assert blocks.take_blocks() == [
        Block("block", PRESIDENT, 2, 4, 7, [], [], [], []),
        Block("block", COUNCIL, 2, -1, 5, [], [], [], []),
        Block("block", UNATTRIBUTED, 2, -1, 6, [], [], [], []),
    ]
    assert blocks.is_empty
    assert blocks.take_blocks() == []


def test_a_block_has_the_rows_of_each_kind_in_ascending_order_and_absolute_tallies() -> None:
    blocks, tallies = blocks_of()
    add(tallies, "council-a", "1.1", "1.1.1")
    blocks.take_blocks()
    changes = blocks.touch(COUNCIL, 3)
    changes.add_areas(add(tallies, "council-b", "1.2"), 0)
    changes.add_areas(add(tallies, "council-a", "1.1.1", "1.1"), 0)
    for offset in (3, 1):
        changes.add_state(offset, ResultState.COUNTED, ())
    row = {"contribution": None}
    for key in ((2, 1), (1, 2)):
        changes.add_station(key, {**row, "station": str(key)})  # type: ignore[typeddict-item]
    (block,) = blocks.take_blocks()
    assert [(contest, area) for contest, area, _ in block.areas] == [
        ("council-a", "1.1"),
        ("council-a", "1.1.1"),
        ("council-b", "1.2"),
    ]
    assert [tally[0] for _, _, tally in block.areas] == [2, 2, 1]
    assert [state["offset"] for state in block.states] == [1, 3]
    assert [station["station"] for station in block.stations] == ["(1, 2)", "(2, 1)"]


def test_changes_that_no_record_has_made_are_no_block() -> None:
    blocks, _ = blocks_of({PRESIDENT: 9, COUNCIL: 3, UNATTRIBUTED: 0, FINANCE: -1})
    assert blocks.through == {PRESIDENT: 9, COUNCIL: 3, UNATTRIBUTED: 0, FINANCE: -1}
    blocks.changes_of(PRESIDENT)
    assert blocks.take_blocks() == []
    blocks.touch(PRESIDENT, 10)
    assert [(block.from_, block.through) for block in blocks.take_blocks()] == [(9, 10)]


def test_only_the_blocks_that_are_full_are_taken_between_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "BLOCK_BYTES_MAX", 250)
    blocks, _ = blocks_of()
    for office, size in ((COUNCIL, 250), (PRESIDENT, 249)):
        blocks.touch(office, 0).size = size
    assert [block.office for block in blocks.take_full_blocks()] == [COUNCIL]
    assert [block.office for block in blocks.take_blocks()] == [PRESIDENT]


def test_dropped_changes_are_taken_as_published() -> None:
    blocks, _ = blocks_of()
    blocks.touch(PRESIDENT, 4).add_state(4, ResultState.COUNTED, ())
    blocks.drop_changes()
    assert blocks.is_empty
    blocks.touch(PRESIDENT, 5)
    assert blocks.take_blocks() == [Block("block", PRESIDENT, 2, 4, 5, [], [], [], [])]


def test_the_state_it_was_given_is_not_changed() -> None:
    given = {PRESIDENT: 9, COUNCIL: 3, UNATTRIBUTED: 0, FINANCE: -1}
    blocks, _ = blocks_of(given)
    blocks.touch(PRESIDENT, 10)
    assert given[PRESIDENT] == 9


def test_a_keyframe_has_the_tallies_at_the_shard_level_of_one_office() -> None:
    blocks, tallies = blocks_of()
    add(tallies, "president", "2.1", "2.1.1", "1.1")
    add(tallies, "council-b", "2.1.1", "2.1")
    blocks.touch(PRESIDENT, 8)
    blocks.take_blocks()
    tally = [1] * (HEAD + 3) + [0] * (2 * (HEAD + 3) + 1)
    assert blocks.keyframe(PRESIDENT) == keyframe(
        PRESIDENT, 2, 8, [("president", "1.1", tally), ("president", "2.1", tally)]
    )
    frame = blocks.keyframe(COUNCIL)
    assert [(contest, area) for contest, area, _ in frame.areas] == [("council-b", "2.1")]
    assert frame.through == -1
    # Tallies that are new since the last keyframe come in between.
    add(tallies, "president", "1.2", "2.1")
    assert [(area, numbers[0]) for _, area, numbers in blocks.keyframe(PRESIDENT).areas] == [
        ("1.1", 1),
        ("1.2", 1),
        ("2.1", 2),
    ]


def test_a_keyframe_of_what_no_block_has_published_is_a_bug() -> None:
    blocks, _ = blocks_of()
    blocks.touch(PRESIDENT, 0)
    with pytest.raises(AssertionError, match="between apply and take_blocks"):
        blocks.keyframe(COUNCIL)
