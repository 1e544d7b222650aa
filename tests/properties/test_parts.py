"""A message of any size comes in parts of a bounded size; and however the parts of several workers come, mixed, repeated or
in batches that a crash cuts off, readers apply whole messages only, and all of them."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from api.feed.state import FeedState, packed
from projections.fold.parts import Parts
from projections.fold.rollup import Rollup
from projections.readmodel.rows import Batch, Watermarks
from runtime.kafka.topics import MESSAGE_BYTES_MAX
from schemas.codes import OfficeId
from schemas.derived.blocks import Block, BlockRange, keyframe
from schemas.derived.parts import PART_BYTES_MAX, Part
from schemas.derived.results import Result, ResultRange
from schemas.served.feed_cursors import Positions
from tests.support.ledger import MemoryLedger, fold
from tests.support.nights import acts, play
from tests.support.small_election import small_package

PACKAGE = small_package()
HEAD_BYTES_MAX = 16 * 1024
"""What is before the rows: two vectors of 256 offsets, and names."""
ROW_NUMBERS_MAX = 3 * (10 + 2_000) + 1
"""Numbers in a tally of the largest contest a form can hold (CHOICES_MAX), and some for its head."""
LARGEST = 10**15

sizes = st.lists(st.integers(1, ROW_NUMBERS_MAX), max_size=60)


def _rows(lengths: list[int]) -> list[tuple[str, str, list[int]]]:
    return [("contest" * 9, f"{number:063}", [LARGEST] * length) for number, length in enumerate(lengths)]


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.sampled_from(("change", "keyframe")))
def test_whatever_the_sizes_no_part_is_larger_than_a_part_may_be(
    areas: list[int], offices: list[int], kind: Any
) -> None:
    vector = tuple([10**12] * 256)
    office = OfficeId("o" * 64)
    result = Result(kind, office, vector, vector, _rows(areas), [row[1:] for row in _rows(offices)], [])
    frame = keyframe(office, 255, 10**12, _rows(areas))
    of_result, of_frame = result.to_parts("w-1"), frame.to_parts("w-1")
    assert Result.joined([Result.from_bytes(value) for value in of_result]) == result
    assert Block.joined([Block.from_bytes(value, with_body=False) for value in of_frame]) == frame
    for values in (of_result, of_frame):
        assert all(len(value) <= PART_BYTES_MAX + HEAD_BYTES_MAX < MESSAGE_BYTES_MAX for value in values)
        assert len(values) <= 1 + 2 * sum(len(value) for value in values) // PART_BYTES_MAX, "parts are not slivers"


# ── readers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Tables:
    """What PostgreSQL has of `results`."""

    def __init__(self) -> None:
        self.watermarks = Watermarks({}, {})
        self.rows: dict[Any, Any] = {}
        self.position = 0

    def write(self, batch: Batch, read: int) -> None:
        self.rows |= batch.tallies | {("", *key): tally for key, tally in batch.office_tallies.items()}
        self.watermarks.results.update({office: batch.watermarks.results[office] for office in batch.moved_results})
        first = batch.parts.first_offset
        assert first is None or first >= self.position, "a position never goes back"
        self.position = read if first is None else first


def _recorded(values: list[bytes], cuts: set[int], crashes: set[int]) -> Tables:
    """In batches that end after each of `cuts`; at each of `crashes` all is forgotten but what is written."""
    definition = MemoryLedger(PACKAGE).definition
    tables = Tables()
    parts: Parts[Result] = Parts()
    batch = Batch(definition, Watermarks({}, {}), parts)
    offset = 0
    while offset < len(values):
        batch.add_result(values[offset], offset)
        offset += 1
        if offset in crashes:
            crashes = crashes - {offset}
            parts = Parts()
            batch = Batch(definition, Watermarks({}, dict(tables.watermarks.results)), parts)
            offset = tables.position
        elif offset in cuts or offset == len(values):
            tables.write(batch, offset)
            batch = Batch(definition, batch.watermarks, parts)
    return tables


def _followed(values: list[bytes], begins: Tables) -> FeedState:
    """The live feed, begun from a read model."""
    definition = MemoryLedger(PACKAGE).definition
    feed = FeedState(definition, 1)
    offices = [(key[1], key[2], packed(tally)) for key, tally in begins.rows.items() if key[0] == ""]
    tallies = [(*key, packed(tally)) for key, tally in begins.rows.items() if key[0] != ""]
    feed.begin(Positions(begins.position, (0,)), tallies, offices, begins.watermarks.results)
    for offset in range(begins.position, len(values)):
        feed.apply_result(offset, values[offset])
    return feed


def _published(ledger: MemoryLedger, keyframes: set[int]) -> list[Result]:
    """What one roll-up publishes: a change after each block, and a keyframe after some."""
    rollup = Rollup(ledger.definition)
    results = []
    for partition in range(ledger.definition.partitions):
        for block in fold(ledger, partition, cuts=range(0, 40, 3))[1]:
            rollup.apply(block)
            for office in rollup.offices.values():
                results.append(office.take_change())
                results.append(office.keyframe() if len(results) // 2 % 7 in keyframes else None)
    return [result for result in results if result is not None]


numbers = st.sets(st.integers(0, 60))
bounds = st.lists(st.sampled_from((1, 150, 400, 10**6)), min_size=1, max_size=9)


@st.composite
def _streams(draw: st.DrawFn) -> tuple[list[bytes], list[Result]]:
    """A night; two roll-ups that publish all of it, in parts of different sizes, mixed; some messages come again later."""
    ledger = MemoryLedger(PACKAGE)
    play(ledger, draw(st.lists(acts, min_size=1, max_size=15)))
    whole: list[Result] = []
    streams = []
    for writer in ("a", "b"):
        results = _published(ledger, draw(st.sets(st.integers(0, 6))))
        whole = whole or results
        each = draw(bounds)
        streams.append(
            [
                value
                for number, result in enumerate(results)
                for value in result.to_parts(f"{writer}-{number}", each[number % len(each)])
            ]
        )
    order = draw(st.permutations([0] * len(streams[0]) + [1] * len(streams[1])))
    rest = [iter(stream) for stream in streams]
    mixed = [next(rest[writer]) for writer in order]
    for index, distance in draw(st.dictionaries(st.integers(0, 200), st.integers(0, 30), max_size=10)).items():
        if index < len(mixed):
            mixed.insert(min(len(mixed), index + distance), mixed[index])
    return mixed, whole


@settings(max_examples=150, deadline=None)
@given(_streams(), numbers, numbers, numbers)
def test_parts_mixed_repeated_and_cut_off_by_crashes_make_the_same_read_model_and_feed(
    stream: tuple[list[bytes], list[Result]], cuts: set[int], crashes: set[int], begins: set[int]
) -> None:
    values, whole = stream
    expected = _recorded([result.to_bytes() for result in whole], set(), set())
    tables = _recorded(values, cuts, crashes)
    assert (tables.rows, tables.watermarks) == (expected.rows, expected.watermarks)
    for begin in {0, *begins}:
        feed = _followed(values, _recorded(values[:begin], cuts, crashes))
        for office in feed.offices:
            assert office.cut == expected.watermarks.results.get(office.entry.id, office.cut)
            assert not office.waits_for_keyframe, "a reader that begins where the read model is has no gap"
            for contest, area in office.areas:
                key = (feed.definition.ballots.contests[contest].id, feed.definition.tree.codes[area])
                assert office.areas[contest, area] == packed(expected.rows[key])


@settings(max_examples=60, deadline=None)
@given(st.lists(acts, min_size=1, max_size=15), bounds, numbers)
def test_a_keyframe_in_parts_sets_a_gap_of_the_rollup_right(
    night: list[tuple[Any, ...]], parts_of: list[int], lost: set[int]
) -> None:
    ledger = MemoryLedger(PACKAGE)
    play(ledger, night)
    expected, rollup = Rollup(ledger.definition), Rollup(ledger.definition)
    number_of_block = 0
    folds = []
    for partition in range(ledger.definition.partitions):
        folded, blocks = fold(ledger, partition, cuts=range(0, 40, 3))
        folds.append(folded)
        for block in blocks:
            expected.apply(block)
            number_of_block += 1
            if number_of_block not in lost:
                rollup.apply_message(BlockRange.from_bytes(block.to_bytes()), block.to_bytes())
    # A roll-up that sees a gap is silent until each partition has sent a keyframe, and a keyframe may show the gap.
    for folded in (*folds, *folds):
        for number, frame in enumerate(folded.keyframes()):
            for value in frame.to_parts(f"w{folded.partition}-{number}", parts_of[number % len(parts_of)]):
                rollup.apply_message(BlockRange.from_bytes(value), value)
    for office in ledger.definition.ballots.offices:
        found, whole = rollup.offices[office.id].keyframe(), expected.offices[office.id].keyframe()
        assert found is not None
        assert whole is not None
        assert _counted(found) == _counted(whole)


def _counted(result: Result) -> Result:
    """Without the areas in which nothing is counted, because a roll-up may have met them or not."""
    return result._replace(
        areas=[each for each in result.areas if any(each[2])],
        offices=[each for each in result.offices if any(each[1])],
    )


def test_the_head_of_a_part_is_read_without_its_rows() -> None:
    result = Result("keyframe", OfficeId("dpr"), (-1,), (7,), _rows([5, 5]), [], [])
    first, second = result.to_parts("w-7", 1)
    assert ResultRange.from_bytes(second) == ("keyframe", "dpr", (-1,), (7,), Part("w-7", 1, 2))
    assert orjson.loads(first)["part"] == ["w-7", 0, 2]
