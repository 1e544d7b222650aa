"""Whatever arrives how often, in whatever order and batches: the same numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.area.progress import progress
from projections.area.tally import TallyView
from projections.fold.chain import Applied
from projections.fold.records import read_record
from projections.fold.rollup import Rollup
from projections.fold.tabulation import PartitionFold
from schemas.codes import OfficeId
from schemas.derived.blocks import Block
from schemas.derived.results import Result, at_or_before
from tests.support.ledger import MemoryLedger, fold
from tests.support.small_election import annulled, reported, small_package

PACKAGE = small_package()
STATIONS = [station.code for station in PACKAGE.stations]
Tallies = dict[tuple[str, str], list[int]]

submissions = st.builds(
    lambda station, votes, version, wrong: reported(
        station, votes, version=version, VA=sum(votes) + (7 if wrong else 0)
    ),
    st.sampled_from(STATIONS),
    st.tuples(*[st.integers(0, 90)] * 3),
    st.integers(1, 4),
    st.booleans(),
)
nights = st.lists(submissions, max_size=25)


def _of_distinct_versions(bodies: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({(body["station"], body["version"]): body for body in bodies}.values())


def _ledger(bodies: Iterable[dict[str, Any]]) -> MemoryLedger:
    ledger = MemoryLedger(PACKAGE)
    for body in bodies:
        ledger.append_as("officer", body)
    return ledger


def _areas(blocks: Iterable[Block]) -> Tallies:
    return {(contest, area): tally for block in blocks for contest, area, tally in block.areas}


def _nonzero(tallies: Tallies) -> Tallies:
    return {key: tally for key, tally in tallies.items() if any(tally)}


def _all_blocks(ledger: MemoryLedger, cuts: Iterable[int] = ()) -> list[Block]:
    cuts = list(cuts)
    return [
        block for partition in range(ledger.definition.partitions) for block in fold(ledger, partition, cuts=cuts)[1]
    ]


def _counted(envelopes: Iterable[tuple[bytes, str]]) -> Tallies:
    ledger = MemoryLedger(PACKAGE)
    for envelope, station in envelopes:
        ledger.submit(envelope, station)
    return _nonzero(_areas(_all_blocks(ledger)))


def _national(ledger: MemoryLedger, blocks: Iterable[Block]) -> dict[str, Result]:
    rollup = Rollup(ledger.definition)
    for block in blocks:
        rollup.apply(block)
    return {office: frame for office, each in rollup.offices.items() if (frame := each.keyframe())}


@given(nights, st.lists(st.integers(0, 30)))
@settings(max_examples=60, deadline=None)
def test_where_batches_are_cut_changes_no_number(bodies: list[dict[str, Any]], cuts: list[int]) -> None:
    ledger = _ledger(bodies)
    assert _areas(_all_blocks(ledger)) == _areas(_all_blocks(ledger, cuts))


@given(nights, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_distinct_versions_changes_no_number(bodies: list[dict[str, Any]], chance: Any) -> None:
    signer = MemoryLedger(PACKAGE)
    envelopes = [(signer.signed("officer", body), body["station"]) for body in _of_distinct_versions(bodies)]
    shuffled = list(envelopes)
    chance.shuffle(shuffled)
    assert _counted(envelopes) == _counted(shuffled)


@given(nights, st.data())
@settings(max_examples=60, deadline=None)
def test_the_same_event_again_counts_once(bodies: list[dict[str, Any]], data: st.DataObject) -> None:
    once, often = MemoryLedger(PACKAGE), MemoryLedger(PACKAGE)
    for body in bodies:
        envelope = once.signed("officer", body)
        once.submit(envelope, body["station"])
        for _ in range(1 + data.draw(st.integers(0, 2))):
            often.submit(envelope, body["station"])
    assert _areas(_all_blocks(once)) == _areas(_all_blocks(often))


@given(
    nights,
    st.lists(st.tuples(st.sampled_from(STATIONS), st.integers(1, 4)), max_size=4),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_annulled_versions_may_come_before_or_after_the_annulment(
    bodies: list[dict[str, Any]], annulments: list[tuple[str, int]], chance: Any
) -> None:
    """An annulment names at most the highest version there is; those below it may be late."""
    bodies = _of_distinct_versions(bodies)
    highest = [
        max(
            (body for body in bodies if body["station"] == station), key=lambda body: int(body["version"]), default=None
        )
        for station, _ in annulments
    ]
    known = [body for body in highest if body is not None]
    late = [body for body in bodies if body not in known]
    signer = MemoryLedger(PACKAGE)
    first = [(signer.signed("officer", body), body["station"]) for body in known]
    orders = [
        (signer.signed("supervisor", annulled(body["station"], body["version"])), body["station"]) for body in known
    ]
    orders += [(signer.signed("officer", body), body["station"]) for body in late]
    shuffled = list(orders)
    chance.shuffle(shuffled)
    assert _counted([*first, *orders]) == _counted([*first, *shuffled])


@given(nights)
@settings(max_examples=40, deadline=None)
def test_the_sum_of_children_is_the_parent_at_every_level_and_moment(bodies: list[dict[str, Any]]) -> None:
    ledger = _ledger(bodies)
    definition = ledger.definition
    for cuts in ((), range(0, 30, 3)):
        villages = _areas(_all_blocks(ledger, cuts))
        for result in _national(ledger, _all_blocks(ledger, cuts)).values():
            tallies = villages | {(contest, area): tally for contest, area, tally in result.areas}
            for (contest, area), tally in tallies.items():
                children = [
                    tallies[contest, definition.tree.codes[child]]
                    for child in definition.tree.children[definition.tree.number[area]]
                    if (contest, definition.tree.codes[child]) in tallies
                ]
                if children:
                    assert [sum(column) for column in zip(*children, strict=True)] == tally, (contest, area)
                number = definition.ballots.contest_number[contest]
                progress(TallyView.of(tally), definition.electorates.denominators[number, definition.tree.number[area]])


@given(nights, st.data())
@settings(max_examples=80, deadline=None)
def test_blocks_lost_repeated_and_late_give_the_fold_of_the_cut_or_nothing(
    bodies: list[dict[str, Any]], data: st.DataObject
) -> None:
    """What the roll-up publishes for an `as_of` is the fold of exactly those prefixes, under any delivery."""
    ledger = _ledger(bodies)
    cuts = range(0, 30, 2)
    streams = []
    for partition in range(ledger.definition.partitions):
        _, blocks = fold(ledger, partition, cuts=cuts)
        state, _ = fold(ledger, partition)
        streams += blocks + state.keyframes()
    delivered = data.draw(st.lists(st.sampled_from(streams), max_size=60))
    rollup = Rollup(ledger.definition)
    last: dict[str, tuple[int, ...]] = {}
    for block in delivered:
        rollup.apply(block)
        for office, each in rollup.offices.items():
            result = each.keyframe()
            if result is None:
                continue
            assert office not in last or at_or_before(last[office], result.as_of)
            last[office] = result.as_of
            assert _result_areas(result) == _exact(ledger, result), (office, result.as_of)


def _result_areas(result: Result) -> Tallies:
    return {(contest, area): tally for contest, area, tally in result.areas if any(tally)}


def _exact(ledger: MemoryLedger, result: Result) -> Tallies:
    prefix = MemoryLedger(PACKAGE)
    prefix.partitions = [
        records[: through + 1] for records, through in zip(ledger.partitions, result.as_of, strict=True)
    ]
    return _result_areas(_national(prefix, _all_blocks(prefix))[result.office])


def test_a_block_after_a_missing_one_is_a_gap_until_the_keyframe() -> None:
    ledger = _ledger([reported(STATIONS[0]), reported(STATIONS[0], (1, 2, 3), version=2)])
    partition = ledger.definition.stations.partition(0)
    state, blocks = fold(ledger, partition, cuts=[0, 1, 2])
    first, missing, after = [block for block in blocks if block.office == "president"]
    rollup = Rollup(ledger.definition).offices[OfficeId("president")]
    assert rollup.apply(first) is Applied.APPLIED
    assert rollup.apply(after) is Applied.GAP
    assert rollup.apply(first) is Applied.SKIPPED
    assert rollup.apply(state.keyframes()[0]) is Applied.APPLIED
    assert rollup.apply(missing) is Applied.SKIPPED
    assert rollup.apply(after) is Applied.SKIPPED


def test_a_roll_up_with_a_gap_publishes_nothing_until_each_partition_has_a_keyframe() -> None:
    ledger = _ledger([])
    folds = [PartitionFold(ledger.definition, partition) for partition in range(ledger.definition.partitions)]
    office = Rollup(ledger.definition).offices[OfficeId("president")]

    def report_unheard(station: str) -> None:
        partition, offset = ledger.append_as("officer", reported(station))
        folds[partition].apply(read_record(offset, ledger.partitions[partition][offset]), True)
        folds[partition].take_blocks()

    for fold_, records in zip(folds, ledger.partitions, strict=True):
        fold_.apply(read_record(0, records[0]), True)
        for block in fold_.take_blocks():
            if block.office == "president":
                office.apply(block)
    assert office.take_change() is not None
    for station in STATIONS:
        report_unheard(station)
    for fold_ in sorted(folds, key=lambda each: -each.next_offset):
        assert office.take_change() is None
        office.apply(next(frame for frame in fold_.keyframes() if frame.office == "president"))
    result = office.take_change()
    assert result is not None
    assert result.as_of == tuple(len(records) - 1 for records in ledger.partitions)


turns = st.lists(
    st.one_of(
        st.tuples(st.just("report"), st.sampled_from(STATIONS)),
        st.tuples(st.just("report"), st.sampled_from(STATIONS)),
        st.tuples(st.just("hand over"), st.just("")),
        st.tuples(st.just("publish"), st.just("")),
        st.tuples(st.just("keyframes"), st.just("")),
    ),
    min_size=4,
    max_size=30,
)


@given(turns)
@settings(max_examples=150, deadline=None)
def test_roll_ups_that_take_an_office_from_each_other_publish_one_chain(acts: list[tuple[str, str]]) -> None:
    """Each doubts what it knows when partitions change hands, so a reader never sees a gap."""
    ledger = _ledger([])
    folds = [PartitionFold(ledger.definition, partition) for partition in range(ledger.definition.partitions)]
    workers = [Rollup(ledger.definition), Rollup(ledger.definition)]
    cut = (-1,) * len(folds)

    def consume(block: Block) -> None:
        workers[0].apply(block)

    for fold_, records in zip(folds, ledger.partitions, strict=True):
        fold_.apply(read_record(0, records[0]), True)
        for block in fold_.take_blocks():
            consume(block)
    version = 0
    for act, station in [*acts, ("keyframes", ""), ("publish", "")]:
        if act == "report":
            version += 1
            partition, offset = ledger.append_as("officer", reported(station, version=version))
            folds[partition].apply(read_record(offset, ledger.partitions[partition][offset]), True)
            for block in folds[partition].take_blocks():
                consume(block)
        elif act == "hand over":
            for worker in workers:
                worker.doubt()
            workers.reverse()
        elif act == "keyframes":
            for fold_ in folds:
                for frame in fold_.keyframes():
                    consume(frame)
        else:
            result = workers[0].offices[ledger.definition.ballots.offices[0].id].take_change()
            if result is not None and not at_or_before(result.as_of, cut):
                assert at_or_before(result.from_, cut), f"{result.from_} to {result.as_of} after {cut}"
                assert at_or_before(cut, result.as_of), f"{result.from_} to {result.as_of} after {cut}"
                cut = result.as_of
    assert cut == tuple(fold_.keyframes()[0].through for fold_ in folds)
