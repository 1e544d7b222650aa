"""Which result reports an office has."""

from __future__ import annotations

from dataclasses import replace

from projections.definition.compiled import Definition
from projections.nist.report import PRECINCT, SUMMARY
from projections.nist.report_plan import VOTE_COUNTS_MAX, detail_of, planned_reports, vote_counts_max
from tests.support.nist_reports import (
    PACKAGE,
)


def test_each_office_has_a_report_for_areas_and_one_for_stations() -> None:
    twin = PACKAGE.offices[0].model_copy(update={"id": "President"})
    contest = PACKAGE.contests[0].model_copy(update={"id": "twin", "office": "President"})
    both = Definition.of(replace(PACKAGE, offices=(*PACKAGE.offices, twin), contests=(*PACKAGE.contests, contest)))
    planned = planned_reports(both, "president")
    assert [(each.stem, each.level) for each in planned] == [
        ("president.district.nist-report", "district"),
        ("president.station.nist-report", "station"),
    ]
    assert [each.stem for each in planned_reports(both, "President")] == [
        "President.district.nist-report-2",
        "President.station.nist-report-2",
    ]
    assert [detail_of(both, each) for each in planned] == [SUMMARY, PRECINCT]
    office = both.ballots.office("president")
    assert [vote_counts_max(both, office, each) for each in planned] == [7 * 3, (7 + 8 + 16) * 3]


def test_a_report_may_have_a_nation_of_stations_and_at_most_1_8_gigabytes() -> None:
    stations, candidates, bytes_of_count = 823_000, 12, 90
    assert stations * candidates <= VOTE_COUNTS_MAX
    assert VOTE_COUNTS_MAX * bytes_of_count == 1_800_000_000
