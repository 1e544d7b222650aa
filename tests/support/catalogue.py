"""A manifest as the exporter writes it, without files, and the catalogue of a small election."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from projections.catalogue.facts import Addresses, CatalogueFacts, catalogue_facts
from projections.definition.compiled import Definition
from projections.nist.report_plan import REPORT_TABLE, planned_reports
from projections.tables.file_plan import planned_files
from projections.tables.manifest import head
from runtime.tables.table_files import MEDIA_TYPES, Format
from schemas.canonical import sha256_hex
from tests.support.small_election import small_package

DCAT_AP_SHAPES = Path(__file__).with_name("dcat_ap.ttl")
AT = Addresses.of_api("https://results.example", "CUT")
FEW_FILES = (
    "choices.csv",
    "council.nation.area-counts.json",
    "president.district.nist-report.json",
    "president.nation.area-votes.csv",
    "president.nation.area-votes.ndjson",
)
"""Files of the register, of two offices and of another standard."""


def made_manifest(definition: Definition, formats: tuple[Format, ...] = tuple(Format)) -> dict[str, Any]:
    offices = [office.id for office in definition.ballots.offices]
    taken_at = datetime(2029, 2, 14, 13, 0, tzinfo=UTC)
    files = [(each.stem, each.table.name, each.office, each.level, formats) for each in planned_files(definition)]
    for office in offices:
        for report in planned_reports(definition, office):
            written = tuple(each for each in (Format.JSON, Format.XML) if each in formats)
            files.append((report.stem, REPORT_TABLE, report.office, report.level, written))
    return {
        **head(definition, {("president", 0): 7}, taken_at, offices),
        "publisher": "Komisi Pemilihan Umum",
        "files": [
            {
                "name": f"{stem}.{format}",
                "table": table,
                "office": office,
                "level": level,
                "format": format.value,
                "media_type": MEDIA_TYPES[format],
                "schema_version": "1.0.0",
                "rows": 3,
                "bytes": 1_000 + number,
                "sha256": sha256_hex(f"{stem}.{format}".encode()),
            }
            for number, (stem, table, office, level, of_formats) in enumerate(files)
            for format in of_formats
        ],
    }


# Made anew for each test (2 ms), and not at import, so that the mutation tester's changes reach them.


def small_definition() -> Definition:
    return Definition.of(small_package())


def small_facts() -> CatalogueFacts:
    """Every file of the small election."""
    return catalogue_facts(small_definition(), made_manifest(small_definition()))


def few_facts() -> CatalogueFacts:
    """Four datasets of the small election, one of them with two files."""
    manifest = made_manifest(small_definition(), (Format.CSV, Format.NDJSON, Format.JSON))
    few = sorted((each for each in manifest["files"] if each["name"] in FEW_FILES), key=lambda each: str(each["name"]))
    return catalogue_facts(small_definition(), {**manifest, "files": few})
