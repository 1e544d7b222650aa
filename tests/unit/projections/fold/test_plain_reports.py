"""The shortcut for reports that pass every check of admission: each check that it takes over, and what it finds.

That it agrees with the checks on any night: tests/properties/test_plain_reports.py.
"""

from __future__ import annotations

from dataclasses import replace as replace_field
from typing import Any

import pytest
from msgspec.structs import replace

from projections.fold.admission import refusal_of
from projections.fold.plain_reports import PlainReports
from projections.fold.records import read_record
from projections.fold.standings import Subject
from schemas.definition.package import Mode, Role
from schemas.ledger.reports import Report
from tests.support.ledger import MemoryLedger, key_row
from tests.support.small_election import reported, small_package


def _found(
    ledger: MemoryLedger, by: str, *, partition: int | None = None, **changed: Any
) -> tuple[Subject | None, str | None]:
    """The subject that the shortcut finds of a report from 1.1.1-1, and the rule by which the checks refuse the report."""
    definition = ledger.definition
    home, offset = ledger.append_as(by, reported("1.1.1-1"))
    record = read_record(offset, ledger.partitions[home][offset])
    assert isinstance(record.event, Report)
    event = replace(record.event, **changed)
    read_by = home if partition is None else partition
    subject = PlainReports(definition, read_by).subject(record, event)
    refusal = refusal_of(record._replace(event=event), signature_holds=True, definition=definition, partition=read_by)
    return subject, None if refusal is None else refusal.rule


@pytest.mark.parametrize("by", ["officer", "officer-1"])
@pytest.mark.parametrize("contest", ["president", "council-a"])
def test_a_report_that_is_admitted_is_about_its_station_and_contest(by: str, contest: str) -> None:
    ledger = MemoryLedger(small_package())
    station, entry = ledger.definition.stations.number["1.1.1-1"], ledger.definition.ballots.contest(contest)
    slot = ledger.definition.electorates.slot(station, entry.number)
    assert _found(ledger, by, contest=contest) == (Subject(station, entry, slot), None)


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"election": "other"}, "E1"),
        ({"mode": Mode.LIVE}, "E2"),
        ({"definition": "0" * 64}, "E3"),
        ({"contest": "council-c"}, "S2"),
        ({"contest": "nowhere"}, "S2"),
        ({"station": "9.9.9-9"}, "S1"),
    ],
)
def test_a_report_of_another_election_or_contest_has_no_subject(changed: dict[str, Any], rule: str) -> None:
    assert _found(MemoryLedger(small_package()), "officer", **changed) == (None, rule)


@pytest.mark.parametrize(
    ("by", "rule"), [("nobody", "K1"), ("reviewer", "K3"), ("authority", "K3"), ("elsewhere", "K4"), ("station", None)]
)
def test_a_report_by_a_key_that_may_not_submit_it_has_no_subject(by: str, rule: str | None) -> None:
    """A key of one station may: the checks admit its report, and the shortcut does not look at stations as scopes."""
    package = small_package()
    keys = (
        *package.keys,
        key_row("elsewhere", Role.STATION_OFFICER, "1.2"),
        key_row("station", Role.STATION_OFFICER, "1.1.1-1"),
    )
    assert _found(MemoryLedger(replace_field(package, keys=keys)), by) == (None, rule)


def test_a_report_in_another_partition_than_its_stations_has_no_subject() -> None:
    ledger = MemoryLedger(small_package())
    home = ledger.definition.stations.partition(ledger.definition.stations.number["1.1.1-1"])
    for partition in range(3):
        subject, rule = _found(ledger, "officer", partition=partition)
        assert (subject is not None, rule) == ((True, None) if partition == home else (False, "E6"))
