"""What is wrong with an election package that no single row can show: the checks across rows and tables (DESIGN 4).

Everything downstream trusts these: `definition.py` looks codes up without asking, the fold counts a station in one
contest of an office and no more. `problems` finds all at once, so that whoever makes a package corrects it in one go.

Not here: the shape of one row (schemas/definition/package.py) and whether the time zone exists, which is asked of the machine's
zone tables (runtime/package/reading.py).
"""

from __future__ import annotations

import base64
import binascii
import difflib
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from projections.area.tally import tally_length
from projections.definition.names import spellings, total_rows
from projections.form.across_contests import CROSS_RULES
from projections.form.rules import RULE_IDS
from proofs.signatures import UnfitKeyError, key_id, load_public_key
from schemas.codes import COUNT_MAX
from schemas.definition.package import BlankBallots, ChoiceKind, ElectionPackage, RuleSetting, Severity
from schemas.definition.problems import ELECTION_TABLE, PROBLEMS_MAX, Problem, ProblemList
from schemas.derived.parts import PART_BYTES_MAX, PARTS_MAX
from schemas.ledger.forms import CHOICES_MAX, STATED_NUMBERS, ResultForm
from schemas.texts import same_name

NUMBER_BYTES = 4
"""Size of a number in a tally as text: most are 0, those of a district have four digits and a comma."""
SUGGESTIONS_MAX = 20
"""Codes for which a likely one is looked for. A look among 900,000 codes takes about 0.2 s; one wrong area column has
thousands of unknown codes, and after the first few the reader has seen why."""
SUGGESTION_CANDIDATES_MAX = 2_000
"""Codes compared in full with an unknown one, at about 10 µs each."""
NUMBER = f"a whole number from 0 to {COUNT_MAX:,}"
PARAMETERS: Mapping[str, Mapping[str, str]] = {
    "F9": {"officers": NUMBER, "witnesses": NUMBER},
    "G3": {"reserve_percent": NUMBER, "rounding": "`up`, `down` or `nearest`"},
    "G4": {"max": NUMBER},
    "G7": {"marks_per_choice": f"a whole number from 1 to {COUNT_MAX:,}"},
    "G8": {"percent_without_b": NUMBER},
    "X2": {"reference": "an office id"},
    "M1": {"fields": "a list of fields of the form"},
}
"""Parameters that the rules of projections/form/rules.py read, and what each must be. Times the largest number of a
form they stay below 64 bits, in which the auditor counts."""


def problems(package: ElectionPackage, known_rules: Collection[str] = RULE_IDS) -> list[Problem]:
    """All problems of the package, in the order of its tables; the list is bounded (schemas/definition/problems.py)."""
    check = _Check(package, known_rules)
    check.levels()
    check.rules()
    check.areas()
    check.stations()
    check.offices()
    check.contests()
    check.electorates()
    check.districts()
    check.parties()
    check.choices()
    check.sums()
    check.keys()
    for found in itertools.chain(spellings(package), total_rows(package)):
        check.found.add(*found)
    return check.found.closed()


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a code names, for sentences."""

    one: str
    table: str


_AREA = _Kind("an area", "areas.csv")
_AREA_OR_STATION = _Kind("an area or a station", "areas.csv or stations.csv")
_ELECTORATE = _Kind("an area or an electoral district", "areas.csv or districts.csv")
_OFFICE = _Kind("an office", "offices.csv")
_CONTEST = _Kind("a contest", "contests.csv")
_PARTY = _Kind("a party", "parties.csv")


class _Check:
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
        self.cyclic = self._cycles()

    # ── election.json ────────────────────────────────────────────────────────────────────────────────────────────────

    def levels(self) -> None:
        for number, level in enumerate(self.level_ids):
            if self.level_number[level] != number:
                self._election(f"levels.{number}.id", f"level {level!r} is given twice")
        shard = self.package.election.shard_level
        areas_levels = self.level_ids[:-1]
        if shard == self.level_ids[-1]:
            self._election(
                "shard_level",
                f"{shard!r} is the level of the stations; the shard level is one of the areas: {_listed(areas_levels)}",
            )
        elif shard not in self.level_number:
            near = difflib.get_close_matches(shard, areas_levels, 1)
            self._election("shard_level", f"{shard!r} is not a level of this election{_did_you_mean(near)}")

    def rules(self) -> None:
        offices_of_rule: dict[str, set[str]] = {}
        for number, setting in enumerate(self.package.election.rules):
            path = f"rules.{number}"
            if setting.id not in self.known_rules:
                known = ", ".join(sorted(self.known_rules))
                self._election(f"{path}.id", f"there is no rule {setting.id}; the rules are {known}")
                continue
            for place, office in enumerate(setting.offices):
                if office not in self.office_ids:
                    self._election(f"{path}.offices.{place}", self._unknown(office, _OFFICE, self.office_ids))
            meant = set(setting.offices) or self.office_ids
            seen = offices_of_rule.setdefault(setting.id, set())
            if twice := sorted(seen & meant):
                self._election(f"{path}.id", f"rule {setting.id} is set twice for {_listed(twice)}")
            seen |= meant
            if setting.id in CROSS_RULES and setting.severity is Severity.HARD:
                self._election(
                    f"{path}.severity", f"rule {setting.id} compares contests and can only be `soft` or `info`"
                )
            self._parameters(path, setting)

    def _parameters(self, path: str, setting: RuleSetting) -> None:
        expected = PARAMETERS.get(setting.id, {})
        for name, value in setting.parameters.items():
            if name not in expected:
                allowed = f"its parameters are {_listed(sorted(expected))}" if expected else "it has none"
                sentence = f"rule {setting.id} has no parameter {name!r}; {allowed}"
                self._election(f"{path}.parameters.{name}", sentence)
            elif name == "fields" and (absent := self._never_counted(setting, value)):
                sentence = f"rule {setting.id} asks for {absent}, which no contest of its offices counts"
                self._election(f"{path}.parameters.{name}", sentence)
            elif not self._fits(name, value):
                sentence = f"{name} of rule {setting.id} must be {expected[name]}, got {value!r}"
                self._election(f"{path}.parameters.{name}", sentence)

    def _never_counted(self, setting: RuleSetting, fields: int | str | list[str]) -> str:
        """Fields that the rule asks for and that no contest it holds for counts, as a list."""
        meant = set(setting.offices) or self.office_ids
        counted = {
            "VK": any(
                office.id in meant and office.blank_ballots is BlankBallots.APART for office in self.package.offices
            ),
            "VS": any(contest.office in meant and contest.votes_per_ballot > 1 for contest in self.package.contests),
        }
        asked = fields if isinstance(fields, list) else []
        return " and ".join(name for name, is_counted in counted.items() if name in asked and not is_counted)

    def _fits(self, name: str, value: int | str | list[str]) -> bool:
        match name:
            case "rounding":
                return value in ("up", "down", "nearest")
            case "reference":
                return value in self.office_ids
            case "fields":
                return isinstance(value, list) and all(field in ResultForm.model_fields for field in value)
            case "marks_per_choice":
                return isinstance(value, int) and 1 <= value <= COUNT_MAX
            case _:
                return isinstance(value, int) and 0 <= value <= COUNT_MAX

    # ── areas.csv, stations.csv ──────────────────────────────────────────────────────────────────────────────────────

    def areas(self) -> None:
        areas = self.package.areas
        root: str | None = None
        for row, area in enumerate(areas):
            if self.area_row[area.code] != row:
                self.found.add("areas", row, "code", f"area {area.code!r} is given twice")
                continue
            level = self.level_number.get(area.level)
            if level is None:
                sentence = f"{area.level!r} is not a level of this election{self._near_level(area.level)}"
                self.found.add("areas", row, "level", sentence)
            elif level == len(self.level_ids) - 1:
                sentence = f"{area.level!r} is the level of the stations, which belong in stations.csv"
                self.found.add("areas", row, "level", sentence)
            if area.parent is not None and area.parent not in self.area_row:
                self.found.add("areas", row, "parent", self._unknown(area.parent, _AREA, self.area_row))
            elif row in self.cyclic:
                self.found.add("areas", row, "parent", f"the area lies in itself: {' in '.join(self.cyclic[row])}")
            elif area.parent is None and level == 0:
                if root is not None:
                    sentence = f"{area.code!r} is a second root beside {root!r}; only one area has no parent"
                    self.found.add("areas", row, "parent", sentence)
                root = root or area.code
            elif level is not None:
                self._parent_level(row, area.parent, level)
        if root is None:
            sentence = f"there is no root: one area of level {self.level_ids[0]!r} that has no parent"
            self.found.add("areas", None, None, sentence)

    def _near_level(self, level: str) -> str:
        key = f"level {level}"
        if key not in self._suggestions and len(self._suggestions) < SUGGESTIONS_MAX:
            self._suggestions[key] = _did_you_mean(difflib.get_close_matches(level, self.level_ids[:-1], 1))
        return self._suggestions.get(key, "")

    def _parent_level(self, row: int, parent: str | None, level: int) -> None:
        if level == 0:
            sentence = f"an area of the first level, {self.level_ids[0]!r}, is the root and has no parent"
            self.found.add("areas", row, "parent", sentence)
            return
        expected = self.level_ids[level - 1]
        if parent is None:
            sentence = f"an area of level {self.level_ids[level]!r} must name the {expected!r} it lies in"
            self.found.add("areas", row, "parent", sentence)
            return
        actual = self.package.areas[self.area_row[parent]].level
        if actual != expected and actual in self.level_number:
            sentence = (
                f"{parent!r} is of level {actual!r}; an area of level {self.level_ids[level]!r} "
                f"must lie in one of level {expected!r}"
            )
            self.found.add("areas", row, "parent", sentence)

    def _cycles(self) -> dict[int, list[str]]:
        """For the first row of each circle of parents, the codes around it."""
        areas = self.package.areas
        cyclic: dict[int, list[str]] = {}
        done: set[str] = set()
        for code in self.area_row:
            walk: dict[str, None] = {}
            at: str | None = code
            while at is not None and at in self.area_row and at not in done and at not in walk:
                walk[at] = None
                at = areas[self.area_row[at]].parent
            if at is not None and at in walk:
                path = list(walk)
                circle = path[path.index(at) :]
                first = min(circle, key=lambda each: self.area_row[each])
                turn = circle.index(first)
                cyclic[self.area_row[first]] = [*circle[turn:], *circle[:turn], first]
            done.update(walk)
        return cyclic

    def stations(self) -> None:
        lowest = self.level_ids[-2]
        if not self.package.stations:
            self.found.add("stations", None, None, "there is no station")
        for row, station in enumerate(self.package.stations):
            if self.station_row[station.code] != row:
                self.found.add("stations", row, "code", f"station {station.code!r} is given twice")
            if station.code in self.area_row:
                self.found.add("stations", row, "code", f"{station.code!r} is also the code of an area")
            area_row = self.area_row.get(station.area)
            if area_row is None:
                self.found.add("stations", row, "area", self._unknown(station.area, _AREA, self.area_row))
            elif (level := self.package.areas[area_row].level) != lowest and level in self.level_number:
                sentence = f"{station.area!r} is of level {level!r}; a station lies in an area of level {lowest!r}"
                self.found.add("stations", row, "area", sentence)
            men, women = station.registered_men, station.registered_women
            if men is not None and women is not None and men + women != station.registered_voters:
                said = "empty" if station.registered_voters is None else station.registered_voters
                sentence = f"is {said}, but {men} men + {women} women = {men + women}"
                self.found.add("stations", row, "registered_voters", sentence)

    # ── offices.csv, contests.csv, districts.csv ─────────────────────────────────────────────────────────────────────

    def offices(self) -> None:
        if not self.package.offices:
            self.found.add("offices", None, None, "there is no office")
        self._given_once("offices", "id", "office", (office.id for office in self.package.offices))
        held = {contest.office for contest in self.package.contests}
        for row, office in enumerate(self.package.offices):
            if office.id not in held:
                self.found.add("offices", row, "id", f"office {office.id!r} has no contest")

    def contests(self) -> None:
        if not self.package.contests:
            self.found.add("contests", None, None, "there is no contest")
        self._given_once("contests", "id", "contest", (contest.id for contest in self.package.contests))
        with_choices = {choice.contest for choice in self.package.choices}
        for row, contest in enumerate(self.package.contests):
            if contest.office not in self.office_ids:
                self.found.add("contests", row, "office", self._unknown(contest.office, _OFFICE, self.office_ids))
            is_area, is_district = contest.electorate in self.area_row, contest.electorate in self.district_parts
            if is_area and is_district:
                sentence = f"{contest.electorate!r} is both an area and an electoral district; rename the district"
                self.found.add("contests", row, "electorate", sentence)
            elif not is_area and not is_district:
                known = itertools.chain(self.area_row, self.district_parts)
                self.found.add("contests", row, "electorate", self._unknown(contest.electorate, _ELECTORATE, known))
            if contest.id not in with_choices:
                self.found.add("contests", row, "id", f"contest {contest.id!r} has no choice in choices.csv")

    def electorates(self) -> None:
        """No station lies in two contests of an office, and each contest has a station.

        Two parts share a station only where one lies in the other, so it is enough to look up from each part. Where
        areas lie in themselves, that means nothing, and the circle has been reported.
        """
        if self.cyclic:
            return
        inhabited = self._inhabited()
        contests_of: dict[str, dict[str, list[int]]] = {}
        for row, contest in enumerate(self.package.contests):
            parts = self._parts(contest.electorate)
            of_office = contests_of.setdefault(contest.office, {})
            for part in parts:
                of_office.setdefault(part, []).append(row)
            if parts and not any(part in inhabited for part in parts):
                self.found.add("contests", row, "electorate", f"no station lies in {contest.electorate!r}")
        for of_office in contests_of.values():
            told: set[tuple[int, int]] = set()
            for part, rows in of_office.items():
                for above in self._upward(part):
                    for pair in ((a, b) for a in rows for b in of_office.get(above, ()) if a != b):
                        earlier, later = sorted(pair)
                        if (earlier, later) not in told:
                            told.add((earlier, later))
                            self._overlap(earlier, later, part)
                            if len(told) > PROBLEMS_MAX:  # there are as many pairs as contests by contests
                                return

    def _overlap(self, earlier: int, later: int, part: str) -> None:
        one, two = self.package.contests[earlier], self.package.contests[later]
        sentence = (
            f"{part!r} lies in the electorates of {one.id!r} and {two.id!r}; "
            f"a station has at most one contest of office {two.office!r}"
        )
        self.found.add("contests", later, "electorate", sentence)

    def _parts(self, electorate: str) -> Iterable[str]:
        """The known codes an electorate consists of; nothing where it is unknown or ambiguous."""
        is_area = electorate in self.area_row
        if is_area == (electorate in self.district_parts):
            return ()
        if is_area:
            return (electorate,)
        parts = dict.fromkeys(self.district_parts[electorate])
        return [code for code in parts if code in self.area_row or code in self.station_row]

    def _upward(self, code: str) -> Iterator[str]:
        """The code itself and the areas it lies in, up to the root. There is no circle among them."""
        yield code
        if code in self.area_row:
            at = self.package.areas[self.area_row[code]].parent
        else:
            at = self.package.stations[self.station_row[code]].area
        while at is not None and at in self.area_row:
            yield at
            at = self.package.areas[self.area_row[at]].parent

    def _inhabited(self) -> set[str]:
        """All stations, and all areas that a station lies in."""
        inhabited = set(self.station_row)
        for area in {station.area for station in self.package.stations} & self.area_row.keys():
            for above in self._upward(area):
                if above in inhabited:
                    break
                inhabited.add(above)
        return inhabited

    def districts(self) -> None:
        names: dict[str, str] = {}
        seen: set[tuple[str, str]] = set()
        for row, part in enumerate(self.package.districts):
            if (part.district, part.area) in seen:
                sentence = f"{part.area!r} is given twice for district {part.district!r}"
                self.found.add("districts", row, "area", sentence)
            seen.add((part.district, part.area))
            if part.area not in self.area_row and part.area not in self.station_row:
                known = itertools.chain(self.area_row, self.station_row)
                self.found.add("districts", row, "area", self._unknown(part.area, _AREA_OR_STATION, known))
            name = names.setdefault(part.district, part.name)
            if name != part.name and same_name(name) != same_name(part.name):
                sentence = f"district {part.district!r} is named {names[part.district]!r} further up"
                self.found.add("districts", row, "name", sentence)

    # ── parties.csv, choices.csv ─────────────────────────────────────────────────────────────────────────────────────

    def parties(self) -> None:
        self._given_once("parties", "id", "party", (party.id for party in self.package.parties))

    def choices(self) -> None:
        seen: set[tuple[str, str]] = set()
        party_rows: set[tuple[str, str]] = set()
        counts: dict[str, int] = {}
        for row, choice in enumerate(self.package.choices):
            if choice.contest not in self.contest_ids:
                self.found.add("choices", row, "contest", self._unknown(choice.contest, _CONTEST, self.contest_ids))
            if (choice.contest, choice.id) in seen:
                sentence = f"choice {choice.id!r} is given twice for contest {choice.contest!r}"
                self.found.add("choices", row, "id", sentence)
            seen.add((choice.contest, choice.id))
            if choice.id in STATED_NUMBERS:
                self.found.add("choices", row, "id", f"{choice.id} is a field of the form; give the choice another id")
            if choice.party is not None and choice.party not in self.party_ids:
                self.found.add("choices", row, "party", self._unknown(choice.party, _PARTY, self.party_ids))
            if choice.kind is ChoiceKind.PARTY:
                self._party_choice(row, choice.contest, choice.party, party_rows)
            counts[choice.contest] = counts.get(choice.contest, 0) + 1
            if counts[choice.contest] == CHOICES_MAX + 1:
                sentence = f"contest {choice.contest!r} has more than {CHOICES_MAX:,} choices, the most a form can hold"
                self.found.add("choices", row, "contest", sentence)

    def _party_choice(self, row: int, contest: str, party: str | None, seen: set[tuple[str, str]]) -> None:
        if party is None:
            self.found.add("choices", row, "party", "a choice of kind `party` must name its party")
        elif (contest, party) in seen:
            sentence = f"party {party!r} has a second choice of kind `party` in contest {contest!r}"
            self.found.add("choices", row, "party", sentence)
        else:
            seen.add((contest, party))

    # ── keys.csv ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def sums(self) -> None:
        """All sums of an office fit into one message, which readers put together from parts (schemas/derived/parts.py)."""
        levels = [level.id for level in self.package.election.levels]
        shard = self.package.election.shard_level
        if shard not in levels:
            return  # said of the levels
        above = set(levels[: levels.index(shard) + 1])
        areas = sum(area.level in above for area in self.package.areas)
        choices = Counter(choice.contest for choice in self.package.choices)
        for row, office in enumerate(self.package.offices):
            most = max((choices[each.id] for each in self.package.contests if each.office == office.id), default=0)
            size = areas * tally_length(most) * NUMBER_BYTES
            if size > PARTS_MAX * PART_BYTES_MAX:
                self.found.add(
                    "offices",
                    row,
                    "id",
                    f"the sums of {areas:,} areas down to the level {shard!r} with up to {most:,} choices are about "
                    f"{size // 10**6:,} MB, and a message is at most {PARTS_MAX * PART_BYTES_MAX // 10**6:,}: choose a "
                    "`shard_level` further up",
                )

    def keys(self) -> None:
        self._given_once("keys", "key_id", "key", (key.key_id for key in self.package.keys))
        for row, key in enumerate(self.package.keys):
            if key.scope not in self.area_row and key.scope not in self.station_row:
                known = itertools.chain(self.area_row, self.station_row)
                self.found.add("keys", row, "scope", self._unknown(key.scope, _AREA_OR_STATION, known))
            try:
                public_key = base64.b64decode(key.public_key, validate=True)
                load_public_key(public_key)
            except (binascii.Error, UnfitKeyError) as error:
                self.found.add("keys", row, "public_key", str(error))
                continue
            if base64.b64encode(public_key).decode() != key.public_key:
                # Its last digit has bits that belong to no byte: two spellings would make two definitions of one key.
                self.found.add("keys", row, "public_key", "is not in the one base64 form of its bytes")
            if key.key_id != key_id(public_key):
                sentence = (
                    f"{key.key_id} is not the id of this public key, which is {key_id(public_key)} "
                    "(the first 16 hexadecimal digits of the SHA-256 of its 32 bytes)"
                )
                self.found.add("keys", row, "key_id", sentence)

    # ── for all tables ───────────────────────────────────────────────────────────────────────────────────────────────

    def _election(self, path: str, sentence: str) -> None:
        self.found.add(ELECTION_TABLE, None, path, sentence)

    def _given_once(self, table: str, column: str, noun: str, codes: Iterable[str]) -> None:
        seen: set[str] = set()
        for row, code in enumerate(codes):
            if code in seen:
                self.found.add(table, row, column, f"{noun} {code!r} is given twice")
            seen.add(code)

    def _unknown(self, code: str, kind: _Kind, known: Iterable[str]) -> str:
        key = f"{kind.table} {code}"
        if key not in self._suggestions and len(self._suggestions) < SUGGESTIONS_MAX:
            self._suggestions[key] = _did_you_mean(_nearest(code, known))
        return f"{code!r} is not {kind.one} of {kind.table}{self._suggestions.get(key, '')}"


def _first_rows(codes: Iterable[str]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for row, code in enumerate(codes):
        rows.setdefault(code, row)
    return rows


def _nearest(code: str, known: Iterable[str]) -> list[str]:
    """At most one code that looks like this one.

    A slip of the finger leaves one half of a code as it was, so only codes with the same first or last half, and about
    the same length, are compared.
    """
    half = max(1, len(code) // 2)
    start, end = code[:half], code[-half:]
    candidates = (
        each for each in known if (each.startswith(start) or each.endswith(end)) and abs(len(each) - len(code)) <= 2
    )
    return difflib.get_close_matches(code, itertools.islice(candidates, SUGGESTION_CANDIDATES_MAX), 1)


def _did_you_mean(near: list[str]) -> str:
    return f"; did you mean {near[0]!r}?" if near else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
