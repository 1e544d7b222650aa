"""The law of chains as a truth table: what `from`, `through` and what was applied before make of a message."""

from __future__ import annotations

import pytest

from projections.fold.chain import Applied, block_verdict, result_verdict

APPLIED, SKIPPED, GAP = Applied.APPLIED, Applied.SKIPPED, Applied.GAP


def test_metrics_count_verdicts_under_these_labels() -> None:
    assert [verdict.value for verdict in Applied] == ["applied", "skipped", "gap", "part"]


@pytest.mark.parametrize(
    ("from_", "through", "applied", "verdict"),
    [
        # from, through, applied before
        (-1, 3, -1, APPLIED),  # the first block
        (-1, 3, 2, APPLIED),  # a keyframe further on, or a longer block of a worker that began earlier
        (-1, 3, 3, SKIPPED),  # the same again
        (-1, 3, 4, SKIPPED),
        (2, 5, 2, APPLIED),  # the next block
        (2, 5, 1, GAP),  # the block before it is missing
        (2, 5, -1, GAP),
        (2, 5, 3, APPLIED),  # overlaps what was applied: its numbers are absolute
        (2, 5, 4, APPLIED),
        (2, 5, 5, SKIPPED),
        (2, 5, 6, SKIPPED),
    ],
)
def test_a_block_is_applied_skipped_or_a_gap(from_: int, through: int, applied: int, verdict: Applied) -> None:
    assert block_verdict(from_, through, applied) is verdict
    assert result_verdict((from_,), (through,), (applied,)) is verdict, "a block is a result of one partition"


@pytest.mark.parametrize(
    ("from_", "as_of", "applied", "verdict"),
    [
        ((-1, -1), (3, 3), (-1, -1), APPLIED),
        ((-1, -1), (3, 3), (3, 3), SKIPPED),
        ((-1, -1), (3, 3), (4, 3), SKIPPED),
        ((2, 2), (5, 5), (2, 2), APPLIED),
        ((2, 2), (5, 2), (2, 2), APPLIED),  # changes in one partition only
        ((2, 2), (5, 5), (3, 4), APPLIED),
        ((2, 2), (5, 5), (5, 4), APPLIED),
        ((2, 2), (5, 5), (1, 2), GAP),  # a message before it is missing in one partition
        ((2, 2), (5, 5), (1, 5), GAP),
        ((2, 2), (5, 5), (6, 2), GAP),  # the reader is ahead in one partition: applying it would step back there
        ((-1, -1), (5, 5), (6, 2), GAP),
        ((2, 2), (5, 5), (6, 5), SKIPPED),
    ],
)
def test_a_result_is_compared_partition_by_partition(
    from_: tuple[int, ...], as_of: tuple[int, ...], applied: tuple[int, ...], verdict: Applied
) -> None:
    assert result_verdict(from_, as_of, applied) is verdict
