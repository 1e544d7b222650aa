"""`manifest.json`: the cut of the bulk files, what they are of, and each of them with size, hash, rows and schema version."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from projections.definition.compiled import Definition
from projections.tables.file_plan import PlannedFile
from schemas.codes import NOTHING_YET
from schemas.derived.results import offsets_by_partition
from schemas.tables.columns import Table
from schemas.times import time_text

MANIFEST = "manifest.json"
LATEST = "latest.json"
"""File beside the cuts with the name of the newest one."""
MANIFEST_VERSION = "1.2.0"
"""Version of the manifest's own shape; semver as for tables."""
PRE_ELECTION, PARTIAL, COMPLETE = "pre-election", "unofficial-partial", "unofficial-complete"


def head(
    definition: Definition, blocks: Mapping[tuple[str, int], int], taken_at: datetime, offices: Iterable[str]
) -> dict[str, Any]:
    """What is the same for all files of a cut. `blocks` are (office, ledger partition) → the last offset that is counted in."""
    return {
        **about_election(definition),
        "as_of": {
            office: offsets_by_partition(
                [blocks.get((office, partition), int(NOTHING_YET)) for partition in range(definition.partitions)]
            )
            for office in offices
        },
        "taken_at": time_text(taken_at),
    }


def about_election(definition: Definition) -> dict[str, Any]:
    """What a manifest states of its election, also that of an archive."""
    election = definition.election
    return {
        "election": election.id,
        "title": election.title.root,
        "date": election.date.isoformat(),
        "mode": election.mode.value,
        "is_test": election.mode.value == "rehearsal",
        "definition": definition.hash,
        "licence": election.licence,
        "source": election.source,
    }


def about_table(about: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """What a table states of itself in a format with metadata. `about` has at least what `about_election` gives."""
    kept = ("election", "mode", "is_test", "definition", "licence", "source")
    return {**{name: about[name] for name in kept}, "table": table.name, "schema_version": table.version}


def about_file(cut: Mapping[str, Any], file: PlannedFile) -> dict[str, Any]:
    """The facts of one file that a format with metadata holds itself. They are the same whenever the table is the same, so that
    a table that has not changed is the same file in the next cut."""
    return {
        **about_table(cut, file.table),
        "office": file.office,
        "level": file.level,
        "as_of": None if file.office is None else cut["as_of"][file.office],
    }


def status_of(statuses: Collection[str]) -> str:
    """ResultsStatus of an office by those of its contests."""
    if all(each == PRE_ELECTION for each in statuses):
        return PRE_ELECTION
    return COMPLETE if all(each == COMPLETE for each in statuses) else PARTIAL
