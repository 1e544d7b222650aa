"""A partition from its first record to its first blocks, with a real fold."""

from __future__ import annotations

import pytest

from consumers.tabulator.decisions import Stop
from consumers.tabulator.partition import HeldPartition
from projections.fold.records import read_record
from projections.fold.tabulation import PartitionFold
from proofs.checked_signatures import CheckedSignatures
from proofs.merkle import leaf_hash
from schemas.codes import OfficeId
from schemas.derived.blocks import Block
from tests.support.ledger import MemoryLedger
from tests.support.small_election import reported, small_package

PRESIDENT = OfficeId("president")


@pytest.fixture
def ledger() -> MemoryLedger:
    ledger = MemoryLedger(small_package())
    for station in ledger.definition.stations.number:
        ledger.append_as("officer", reported(station))
    assert len(ledger.partitions[0]) >= 3
    return ledger


def _held(ledger: MemoryLedger, committed: int, stop: Stop | None = None) -> HeldPartition:
    return HeldPartition(PartitionFold(ledger.definition, 0), CheckedSignatures("test"), committed, stop)


def _fold(held: HeldPartition, ledger: MemoryLedger, end: int) -> list[Block]:
    blocks: list[Block] = []
    for offset in range(held.fold.next_offset, end):
        blocks += held.apply(read_record(offset, ledger.partitions[0][offset]), True)
    return blocks + held.take_blocks()


def test_blocks_that_an_earlier_worker_published_are_not_made_again(ledger: MemoryLedger) -> None:
    held, end = _held(ledger, committed=2), len(ledger.partitions[0])
    assert _fold(held, ledger, 1) == []
    assert not held.begin_to_publish()
    assert _fold(held, ledger, 2) == []
    assert held.begin_to_publish()
    assert held.owes_keyframes
    assert not held.begin_to_publish(), "it has begun"
    blocks = _fold(held, ledger, end)
    assert [(block.office, block.from_, block.through) for block in blocks] == [(PRESIDENT, 1, end - 1)]


def test_without_a_committed_offset_blocks_begin_after_the_genesis(ledger: MemoryLedger) -> None:
    held = _held(ledger, committed=0)
    assert not held.begin_to_publish(), "not before the genesis"
    assert _fold(held, ledger, 1)
    assert held.begin_to_publish()


def test_a_state_is_verified_by_its_last_record(ledger: MemoryLedger) -> None:
    def resumed() -> HeldPartition:
        first = _held(ledger, committed=2)
        _fold(first, ledger, 2)
        fold = PartitionFold.from_state(ledger.definition, 0, first.fold.state())
        return HeldPartition(fold, first.checked, 2, None, first.fold.state().last_leaf)

    value = ledger.partitions[0][1]
    held = resumed()
    assert held.unverified_leaf == leaf_hash(value)
    assert not held.begin_to_publish()
    assert not held.verify(1, b"another record")
    assert not held.verify(2, value), "the record is at another offset"
    assert not held.begin_to_publish()
    assert held.verify(1, value)
    assert held.begin_to_publish()


def test_a_note_is_new_when_a_keyframe_fails_with_another_reason_or_is_sent_again(ledger: MemoryLedger) -> None:
    held = _held(ledger, committed=2)
    held.keyframe_was_sent(PRESIDENT)
    assert not held.has_new_note
    assert held.leave_out_keyframe(PRESIDENT, "too large")
    assert (held.has_new_note, held.note) == (True, "has no keyframe of office president: too large")
    assert held.has_news(2)
    held.committed_note, held.has_new_note = held.note, False
    assert not held.leave_out_keyframe(PRESIDENT, "too large")
    assert not held.has_new_note
    assert not held.has_news(2)
    held.keyframe_was_sent(PRESIDENT)
    assert (held.has_new_note, held.note) == (True, "")
    assert held.has_news(2)


def test_the_note_of_a_stop_stays_until_the_stop_is_tried_again(ledger: MemoryLedger) -> None:
    held = _held(ledger, committed=2, stop=Stop(2, "a bug"))
    held.committed_note = held.note
    assert held.note == "stopped at 2: a bug"
    assert not held.has_news(2)
    held.stop = None
    assert held.has_news(2)


def test_records_since_the_last_state_are_counted(ledger: MemoryLedger) -> None:
    held = _held(ledger, committed=0)
    _fold(held, ledger, 3)
    assert held.records_not_kept == 3
    held.kept_below = 2
    assert held.records_not_kept == 1


def test_a_stop_of_finance_is_noted_once_and_no_state_is_kept(ledger: MemoryLedger) -> None:
    held = _held(ledger, committed=0)
    _fold(held, ledger, 3)
    assert not held.finance_has_stopped()
    assert (held.records_not_kept, held.note) == (3, "")
    held.fold.finance_problem = "ZeroDivisionError: a bug (offset 2)"
    assert held.finance_has_stopped()
    assert not held.finance_has_stopped()
    assert held.has_new_note
    assert held.note == "folds no finance reports: ZeroDivisionError: a bug (offset 2)"
    assert held.records_not_kept == 0
