"""What one office's message does to the live feed: where it cannot be applied, that office alone keeps its last state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from api.feed.state import FeedState
from projections.fold.chain import Applied
from projections.fold.rollup import Rollup
from schemas.codes import OfficeId
from schemas.derived.blocks import Block
from schemas.derived.bundles import bundled
from schemas.derived.results import Result
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
