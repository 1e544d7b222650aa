"""Each result that a station has had, folded again from its own records."""

from __future__ import annotations

import orjson
import pytest

from projections.definition.compiled import Definition
from projections.fold.records import read_record
from projections.fold.tabulation import PartitionFold
from projections.tables import histories
from projections.tables.histories import Change, HistoryRecord, changes, history_records
from schemas.definition.package import RuleSetting, Severity
from tests.support.ledger import MemoryLedger
from tests.support.small_election import RULES, annulled, reported, small_package


def _histories(ledger: MemoryLedger) -> list[HistoryRecord]:
    """All events of stations in partition 0, in the order of station and offset."""
    records = [read_record(offset, value) for offset, value in enumerate(ledger.partitions[0])]
    return sorted(
        (
            HistoryRecord(
                "president",
                getattr(each.event, "station"),  # noqa: B009  # not all events have one
                0,
                each.offset,
                100 + each.offset,
                each.event_id.hex(),
                each.key_id,
                False,
                each.payload,
            )
            for each in records
            if hasattr(each.event, "station")
        ),
        key=lambda record: (record.station, record.offset),
    )


def _states(definition: Definition, records: list[HistoryRecord]) -> list[tuple[str, int, str]]:
    found = changes(definition, definition.ballots.contest("president"), records)
    return [(definition.stations.codes[each.station], each.received_us, each.state) for each in found]


def _ledger(rules: tuple[RuleSetting, ...] = RULES) -> MemoryLedger:
    return MemoryLedger(small_package(rules, partitions=1))


def test_a_history_has_each_result_of_the_station_in_the_order_of_the_ledger() -> None:
    ledger = _ledger()
    ledger.append_as("officer", reported("1.1.1-1", (1, 0, 0)))
    ledger.append_as("officer", reported("2.1.1-1", (0, 7, 0)))
    ledger.append_as("officer", reported("1.1.1-1", (5, 0, 0), version=2))
    ledger.append_as("supervisor", annulled("1.1.1-1", 2))
    first, second, third, other = changes(
        ledger.definition, ledger.definition.ballots.contest("president"), _histories(ledger)
    )
    assert first == Change(0, 101, "counted", [1, 201, 0, 1, 1, 1, 0, 2, 0, 1, 0, 0, 0, 0, 1, 0, 0])
    assert second == Change(0, 103, "counted", [1, 201, 0, 5, 5, 1, 0, 6, 0, 1, 0, 0, 0, 0, 5, 0, 0])
    assert third == Change(0, 104, "annulled", None)
    assert (ledger.definition.stations.codes[other.station], other.received_us) == ("2.1.1-1", 102)


def test_an_event_that_was_out_of_sequence_flags_its_form_again() -> None:
    """The numbers of a key are compared over all stations, so that a station's own records do not show it."""
    ledger = _ledger()
    ledger.append_as("officer", reported("1.1.1-1"))
    ledger.append_as("officer", reported("1.1.1-1", (5, 0, 0), version=2))
    first, second = _histories(ledger)
    assert _states(ledger.definition, [first, second]) == [("1.1.1-1", 101, "counted"), ("1.1.1-1", 102, "counted")]
    out_of_sequence = [first._replace(is_out_of_sequence=True), second]
    assert _states(ledger.definition, out_of_sequence) == [("1.1.1-1", 101, "flagged"), ("1.1.1-1", 102, "counted")]


def test_a_form_of_another_contest_changes_only_what_a_rule_across_contests_flags() -> None:
    ledger = _ledger((*RULES, RuleSetting(id="X1", severity=Severity.SOFT)))
    of_council = {"votes": {"P1-0": 60, "P1-1": 0, "P2-0": 0, "P2-1": 0}}
    ledger.append_as("officer", reported("1.1.1-1", A={"J": 200}))
    for version, voters in ((1, 200), (2, 201)):
        form = {**of_council, "A": {"J": voters}}
        ledger.append_as("officer", reported("1.1.1-1", contest="council-a", version=version) | {"form": form})
    assert _states(ledger.definition, _histories(ledger)) == [("1.1.1-1", 101, "counted"), ("1.1.1-1", 103, "flagged")]


@pytest.mark.parametrize(("folded_max", "folds"), [(1, 3), (3, 3), (4, 2), (6, 2), (7, 1)])
def test_a_new_fold_is_begun_before_a_station_once_the_last_one_has_folded_enough(
    monkeypatch: pytest.MonkeyPatch, folded_max: int, folds: int
) -> None:
    """So that memory is bounded: three stations of one partition have three records each."""
    assert histories.FOLDED_MAX == 10_000
    made: list[int] = []

    def counted(definition: Definition, partition: int, findings: histories._RecordedFindings) -> PartitionFold:
        made.append(partition)
        return PartitionFold(definition, partition, findings)

    monkeypatch.setattr(histories, "FOLDED_MAX", folded_max)
    monkeypatch.setattr(histories, "PartitionFold", counted)
    ledger = _ledger()
    for station in ("1.1.1-1", "1.1.1-2", "2.2.2-2"):
        for version in (1, 2, 3):
            ledger.append_as("officer", reported(station, (version, 0, 0), version=version))
    assert len(_states(ledger.definition, _histories(ledger))) == 9
    assert made == [0] * folds


def test_copied_lines_are_the_records() -> None:
    payload = orjson.dumps({"a": "tab\t and \\"})
    line = f"president\t1.1.1-1\t0\t7\t12\t00ff\tkey\tt\t{payload.hex()}\n".encode()
    assert list(history_records([line])) == [
        HistoryRecord("president", "1.1.1-1", 0, 7, 12, "00ff", "key", True, payload)
    ]
