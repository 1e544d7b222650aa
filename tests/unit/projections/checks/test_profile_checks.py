"""Profiles name contests, choices and parties of the package, each once."""

from __future__ import annotations

from projections.checks.lookups import SUGGESTIONS_MAX
from projections.checks.profile_checks import profile_problems
from projections.definition.compiled import Definition
from schemas.definition.problems import Problem
from schemas.definition.profiles import Candidate, PartyProfile, Profiles
from tests.support.small_election import small_package

BALLOTS = Definition.of(small_package()).ballots
PARTIES = {"P1", "P2"}


def _candidate(contest: str = "president", choice: str = "01", person: int = 1) -> Candidate:
    return Candidate(contest=contest, choice=choice, person=person, name="A")


def _problems(*candidates: Candidate, parties: tuple[str, ...] = ()) -> list[Problem]:
    profiles = Profiles(candidates, tuple(PartyProfile(party=party) for party in parties))
    return profile_problems(BALLOTS, PARTIES, profiles)


def test_a_pair_has_two_persons_and_a_party_one_row() -> None:
    pair = (_candidate(), _candidate(person=2), _candidate("council-a", "P1-1"))
    assert _problems(*pair, parties=("P1", "P2")) == []


def test_each_mistake_names_its_row_and_column() -> None:
    found = _problems(
        _candidate("presiden"),
        _candidate(choice="1"),
        _candidate("council-a", "P1-0"),
        _candidate(),
        _candidate(),
        parties=("P1", "P3", "P1"),
    )
    assert found == [
        Problem("candidates", 0, "contest", "'presiden' is not a contest of contests.csv; did you mean 'president'?"),
        Problem(
            "candidates", 1, "choice", "'1' is not a choice of contest 'president' of choices.csv; did you mean '01'?"
        ),
        Problem("candidates", 2, "choice", "'P1-0' is a choice of kind `party`, which has no persons"),
        Problem("candidates", 4, "person", "person 1 of choice '01' of contest 'president' is given twice"),
        Problem("party_profiles", 1, "party", "'P3' is not a party of parties.csv"),
        Problem("party_profiles", 2, "party", "party 'P1' is given twice"),
    ]


def test_a_wrong_column_of_thousands_of_rows_is_suggested_for_a_few() -> None:
    found = _problems(*(_candidate("presiden") for _ in range(SUGGESTIONS_MAX + 1)))
    assert [problem.sentence.endswith("?") for problem in found] == [True] * SUGGESTIONS_MAX + [False]
