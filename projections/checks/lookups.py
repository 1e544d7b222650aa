"""A package while it is checked: its codes looked up once, the problems found so far, and suggestions for unknown codes."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from schemas.definition.package import ElectionPackage
from schemas.definition.problems import ELECTION_TABLE, ProblemList

SUGGESTIONS_MAX = 20
"""Unknown codes for which a likely one is suggested. A search among 900,000 codes takes about 0.2 s; one wrong area column has
thousands of unknown codes, and the first few suggestions show the reason."""
SUGGESTION_CANDIDATES_MAX = 2_000
"""Codes compared in full with an unknown one, at about 10 µs each."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a code names, for sentences."""

    one: str
    table: str


AREA = Kind("an area", "areas.csv")
AREA_OR_STATION = Kind("an area or a station", "areas.csv or stations.csv")
ELECTORATE = Kind("an area or an electoral district", "areas.csv or districts.csv")
OFFICE = Kind("an office", "offices.csv")
CONTEST = Kind("a contest", "contests.csv")
PARTY = Kind("a party", "parties.csv")


class PackageCheck:
    """The package, its codes looked up once, and what has been found so far."""

    def __init__(self, package: ElectionPackage, known_rules: Collection[str]) -> None:
        self.package = package
        self.known_rules = known_rules
        self.found = ProblemList()
        self.level_number: dict[str, int] = {}
        for number, level in enumerate(package.election.levels):
            self.level_number.setdefault(level.id, number)
        self.level_ids = tuple(level.id for level in package.election.levels)
        self.area_row = _first_rows(area.code for area in package.areas)
        self.station_row = _first_rows(station.code for station in package.stations)
        self.office_ids = {office.id for office in package.offices}
        self.contest_ids = {contest.id for contest in package.contests}
        self.party_ids = {party.id for party in package.parties}
        self.district_parts: dict[str, list[str]] = {}
        for part in package.districts:
            self.district_parts.setdefault(part.district, []).append(part.area)
        self._suggestions: dict[str, str] = {}

    @cached_property
    def cyclic(self) -> dict[int, list[str]]:
        """Codes around each circle of parents, by the circle's first row."""
        areas = self.package.areas
        cyclic: dict[int, list[str]] = {}
        done: set[str] = set()
        for code in self.area_row:
            walk: dict[str, None] = {}
            above: str | None = code
            while above is not None and above in self.area_row and above not in done and above not in walk:
                walk[above] = None
                above = areas[self.area_row[above]].parent
            if above is not None and above in walk:
                path = list(walk)
                circle = path[path.index(above) :]
                first = min(circle, key=lambda each: self.area_row[each])
                turn = circle.index(first)
                cyclic[self.area_row[first]] = [*circle[turn:], *circle[:turn], first]
            done.update(walk)
        return cyclic

    def upward(self, code: str) -> Iterator[str]:
        """The code itself and the areas it lies in, up to the root. Not to be called where areas lie in themselves."""
        yield code
        if code in self.area_row:
            above = self.package.areas[self.area_row[code]].parent
        else:
            above = self.package.stations[self.station_row[code]].area
        while above is not None and above in self.area_row:
            yield above
            above = self.package.areas[self.area_row[above]].parent

    def election(self, path: str, sentence: str) -> None:
        self.found.add(ELECTION_TABLE, None, path, sentence)

    def given_once(self, table: str, column: str, noun: str, codes: Iterable[str]) -> None:
        seen: set[str] = set()
        for row, code in enumerate(codes):
            if code in seen:
                self.found.add(table, row, column, f"{noun} {code!r} is given twice")
            seen.add(code)

    def near_level(self, level: str) -> str:
        key = f"level {level}"
        if key not in self._suggestions and len(self._suggestions) < SUGGESTIONS_MAX:
            self._suggestions[key] = did_you_mean(difflib.get_close_matches(level, self.level_ids[:-1], 1))
        return self._suggestions.get(key, "")

    def unknown(self, code: str, kind: Kind, known: Iterable[str]) -> str:
        key = f"{kind.table} {code}"
        if key not in self._suggestions and len(self._suggestions) < SUGGESTIONS_MAX:
            self._suggestions[key] = did_you_mean(nearest(code, known))
        return f"{code!r} is not {kind.one} of {kind.table}{self._suggestions.get(key, '')}"


def _first_rows(codes: Iterable[str]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for row, code in enumerate(codes):
        rows.setdefault(code, row)
    return rows


def nearest(code: str, known: Iterable[str]) -> list[str]:
    """Codes that look like this one, at most one.

    A slip of the finger leaves one half of a code as it was, so only codes with the same first or last half, and about
    the same length, are compared.
    """
    half = max(1, len(code) // 2)
    start, end = code[:half], code[-half:]
    candidates = (
        each for each in known if (each.startswith(start) or each.endswith(end)) and abs(len(each) - len(code)) <= 2
    )
    return difflib.get_close_matches(code, itertools.islice(candidates, SUGGESTION_CANDIDATES_MAX), 1)


def did_you_mean(near: list[str]) -> str:
    return f"; did you mean {near[0]!r}?" if near else ""


def listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
