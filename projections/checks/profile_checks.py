"""What is wrong with the profiles of a package: rows that name what the package does not have, or the same person twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from projections.checks.lookups import CONTEST, PARTY, SUGGESTIONS_MAX, Kind, did_you_mean, nearest
from projections.definition.ballots import Ballots
from schemas.definition.package import ChoiceKind
from schemas.definition.problems import Problem, ProblemList
from schemas.definition.profiles import Profiles


def profile_problems(ballots: Ballots, parties: Collection[str], profiles: Profiles) -> list[Problem]:
    """All problems in the order of the tables; the list is bounded (schemas/definition/problems.py)."""
    check = _Check()
    _check_candidates(check, ballots, profiles)
    _check_parties(check, parties, profiles)
    return check.found.closed()


class _Check:
    def __init__(self) -> None:
        self.found = ProblemList()
        self._suggested = 0

    def unknown(self, code: str, kind: Kind, known: Iterable[str]) -> str:
        self._suggested += 1
        hint = did_you_mean(nearest(code, known)) if self._suggested <= SUGGESTIONS_MAX else ""
        return f"{code!r} is not {kind.one} of {kind.table}{hint}"


def _check_candidates(check: _Check, ballots: Ballots, profiles: Profiles) -> None:
    seen: set[tuple[str, str, int]] = set()
    for row, candidate in enumerate(profiles.candidates):
        number = ballots.contest_number.get(candidate.contest)
        if number is None:
            sentence = check.unknown(candidate.contest, CONTEST, ballots.contest_number)
            check.found.add("candidates", row, "contest", sentence)
            continue
        entry = ballots.contests[number]
        index = entry.choice_index.get(candidate.choice)
        if index is None:
            choice = Kind(f"a choice of contest {entry.id!r}", "choices.csv")
            check.found.add("candidates", row, "choice", check.unknown(candidate.choice, choice, entry.choices))
        elif entry.ballot[index].kind is not ChoiceKind.CANDIDATE:
            sentence = f"{candidate.choice!r} is a choice of kind `{entry.ballot[index].kind}`, which has no persons"
            check.found.add("candidates", row, "choice", sentence)
        key = candidate.contest, candidate.choice, candidate.person
        if key in seen:
            person = f"person {candidate.person} of choice {candidate.choice!r} of contest {candidate.contest!r}"
            check.found.add("candidates", row, "person", f"{person} is given twice")
        seen.add(key)


def _check_parties(check: _Check, parties: Collection[str], profiles: Profiles) -> None:
    seen: set[str] = set()
    for row, profile in enumerate(profiles.party_profiles):
        if profile.party not in parties:
            check.found.add("party_profiles", row, "party", check.unknown(profile.party, PARTY, parties))
        if profile.party in seen:
            check.found.add("party_profiles", row, "party", f"party {profile.party!r} is given twice")
        seen.add(profile.party)
