"""Whether a message is applied, skipped, or a gap: the one law of `subtotals` and `results` (DESIGN 2).

A chain is what one office publishes: in `subtotals` the blocks of one ledger partition, in `results` the sums over all
partitions. Each message has two cuts: `from`, which its reader must have applied before, and `through` (`as_of` of a result),
which its reader has applied with it. Numbers are absolute, so a reader that has applied more than `from` loses nothing.

    through <= applied            SKIPPED   whatever `from` is: the message was applied before
    it is a part, others missing  PART      the message is applied, or a gap, once its last part has come (parts.py)
    from <= applied <= through    APPLIED
    any other                     GAP       what lies between `applied` and `from` is missing

Cuts are compared partition by partition; a block has one partition. What a reader does about a gap is the reader's: the roll-up
and the live feed wait for a keyframe (`from`: -1), which is never a gap, and the recorder stops the office, because it needs
every change.
"""

from __future__ import annotations

from enum import Enum

from schemas.derived.results import Cut, at_or_before


class Applied(Enum):
    """What a reader has done with a message."""

    APPLIED = "applied"
    SKIPPED = "skipped"
    """A message that was applied before: Kafka delivered it again, or a worker that had been replaced published it."""
    GAP = "gap"
    """A message before this one is missing."""
    PART = "part"
    """A part of a message of which others are still to come."""


def block_verdict(from_: int, through: int, applied: int) -> Applied:
    """The verdict on a whole block of `subtotals`: offsets of one ledger partition."""
    if through <= applied:
        return Applied.SKIPPED
    return Applied.APPLIED if from_ <= applied else Applied.GAP


def result_verdict(from_: Cut, as_of: Cut, applied: Cut) -> Applied:
    """The verdict on a whole message of `results`."""
    if at_or_before(as_of, applied):
        return Applied.SKIPPED
    return Applied.APPLIED if at_or_before(from_, applied) and at_or_before(applied, as_of) else Applied.GAP
