"""Published numbers against the recount: every tally at its own `as_of`, byte for byte in its canonical form.

A tally is written here a second time from the recount's sums (docs/reference, NIST SP 1500-100's status words), put into
canonical JSON (RFC 8785), and compared with what the server published, likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson

from audit.count.package_tables import order_of_stations
from audit.count.recount import Recount
from audit.count.values import MAY_BE_ABSENT, Cut, Numbers, Stated, StationCount, Sums
from audit.report.findings import AuditError, Discovery, Verdict
from audit.sources.package import PARTITIONS_MAX, Package, canonical

STATIONS_OF_PAGE = 5_000
SHOWN_CHARACTERS_MAX = 300
NOBODY = Numbers(0, 0, (Stated(0, 0),) * len(MAY_BE_ABSENT), ())
NO_PARTY = "-"
"""The line of votes for nobody's party in the sums of an office."""

Ask = Callable[[str], dict[str, Any]]
"""Path of a snapshot → its answer."""


class Claim(NamedTuple):
    """One published tally: whose it is, of which cut, and its canonical bytes."""

    path: str
    office: str
    cut: Cut
    kind: str
    """`contest`, `office`, or `stations`."""
    contest: str
    """Empty for an office."""
    area: str
    published: Any


class Snapshots:
    """Which answers there are to compare, and what they claim."""

    def __init__(self, package: Package) -> None:
        self._package = package
        tables = package.tables
        self._children: dict[str, list[str]] = {}
        for row in tables["areas"]:
            self._children.setdefault(row["parent"] or "", []).append(row["code"])
        self.root = self._children[""][0]
        levels = [level["id"] for level in package.election["levels"]]
        shard = levels.index(package.election["shard_level"])
        self._is_below = {row["code"]: levels.index(row["level"]) > shard for row in tables["areas"]}
        self._office_of = {row["id"]: row["office"] for row in tables["contests"]}
        self._offices = {row["id"] for row in tables["offices"]}
        self._order = order_of_stations(package)

    def check(self, claim: Claim) -> None:
        """Raises ValueError where it is of something that the package does not have, TypeError where it has no shape."""
        of_office = not claim.contest or self._office_of.get(claim.contest) == claim.office
        if claim.office not in self._offices or claim.area not in self._is_below or not of_office:
            raise ValueError(
                f"it is of {claim.office!r}, {claim.contest!r}, {claim.area!r}, which the package does not have"
            )
        if claim.kind == "stations":
            lines = [line["station"] for line in claim.published["stations"]]
            if not all(isinstance(station, str) for station in lines) or len(set(lines)) < len(lines):
                raise ValueError("its stations are not each a code, once")

    def area_paths(self) -> list[str]:
        """Each area that has areas in it, and the root: together they show every area."""
        codes = [code for code in self._children if code] or [self.root]
        return [f"v1/areas/{quote(code)}" for code in sorted({self.root, *codes})]

    def office_paths(self) -> list[str]:
        return [f"v1/offices/{quote(row['id'])}" for row in self._package.tables["offices"]]

    def contest_paths(self) -> list[str]:
        return [f"v1/contests/{quote(row['id'])}" for row in self._package.tables["contests"]]

    def of_area(self, path: str, answer: dict[str, Any]) -> Iterator[Claim]:
        area = answer["area"]["code"]
        for office in answer["offices"]:
            above, below = _cut(office["as_of"]), _cut(office["shard_as_of"])
            if office["tally"] is not None:
                yield Claim(path, office["office"], above, "office", "", area, office["tally"])
            for tally in (*office["contests"], *office["children"]):
                cut = below if self._is_below[tally["area"]] else above
                yield Claim(path, office["office"], cut, "contest", tally["contest"], tally["area"], tally)

    def of_office(self, path: str, answer: dict[str, Any]) -> Iterator[Claim]:
        office, cut = answer["office"]["id"], _cut(answer["as_of"])
        yield Claim(path, office, cut, "office", "", answer["tally"]["area"], answer["tally"])
        for tally in answer["contests"]:
            yield Claim(path, office, cut, "contest", tally["contest"], tally["area"], tally)

    def of_contest(self, path: str, answer: dict[str, Any]) -> Iterator[Claim]:
        tally = answer["tally"]
        yield Claim(path, answer["office"], _cut(answer["as_of"]), "contest", tally["contest"], tally["area"], tally)

    def stations(self, ask: Ask, contest: str) -> Iterator[Claim]:
        """All stations of a contest, page by page; a page claims all stations between its first and its last."""
        after = ""
        for _ in range(2 + 2 * len(self._package.tables["stations"]) // STATIONS_OF_PAGE):
            path = (
                f"v1/areas/{quote(self.root)}/stations?contest={quote(contest)}&limit={STATIONS_OF_PAGE}"
                f"&after={quote(after)}"
            )
            answer = ask(path)
            until = answer["next"]
            claimed = {"after": after, "until": until, "stations": answer["stations"]}
            cut = _cut(answer["shard_as_of"])
            yield Claim(path, self._office_of[contest], cut, "stations", contest, self.root, claimed)
            if until is None:
                return
            if self._order.get(until, -1) <= self._order.get(after, -1):
                raise AuditError(f"{path}: its next page begins after {until!r}, which is not further")
            after = until
        raise AuditError(f"the stations of {contest} come in more pages than there are stations for")


def ballots_of(package: Package) -> dict[str, list[dict[str, Any]]]:
    """Contest → its choices, in the order of the ballot."""
    ballots: dict[str, list[dict[str, Any]]] = {row["id"]: [] for row in package.tables["contests"]}
    for row in sorted(package.tables["choices"], key=lambda row: int(row["order"])):
        ballots[row["contest"]].append(row)
    return ballots


def _cut(as_of: Mapping[str, int]) -> Cut:
    cut = sorted((int(partition), offset) for partition, offset in as_of.items())
    if any(type(offset) is not int or not 0 <= partition < PARTITIONS_MAX for partition, offset in cut):
        raise ValueError("as_of is not an offset of each partition")
    return tuple(cut)


class Comparison:
    """Compares claims with a recount, cut by cut."""

    def __init__(self, package: Package, recount: Recount) -> None:
        self._package = package
        self._recount = recount
        self._denominators = recount.denominators()
        tables = package.tables
        self._ballots = ballots_of(package)
        self._order = order_of_stations(package)
        self._contests: dict[str, list[str]] = {row["id"]: [] for row in tables["offices"]}
        for row in tables["contests"]:
            self._contests[row["office"]].append(row["id"])
        self._parties: dict[str, list[str]] = {}
        self._lines: dict[str, list[str]] = {}
        """Office → its parties, and NO_PARTY where a choice of it has none."""
        for office, contests in self._contests.items():
            standing = {row["party"] for contest in contests for row in self._ballots[contest]}
            self._parties[office] = [party["id"] for party in tables["parties"] if party["id"] in standing]
            self._lines[office] = self._parties[office] + ([NO_PARTY] if None in standing else [])
        self._office = {row["id"]: row["office"] for row in tables["contests"]}
        self._apart = package.offices_with_blank_ballots
        self._places = {row["id"]: 1 if row["method"] == "sainte-lague" else row["seats"] for row in tables["contests"]}
        """Contest → how many of its choices can lead."""
        self.compared = 0
        """Tallies, stations included."""

    def compare(self, claims: Iterable[Claim], progress: Callable[[int], None]) -> list[Discovery]:
        """What differs. Each cut is counted once for all claims that are of it."""
        of_cut: dict[tuple[str, Cut], list[Claim]] = {}
        for claim in claims:
            of_cut.setdefault((claim.office, claim.cut), []).append(claim)
        found: list[Discovery] = []
        for (office, cut), group in of_cut.items():
            self._recount.count(office, cut, self._areas_to_count(group))
            areas = {claim.area for claim in group if claim.kind != "stations"}
            sums = self._recount.sums(areas) if areas else {}
            for claim in group:
                found += self._check(claim, sums)
                progress(1)
        return found

    def _areas_to_count(self, group: list[Claim]) -> list[str] | None:
        areas = {claim.area for claim in group}
        whole = any(len(self._recount.lineage[area]) == 1 for area in areas)
        return None if whole else sorted(areas)

    def _check(self, claim: Claim, sums: Mapping[tuple[str, str], Sums]) -> Iterator[Discovery]:
        if claim.kind == "stations":
            yield from self._check_stations(claim)
            return
        self.compared += 1
        own = self.tally(claim, sums)
        if canonical(own) != canonical(claim.published):
            name = claim.contest or claim.office
            yield Discovery(
                Verdict.DIFFERS,
                f"/{claim.path}, {name} in {claim.area}",
                f"{first_difference(claim.published, own)}; as_of {_shown(dict(claim.cut))}",
            )

    def tally(self, claim: Claim, sums: Mapping[tuple[str, str], Sums]) -> dict[str, Any]:
        """The tally that the claim should have been."""
        if claim.kind == "contest":
            names = [row["id"] for row in self._ballots[claim.contest]]
            expected, registered = self._denominators.get((claim.contest, claim.area), (0, Stated(0, 0)))
            of = sums.get((claim.contest, claim.area), Sums({}, 0))
            told = _published(of, expected, registered, names, claim.office in self._apart)
            told |= _lead(names, told["counted"]["votes"], self._places[claim.contest])
            return {"contest": claim.contest, "area": claim.area, **told}
        expected, registered = 0, Stated(0, 0)
        whole = Sums({}, 0)
        for contest in self._contests[claim.office]:
            stations, voters = self._denominators.get((contest, claim.area), (0, Stated(0, 0)))
            expected, registered = expected + stations, _added(registered, voters)
            part = sums.get((contest, claim.area))
            if part is not None:
                whole = _together(whole, self._by_line(part, contest, self._lines[claim.office]))
        told = _published(whole, expected, registered, self._lines[claim.office], claim.office in self._apart)
        told |= _lead(self._parties[claim.office], told["counted"]["votes"], 1)
        return {"office": claim.office, "area": claim.area, **told}

    def _by_line(self, of: Sums, contest: str, lines: list[str]) -> Sums:
        tiers = {}
        for tier, numbers in of.tiers.items():
            votes = dict.fromkeys(lines, 0)
            for choice, count in zip(self._ballots[contest], numbers.votes, strict=True):
                votes[NO_PARTY if choice["party"] is None else choice["party"]] += count
            tiers[tier] = numbers._replace(votes=tuple(votes.values()))
        return Sums(tiers, of.annulled)

    def _check_stations(self, claim: Claim) -> Iterator[Discovery]:
        page, names = claim.published, [row["id"] for row in self._ballots[claim.contest]]
        published = {line["station"]: line for line in page["stations"]}
        first = self._order.get(page["after"], -1)
        last = len(self._order) if page["until"] is None else self._order[page["until"]]
        own = {
            station: station_line(station, claim.contest, standing, names, self._office[claim.contest] in self._apart)
            for station, standing in self._recount.stations(claim.contest).items()
            if first < self._order[station] <= last
        }
        self.compared += len(own)
        for station in sorted(own.keys() | published.keys()):
            told, counted = published.get(station), own.get(station)
            if told is None or counted is None:
                sentence = "the server does not show it" if told is None else "the log says nothing of it"
            elif canonical(told) != canonical(counted):
                sentence = first_difference(told, counted)
            else:
                continue
            where = f"/v1/stations/{station}, {claim.contest}"
            yield Discovery(Verdict.DIFFERS, where, f"{sentence}; shard_as_of {_shown(dict(claim.cut))}")


def station_line(
    station: str, contest: str, standing: StationCount, names: list[str], counts_blank: bool
) -> dict[str, Any]:
    return {
        "station": station,
        "contest": contest,
        "state": standing.state,
        "offset": standing.offset,
        "event": standing.event,
        "version": standing.version,
        "numbers": None if standing.numbers is None else _numbers(standing.numbers, names, counts_blank),
    }


def _published(of: Sums, expected: int, registered: Stated, names: list[str], counts_blank: bool) -> dict[str, Any]:
    tiers = {tier: of.tiers.get(tier, NOBODY) for tier in ("clean", "flagged", "held")}
    counted = _plus(tiers["clean"], tiers["flagged"])
    stations = {tier: numbers.stations for tier, numbers in tiers.items()}
    reported = sum(stations.values())
    if reported == 0:
        status, items = "pre-election", "not-processed"
    elif counted.stations == expected:
        status, items = "unofficial-complete", "completed"
    else:
        status, items = "unofficial-partial", "in-process"
    return {
        "results_status": status,
        "count_item_status": items,
        "stations": {
            "expected": expected,
            "reported": reported,
            "counted": counted.stations,
            **stations,
            "annulled": of.annulled,
            "waiting": expected - reported - of.annulled,
        },
        "registered_voters_expected": _known(registered, expected),
        "registered_voters_not_stated": registered.not_stated,
        "counted": _numbers(counted, names, counts_blank),
        "tiers": {
            tier: {"stations": numbers.stations, **_numbers(numbers, names, counts_blank)}
            for tier, numbers in tiers.items()
        },
    }


def _lead(names: list[str], votes: Mapping[str, int], places: int) -> dict[str, Any]:
    """Who leads for so many places: whoever fewer than that many others are ahead of, and has votes at all."""
    leaders = [name for name in names if votes[name] and sum(votes[other] > votes[name] for other in names) < places]
    leaders.sort(key=lambda name: -votes[name])
    out = [name for name in names if name not in leaders]
    nearest = max((votes[name] for name in out), default=0)
    is_tie = len(leaders) > places
    is_full = len(leaders) == min(places, len(names)) > 0
    seconds = [name for name in out if votes[name] == nearest]
    return {
        "leaders": leaders,
        "tied": [name for name in leaders if votes[name] == votes[leaders[-1]]] if is_tie else [],
        "runner_up": seconds[0] if is_full and len(seconds) == 1 else None,
        "margin": votes[leaders[-1]] - nearest if is_full else 0,
    }


def _known(stated: Stated, stations: int) -> int | None:
    """The sum, or None where there are stations and none of them stated it."""
    return None if stations and stated.not_stated == stations else stated.total


def _added(one: Stated, other: Stated) -> Stated:
    return Stated(one.total + other.total, one.not_stated + other.not_stated)


_NAMES = dict(zip(("registered_voters", *MAY_BE_ABSENT[1:]), range(len(MAY_BE_ABSENT)), strict=True))
"""Number of a form that nobody may have stated, as it is published → its place among the sums."""


def _numbers(numbers: Numbers, names: list[str], counts_blank: bool) -> dict[str, Any]:
    stated = {name: numbers.stated[place] for name, place in _NAMES.items()}
    return {
        **{name: _known(each, numbers.stations) for name, each in stated.items()},
        **({} if counts_blank else {"blank": None}),
        "valid": numbers.valid,
        "not_stated": {name: each.not_stated for name, each in stated.items() if each.not_stated},
        "votes": dict.fromkeys(names, 0) | dict(zip(names, numbers.votes, strict=False)),
    }


def _together(one: Sums, other: Sums) -> Sums:
    tiers = {
        tier: _plus(one.tiers.get(tier, NOBODY), other.tiers.get(tier, NOBODY)) for tier in {*one.tiers, *other.tiers}
    }
    return Sums(tiers, one.annulled + other.annulled)


def _plus(one: Numbers, other: Numbers) -> Numbers:
    if not one.votes or not other.votes:
        votes = one.votes or other.votes
    else:
        votes = tuple(a + b for a, b in zip(one.votes, other.votes, strict=True))
    return Numbers(
        one.stations + other.stations,
        one.valid + other.valid,
        tuple(_added(a, b) for a, b in zip(one.stated, other.stated, strict=True)),
        votes,
    )


def first_difference(published: Any, own: Any, path: str = "") -> str:
    """Where two values begin to differ, as a sentence."""
    if isinstance(published, dict) and isinstance(own, dict):
        for name in sorted(published.keys() | own.keys()):
            if published.get(name) != own.get(name):
                return first_difference(published.get(name), own.get(name), f"{path}.{name}" if path else name)
    return f"{path or 'it'} is published as {_shown(published)}, and counted as {_shown(own)}"


def _shown(value: Any) -> str:
    text = orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    return text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…"
