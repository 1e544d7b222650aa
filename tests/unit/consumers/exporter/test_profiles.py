"""Profiles in the bulk files: corrected ones are written anew, and a mistake in them leaves out the candidates alone."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from consumers.exporter.cut import CopiedCut
from consumers.exporter.linked_files import Previous
from consumers.exporter.profiles import ProfilesDigest, profiles_digest, rows_of_candidates
from consumers.exporter.writing import Wanted, write_files
from projections.definition.compiled import Definition
from runtime.package.errors import PackageError
from runtime.package.writing import write_package
from runtime.tables.table_files import Format
from schemas.definition.profiles import Candidate, PartyProfile, Profiles
from schemas.tables.register import CANDIDATES, PARTIES
from tests.support.bulk_files import rows_of
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
SITI = Candidate(contest="president", choice="01", name="Siti")
TABLES = ("areas", "parties", "candidates")


@pytest.fixture
def package(tmp_path: Path) -> Path:
    path = tmp_path / "package"
    write_package(small_package(), path, Profiles((SITI,), (PartyProfile(party="P2", colour="#0B6623"),)))
    return path


def _written(package: Path, target: Path, previous: Previous | None = None) -> dict[str, Any]:
    target.mkdir()
    (target.parent / "copy").mkdir(exist_ok=True)
    cut = CopiedCut(datetime(2029, 2, 14, tzinfo=UTC), {}, target.parent / "copy")
    wanted = Wanted([Format.CSV, Format.NDJSON], tables=TABLES)
    return write_files(DEFINITION, package, cut, target, wanted, lambda *_: None, previous)


def test_candidates_and_parties_are_files_of_the_register(package: Path, tmp_path: Path) -> None:
    manifest = _written(package, tmp_path / "a")
    rows = {each["name"]: each["rows"] for each in manifest["files"]}
    assert (rows["candidates.csv"], rows["parties.csv"]) == (9, 2)
    assert rows_of(tmp_path / "a/candidates.ndjson", CANDIDATES)[0]["name"] == "Siti"
    assert [each["colour"] for each in rows_of(tmp_path / "a/parties.csv", PARTIES)] == [None, "#0B6623"]
    assert manifest["profiles"] == profiles_digest(package)


def test_a_corrected_profile_is_written_anew_and_the_rest_of_the_register_is_not(package: Path, tmp_path: Path) -> None:
    before = _written(package, tmp_path / "a")
    same = _written(package, tmp_path / "b", Previous(tmp_path / "a", before))
    assert (tmp_path / "b/candidates.csv").samefile(tmp_path / "a/candidates.csv")
    (package / "candidates.csv").write_text("contest,choice,name\npresident,01,Siti Contoh\n")
    _written(package, tmp_path / "c", Previous(tmp_path / "b", same))
    assert rows_of(tmp_path / "c/candidates.ndjson", CANDIDATES)[0]["name"] == "Siti Contoh"
    assert (tmp_path / "c/areas.csv").samefile(tmp_path / "a/areas.csv")


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("candidates.csv", "contest,choice,name\npresident,09,Siti\n", "candidates.csv: contest 'president' has no"),
        ("candidates.csv", "contest,choice,name\npresident\n", "candidates.csv: candidates.csv:2"),
        ("party_profiles.csv", "party,colour\nP9,#0B6623\n", "party_profiles.csv: there is no party 'P9'"),
    ],
)
def test_a_mistake_leaves_out_candidates_with_its_reason(
    package: Path, tmp_path: Path, file: str, content: str, reason: str
) -> None:
    (package / file).write_text(content)
    manifest = _written(package, tmp_path / "a")
    assert [each["name"] for each in manifest["left_out"]] == ["candidates.csv", "candidates.ndjson"]
    assert all(each["reason"].startswith(reason) for each in manifest["left_out"])
    assert [each["colour"] for each in rows_of(tmp_path / "a/parties.csv", PARTIES)] == [None, None]
    assert "areas.csv" in {each["name"] for each in manifest["files"]}


def test_profiles_that_change_while_they_are_written_are_a_mistake_of_the_package(package: Path) -> None:
    (package / "candidates.csv").write_text("contest,choice,name\npresident,09,Siti\n")
    with pytest.raises(PackageError, match="the profiles of the package cannot be used"):
        list(rows_of_candidates(DEFINITION, package))


def test_the_digest_is_made_again_where_a_file_has_changed(package: Path) -> None:
    digests = ProfilesDigest(package)
    first = digests.current()
    assert digests.current() == first == profiles_digest(package)
    (package / "candidates.csv").unlink()
    assert digests.current() != first
