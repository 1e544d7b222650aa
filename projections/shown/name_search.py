"""Search by name over areas, stations, parties and candidates, without regard to case and accents.

A question is a few words, each the beginning of a word of the name; a number is a whole number. A station has few words of its
own ("TPS 005"), so words of its areas count too: "menteng tps 5" finds TPS 005 in Menteng. A code is found whole.

The index has each word of the names of areas, parties and candidates once, sorted, with the numbers of the entries that have
the word. A question compares the entries of its rarest word, LOOKED_AT_MAX at most, so it costs the same in any nation.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from projections.definition.compiled import Definition
from projections.shown.folded_text import folded
from schemas.definition.package import ChoiceKind

LOOKED_AT_MAX = 5_000
"""Entries, and stations, that are compared for one question, 3 µs each. At half, a common word finds fewer names; at double, a
question takes a thread 60 ms."""
AREA_COST = 5
"""How many stations an area counts as in which stations are looked for: the words of the areas above it are compared too."""
WORDS_MAX = 8
"""Words of a question; further ones are ignored. The longest names of areas have six."""
_LAST = "\U0010ffff"
_WORD = re.compile(r"[^\W_]+")


class NameFound(NamedTuple):
    kind: str
    """area, station, party or candidate."""
    code: str
    name: str | None
    within: list[str]
    link: str


class NamesFound(NamedTuple):
    found: list[NameFound]
    has_more: bool
    """Whether more names were found than are listed here and were skipped."""
    is_complete: bool
    """False where more names may fit than were compared, or than are listed."""


_Entry = tuple[str, Any]
"""Kind, and the number of an area, the id of a party, or contest and index of a choice."""


def words_of(text: str) -> list[str]:
    """The words of a name as they are compared. A number has no leading zeros."""
    return [word.lstrip("0") or "0" if word.isdecimal() else word for word in _WORD.findall(folded(text))]


class NameIndex:
    def __init__(self, definition: Definition, by_rank: Sequence[int], parties: Mapping[str, Sequence[str]]) -> None:
        """`by_rank`: the stations in the order of StationOrder. `parties`: the names of each, by its id."""
        self._definition = definition
        self._by_rank = by_rank
        self._parties = parties
        self._entries = list(self._all_entries())
        numbers: dict[str, array[int]] = {}
        for number, entry in enumerate(self._entries):
            for word in dict.fromkeys(self._words(entry)):
                numbers.setdefault(word, array("I")).append(number)
        self._vocabulary = sorted(numbers)
        self._numbers = [numbers[word] for word in self._vocabulary]

    def search(self, text: str, limit: int, *, kind: str | None = None, skip: int = 0) -> NamesFound:
        """What fits all words: a code first, then areas from the largest, parties, candidates, and stations; of one kind where
        it is given. The first `skip` of them are left out."""
        words = list(dict.fromkeys(words_of(text)))[:WORDS_MAX]
        found = [*self._with_code(text.strip())]
        is_complete = True
        if words and kind != "station":
            entries, is_complete = self._entries_with(words)
            of_kind = (entry for entry in entries if kind in (None, entry[0]))
            found += map(self._shown, islice(of_kind, skip + limit + 1))
        if words and kind in (None, "station"):
            stations, all_stations = self._stations_with(words, skip + limit + 1)
            found += map(self._station, stations)
            is_complete = is_complete and all_stations
        unique = list({(each.kind, each.code): each for each in found if kind in (None, each.kind)}.values())
        has_more = len(unique) > skip + limit
        return NamesFound(unique[skip : skip + limit], has_more, is_complete and not has_more)

    def _all_entries(self) -> Iterator[_Entry]:
        tree = self._definition.tree
        for area in sorted(range(len(tree.codes)), key=lambda area: (tree.level[area], tree.codes[area])):
            yield "area", area
        for party in self._parties:
            yield "party", party
        for contest in self._definition.ballots.contests:
            for index, choice in enumerate(contest.ballot):
                if choice.kind is ChoiceKind.CANDIDATE:
                    yield "candidate", (contest.number, index)

    def _words(self, entry: _Entry) -> list[str]:
        match entry:
            case ("area", int(area)):
                return words_of(self._definition.tree.names[area])
            case ("party", str(party)):
                return words_of(" ".join(self._parties[party]))
        contest, index = entry[1]
        return words_of(self._definition.ballots.contests[contest].ballot[index].name)

    # -- looking up ------------------------------------------------------------------------------------------------

    def _with_code(self, code: str) -> Iterator[NameFound]:
        area = self._definition.tree.number.get(code)
        if area is not None:
            yield self._shown(("area", area))
        station = self._definition.stations.number.get(code)
        if station is not None:
            yield self._station(station)

    def _entries_with(self, words: Sequence[str]) -> tuple[list[_Entry], bool]:
        numbers, is_complete = self._rarest(words)
        entries = (self._entries[number] for number in numbers)
        return [entry for entry in entries if _fits(words, self._words(entry))], is_complete

    def _stations_with(self, words: Sequence[str], limit: int) -> tuple[list[int], bool]:
        """Stations whose names have the words that the names of their areas do not have. They are looked for in the areas that
        have a word, with the rarest word first."""
        order = self._definition.stations.order
        found: dict[int, None] = {}
        """A station may be found by several words of its areas."""
        looked_at = 0
        is_complete = True
        of_each_word = (self._rarest([word]) for word in words)
        for numbers, has_all in sorted(of_each_word, key=lambda each: len(each[0])):
            is_complete = is_complete and has_all
            for kind, area in (self._entries[number] for number in numbers):
                if looked_at >= LOOKED_AT_MAX:
                    return list(found), False
                looked_at += AREA_COST
                rest = self._words_not_above(words, area) if kind == "area" else []
                if not rest:
                    continue
                for rank in range(order.first[area], order.end[area]):
                    if looked_at >= LOOKED_AT_MAX or len(found) == limit:
                        return list(found), False
                    looked_at += 1
                    station = self._by_rank[rank]
                    if _fits(rest, words_of(self._definition.stations.names[station] or "")):
                        found[station] = None
        return list(found), is_complete

    def _words_not_above(self, words: Sequence[str], area: int) -> list[str]:
        tree = self._definition.tree
        above = [word for each in tree.lineage[area] for word in words_of(tree.names[each])]
        return [word for word in words if not _fits([word], above)]

    def _rarest(self, words: Sequence[str]) -> tuple[list[int], bool]:
        """Numbers of the entries of that word which the fewest entries have, ascending; and whether these are all."""
        fewest = min((self._lists(word) for word in words), key=lambda lists: sum(map(len, lists)))
        numbers: set[int] = set()
        for each in fewest:
            if len(numbers) + len(each) > LOOKED_AT_MAX:
                numbers.update(each[: LOOKED_AT_MAX - len(numbers)])
                return sorted(numbers), False
            numbers.update(each)
        return sorted(numbers), True

    def _lists(self, word: str) -> list[array[int]]:
        """The lists of entries of each word in the index that begins with this word; of a number, that is this number."""
        first = bisect_left(self._vocabulary, word)
        if word.isdecimal():
            is_there = self._vocabulary[first : first + 1] == [word]
            return self._numbers[first : first + is_there]
        return self._numbers[first : bisect_left(self._vocabulary, word + _LAST)]

    # -- what is shown ---------------------------------------------------------------------------------------------

    def _shown(self, entry: _Entry) -> NameFound:
        definition = self._definition
        match entry:
            case ("area", int(area)):
                code, name = definition.tree.codes[area], definition.tree.names[area]
                return NameFound(
                    "area", code, name, self._names(definition.tree.lineage[area][1:]), f"/v1/areas/{code}"
                )
            case ("party", str(party)):
                return NameFound("party", party, self._parties[party][0], [], f"/v1/parties/{party}")
        number, index = entry[1]
        contest = definition.ballots.contests[number]
        choice = contest.ballot[index]
        id = f"{contest.id}/{choice.id}"
        return NameFound("candidate", id, choice.name, [contest.id], f"/v1/candidates/{id}")

    def _station(self, station: int) -> NameFound:
        stations, tree = self._definition.stations, self._definition.tree
        code = stations.codes[station]
        within = self._names(tree.lineage[stations.area[station]])
        return NameFound("station", code, stations.names[station], within, f"/v1/stations/{code}")

    def _names(self, areas: Iterable[int]) -> list[str]:
        return [self._definition.tree.names[area] for area in areas]


def _fits(words: Iterable[str], own: Sequence[str]) -> bool:
    """Whether each word is the beginning of one of a name's own words; a number must be one of them."""
    return all(any(each == word if word.isdecimal() else each.startswith(word) for each in own) for word in words)
