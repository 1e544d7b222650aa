"""What is voted on: offices, their contests, and the ballot of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from projections.definition.electorates import Electorates
from schemas.codes import ContestId, OfficeId
from schemas.definition.package import BlankBallots, Choice, Contest, ElectionPackage, Method, Office

NO_PARTY = "-"
"""The line of votes for choices without a party. No party can have this id (schemas/codes.py)."""


@dataclass(frozen=True, slots=True)
class ContestEntry:
    """A contest with its ballot. `number` is its index in the package and in every dense table of the definition."""

    number: int
    id: ContestId
    contest: Contest
    office: OfficeId
    office_number: int
    root_area: int
    """The smallest area that holds the whole electorate. The tally of this area is the contest's total."""
    ballot: tuple[Choice, ...]
    """The choices, in the order of the ballot."""
    choices: tuple[str, ...]
    """Ids of the choices."""
    choice_index: dict[str, int]
    choice_line: tuple[int, ...]
    """Index in OfficeEntry.lines of each choice's line."""
    choices_of_party: dict[str, tuple[str, ...]]
    counts_blank: bool
    """Whether blank ballots are counted apart."""
    votes_per_ballot: int
    """Copy of `contest.votes_per_ballot`, because it is read for every form."""

    @property
    def leaders_max(self) -> int:
        """The most choices that are shown as leading: the number of seats, if the seats go to the choices with the most votes;
        1 if seats are shared out among parties, because the order of the choices does not show who wins them."""
        return 1 if self.contest.method is Method.SAINTE_LAGUE else self.contest.seats


@dataclass(frozen=True, slots=True)
class OfficeEntry:
    number: int
    id: OfficeId
    office: Office
    contests: tuple[int, ...]
    lines: tuple[str, ...]
    """Lines of the office's sums: the parties with a choice in any contest of the office, in the package's order; and NO_PARTY,
    last, where some choice has no party, so that the lines add up to the votes."""

    @property
    def parties(self) -> tuple[str, ...]:
        return tuple(line for line in self.lines if line != NO_PARTY)

    @property
    def counts_blank(self) -> bool:
        return self.office.blank_ballots is BlankBallots.APART


@dataclass(frozen=True, eq=False)
class Ballots:
    """Offices and contests, each at the index that is its number."""

    offices: tuple[OfficeEntry, ...]
    contests: tuple[ContestEntry, ...]

    @classmethod
    def of(cls, package: ElectionPackage, electorates: Electorates) -> Ballots:
        ballots: dict[str, list[Choice]] = {contest.id: [] for contest in package.contests}
        for choice in sorted(package.choices, key=lambda choice: choice.order):
            ballots[choice.contest].append(choice)
        offices = _offices(package, ballots)
        office_of = {office.id: office for office in offices}
        contests = (
            _contest(number, contest, office_of[OfficeId(contest.office)], tuple(ballots[contest.id]), root_area)
            for number, contest in enumerate(package.contests)
            for root_area in (electorates.smallest_area(number),)
        )
        return cls(offices, tuple(contests))

    def contest(self, contest: str) -> ContestEntry:
        """The contest of this id. Raises KeyError."""
        return self.contests[self.contest_number[contest]]

    def office(self, office: str) -> OfficeEntry:
        """The office of this id. Raises KeyError."""
        return self.offices[self.office_number[office]]

    @cached_property
    def office_number(self) -> dict[str, int]:
        return {entry.id: entry.number for entry in self.offices}

    @cached_property
    def contest_number(self) -> dict[str, int]:
        return {entry.id: entry.number for entry in self.contests}

    @cached_property
    def tally_bytes(self) -> tuple[int, ...]:
        """The largest size, about, of one published tally of each contest as JSON, which has all votes four times."""
        return tuple(2_000 + 4 * sum(len(choice) + 15 for choice in entry.choices) for entry in self.contests)


def _offices(package: ElectionPackage, ballots: dict[str, list[Choice]]) -> tuple[OfficeEntry, ...]:
    contests: dict[str, list[int]] = {office.id: [] for office in package.offices}
    parties: dict[str, set[str | None]] = {office.id: set() for office in package.offices}
    for number, contest in enumerate(package.contests):
        contests[contest.office].append(number)
        parties[contest.office].update(choice.party for choice in ballots[contest.id])

    def lines(office: str) -> tuple[str, ...]:
        named = (party.id for party in package.parties if party.id in parties[office])
        return (*named, NO_PARTY) if None in parties[office] else tuple(named)

    return tuple(
        OfficeEntry(number, OfficeId(office.id), office, tuple(contests[office.id]), lines(office.id))
        for number, office in enumerate(package.offices)
    )


def _contest(
    number: int, contest: Contest, office: OfficeEntry, ballot: tuple[Choice, ...], root_area: int
) -> ContestEntry:
    by_party: dict[str, list[str]] = {}
    for choice in ballot:
        if choice.party is not None:
            by_party.setdefault(choice.party, []).append(choice.id)
    return ContestEntry(
        number=number,
        id=ContestId(contest.id),
        contest=contest,
        office=office.id,
        office_number=office.number,
        root_area=root_area,
        ballot=ballot,
        choices=tuple(choice.id for choice in ballot),
        choice_index={choice.id: index for index, choice in enumerate(ballot)},
        choice_line=tuple(office.lines.index(NO_PARTY if choice.party is None else choice.party) for choice in ballot),
        choices_of_party={party: tuple(ids) for party, ids in by_party.items()},
        counts_blank=office.counts_blank,
        votes_per_ballot=contest.votes_per_ballot,
    )
