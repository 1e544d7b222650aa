"""Published numbers against the recount: every tally at its own `as_of`, byte for byte in its canonical form (RFC 8785).

Claims of one office and cut are compared together, because the cut is then counted once. Of them, sums are fetched for
NUMBERS_AT_ONCE numbers at a time and stations for STATIONS_AT_ONCE, so that memory does not grow with the nation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from audit.count.recount import Recount
from audit.count.values import Cut, Stated, StationCount, Sums
from audit.findings import Discovery, Verdict
from audit.published.claims import Claim, digest, digest_of_lines
from audit.published.tallies import added, lead, station_line, tally_of, together
from audit.sources.package import Package, canonical

NUMBERS_AT_ONCE = 1_000_000
"""Sums of votes in memory, about 100 bytes each with their tiers. At half, the sums are scanned twice as often."""
STATIONS_AT_ONCE = 20_000
"""Stations in memory, with 234 rows a form 3 kB each. At half, the forms are scanned twice as often."""
SHOWN_CHARACTERS_MAX = 300
NO_PARTY = "-"
"""The line of votes for choices without a party in the sums of an office."""

Denominators = Mapping[tuple[str, str], tuple[int, Stated]]
"""(contest, area) → stations expected and voters registered there."""
Read = Callable[[Claim], Any]
"""A claim → what was published as it."""


def ballots_of(package: Package) -> dict[str, list[dict[str, Any]]]:
    """Contest → its choices, in the order of the ballot."""
    ballots: dict[str, list[dict[str, Any]]] = {row["id"]: [] for row in package.tables["contests"]}
    for row in sorted(package.tables["choices"], key=lambda row: int(row["order"])):
        ballots[row["contest"]].append(row)
    return ballots


class Comparison:
    """Compares claims with a recount, cut by cut."""

    def __init__(self, package: Package, recount: Recount) -> None:
        self._recount = recount
        tables = package.tables
        self._ballots = ballots_of(package)
        self._names = {contest: [row["id"] for row in ballot] for contest, ballot in self._ballots.items()}
        self._order = package.station_order
        self._lineage = package.lineage
        self._contests: dict[str, list[str]] = {row["id"]: [] for row in tables["offices"]}
        for row in tables["contests"]:
            self._contests[row["office"]].append(row["id"])
        self._parties: dict[str, list[str]] = {}
        self._lines: dict[str, list[str]] = {}
        """Office → its parties, and NO_PARTY where a choice of it has none."""
        for office, contests in self._contests.items():
            present = {row["party"] for contest in contests for row in self._ballots[contest]}
            self._parties[office] = [party["id"] for party in tables["parties"] if party["id"] in present]
            self._lines[office] = self._parties[office] + ([NO_PARTY] if None in present else [])
        self._office = {row["id"]: row["office"] for row in tables["contests"]}
        self._apart = package.offices_with_blank_ballots
        self._leaders = {
            row["id"]: 1 if row["method"] == "sainte-lague" else row["seats"] for row in tables["contests"]
        }
        """Contest → how many of its choices can lead."""
        self.compared = 0
        """Tallies, stations included."""

    def compare(self, claims: Iterable[Claim], read: Read, progress: Callable[[int], None]) -> list[Discovery]:
        """What differs."""
        of_cut: dict[tuple[str, Cut], list[Claim]] = {}
        for claim in claims:
            of_cut.setdefault((claim.office, claim.cut), []).append(claim)
        found: list[Discovery] = []
        for (office, cut), group in of_cut.items():
            self._recount.count(office, cut, self._areas_to_count(group))
            of_claim: dict[Claim, list[Discovery]] = {}
            for some in self._together_in_memory(group):
                for claim, discovery in self._check_tallies(some, read):
                    of_claim.setdefault(claim, []).append(discovery)
                progress(len(some))
            for pages in self._pages_in_memory(group):
                for claim, discovery in self._check_pages(pages, read):
                    of_claim.setdefault(claim, []).append(discovery)
                progress(len(pages))
            if of_claim:
                found += [discovery for claim in group for discovery in of_claim.get(claim, ())]
        return found

    def _areas_to_count(self, group: list[Claim]) -> list[str] | None:
        areas = {claim.area for claim in group}
        whole = any(len(self._lineage[area]) == 1 for area in areas)
        return None if whole else sorted(areas)

    # ── areas ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _together_in_memory(self, group: list[Claim]) -> Iterator[list[Claim]]:
        """The tallies of areas in parts of about NUMBERS_AT_ONCE numbers, all tallies of an area together."""
        of_area: dict[str, list[Claim]] = {}
        for claim in group:
            if claim.kind != "stations":
                of_area.setdefault(claim.area, []).append(claim)
        some: list[Claim] = []
        numbers = 0
        for claims in of_area.values():
            contests = {contest for claim in claims for contest in self._contests_of(claim)}
            its_numbers = sum(len(self._names[contest]) for contest in contests)
            if some and numbers + its_numbers > NUMBERS_AT_ONCE:
                yield some
                some, numbers = [], 0
            some += claims
            numbers += its_numbers
        if some:
            yield some

    def _contests_of(self, claim: Claim) -> list[str]:
        return [claim.contest] if claim.kind == "contest" else self._contests[claim.office]

    def _check_tallies(self, claims: list[Claim], read: Read) -> Iterator[tuple[Claim, Discovery]]:
        areas = {claim.area for claim in claims}
        sums, denominators = self._recount.sums(areas), self._recount.denominators(areas)
        for claim in claims:
            own = self._tally(claim, sums, denominators)
            self.compared += 1
            if digest(own) != claim.digest:
                where = f"/{claim.path}, {claim.contest or claim.office} in {claim.area}"
                sentence = f"{first_difference(read(claim), own)}; as_of {_shown(dict(claim.cut))}"
                yield claim, Discovery(Verdict.DIFFERS, where, sentence)

    def _tally(self, claim: Claim, sums: Mapping[tuple[str, str], Sums], denominators: Denominators) -> dict[str, Any]:
        """The tally that the claim should have been."""
        if claim.kind == "contest":
            names = self._names[claim.contest]
            expected, registered = denominators.get((claim.contest, claim.area), (0, Stated(0, 0)))
            of = sums.get((claim.contest, claim.area), Sums({}, 0))
            tally = tally_of(of, expected, registered, names, claim.office in self._apart)
            tally |= lead(names, tally["counted"]["votes"], self._leaders[claim.contest])
            return {"contest": claim.contest, "area": claim.area, **tally}
        expected, registered = 0, Stated(0, 0)
        whole = Sums({}, 0)
        for contest in self._contests[claim.office]:
            stations, voters = denominators.get((contest, claim.area), (0, Stated(0, 0)))
            expected, registered = expected + stations, added(registered, voters)
            part = sums.get((contest, claim.area))
            if part is not None:
                whole = together(whole, self._by_line(part, contest, self._lines[claim.office]))
        tally = tally_of(whole, expected, registered, self._lines[claim.office], claim.office in self._apart)
        tally |= lead(self._parties[claim.office], tally["counted"]["votes"], 1)
        return {"office": claim.office, "area": claim.area, **tally}

    def _by_line(self, of: Sums, contest: str, lines: list[str]) -> Sums:
        tiers = {}
        for tier, numbers in of.tiers.items():
            votes = dict.fromkeys(lines, 0)
            for choice, count in zip(self._ballots[contest], numbers.votes, strict=True):
                votes[NO_PARTY if choice["party"] is None else choice["party"]] += count
            tiers[tier] = numbers._replace(votes=tuple(votes.values()))
        return Sums(tiers, of.annulled)

    # ── stations ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _pages_in_memory(self, group: list[Claim]) -> Iterator[list[tuple[Claim, int, int]]]:
        """Pages of one contest that follow each other, up to STATIONS_AT_ONCE stations, with their first and last rank."""
        some: list[tuple[Claim, int, int]] = []
        for claim in group:
            if claim.kind != "stations":
                continue
            first = self._order.get(claim.after, -1) + 1
            last = len(self._order) - 1 if claim.until is None else self._order[claim.until]
            follows = bool(some) and some[0][0].contest == claim.contest and some[-1][2] + 1 == first
            if some and not (follows and last - some[0][1] < STATIONS_AT_ONCE):
                yield some
                some = []
            some.append((claim, first, last))
        if some:
            yield some

    def _check_pages(self, pages: list[tuple[Claim, int, int]], read: Read) -> Iterator[tuple[Claim, Discovery]]:
        contest = pages[0][0].contest
        lines: dict[int, dict[str, Any]] = {
            self._order[station]: self._line(station, contest, count)
            for station, count in self._recount.stations(contest, pages[0][1], pages[-1][2]).items()
        }
        for claim, first, last in pages:
            own = [lines[rank] for rank in range(first, last + 1) if rank in lines]
            self.compared += len(own)
            if digest_of_lines(own) != claim.digest:
                for discovery in self._differing_lines(claim, own, read(claim)):
                    yield claim, discovery

    def _line(self, station: str, contest: str, count: StationCount) -> dict[str, Any]:
        return station_line(station, contest, count, self._names[contest], self._office[contest] in self._apart)

    def _differing_lines(
        self, claim: Claim, counted: list[dict[str, Any]], published: list[dict[str, Any]]
    ) -> Iterator[Discovery]:
        theirs, own = ({line["station"]: line for line in lines} for lines in (published, counted))
        for station in sorted(own.keys() | theirs.keys()):
            one, other = theirs.get(station), own.get(station)
            if one is None or other is None:
                sentence = "the server does not show it" if one is None else "the log has nothing of it"
            elif canonical(one) != canonical(other):
                sentence = first_difference(one, other)
            else:
                continue
            where = f"/v1/stations/{station}, {claim.contest}"
            yield Discovery(Verdict.DIFFERS, where, f"{sentence}; shard_as_of {_shown(dict(claim.cut))}")


def first_difference(published: Any, own: Any, path: str = "") -> str:
    """The first difference between two values, as a sentence."""
    if isinstance(published, dict) and isinstance(own, dict):
        for name in sorted(published.keys() | own.keys()):
            if published.get(name) != own.get(name):
                return first_difference(published.get(name), own.get(name), f"{path}.{name}" if path else name)
    return f"{path or 'it'} is published as {_shown(published)}, and counted as {_shown(own)}"


def _shown(value: Any) -> str:
    text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…"
