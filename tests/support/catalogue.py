"""A manifest as the exporter writes it, without files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from projections.definition.compiled import Definition
from projections.nist.report_plan import REPORT_TABLE, planned_reports
from projections.tables.file_plan import planned_files
from projections.tables.manifest import head
from runtime.tables.table_files import MEDIA_TYPES, Format
from schemas.canonical import sha256_hex

DCAT_AP_SHAPES = Path(__file__).with_name("dcat_ap.ttl")


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
