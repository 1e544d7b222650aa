"""The result reports of an office (NIST SP 1500-100), as files of a cut."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from consumers.exporter.nist_numbers import OfficeNumbers
from projections.nist.report import PRECINCT, PackageNames, Report, report_object
from projections.nist.report_plan import (
    REPORT_TABLE,
    VOTE_COUNTS_MAX,
    PlannedReport,
    detail_of,
    planned_reports,
    vote_counts_max,
)
from projections.nist.units import areas_of, stations_of
from runtime.nist.json_report import json_pieces
from runtime.nist.xml_report import xml_pieces
from runtime.tables.table_files import MEDIA_TYPES, Format, written_file
from schemas.nist.objects import VERSION

WRITERS = {Format.JSON: json_pieces, Format.XML: xml_pieces}


class OfNumbers(NamedTuple):
    """What a report is of, beside its numbers."""

    names: PackageNames
    status: str
    as_of: Mapping[str, int]
    generated_at: datetime


def report_names(planned: PlannedReport, formats: Collection[Format]) -> dict[Format, str]:
    return {each: f"{planned.stem}.{each}" for each in WRITERS if each in formats}


def write_reports(
    directory: Path, numbers: OfficeNumbers, of: OfNumbers, formats: Collection[Format]
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Write the reports of an office; gives their entries in the manifest, and what is left out. Raises OSError."""
    definition, office = numbers.definition, numbers.office
    entries, left_out = [], []
    for planned in planned_reports(definition, office.id):
        names = report_names(planned, formats)
        counts = vote_counts_max(definition, office, planned)
        if counts > VOTE_COUNTS_MAX:
            reason = f"up to {counts:,} vote counts; a report has at most {VOTE_COUNTS_MAX:,}"
            left_out += [{"name": name, "reason": reason} for name in names.values()]
            continue
        level = definition.tree.level_ids.index(planned.level)
        rows = sum(contest.vote_counts(level) for contest in numbers.contests)
        for format, name in names.items():
            path = directory / name
            with path.open("xb") as file:
                file.writelines(WRITERS[format](report_object(_report(numbers, of, planned))))
            written = written_file(path)
            entries.append(
                {
                    "name": name,
                    "table": REPORT_TABLE,
                    "office": planned.office,
                    "level": planned.level,
                    "format": format.value,
                    "media_type": MEDIA_TYPES[format],
                    "schema_version": VERSION,
                    "rows": rows,
                    "bytes": written.bytes,
                    "sha256": written.sha256,
                }
            )
    return entries, left_out


def _report(numbers: OfficeNumbers, of: OfNumbers, planned: PlannedReport) -> Report:
    definition, office = numbers.definition, numbers.office
    detail = detail_of(definition, planned)
    level = definition.tree.level_ids.index(planned.level)
    return Report(
        definition=definition,
        office=office,
        names=of.names,
        status=of.status,
        as_of=of.as_of,
        generated_at=of.generated_at,
        contests=[each.down_to(level) for each in numbers.contests],
        areas=areas_of(definition, office, level),
        facts_of_area=numbers.facts_of_area,
        stations=_Stations(numbers) if detail == PRECINCT else (),
        facts_of_station=numbers.facts_of_station,
        by_rank=numbers.by_rank,
        detail=detail,
    )


class _Stations:
    """The stations of an office, found anew each time that they are iterated over."""

    def __init__(self, numbers: OfficeNumbers) -> None:
        self._numbers = numbers

    def __iter__(self) -> Iterator[int]:
        return stations_of(self._numbers.definition, self._numbers.office, self._numbers.by_rank)
