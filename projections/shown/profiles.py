"""Answers about candidates, parties and electoral districts.

A choice that no profile describes is listed with what the ballot has, and `lacking` names what the register lacks. So a gap in
the register is visible and never looks like a fact.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import Any, NamedTuple

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.shown.folded_text import folded
from projections.shown.profile_completeness import PARTY_COLUMNS, ProfileCompleteness, lacking_columns
from schemas.definition.package import Choice, ChoiceKind, DistrictPart, Party
from schemas.definition.profiles import Candidate, PartyProfile, Profiles
from schemas.served.cursors import cursor_text

IN_ORDER = "ballot"
"""The order of a list that is not sorted: of contests and ballots, or of the package's table."""
_BETWEEN_NAMES = " \n "
LOOKED_AT_MAX = 20_000
"""Candidates that are compared with the filters for one page, by a thread, in 20 ms. At double, it takes the interpreter from
others for 40 ms; at half, a search in a nation's 153,603 candidates needs sixteen pages."""
WORDS_MAX = 8
"""Words of a name that is looked for; further ones are ignored, as in a search."""


class CandidateFilters(NamedTuple):
    """Which candidates are listed; None is all."""

    contests: Collection[int] | None = None
    party: str | None = None
    name: str | None = None
    """Words that the names contain, whatever their case and accents."""
    lacking: str | None = None
    """What the register lacks of them: a column, or `persons`."""


class ProfilePage(NamedTuple):
    lines: list[dict[str, Any]]
    last: tuple[str, ...] | None
    """Ids of what the next page begins after; None on the last page."""


def page_answer(page: ProfilePage, name: str, sort: str) -> dict[str, Any]:
    """A page as it is answered. `name` is what is listed, `sort` the order of the list."""
    return {name: page.lines, "next": None if page.last is None else cursor_text([sort, *page.last])}


class ProfileIndex:
    """What the answers are looked up in. Making it takes seconds for a nation; afterwards it never changes."""

    def __init__(
        self,
        definition: Definition,
        profiles: Profiles,
        parties: tuple[Party, ...],
        districts: tuple[DistrictPart, ...],
    ) -> None:
        self._definition = definition
        self.digest = profiles.digest()
        self._persons: dict[tuple[str, str], list[Candidate]] = {}
        for candidate in sorted(profiles.candidates, key=lambda each: each.person):
            self._persons.setdefault((candidate.contest, candidate.choice), []).append(candidate)
        self._parties = {party.id: party for party in parties}
        self.short_names = {party.id: party.short_name or party.name for party in parties}
        self._party_profiles = {profile.party: profile for profile in profiles.party_profiles}
        self._districts: dict[str, list[DistrictPart]] = {}
        for part in districts:
            self._districts.setdefault(part.district, []).append(part)
        contests = definition.ballots.contests
        self._candidates = [[each for each in entry.ballot if each.kind is ChoiceKind.CANDIDATE] for entry in contests]
        self._first = [0, *accumulate(map(len, self._candidates))]
        """Number of each contest's first candidate, in the order of contests and ballots."""
        self._folded = [self._folded_names(entry, choice) for entry, choice in self._in_order()]
        self._by_name = array("I", sorted(range(len(self._folded)), key=self._name_key))
        self._contests_of_electorate: dict[str, list[ContestEntry]] = {}
        for entry in contests:
            self._contests_of_electorate.setdefault(entry.contest.electorate, []).append(entry)
        self._candidates_of_party: dict[str, int] = {}
        self._offices_of_party: dict[str, dict[str, None]] = {}
        for entry in contests:
            for choice in entry.ballot:
                if choice.party is not None:
                    self._offices_of_party.setdefault(choice.party, {})[entry.office] = None
                    is_candidate = choice.kind is ChoiceKind.CANDIDATE
                    self._candidates_of_party[choice.party] = (
                        self._candidates_of_party.get(choice.party, 0) + is_candidate
                    )
        profiles_of_parties = [self._party_profiles.get(party) for party in self._parties]
        self._completeness = ProfileCompleteness(definition, self._candidates, self._persons, profiles_of_parties)

    def _in_order(self) -> Iterator[tuple[ContestEntry, Choice]]:
        for entry in self._definition.ballots.contests:
            for choice in self._candidates[entry.number]:
                yield entry, choice

    def _folded_names(self, entry: ContestEntry, choice: Choice) -> str:
        persons = self._persons.get((entry.id, choice.id), ())
        return folded(_BETWEEN_NAMES.join([choice.name, *(person.name for person in persons)]))

    # -- candidates ------------------------------------------------------------------------------------------------

    def candidate(self, contest: ContestEntry, choice: str) -> dict[str, Any] | None:
        """A choice with the persons who are its candidates; None where the contest has no such candidate."""
        index = contest.choice_index.get(choice)
        if index is None or contest.ballot[index].kind is not ChoiceKind.CANDIDATE:
            return None
        return self._candidate(contest, contest.ballot[index])

    def candidates(
        self, filters: CandidateFilters, after: tuple[ContestEntry, str] | None, limit: int, *, by_name: bool = False
    ) -> ProfilePage:
        """A page in the order of contests and ballots, or by name, which begins after a candidate. A page may have fewer than
        `limit` though more follow, because at most LOOKED_AT_MAX are compared. Raises LookupError where there is no such
        candidate."""
        order = self._order(filters.contests, by_name=by_name)
        begin = 0
        if after is not None:
            key = self._name_key if by_name else _same
            begin = bisect_right(order, key(self._number(*after)), key=key)
        words = list(dict.fromkeys(folded(filters.name or "").split()))[:WORDS_MAX]
        lines: list[dict[str, Any]] = []
        at = begin
        while at < min(len(order), begin + LOOKED_AT_MAX) and len(lines) < limit:
            contest, choice = self._at(order[at])
            if self._passes(filters, words, order[at], contest, choice):
                lines.append(self._candidate(contest, choice))
            at += 1
        last = None
        if at < len(order):
            contest, choice = self._at(order[at - 1])
            last = contest.id, choice.id
        return ProfilePage(lines, last)

    def _order(self, contests: Collection[int] | None, *, by_name: bool) -> Sequence[int]:
        """Numbers of candidates in the order of a list; of some contests alone where that is quicker than to compare all."""
        everything: Sequence[int] = self._by_name if by_name else range(len(self._folded))
        if contests is None:
            return everything
        ranges = [range(self._first[each], self._first[each + 1]) for each in sorted(contests)]
        if sum(map(len, ranges)) > LOOKED_AT_MAX:
            return everything
        numbers = [*chain.from_iterable(ranges)]
        return sorted(numbers, key=self._name_key) if by_name else numbers

    def _passes(
        self, filters: CandidateFilters, words: Iterable[str], number: int, contest: ContestEntry, choice: Choice
    ) -> bool:
        return (
            (filters.contests is None or contest.number in filters.contests)
            and (filters.party is None or choice.party == filters.party)
            and all(word in self._folded[number] for word in words)
            and (
                filters.lacking is None
                or filters.lacking in lacking_columns(self._persons.get((contest.id, choice.id), []))
            )
        )

    def _number(self, contest: ContestEntry, choice: str) -> int:
        """Raises LookupError."""
        for number, each in enumerate(self._candidates[contest.number], self._first[contest.number]):
            if each.id == choice:
                return number
        raise LookupError(f"There is no candidate {contest.id}/{choice} in this election.")

    def _name_key(self, number: int) -> tuple[str, int]:
        """The name on the ballot as it is compared; candidates with the same name are in the order of ballots."""
        return self._folded[number].partition(_BETWEEN_NAMES)[0], number

    def _at(self, number: int) -> tuple[ContestEntry, Choice]:
        contest = bisect_right(self._first, number) - 1
        return self._definition.ballots.contests[contest], self._candidates[contest][number - self._first[contest]]

    def _candidate(self, contest: ContestEntry, choice: Choice) -> dict[str, Any]:
        persons = self._persons.get((contest.id, choice.id), [])
        return {
            "contest": contest.id,
            "choice": choice.id,
            "name": choice.name,
            "order": choice.order,
            "office": contest.office,
            "electorate": contest.contest.electorate,
            "party": choice.party,
            "persons": [
                {
                    "person": each.person,
                    "name": each.name,
                    "sex": each.sex and each.sex.value,
                    "residence": each.residence,
                    "photo": each.photo,
                    "web": each.web,
                }
                for each in persons
            ],
            "lacking": lacking_columns(persons),
            "links": {
                "self": f"/v1/candidates/{contest.id}/{choice.id}",
                "result": f"/v1/contests/{contest.id}",
                "party": None if choice.party is None else f"/v1/parties/{choice.party}",
                "finance": self._finance(f"/v1/finance/candidates/{contest.id}/{choice.id}"),
            },
        }

    def _finance(self, path: str) -> str | None:
        """The path of finance reports; None where the package does not describe campaign finance."""
        return None if self._definition.election.finance is None else path

    # -- parties ---------------------------------------------------------------------------------------------------

    def party(self, party: str) -> dict[str, Any] | None:
        found = self._parties.get(party)
        if found is None:
            return None
        profile = self._party_profiles.get(party) or PartyProfile(party=party)
        return {
            "party": found.id,
            "name": found.name,
            "short_name": found.short_name,
            "number": found.number,
            "web": profile.web,
            "logo": profile.logo,
            "colour": profile.colour,
            "lacking": [column for column in PARTY_COLUMNS if getattr(profile, column) is None],
            "offices": list(self._offices_of_party.get(party, ())),
            "candidates": self._candidates_of_party.get(party, 0),
            "links": {
                "self": f"/v1/parties/{party}",
                "candidates": f"/v1/candidates?party={party}",
                "finance": self._finance(f"/v1/finance?party={party}"),
            },
        }

    def parties(
        self,
        after: str | None = None,
        limit: int | None = None,
        *,
        name: str | None = None,
        office: str | None = None,
        by_name: bool = False,
    ) -> ProfilePage:
        """A page of the parties in the package's order, or by name: those whose names contain these words, and for which there
        is a choice in this office. Raises LookupError where there is no such party to begin after."""
        lines = {id: line for id in self._parties if (line := self.party(id)) is not None}
        ids = list(lines)
        if by_name:
            ids.sort(key=lambda id: folded(lines[id]["name"]))
        words = folded(name or "").split()
        names = {id: folded(" ".join(texts)) for id, texts in self.party_names.items()}

        def passes(id: str) -> bool:
            return all(word in names[id] for word in words) and (office is None or office in lines[id]["offices"])

        page, last = _page(ids, passes, after, limit)
        return ProfilePage([lines[id] for id in page], last)

    # -- electoral districts ---------------------------------------------------------------------------------------

    def district(self, district: str) -> dict[str, Any] | None:
        parts = self._districts.get(district)
        if parts is None:
            return None
        return {
            "district": district,
            "name": parts[0].name,
            "areas": [part.area for part in parts],
            "contests": [
                {
                    "contest": entry.id,
                    "office": entry.office,
                    "seats": entry.contest.seats,
                    "links": {
                        "result": f"/v1/contests/{entry.id}",
                        "candidates": f"/v1/candidates?contest={entry.id}",
                        "map": f"/v1/maps/offices/{entry.office}.geojson",
                    },
                }
                for entry in self._contests_of_electorate.get(district, ())
            ],
            "links": {"self": f"/v1/districts/{district}"},
        }

    def districts(self, after: str | None = None, limit: int | None = None) -> ProfilePage:
        """A page of the electoral districts in the package's order. Raises LookupError where there is no such district to begin
        after."""
        page, last = _page(list(self._districts), lambda _: True, after, limit)
        return ProfilePage([line for id in page if (line := self.district(id)) is not None], last)

    @property
    def party_names(self) -> dict[str, list[str]]:
        """The names of each party: in full, and its short name where it has one."""
        return {
            party.id: [party.name, *([] if party.short_name is None else [party.short_name])]
            for party in self._parties.values()
        }

    def has_party(self, party: str) -> bool:
        return party in self._parties

    def completeness(self, area: int) -> dict[str, Any]:
        return {"profiles": self.digest, **self._completeness.answer(area)}


def _page(
    ids: list[str], passes: Callable[[str], bool], after: str | None, limit: int | None
) -> tuple[list[str], tuple[str] | None]:
    """The ids after this one that pass, and the last of them where more follow. Raises LookupError."""
    begin = 0
    if after is not None:
        if after not in ids:
            raise LookupError(f"There is no {after!r} in this list.")
        begin = ids.index(after) + 1
    found = [id for id in ids[begin:] if passes(id)]
    page = found[:limit]
    return page, (page[-1],) if len(page) < len(found) else None


def _same(number: int) -> int:
    return number
