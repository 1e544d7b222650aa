"""The rows of the tables that have profiles (schemas/tables/register.py): parties, and the persons of candidates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from schemas.definition.package import Choice, ChoiceKind, Party
from schemas.definition.profiles import Candidate, PartyProfile

Row = tuple[Any, ...]


class UnfitProfileError(ValueError):
    """A row of the profiles is about what the package does not have, or is given twice; the message names it."""


class _Described(NamedTuple):
    contest: int
    choice: int
    person: int


def party_rows(parties: Iterable[Party], profiles: Iterable[PartyProfile]) -> Iterator[Row]:
    """A row for each party, in their order. Raises UnfitProfileError."""
    profile_of: dict[str, PartyProfile] = {}
    for profile in profiles:
        if profile.party in profile_of:
            raise UnfitProfileError(f"party {profile.party!r} is given twice")
        profile_of[profile.party] = profile
    for party in parties:
        own = profile_of.pop(party.id, None) or PartyProfile(party=party.id)
        yield party.id, party.name, party.short_name, party.number, own.web, own.logo, own.colour
    for unknown in profile_of:
        raise UnfitProfileError(f"there is no party {unknown!r}")


def candidate_rows(definition: Definition, candidates: Iterable[Candidate]) -> Iterator[Row]:
    """A row for each person of the list, in its order, and then one for each candidate on a ballot whom the list does not
    describe. In memory are three numbers a person. Raises UnfitProfileError."""
    described: set[_Described] = set()
    for candidate in candidates:
        contest, choice = _on_ballot(definition, candidate)
        key = _Described(contest.number, contest.choice_index[choice.id], candidate.person)
        if key in described:
            raise UnfitProfileError(f"person {candidate.person} of {contest.id}/{choice.id} is given twice")
        described.add(key)
        yield _row(contest, choice, candidate)
    choices = {each[:2] for each in described}
    for contest in definition.ballots.contests:
        for index, choice in enumerate(contest.ballot):
            if choice.kind is ChoiceKind.CANDIDATE and (contest.number, index) not in choices:
                yield _row(contest, choice, None)


def rows_of_lines(lines: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The rows of candidates as they are listed (projections/shown/profiles.py)."""
    return list(chain.from_iterable(map(_rows_of_line, lines)))


def row_of_party_line(line: Mapping[str, Any]) -> Row:
    """The row of a party as it is listed."""
    return tuple(line[name] for name in ("party", "name", "short_name", "number", "web", "logo", "colour"))


def _rows_of_line(line: Mapping[str, Any]) -> Iterator[Row]:
    nobody = {"person": 1, **dict.fromkeys(("name", "sex", "residence", "photo", "web"))}
    for person in line["persons"] or [nobody]:
        yield (
            line["contest"],
            line["choice"],
            *(person[name] for name in ("person", "name", "sex", "residence", "photo", "web")),
            line["name"],
            *(line[name] for name in ("party", "office", "electorate", "order")),
        )


def _on_ballot(definition: Definition, candidate: Candidate) -> tuple[ContestEntry, Choice]:
    number = definition.ballots.contest_number.get(candidate.contest)
    if number is None:
        raise UnfitProfileError(f"there is no contest {candidate.contest!r}")
    contest = definition.ballots.contests[number]
    index = contest.choice_index.get(candidate.choice)
    if index is None or contest.ballot[index].kind is not ChoiceKind.CANDIDATE:
        raise UnfitProfileError(f"contest {contest.id!r} has no candidate {candidate.choice!r}")
    return contest, contest.ballot[index]


def _row(contest: ContestEntry, choice: Choice, person: Candidate | None) -> Row:
    about: Row = (1, None, None, None, None, None)
    if person is not None:
        sex = None if person.sex is None else person.sex.value
        about = person.person, person.name, sex, person.residence, person.photo, person.web
    on_ballot = choice.name, choice.party, contest.office, contest.contest.electorate, choice.order
    return contest.id, choice.id, *about, *on_ballot
