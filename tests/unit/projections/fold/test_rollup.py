"""The roll-up of one office, message by message: what is added up, what is published, and when it is silent."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from projections.area.progress import contest_summary
from projections.area.tally import HEAD, STATIONS, TallyView, tally_length
from projections.definition.compiled import Definition
from projections.fold.chain import Applied
from projections.fold.rollup import OfficeRollup, Rollup
from schemas.codes import NOTHING_YET, OfficeId
from schemas.derived.blocks import UNATTRIBUTED, AreaTally, Block, BlockRange, keyframe
from schemas.derived.results import Result
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
PRESIDENT, COUNCIL = OfficeId("president"), OfficeId("council")
CLEAN, FLAGGED, HELD = range(3)


def tally(contest: str, *votes: int, tier: int = CLEAN, annulled: int = 0) -> list[int]:
    """The tally of one station with these votes."""
    choices = len(DEFINITION.ballots.contest(contest).choices)
    numbers = [0] * tally_length(choices)
    start = tier * (HEAD + choices)
    numbers[start + STATIONS] = 1
    numbers[start + HEAD : start + HEAD + choices] = votes
    numbers[-1] = annulled
    return numbers


def block(
    partition: int,
    from_: int,
    through: int,
    *areas: AreaTally,
    office: OfficeId = PRESIDENT,
    kind: Literal["block", "keyframe"] = "block",
) -> Block:
    return Block(kind, office, partition, from_, through, list(areas), [], [], [])


def opened(office: OfficeId = PRESIDENT) -> OfficeRollup:
    """The office after the genesis of each partition, all of it published."""
    rollup = Rollup(DEFINITION).offices[office]
    for partition in range(3):
        assert rollup.apply(block(partition, NOTHING_YET, 0, office=office)) is Applied.APPLIED
    assert rollup.take_change() is not None
    return rollup


def changed(rollup: OfficeRollup) -> Result:
    result = rollup.take_change()
    assert result is not None
    return result


def _votes(result: Result, contest: str) -> dict[str, list[int]]:
    """Area → votes on clean forms."""
    choices = len(DEFINITION.ballots.contest(contest).choices)
    return {area: numbers[HEAD : HEAD + choices] for of, area, numbers in result.areas if of == contest}


def _same(votes: list[int], *areas: str) -> dict[str, list[int]]:
    return dict.fromkeys(areas, votes)


def _party_votes(result: Result) -> dict[str, list[int]]:
    return {area: numbers[HEAD : HEAD + 2] for area, numbers in result.offices}


def test_an_office_is_silent_until_each_partition_has_published() -> None:
    rollup = Rollup(DEFINITION).offices[PRESIDENT]
    assert rollup.as_of == (-1, -1, -1)
    for partition in range(3):
        assert (rollup.is_complete, rollup.has_news) == (False, False)
        assert rollup.take_change() is rollup.keyframe() is None
        rollup.apply(block(partition, NOTHING_YET, partition))
    assert (rollup.is_complete, rollup.has_news) == (True, True)
    assert changed(rollup)[:4] == ("change", PRESIDENT, (-1, -1, -1), (0, 1, 2))
    assert (rollup.has_news, rollup.take_change()) == (False, None)


def test_a_change_has_the_areas_and_parties_that_changed_since_the_last_one() -> None:
    rollup = opened(COUNCIL)
    rollup.apply(block(0, 0, 1, ("council-a", "1.1", tally("council-a", 1, 2, 3, 4)), office=COUNCIL))
    first = changed(rollup)
    assert (first.from_, first.as_of) == ((0, 0, 0), (1, 0, 0))
    assert _votes(first, "council-a") == _same([1, 2, 3, 4], "1.1", "1", "N")
    assert _party_votes(first) == _same([3, 7], "1.1", "1", "N")
    assert [each["contest"] for each in first.contests] == ["council-a"]
    rollup.apply(block(1, 0, 4, ("council-c", "2.2", tally("council-c", 5, 6, 7, 8)), office=COUNCIL))
    second = changed(rollup)
    assert (second.from_, second.as_of) == ((1, 0, 0), (1, 4, 0))
    assert {(contest, area) for contest, area, _ in second.areas} == {
        ("council-c", "2.2"),
        ("council-c", "2"),
        ("council-c", "N"),
    }
    assert _party_votes(second) == {"2.2": [11, 15], "2": [11, 15], "N": [14, 22]}
    assert [each["contest"] for each in second.contests] == ["council-c"]


def test_a_keyframe_has_all_areas_and_contests_and_leaves_nothing_to_publish() -> None:
    rollup = opened(COUNCIL)
    rollup.apply(block(0, 0, 1, ("council-a", "1.1", tally("council-a", 1, 2, 3, 4)), office=COUNCIL))
    rollup.apply(block(1, 0, 4, ("council-c", "2.2", tally("council-c", 5, 6, 7, 8)), office=COUNCIL))
    frame = rollup.keyframe()
    assert frame is not None
    assert frame[:4] == ("keyframe", COUNCIL, (-1, -1, -1), (1, 4, 0))
    assert _votes(frame, "council-a").keys() == {"1.1", "1", "N"}
    assert _votes(frame, "council-c").keys() == {"2.2", "2", "N"}
    assert frame.areas == sorted(
        frame.areas, key=lambda row: (DEFINITION.ballots.contest_number[row[0]], DEFINITION.tree.number[row[1]])
    )
    assert _party_votes(frame) == {"N": [14, 22], "1": [3, 7], "2": [11, 15], "1.1": [3, 7], "2.2": [11, 15]}
    assert [each["contest"] for each in frame.contests] == ["council-a", "council-b", "council-c"]
    assert rollup.take_change() is None
    rollup.apply(block(2, 0, 1, ("council-b", "1.2", tally("council-b", 1, 0, 0, 0)), office=COUNCIL))
    after = changed(rollup)
    assert after.from_ == (1, 4, 0)
    assert {area for _, area, _ in after.areas} == set(_party_votes(after)) == {"1.2", "1", "N"}


def test_a_tally_replaces_the_one_before_it_and_adds_to_its_neighbours() -> None:
    rollup = opened(COUNCIL)
    rollup.apply(block(0, 0, 1, ("council-b", "1.2", tally("council-b", 9, 9, 9, 9)), office=COUNCIL))
    rollup.apply(block(1, 0, 1, ("council-b", "2.1", tally("council-b", 1, 1, 2, 2)), office=COUNCIL))
    rollup.apply(block(1, 1, 2, ("council-c", "2.1", tally("council-c", 0, 0, 0, 5)), office=COUNCIL))
    rollup.apply(block(0, 1, 2, ("council-b", "1.2", tally("council-b", 3, 4, 0, 0)), office=COUNCIL))
    result = changed(rollup)
    assert _votes(result, "council-b") == {
        "1.2": [3, 4, 0, 0],
        "2.1": [1, 1, 2, 2],
        "1": [3, 4, 0, 0],
        "2": [1, 1, 2, 2],
        "N": [4, 5, 2, 2],
    }
    assert _party_votes(result) == {"1.2": [7, 0], "2.1": [2, 9], "1": [7, 0], "2": [2, 9], "N": [9, 9]}
    stations = {area: numbers[STATIONS] for area, numbers in result.offices}
    assert stations == {"1.2": 1, "2.1": 2, "1": 1, "2": 2, "N": 3}


def test_held_and_annulled_stations_are_added_up_in_their_own_columns() -> None:
    rollup = opened(COUNCIL)
    held = tally("council-a", 1, 2, 3, 4, tier=HELD, annulled=2)
    rollup.apply(block(0, 0, 1, ("council-a", "1.1", held), office=COUNCIL))
    result = changed(rollup)
    assert {area: numbers for _, area, numbers in result.areas} == _same(held, "1.1", "1", "N")
    parties = dict(result.offices)["N"]
    assert parties[2 * (HEAD + 2) :] == [1, *[0] * (HEAD - 1), 3, 7, 2]
    assert not any(parties[: 2 * (HEAD + 2)])


def test_areas_below_the_shard_level_and_tallies_that_are_the_same_change_nothing() -> None:
    rollup = opened()
    rollup.apply(block(0, 0, 1, ("president", "1.1.1", tally("president", 1, 2, 3))))
    assert changed(rollup)[4:] == ([], [], [])
    rollup.apply(block(0, 1, 2, ("president", "1.1", tally("president", 1, 2, 3))))
    assert len(changed(rollup).areas) == 3
    rollup.apply(block(0, 2, 3, ("president", "1.1", tally("president", 1, 2, 3))))
    assert changed(rollup)[3:] == ((3, 0, 0), [], [], [])


def test_after_a_gap_an_office_is_silent_until_each_partition_has_sent_a_keyframe() -> None:
    rollup = opened()
    assert rollup.apply(block(0, 1, 2)) is Applied.GAP
    assert rollup.as_of == (0, 0, 0)
    for partition, through in ((1, 0), (2, 0), (0, 2)):
        assert not rollup.is_complete
        frame = keyframe(PRESIDENT, partition, through, [])
        assert rollup.is_news(BlockRange(*frame[:5], None))
        assert rollup.apply(frame) is (Applied.APPLIED if through else Applied.SKIPPED)
        assert not rollup.is_news(BlockRange(*frame[:5], None))
    assert rollup.is_complete
    assert changed(rollup).as_of == (2, 0, 0)


def test_a_keyframe_with_news_shows_that_blocks_were_missed_also_in_other_partitions() -> None:
    rollup = opened()
    assert rollup.apply(keyframe(PRESIDENT, 0, 0, [])) is Applied.SKIPPED
    assert rollup.is_complete, "a keyframe of what was applied changes nothing"
    assert (
        rollup.apply(keyframe(PRESIDENT, 0, 3, [("president", "1.1", tally("president", 1, 2, 3))])) is Applied.APPLIED
    )
    assert not rollup.is_complete
    rollup.apply(keyframe(PRESIDENT, 1, 0, []))
    rollup.apply(keyframe(PRESIDENT, 2, 0, []))
    assert rollup.is_complete, "the keyframe with the news was the first partition's"
    assert len(changed(rollup).areas) == 3


def test_a_second_gap_of_a_partition_in_doubt_leaves_the_others_as_sure_as_they_are() -> None:
    rollup = opened()
    rollup.apply(block(0, 1, 2))
    rollup.apply(keyframe(PRESIDENT, 1, 0, []))
    rollup.apply(keyframe(PRESIDENT, 2, 0, []))
    assert rollup.apply(block(0, 2, 3)) is Applied.GAP
    assert not rollup.is_complete
    rollup.apply(keyframe(PRESIDENT, 0, 3, []))
    assert rollup.is_complete


@pytest.mark.parametrize(
    ("message", "is_sure"),
    [
        (keyframe(PRESIDENT, 0, 4, []), False),  # an old one, published before what was applied
        (block(0, 4, 5), False),
        (block(0, 4, 6), False),  # it chains, and does not hold everything
        (keyframe(PRESIDENT, 0, 5, []), True),
        (keyframe(PRESIDENT, 0, 6, []), True),
        (block(0, NOTHING_YET, 6), True),
    ],
)
def test_a_partition_is_sure_after_a_message_that_holds_everything_up_to_what_was_applied(
    message: Block, is_sure: bool
) -> None:
    rollup = opened()
    rollup.apply(block(0, 0, 5))
    rollup.doubt()
    rollup.apply(keyframe(PRESIDENT, 1, 0, []))
    rollup.apply(keyframe(PRESIDENT, 2, 0, []))
    rollup.apply(message)
    assert rollup.is_complete is is_sure


@pytest.mark.parametrize(
    ("from_", "through", "is_news"),
    [
        (0, 5, False),
        (0, 4, False),
        (-1, 5, False),
        (-1, 4, False),
        (0, 6, True),
        (5, 6, True),
        (6, 7, True),
        (-1, 6, True),
    ],
)
def test_a_message_is_read_only_where_it_changes_something(from_: int, through: int, is_news: bool) -> None:
    rollup = opened()
    rollup.apply(block(0, 0, 5))
    assert rollup.is_news(BlockRange("block", PRESIDENT, 0, from_, through, None)) is is_news
    rollup.doubt()
    expected = is_news or (from_, through) == (-1, 5)
    assert rollup.is_news(BlockRange("block", PRESIDENT, 0, from_, through, None)) is expected


def test_each_office_has_its_own_cut_and_records_of_none_are_skipped() -> None:
    rollup = Rollup(DEFINITION)
    for office in (PRESIDENT, COUNCIL):
        for partition in range(3):
            rollup.apply(block(partition, NOTHING_YET, 0, office=office))
    assert rollup.apply(block(0, NOTHING_YET, 9, office=UNATTRIBUTED)) is Applied.SKIPPED
    rollup.apply(block(0, 0, 7))
    assert [office.as_of for office in rollup.offices.values()] == [(7, 0, 0), (0, 0, 0)]
    rollup.begin_again(PRESIDENT)
    assert (rollup.offices[PRESIDENT].as_of, rollup.offices[PRESIDENT].is_complete) == ((-1, -1, -1), False)
    assert rollup.offices[COUNCIL].is_complete
    rollup.doubt()
    assert not any(office.is_complete for office in rollup.offices.values())


def test_a_message_in_parts_is_applied_with_its_last_part() -> None:
    rollup = Rollup(DEFINITION)
    areas: list[AreaTally] = [(f"council-{each}", "2.1", tally(f"council-{each}", 1, 2, 3, 4)) for each in "bc"]
    parts = keyframe(COUNCIL, 0, 5, areas).to_parts("worker-1", 10)
    applied = [rollup.apply_message(BlockRange.from_bytes(part), part) for part in parts]
    assert applied == [Applied.PART, Applied.APPLIED]
    assert rollup.offices[COUNCIL].as_of == (5, -1, -1)
    assert rollup.apply_message(BlockRange.from_bytes(parts[0]), parts[0]) is Applied.SKIPPED
    other = block(0, NOTHING_YET, 1, office=UNATTRIBUTED).to_bytes()
    assert rollup.apply_message(BlockRange.from_bytes(other), other) is Applied.SKIPPED
    for partition in (1, 2):
        rollup.apply(keyframe(COUNCIL, partition, 0, []))
    assert _party_votes(changed(rollup.offices[COUNCIL])) == _same([6, 14], "2.1", "2", "N")


def test_a_contest_of_which_nothing_was_reported_has_the_standing_of_no_votes() -> None:
    frame = opened().keyframe()
    assert frame is not None
    contest = DEFINITION.ballots.contest("president")
    nothing = TallyView.of([0] * tally_length(len(contest.choices)))
    denominator = DEFINITION.electorates.denominators[contest.number, contest.root_area]
    assert frame.contests == [contest_summary(contest, nothing, denominator)]


def test_the_body_of_a_block_is_not_read() -> None:
    rollup = Rollup(DEFINITION)
    message = block(0, NOTHING_YET, 0).to_bytes().partition(b"\n")[0] + b"\nnot JSON\n"
    assert rollup.apply_message(BlockRange.from_bytes(message), message) is Applied.APPLIED


def test_the_areas_of_an_office_are_in_the_order_of_their_numbers() -> None:
    """A set of 8, 1 and 0 has another order."""
    package = small_package()
    district = package.areas[2].model_copy(update={"code": "9.9", "parent": package.areas[1].code})
    definition = Definition.of(replace(package, areas=(*package.areas[:8], district, *package.areas[8:])))
    rollup = Rollup(definition).offices[PRESIDENT]
    for partition in range(3):
        rollup.apply(block(partition, NOTHING_YET, 0))
    changed(rollup)
    rollup.apply(block(0, 0, 1, ("president", "9.9", tally("president", 1, 2, 3))))
    areas = [area for area, _ in changed(rollup).offices]
    assert [definition.tree.number[area] for area in areas] == [0, 1, 8]


def test_the_contests_of_a_change_are_published_in_the_packages_order() -> None:
    """Contests 8 and 1 are in this order in a set of small numbers."""
    package = small_package()
    villages = [area.code for area in package.areas if area.level == "village"]
    definition = Definition.of(
        replace(
            package,
            contests=(
                package.contests[0],
                *(
                    package.contests[1].model_copy(update={"id": f"council-{village}", "electorate": village})
                    for village in villages
                ),
            ),
            districts=tuple(
                package.districts[0].model_copy(update={"district": village, "name": village, "area": village})
                for village in villages
            ),
            choices=(
                *(choice for choice in package.choices if choice.contest == "president"),
                *(
                    choice.model_copy(update={"contest": f"council-{village}"})
                    for village in villages
                    for choice in package.choices
                    if choice.contest == "council-a"
                ),
            ),
        )
    )
    rollup = Rollup(definition).offices[COUNCIL]
    for partition in range(3):
        rollup.apply(block(partition, NOTHING_YET, 0, office=COUNCIL))
    rollup.take_change()
    last, first = (f"council-{village}" for village in (villages[-1], villages[0]))
    areas = [(last, "2.2", tally("council-a", 1, 2, 3, 4)), (first, "1.1", tally("council-a", 1, 2, 3, 4))]
    rollup.apply(block(0, 0, 1, *areas, office=COUNCIL))
    assert [each["contest"] for each in changed(rollup).contests] == [first, last]
