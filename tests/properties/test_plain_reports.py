"""The shortcut for reports that pass every check of admission agrees with the checks."""

from __future__ import annotations

from dataclasses import replace as replace_field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from projections.definition.compiled import Definition
from projections.fold.admission import refusal_of
from projections.fold.plain_reports import PlainReports
from projections.fold.records import read_record
from projections.fold.standings import Subject
from schemas.definition.package import Mode, Role
from schemas.ledger.reports import Report
from tests.support.ledger import MemoryLedger, key_row
from tests.support.nights import PACKAGES, acts, play
from tests.support.small_election import reported, small_package


def _both(definition: Definition, partition: int, offset: int, value: bytes) -> tuple[Subject | None, bool, Report]:
    """The subject that the shortcut finds, whether the checks admit the report, and the report."""
    record = read_record(offset, value)
    assert isinstance(record.event, Report)
    subject = PlainReports(definition, partition).subject(record, record.event)
    refusal = refusal_of(record, signature_holds=True, definition=definition, partition=partition)
    return subject, refusal is None, record.event


@given(st.sampled_from(PACKAGES), st.lists(acts, min_size=1, max_size=14), st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_a_report_has_a_subject_where_it_is_admitted_and_only_there(
    package: Any, night: list[tuple[Any, ...]], other: int
) -> None:
    ledger = MemoryLedger(package)
    play(ledger, night)
    definition = ledger.definition
    for home in range(definition.partitions):
        for offset, value in enumerate(ledger.partitions[home]):
            if not isinstance(read_record(offset, value).event, Report):
                continue
            for partition in {home, other % definition.partitions}:
                subject, is_admitted, report = _both(definition, partition, offset, value)
                assert (subject is not None) is is_admitted
                if subject is not None:
                    station = definition.stations.number[report.station]
                    contest = definition.ballots.contest(report.contest)
                    slot = definition.electorates.slot(station, contest.number)
                    assert subject == Subject(station, contest, slot)


@pytest.mark.parametrize(
    "changed",
    [
        {"election": "other"},
        {"mode": Mode.LIVE},
        {"definition": "0" * 64},
        {"contest": "council-c"},
        {"contest": "nowhere"},
        {"station": "9.9.9-9"},
    ],
)
def test_a_report_of_another_election_or_contest_has_no_subject(changed: dict[str, Any]) -> None:
    ledger = MemoryLedger(small_package())
    definition = ledger.definition
    partition, offset = ledger.say("officer", reported("1.1.1-1"))
    record = read_record(offset, ledger.partitions[partition][offset])
    assert isinstance(record.event, Report)
    assert PlainReports(definition, partition).subject(record, record.event) is not None
    other = replace(record.event, **changed)
    assert PlainReports(definition, partition).subject(record, other) is None
    of_other = record._replace(event=other)
    assert refusal_of(of_other, signature_holds=True, definition=definition, partition=partition) is not None


def test_a_key_of_one_station_is_left_to_the_checks() -> None:
    package = small_package()
    keys = tuple(
        key_row("officer", Role.STATION_OFFICER, "1.1.1-1")
        if key.scope == "N" and key.role is Role.STATION_OFFICER
        else key
        for key in package.keys
    )
    ledger = MemoryLedger(replace_field(package, keys=keys))
    partition, offset = ledger.say("officer", reported("1.1.1-1"))
    subject, is_admitted, _ = _both(ledger.definition, partition, offset, ledger.partitions[partition][offset])
    assert subject is None
    assert is_admitted
