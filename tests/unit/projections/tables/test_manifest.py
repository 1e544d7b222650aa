"""What the manifest states of a cut and of each of its files."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from projections.definition.compiled import Definition
from projections.tables.file_plan import planned_files
from projections.tables.manifest import LATEST, MANIFEST, MANIFEST_VERSION, about_file, head, status_of
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())


def test_a_reader_finds_the_newest_cut_and_its_manifest_by_these_names() -> None:
    assert (LATEST, MANIFEST, MANIFEST_VERSION) == ("latest.json", "manifest.json", "1.2.0")


def test_the_head_names_the_cut_definition_mode_and_licence() -> None:
    taken_at = datetime(2029, 2, 14, 13, 0, tzinfo=UTC)
    blocks = {("president", 0): 12, ("president", 2): -1, ("council", 1): 5}
    found = head(DEFINITION, blocks, taken_at, ["president", "council"])
    assert found == {
        "election": "small",
        "title": {"id": "Pemilu kecil", "en": "Small election"},
        "date": "2029-02-14",
        "mode": "rehearsal",
        "is_test": True,
        "definition": DEFINITION.hash,
        "licence": "CC0-1.0",
        "source": None,
        "as_of": {"president": {"0": 12}, "council": {"1": 5}},
        "taken_at": "2029-02-14T13:00:00.000Z",
    }
    counts, *_, codes = planned_files(DEFINITION, offices=["president"])
    about = about_file(found, counts)
    assert about["as_of"] == {"0": 12}
    assert (about["table"], about["schema_version"], about["office"], about["level"]) == (
        ("station-counts", counts.table.version, "president", "station")
    )
    assert about_file(found, codes)["as_of"] is None
    assert about_file({**found, "taken_at": "later"}, counts) == about


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ([], "pre-election"),
        (["pre-election", "pre-election"], "pre-election"),
        (["pre-election", "unofficial-complete"], "unofficial-partial"),
        (["unofficial-complete"], "unofficial-complete"),
        (["unofficial-complete", "unofficial-partial"], "unofficial-partial"),
    ],
)
def test_the_status_of_an_office_follows_from_its_contests(statuses: list[str], status: str) -> None:
    assert status_of(statuses) == status
