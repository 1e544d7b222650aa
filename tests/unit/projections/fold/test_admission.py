"""Why a record may not count: the rule, the field at fault, and what becomes of the record."""

from __future__ import annotations

from typing import Any

import pytest

from projections.fold.admission import SIGNED, already_open, finding_of, refusal_of, state_of
from projections.fold.authority import Refusal
from projections.fold.records import read_record
from projections.station.submissions import ResultState
from schemas.definition.package import Severity
from schemas.findings import Finding
from tests.support.ledger import MemoryLedger
from tests.support.small_election import annulled, reported, reviewed, small_package, withdrawn
from tests.support.small_finance import finance_package, finance_report, with_finance_keys

ID = "ab" * 32
LEDGER, FINANCE = MemoryLedger(small_package()), MemoryLedger(finance_package())


def _refusal(ledger: MemoryLedger, written: tuple[int, int], *, partition: int, holds: bool = True) -> Refusal | None:
    home, offset = written
    record = read_record(offset, ledger.partitions[home][offset])
    return refusal_of(record, signature_holds=holds, definition=ledger.definition, partition=partition)


def test_bytes_that_cannot_be_read_are_refused_as_a_record() -> None:
    home, offset = 0, LEDGER.append(0, b"garbage")
    refusal = _refusal(LEDGER, (home, offset), partition=0)
    assert refusal is not None
    assert refusal[:2] == ("M0", "record")
    assert refusal.sentence_id.startswith("Tidak terbaca: ")
    assert refusal.sentence_en.startswith("Unreadable: ")


def test_a_signature_that_does_not_hold_is_refused_before_the_scope_is_looked_at() -> None:
    written = LEDGER.append_as("officer", reported("1.1.1-1", contest="council-a"))
    for partition in range(3):
        refusal = _refusal(LEDGER, written, partition=partition, holds=False)
        assert refusal is not None
        assert refusal[:2] == ("K2", "signatures.0.sig")


@pytest.mark.parametrize(
    ("by", "body"),
    [
        ("officer", reported("1.1.1-1")),
        ("reviewer", reviewed("1.1.1-1", ID, "accepted")),
        ("court", annulled("1.1.1-1", 1)),
        ("court", withdrawn("1.1.1-1", ID)),
    ],
    ids=lambda value: value if isinstance(value, str) else value["type"],
)
def test_an_event_about_a_station_is_in_the_partition_of_the_station(by: str, body: dict[str, object]) -> None:
    written = LEDGER.append_as(by, body)
    home, other = written[0], (written[0] + 1) % 3
    assert _refusal(LEDGER, written, partition=home) is None
    assert _refusal(LEDGER, written, partition=other) == Refusal(
        "E6",
        "station",
        f"TPS 1.1.1-1 termasuk partisi {home}, bukan {other}.",
        f"Station 1.1.1-1 belongs to partition {home}, not {other}.",
    )


def test_a_finance_report_is_in_the_partition_of_its_area() -> None:
    written = FINANCE.report_finance("finance-1", finance_report(area="1.1"))
    home, other = written[0], (written[0] + 1) % 3
    assert _refusal(FINANCE, written, partition=home) is None
    assert _refusal(FINANCE, written, partition=other) == Refusal(
        "E6",
        "area",
        f"Laporan wilayah 1.1 termasuk partisi {home}, bukan {other}.",
        f"A report of area 1.1 belongs to partition {home}, not {other}.",
    )


_WITH_KEYS = MemoryLedger(with_finance_keys(small_package()))
"""Whose package has finance keys, and does not describe finance."""


@pytest.mark.parametrize(
    ("ledger", "by", "body", "rule", "is_signed"),
    [
        (LEDGER, "nobody", reported("1.1.1-1"), "K1", False),
        (LEDGER, "reviewer", reported("1.1.1-1"), "K3", False),
        (LEDGER, "officer", reported("9.9.9-9"), "S1", True),
        (LEDGER, "officer", reported("1.1.1-1", contest="mayor"), "S2", True),
        (FINANCE, "finance", finance_report("P-9"), "S3", True),
        (LEDGER, "officer-1", reported("2.1.1-1"), "K4", True),
        (_WITH_KEYS, "finance", finance_report(), "E8", True),
        (LEDGER, "officer", reported("1.1.1-1"), "E6", True),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_event_is_its_keys_own_where_the_signature_is_checked_before_the_rule(
    ledger: MemoryLedger, by: str, body: dict[str, Any], rule: str, is_signed: bool
) -> None:
    """So its number counts among those of the key, although the event does not."""
    home = ledger.definition.stations.partition(ledger.definition.stations.number["1.1.1-1"])
    written = home, ledger.append(home, ledger.signed(by, body))
    record = read_record(written[1], ledger.partitions[home][written[1]])
    partition = (home + 1) % 3 if rule == "E6" else home
    found = [
        refusal_of(record, signature_holds=holds, definition=ledger.definition, partition=partition)
        for holds in (True, False)
    ]
    assert [each and each.rule for each in found] == [rule, "K2" if is_signed else rule]
    assert (rule in SIGNED) is is_signed


def test_the_genesis_is_in_every_partition() -> None:
    assert [_refusal(LEDGER, (partition, 0), partition=partition) for partition in range(3)] == [None] * 3


def test_a_form_of_an_unknown_station_is_held_and_all_else_is_refused() -> None:
    for rule, state in (("S1", ResultState.HELD), ("S2", ResultState.REFUSED), ("K2", ResultState.REFUSED)):
        refusal = Refusal(rule, "field", "salah", "wrong")
        assert state_of(refusal) is state
        assert finding_of(refusal) == Finding(rule, Severity.HARD, "salah", "wrong")


def test_a_second_opening_is_refused() -> None:
    assert already_open() == Finding(
        "E7", Severity.HARD, "Pemilu ini sudah dibuka di offset 0.", "This election was opened at offset 0 already."
    )
