"""Which result reports the bulk files have: of each office one down to the shard level, and one down to the stations."""

from __future__ import annotations

from typing import NamedTuple

from projections.definition.ballots import OfficeEntry
from projections.definition.compiled import Definition
from projections.nist.report import PRECINCT, SUMMARY
from schemas.tables.columns import Meaning

REPORT_TABLE = "nist-report"
"""Name of the reports in the manifest, beside the names of tables."""
REPORT_TITLE = Meaning(
    "Results in the common data format of NIST SP 1500-100", "Hasil dalam format data umum NIST SP 1500-100"
)
VOTE_COUNTS_MAX = 20_000_000
"""Most vote counts of a report, some 90 bytes each: 1.8 GB. At double, few readers of JSON or XML open the file; at half, the
president of a nation with 823,000 stations and a dozen candidates has none of its stations."""


class PlannedReport(NamedTuple):
    stem: str
    """Name without its ending, such as `president.district.nist-report`."""
    office: str
    level: str
    """The deepest level with counts."""


def planned_reports(definition: Definition, office: str) -> list[PlannedReport]:
    """The reports of an office. No two of the election have the same name, also where a file system takes capitals and
    small letters for the same."""
    levels = definition.tree.level_ids
    seen: set[str] = set()
    found = []
    for each in definition.ballots.offices:
        for level in dict.fromkeys((levels[definition.tree.shard_level], levels[-1])):
            stem = f"{each.id}.{level}.{REPORT_TABLE}"
            while stem.casefold() in seen:
                stem += "-2"
            seen.add(stem.casefold())
            if each.id == office:
                found.append(PlannedReport(stem, each.id, level))
    return found


def detail_of(definition: Definition, report: PlannedReport) -> str:
    return PRECINCT if report.level == definition.tree.level_ids[-1] else SUMMARY


def vote_counts_max(definition: Definition, office: OfficeEntry, report: PlannedReport) -> int:
    """How many vote counts the report has once all stations are counted."""
    depth = definition.tree.level_ids.index(report.level)
    contests = definition.ballots.contests
    found = 0
    for (number, area), denominator in definition.electorates.denominators.items():
        contest = contests[number]
        if contest.office_number == office.number and definition.tree.level[area] <= depth:
            found += len(contest.choices)
            if area == contest.root_area and detail_of(definition, report) == PRECINCT:
                found += len(contest.choices) * denominator.stations
    return found
