"""The shortcut for reports that pass every check of admission agrees with the checks. Case by case: tests/unit."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.definition.compiled import Definition
from projections.fold.admission import refusal_of
from projections.fold.plain_reports import PlainReports
from projections.fold.records import read_record
from projections.fold.standings import Subject
from schemas.ledger.reports import Report
from tests.support.ledger import MemoryLedger
from tests.support.nights import PACKAGES, acts, play


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
