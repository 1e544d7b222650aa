"""The package of KPU's list of candidates of 2024: real numbers of the province, and mistakes named with file and line."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from projections.checks.package_checks import problems
from projections.checks.profile_checks import profile_problems
from projections.definition.compiled import Definition
from projections.shown.profiles import CandidateFilters, ProfileIndex
from rekap.elections.importers.kpu_2024_candidates import CANDIDATES, CandidateList, read
from rekap.elections.importers.source_rows import SourceFileError
from runtime.package.profiles import read_profiles
from runtime.package.reading import load_package
from runtime.package.writing import write_package
from schemas.definition.package import ChoiceKind
from tests.support.shared_data import CANDIDATES_2024, needs_candidates_2024

pytestmark = needs_candidates_2024

SEATS = {"dpr": 8, "dpd": 4, "dprd-prov": 55, "dprd-kabko": 40 + 45 + 45 + 50 + 40}
"""Seats of the province, of which the list states none."""


@pytest.fixture(scope="module")
def imported() -> CandidateList:
    return read(CANDIDATES_2024)


def test_the_package_has_every_candidate_and_no_problem(imported: CandidateList) -> None:
    package, profiles = imported.package, imported.profiles
    assert problems(package) == []
    definition = Definition.of(package)
    assert profile_problems(definition.ballots, definition.parties, profiles) == []
    of_ballots = [choice for choice in package.choices if choice.kind is ChoiceKind.CANDIDATE]
    assert len(profiles.candidates) == len(of_ballots) == 3_440
    assert Counter(each.sex and each.sex.value for each in profiles.candidates) == {"male": 1_997, "female": 1_443}
    assert len(package.contests) == 36
    assert len(package.parties) == 24


def test_seats_that_follow_from_the_longest_lists_are_those_of_the_councils(imported: CandidateList) -> None:
    seats: Counter[str] = Counter()
    for contest in imported.package.contests:
        seats[contest.office] += contest.seats
    assert seats == SEATS


def test_each_district_votes_once_for_each_office(imported: CandidateList) -> None:
    definition = Definition.of(imported.package)
    assert len(definition.stations.codes) == 78
    for station in range(78):
        contests = [
            definition.ballots.contests[number] for number in definition.electorates.contests_of_station(station)
        ]
        assert sorted(contest.office for contest in contests) == sorted(SEATS)


def test_a_written_package_is_read_again_and_its_completeness_is_counted(
    imported: CandidateList, tmp_path: Path
) -> None:
    write_package(imported.package, tmp_path / "diy", imported.profiles)
    package = load_package(tmp_path / "diy", problems)
    assert package.definition_hash() == imported.package.definition_hash()
    definition = Definition.of(package)
    found = read_profiles(
        tmp_path / "diy",
        lambda parties, profiles: profile_problems(definition.ballots, {party.id for party in parties}, profiles),
    )
    assert found.problems == ()
    index = ProfileIndex(definition, found.profiles, found.parties, found.districts)
    complete = index.completeness(definition.tree.root)
    columns = {"sex": 3_440, "residence": 0, "photo": 0, "web": 0}
    assert complete["candidates"] == {"area": "34", "expected": 3_440, "described": 3_440, "columns": columns}
    assert {each["area"]: each["expected"] for each in complete["children"]} == {
        "34.01": 121 + 92 + 74 + 77 + 72 + 85,
        "34.02": 103 + 93 + 78 + 99 + 89 + 90 + 82 + 74,
        "34.03": 110 + 98 + 112 + 110 + 100 + 133,
        "34.04": 83 + 94 + 112 + 100 + 112 + 105 + 113 + 97,
        "34.71": 111 + 87 + 99 + 72 + 124 + 94,
    }
    page = index.candidates(CandidateFilters(name="cinde laras"), None, 10)
    assert [(line["contest"], line["party"]) for line in page.lines] == [("dpd-34", None)]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(CANDIDATES_2024, tmp_path / "list", copy_function=shutil.copyfile))


@pytest.mark.parametrize(
    ("name", "old", "new", "sentence"),
    [
        (
            CANDIDATES,
            "dpr,3401,1,",
            "dpx,3401,1,",
            f"{CANDIDATES}:2: level: expected one of dpr, dpd, dprdprov, dprdkk, got 'dpx'",
        ),
        (
            CANDIDATES,
            "dpr,3401,1,",
            "dpr,3999,1,",
            f"{CANDIDATES}:2: kode_dapil_or_prov: expected an electoral district of",
        ),
        (
            CANDIDATES,
            "dpr,3401,1,",
            "dpr,3401,99,",
            f"{CANDIDATES}:2: partai_no: expected a party of parties_2024.csv, got '99'",
        ),
        (CANDIDATES, "dpr,3401,1,", "dpr,3401,one,", f"{CANDIDATES}:2: partai_no: expected a number, got 'one'"),
        (CANDIDATES, 'S.E.",L', 'S.E.",X', f"{CANDIDATES}:2: jk: expected L or P, got 'X'"),
        (CANDIDATES, 'S.E.",L', 'S.E.",L,more', f"{CANDIDATES}:2: a cell too many or too few"),
        (CANDIDATES, "nomor_urut", "nomor", f"{CANDIDATES}: there is no column 'nomor_urut'"),
        (
            "dapil_diy_2024.csv",
            ",3401,Kab",
            ",3509,Kab",
            "dapil_diy_2024.csv:2: kode_wilayah: expected an area of DI Yogyakarta, got '3509'",
        ),
    ],
)
def test_a_mistake_in_a_file_is_named(copy: Path, name: str, old: str, new: str, sentence: str) -> None:
    file = copy / name
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SourceFileError) as caught:
        read(copy)
    assert str(caught.value).startswith(sentence)
