"""A partition from its first record to its first blocks, with a real fold."""

from __future__ import annotations

import pytest

from consumers.tabulator.decisions import Stop
from consumers.tabulator.partition import OwnedPartition
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


def _held(ledger: MemoryLedger, committed: int, stop: Stop | None = None) -> OwnedPartition:
    return OwnedPartition(PartitionFold(ledger.definition, 0), CheckedSignatures("test"), committed, stop)


def _fold(owned: OwnedPartition, ledger: MemoryLedger, end: int) -> list[Block]:
    blocks: list[Block] = []
    for offset in range(owned.fold.next_offset, end):
        blocks += owned.apply(read_record(offset, ledger.partitions[0][offset]), True)
    return blocks + owned.take_blocks()


def test_blocks_that_an_earlier_worker_published_are_not_made_again(ledger: MemoryLedger) -> None:
    owned, end = _held(ledger, committed=2), len(ledger.partitions[0])
    assert _fold(owned, ledger, 1) == []
    assert not owned.begin_to_publish()
    assert _fold(owned, ledger, 2) == []
    assert owned.begin_to_publish()
    assert owned.owes_keyframes
    assert not owned.begin_to_publish(), "it has begun"
    blocks = _fold(owned, ledger, end)
    assert [(block.office, block.from_, block.through) for block in blocks] == [(PRESIDENT, 1, end - 1)]


def test_without_a_committed_offset_blocks_begin_after_the_genesis(ledger: MemoryLedger) -> None:
    owned = _held(ledger, committed=0)
    assert not owned.begin_to_publish(), "not before the genesis"
    assert _fold(owned, ledger, 1)
    assert owned.begin_to_publish()


def test_a_state_is_verified_by_its_last_record(ledger: MemoryLedger) -> None:
    def resumed() -> OwnedPartition:
        first = _held(ledger, committed=2)
        _fold(first, ledger, 2)
        fold = PartitionFold.from_state(ledger.definition, 0, first.fold.state())
        return OwnedPartition(fold, first.checked, 2, None, first.fold.state().last_leaf)

    value = ledger.partitions[0][1]
    owned = resumed()
    assert owned.unverified_leaf == leaf_hash(value)
    assert not owned.begin_to_publish()
    assert not owned.verify(1, b"another record")
    assert not owned.verify(2, value), "the record is at another offset"
    assert not owned.begin_to_publish()
    assert owned.verify(1, value)
    assert owned.begin_to_publish()


def test_a_note_is_new_when_a_keyframe_fails_with_another_reason_or_is_sent_again(ledger: MemoryLedger) -> None:
    owned = _held(ledger, committed=2)
    owned.keyframe_was_sent(PRESIDENT)
    assert not owned.has_new_note
    assert owned.leave_out_keyframe(PRESIDENT, "too large")
    assert (owned.has_new_note, owned.note) == (True, "has no keyframe of office president: too large")
    assert owned.has_news(2)
    owned.committed_note, owned.has_new_note = owned.note, False
    assert not owned.leave_out_keyframe(PRESIDENT, "too large")
    assert not owned.has_new_note
    assert not owned.has_news(2)
    owned.keyframe_was_sent(PRESIDENT)
    assert (owned.has_new_note, owned.note) == (True, "")
    assert owned.has_news(2)


def test_the_note_of_a_stop_stays_until_the_stop_is_tried_again(ledger: MemoryLedger) -> None:
    owned = _held(ledger, committed=2, stop=Stop(2, "a bug"))
    owned.committed_note = owned.note
    assert owned.note == "stopped at 2: a bug"
    assert not owned.has_news(2)
    owned.stop = None
    assert owned.has_news(2)


def test_records_since_the_last_state_are_counted(ledger: MemoryLedger) -> None:
    owned = _held(ledger, committed=0)
    _fold(owned, ledger, 3)
    assert owned.records_not_kept == 3
    owned.kept_below = 2
    assert owned.records_not_kept == 1


def test_a_stop_of_finance_is_noted_once_and_no_state_is_kept(ledger: MemoryLedger) -> None:
    owned = _held(ledger, committed=0)
    _fold(owned, ledger, 3)
    assert not owned.finance_has_stopped()
    assert (owned.records_not_kept, owned.note) == (3, "")
    owned.fold.finance_problem = "ZeroDivisionError: a bug (offset 2)"
    assert owned.finance_has_stopped()
    assert not owned.finance_has_stopped()
    assert owned.has_new_note
    assert owned.note == "folds no finance reports: ZeroDivisionError: a bug (offset 2)"
    assert owned.records_not_kept == 0
