"""Parties and candidates as rows: each candidate of each ballot has one, described or not, in files and in lists the same."""

from __future__ import annotations

import pytest

from projections.definition.compiled import Definition
from projections.shown.profiles import CandidateFilters, ProfileIndex
from projections.tables.profile_rows import (
    UnfitProfileError,
    candidate_rows,
    party_rows,
    row_of_party_line,
    rows_of_lines,
)
from schemas.definition.profiles import Candidate, PartyProfile, Profiles, Sex
from schemas.tables.register import CANDIDATES, PARTIES
from tests.support.small_election import small_package

PACKAGE = small_package()
DEFINITION = Definition.of(PACKAGE)
CONTEST = DEFINITION.ballots.contest
SITI = Candidate(contest="president", choice="01", name="Siti", sex=Sex.FEMALE, residence="Sleman")
BUDI = Candidate(contest="president", choice="01", person=2, name="Budi", web="https://kpu.example/2")
AYU = Candidate(contest="council-b", choice="P2-1", name="Ayu", photo="https://kpu.example/a.jpg")
PROFILES = Profiles((AYU, SITI, BUDI), (PartyProfile(party="P2", colour="#0B6623"),))
ON_BALLOT = ("Pair 1", None, "president", "N", 1)


def test_each_person_has_a_row_and_then_each_candidate_whom_nobody_describes() -> None:
    rows = list(candidate_rows(DEFINITION, PROFILES.candidates))
    assert rows[:3] == [
        (
            "council-b",
            "P2-1",
            1,
            "Ayu",
            None,
            None,
            "https://kpu.example/a.jpg",
            None,
            "P2 1",
            "P2",
            "council",
            "b",
            11,
        ),
        ("president", "01", 1, "Siti", "female", "Sleman", None, None, *ON_BALLOT),
        ("president", "01", 2, "Budi", None, None, None, "https://kpu.example/2", *ON_BALLOT),
    ]
    assert [row[:4] for row in rows[3:]] == [
        ("president", "02", 1, None),
        ("president", "03", 1, None),
        *(
            (f"council-{of}", f"{party}-1", 1, None)
            for of in "abc"
            for party in ("P1", "P2")
            if (of, party) != ("b", "P2")
        ),
    ]
    assert {len(row) for row in rows} == {len(CANDIDATES.columns)}


def test_the_lines_of_a_list_are_the_same_rows() -> None:
    index = ProfileIndex(DEFINITION, PROFILES, PACKAGE.parties, PACKAGE.districts)
    lines = index.candidates(CandidateFilters(), None, 100).lines
    assert sorted(rows_of_lines(lines), key=str) == sorted(candidate_rows(DEFINITION, PROFILES.candidates), key=str)
    parties = index.parties().lines
    assert list(map(row_of_party_line, parties)) == list(party_rows(PACKAGE.parties, PROFILES.party_profiles))


def test_a_party_has_its_profile_or_nothing() -> None:
    rows = list(party_rows(PACKAGE.parties, PROFILES.party_profiles))
    assert [(row[0], row[-1]) for row in rows] == [("P1", None), ("P2", "#0B6623")]
    assert {len(row) for row in rows} == {len(PARTIES.columns)}


@pytest.mark.parametrize(
    ("candidate", "sentence"),
    [
        (Candidate(contest="none", choice="01", name="X"), "there is no contest 'none'"),
        (Candidate(contest="president", choice="09", name="X"), "contest 'president' has no candidate '09'"),
        (Candidate(contest="council-a", choice="P1-0", name="X"), "contest 'council-a' has no candidate 'P1-0'"),
        (SITI, "person 1 of president/01 is given twice"),
    ],
)
def test_a_candidate_that_does_not_fit_is_named(candidate: Candidate, sentence: str) -> None:
    with pytest.raises(UnfitProfileError, match=sentence):
        list(candidate_rows(DEFINITION, [SITI, candidate]))


@pytest.mark.parametrize(
    ("parties", "sentence"),
    [(("P9",), "there is no party 'P9'"), (("P1", "P1"), "party 'P1' is given twice")],
)
def test_a_party_that_does_not_fit_is_named(parties: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(UnfitProfileError, match=sentence):
        list(party_rows(PACKAGE.parties, [PartyProfile(party=party) for party in parties]))
