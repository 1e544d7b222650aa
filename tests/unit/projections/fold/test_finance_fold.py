"""Finance reports in the fold of a partition: an office of their own, which changes and stops no block with votes."""

from __future__ import annotations

import pytest

from projections.finance.rules import FinanceJudge
from projections.fold.records import read_record
from projections.fold.tabulation import PartitionFold
from schemas.derived.blocks import FINANCE, Block
from tests.support.ledger import MemoryLedger, fold
from tests.support.small_election import reported
from tests.support.small_finance import finance_package, finance_report

STATION = "1.1.1-1"
AREA = "1.1"
"""The station's area at the shard level, so that its finance reports are in the station's partition."""


def _ledger() -> MemoryLedger:
    return MemoryLedger(finance_package())


def _of(blocks: list[Block], *, finance: bool) -> list[bytes]:
    return [block.to_bytes() for block in blocks if (block.office == FINANCE) is finance]


def _states(blocks: list[Block]) -> dict[int, tuple[str, list[str]]]:
    return {
        row["offset"]: (row["state"], [finding["rule"] for finding in row["findings"]])
        for block in blocks
        if block.office == FINANCE
        for row in block.states
    }


def test_finance_reports_are_a_chain_of_blocks_of_their_own() -> None:
    ledger = _ledger()
    partition, first = ledger.report_finance("finance", finance_report(area=AREA))
    ledger.append_as("officer", reported(STATION))
    _, second = ledger.report_finance("finance", finance_report(area=AREA, version=2, closing=1))
    _, blocks = fold(ledger, partition, cuts=[first])
    finance = [block for block in blocks if block.office == FINANCE]
    assert [(block.from_, block.through) for block in finance] == [(-1, first), (first, second)]
    assert all(not block.areas and not block.stations for block in finance)
    assert _states(blocks) == {first: ("flagged", ["D9"]), second: ("held", ["D1"])}
    assert [row["offset"] for block in finance for row in block.records] == [first, second]


def test_a_refused_finance_report_is_shown_and_touches_no_office_with_votes() -> None:
    ledger = _ledger()
    candidate = finance_report(None, "N")
    partition, wrong_key = ledger.report_finance("officer", candidate)
    _, other_area = ledger.report_finance("finance-1", candidate)
    moved = ledger.append((partition + 1) % 3, ledger.signed("finance", candidate))
    _, blocks = fold(ledger, partition)
    assert _states(blocks) == {wrong_key: ("refused", ["K3"]), other_area: ("refused", ["K4"])}
    assert {block.through for block in blocks if block.office != FINANCE} == {0}
    assert _states(fold(ledger, (partition + 1) % 3)[1]) == {moved: ("refused", ["E6"])}


def test_a_finance_report_whose_signature_does_not_hold_is_refused() -> None:
    ledger = _ledger()
    partition, offset = ledger.report_finance("finance", finance_report())
    state = PartitionFold(ledger.definition, partition)
    for number, value in enumerate(ledger.partitions[partition]):
        state.apply(read_record(number, value), signature_holds=number < offset)
    assert _states(state.take_blocks()) == {offset: ("refused", ["K2"])}


def test_numbers_of_a_finance_key_are_checked() -> None:
    ledger = _ledger()
    partition, _ = ledger.report_finance("finance", finance_report())
    ledger.signers["finance"].continue_from(0, None)
    _, second = ledger.report_finance("finance", finance_report("P2"))
    assert _states(fold(ledger, partition)[1])[second] == ("flagged", ["Q1"])


def test_a_finance_report_at_the_beginning_of_a_partition_is_no_genesis() -> None:
    ledger = _ledger()
    partition, offset = ledger.report_finance("finance", finance_report())
    ledger.partitions[partition] = [ledger.partitions[partition][offset]]
    with pytest.raises(Exception, match=r"expected the genesis .* it is finance\.reported"):
        fold(ledger, partition)


def test_a_bug_in_finance_stops_finance_and_no_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = _ledger()
    partition, first = ledger.report_finance("finance", finance_report(area=AREA))
    ledger.append_as("officer", reported(STATION))
    _, bad = ledger.report_finance("finance", finance_report("P2", AREA))
    ledger.append_as("officer", reported(STATION, (1, 1, 1), version=2))
    ledger.report_finance("finance", finance_report("P2", AREA, version=2))
    sound, sound_blocks = fold(ledger, partition, cuts=range(20))
    assert sound.finance_problem is None
    judge = FinanceJudge.judge

    def with_a_bug(self: FinanceJudge, report: object) -> object:
        if getattr(report, "party", None) == "P2":
            raise ZeroDivisionError("a bug")
        return judge(self, report)  # type: ignore[arg-type]

    monkeypatch.setattr(FinanceJudge, "judge", with_a_bug)
    broken, blocks = fold(ledger, partition, cuts=range(20))
    assert broken.finance_problem == f"ZeroDivisionError: a bug (offset {bad})"
    assert _of(blocks, finance=False) == _of(sound_blocks, finance=False)
    assert [block.through for block in blocks if block.office == FINANCE] == [first], (
        "nothing behind the bug is published"
    )
    with pytest.raises(AssertionError, match="would skip the finance reports"):
        broken.state()


def test_a_fold_continues_with_the_finance_reports_of_its_state() -> None:
    ledger = _ledger()
    partition, first = ledger.report_finance("finance", finance_report())
    state, _ = fold(ledger, partition)
    again = PartitionFold.from_state(ledger.definition, partition, state.state())
    assert again.state() == state.state()
    _, second = ledger.report_finance("finance", finance_report(version=2, closing=1))
    _, blocks = fold(ledger, partition, cuts=[first])
    assert _states(blocks)[second] == ("held", ["D1"])


def test_finance_reports_that_were_published_before_are_folded_without_rows() -> None:
    ledger = _ledger()
    partition, _ = ledger.report_finance("finance", finance_report())
    _, second = ledger.report_finance("finance", finance_report(version=2, closing=1))
    loud, blocks = fold(ledger, partition)
    silent = PartitionFold(ledger.definition, partition)
    silent.is_silent = True
    for offset, value in enumerate(ledger.partitions[partition]):
        silent.apply(read_record(offset, value), signature_holds=True)
    (block,) = (block for block in silent.take_blocks() if block.office == FINANCE)
    assert (block.through, block.records, block.states) == (second, [], [])
    silent.forget_changes()
    assert silent.state() == loud.state()
    assert blocks[-1].through == second
