"""Files of profiles: read with each mistake in its line, and no part of the definition."""

from __future__ import annotations

from pathlib import Path

import pytest

from projections.checks.package_checks import problems
from projections.checks.profile_checks import profile_problems
from projections.definition.compiled import Definition
from runtime.package.errors import PackageError, UnreadablePackageError
from runtime.package.profiles import ProfileReading, profiles_stamp, read_profiles
from runtime.package.reading import load_package, read_package
from runtime.package.writing import pack, write_package
from schemas.definition.profiles import Candidate, PartyProfile, Profiles, Sex
from tests.support.small_election import small_package

PROFILES = Profiles(
    (
        Candidate(contest="president", choice="01", name="Siti", sex=Sex.FEMALE, residence="Sleman"),
        Candidate(contest="president", choice="01", person=2, name="Budi", photo="https://kpu.example/2.jpg"),
    ),
    (PartyProfile(party="P1", colour="#0B6623"),),
)
BALLOTS = Definition.of(small_package()).ballots


def _read(path: Path) -> ProfileReading:
    return read_profiles(
        path, lambda parties, profiles: profile_problems(BALLOTS, {party.id for party in parties}, profiles)
    )


def test_profiles_keep_their_rows_through_their_files_and_a_zip(tmp_path: Path) -> None:
    package = small_package()
    write_package(package, tmp_path / "package", PROFILES)
    (tmp_path / "package.zip").write_bytes(pack(tmp_path / "package"))
    for path in (tmp_path / "package", tmp_path / "package.zip"):
        found = _read(path)
        assert (found.profiles, found.parties, found.districts) == (PROFILES, package.parties, package.districts)
        assert found.problems == ()
        reading = read_package(path, problems)
        assert reading.warnings == (), "the files belong to a package"
        assert load_package(path, problems).definition_hash() == package.definition_hash()


def test_a_package_without_profiles_has_empty_ones(tmp_path: Path) -> None:
    write_package(small_package(), tmp_path)
    assert _read(tmp_path).profiles == Profiles()


def test_each_mistake_is_placed_in_its_file_and_line(tmp_path: Path) -> None:
    write_package(small_package(), tmp_path, PROFILES)
    (tmp_path / "candidates.csv").write_text(
        "contest,choice,person,name,sex\npresident,01,,Siti,female\npresident,09,1,Budi,x\n"
    )
    (tmp_path / "party_profiles.csv").write_text("party,colour\nP9,#0B6623\n")
    found = _read(tmp_path)
    assert found.profiles == Profiles()
    assert [str(problem).split(";")[0] for problem in found.problems] == [
        "candidates.csv:3: sex: 'x' is not one of male, female",
        "candidates.csv:3: choice: '09' is not a choice of contest 'president' of choices.csv",
        "party_profiles.csv:2: party: 'P9' is not a party of parties.csv",
    ]


def test_a_file_that_is_not_text_is_one_problem(tmp_path: Path) -> None:
    write_package(small_package(), tmp_path, PROFILES)
    (tmp_path / "candidates.csv").write_bytes(b"contest,choice,name\n\xff\n")
    assert [(each.file, each.line) for each in _read(tmp_path).problems] == [("candidates.csv", 2)]


def test_a_definition_that_is_not_what_was_checked_is_refused(tmp_path: Path) -> None:
    write_package(small_package(), tmp_path, PROFILES)
    (tmp_path / "parties.csv").write_text("id\nP1\n")
    with pytest.raises(PackageError, match=r"parties\.csv"):
        _read(tmp_path)
    with pytest.raises(UnreadablePackageError):
        _read(tmp_path / "nowhere")


def test_the_stamp_changes_with_a_file_of_profiles_alone(tmp_path: Path) -> None:
    write_package(small_package(), tmp_path)
    before = profiles_stamp(tmp_path)
    (tmp_path / "README").write_text("x")
    assert profiles_stamp(tmp_path) == before
    write_package(small_package(), tmp_path, PROFILES)
    assert profiles_stamp(tmp_path) != before
    (tmp_path / "package.zip").write_bytes(pack(tmp_path))
    assert profiles_stamp(tmp_path / "package.zip")[0] is not None
