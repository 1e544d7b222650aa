"""A result as bytes: whole, or in parts that make the same whole."""

from __future__ import annotations

import pytest

from schemas.codes import OfficeId
from schemas.derived import results
from schemas.derived.blocks import Block, BlockRange, keyframe
from schemas.derived.results import Result, ResultRange, at_or_before, offsets_by_partition

OFFICE = OfficeId("president")
AREAS = [("president", f"1.{number}", [number, 2, 3]) for number in range(9)]
RESULT = Result("keyframe", OFFICE, (-1, -1), (4, 7), AREAS, [("1", [1, 2])], [{"contest": "president"}])


def test_a_small_result_is_one_message_without_a_part() -> None:
    assert RESULT.to_parts("worker-1") == [RESULT.to_bytes()]
    assert Result.from_bytes(RESULT.to_bytes()) == RESULT
    assert ResultRange.from_bytes(RESULT.to_bytes()) == (*RESULT[:4], None)
    assert Result.joined([RESULT]) is RESULT


def test_a_result_is_written_alike_as_one_list_and_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    for result in (RESULT, RESULT._replace(areas=[], offices=[], contests=[])):
        for bytes_max in range(40, 400):
            at_once = result.to_parts("worker-1", bytes_max)
            with monkeypatch.context() as changed:
                changed.setattr(results, "ROWS_AT_ONCE", -1)
                assert [Result.from_bytes(each) for each in result.to_parts("worker-1", bytes_max)] == [
                    Result.from_bytes(each) for each in at_once
                ]


@pytest.mark.parametrize("rows", [500, 501])
def test_a_result_of_many_rows_that_fits_is_one_message_without_a_part(rows: int) -> None:
    result = RESULT._replace(areas=[AREAS[0]] * (rows - 1))
    assert result.to_parts("worker-1") == [result.to_bytes()]


@pytest.mark.parametrize(("bytes_max", "count"), [(200, 2), (60, 6)])
def test_a_large_result_comes_in_parts_that_make_the_whole(bytes_max: int, count: int) -> None:
    values = RESULT.to_parts("worker-1", bytes_max)
    assert len(values) == count
    assert Result.joined([Result.from_bytes(value) for value in values]) == RESULT
    assert [ResultRange.from_bytes(value).part for value in values] == [
        ("worker-1", number, len(values)) for number in range(len(values))
    ]


@pytest.mark.parametrize(("bytes_max", "count"), [(150, 2), (60, 5)])
def test_a_large_keyframe_of_a_block_comes_in_parts_that_make_the_whole(bytes_max: int, count: int) -> None:
    frame = keyframe(OFFICE, 2, 7, AREAS)
    assert frame.to_parts("worker-1") == [frame.to_bytes()]
    values = frame.to_parts("worker-1", bytes_max)
    assert len(values) == count
    assert Block.joined([Block.from_bytes(value, with_body=True) for value in values]) == frame
    assert [BlockRange.from_bytes(value).part for value in values] == [
        ("worker-1", number, len(values)) for number in range(len(values))
    ]


def test_a_block_is_never_parted() -> None:
    block = keyframe(OFFICE, 2, 7, AREAS)._replace(kind="block")
    assert block.to_parts("worker-1", bytes_max=1) == [block.to_bytes()]
    assert Block.joined([block]) is block


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [((1, 2), (1, 2), True), ((0, 2), (1, 2), True), ((2, 0), (1, 9), False), ((), (), True)],
)
def test_a_cut_is_before_another_where_each_offset_is(
    left: tuple[int, ...], right: tuple[int, ...], expected: bool
) -> None:
    assert at_or_before(left, right) is expected


@pytest.mark.parametrize(("left", "right"), [((1,), (1, 2)), ((1, 2), (1,))])
def test_cuts_of_another_number_of_partitions_are_not_compared(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="argument 2 is"):
        at_or_before(left, right)


def test_a_cut_is_published_without_the_partitions_that_have_nothing_yet() -> None:
    assert offsets_by_partition((-1, 0, 7, -1)) == {"1": 0, "2": 7}
    assert offsets_by_partition(()) == {}
