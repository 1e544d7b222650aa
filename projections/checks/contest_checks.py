"""Offices, contests and their electorates, parties and choices: what is on which ballot."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from projections.checks.lookups import AREA_OR_STATION, CONTEST, ELECTORATE, OFFICE, PARTY, PackageCheck
from schemas.definition.package import CHOICES_MAX, ChoiceKind
from schemas.definition.problems import PROBLEMS_MAX
from schemas.ledger.forms import STATED_NUMBERS
from schemas.texts import same_name


def check_offices(check: PackageCheck) -> None:
    if not check.package.offices:
        check.found.add("offices", None, None, "there is no office")
    check.given_once("offices", "id", "office", (office.id for office in check.package.offices))
    held = {contest.office for contest in check.package.contests}
    for row, office in enumerate(check.package.offices):
        if office.id not in held:
            check.found.add("offices", row, "id", f"office {office.id!r} has no contest")


def check_contests(check: PackageCheck) -> None:
    if not check.package.contests:
        check.found.add("contests", None, None, "there is no contest")
    check.given_once("contests", "id", "contest", (contest.id for contest in check.package.contests))
    with_choices = {choice.contest for choice in check.package.choices}
    for row, contest in enumerate(check.package.contests):
        if contest.office not in check.office_ids:
            check.found.add("contests", row, "office", check.unknown(contest.office, OFFICE, check.office_ids))
        is_area, is_district = contest.electorate in check.area_row, contest.electorate in check.district_parts
        if is_area and is_district:
            sentence = f"{contest.electorate!r} is both an area and an electoral district; rename the district"
            check.found.add("contests", row, "electorate", sentence)
        elif not is_area and not is_district:
            known = itertools.chain(check.area_row, check.district_parts)
            check.found.add("contests", row, "electorate", check.unknown(contest.electorate, ELECTORATE, known))
        if contest.id not in with_choices:
            check.found.add("contests", row, "id", f"contest {contest.id!r} has no choice in choices.csv")


def check_electorates(check: PackageCheck) -> None:
    """No station lies in two contests of an office, and each contest has a station.

    Two parts share a station only where one lies in the other, so it is enough to look from each part up to the root. Where
    areas lie in themselves there is no way up; check_areas has found the circle.
    """
    if check.cyclic:
        return
    inhabited = _inhabited(check)
    contests_of: dict[str, dict[str, list[int]]] = {}
    for row, contest in enumerate(check.package.contests):
        parts = _parts(check, contest.electorate)
        of_office = contests_of.setdefault(contest.office, {})
        for part in parts:
            of_office.setdefault(part, []).append(row)
        if parts and not any(part in inhabited for part in parts):
            check.found.add("contests", row, "electorate", f"no station lies in {contest.electorate!r}")
    for of_office in contests_of.values():
        found: set[tuple[int, int]] = set()
        for part, rows in of_office.items():
            for above in check.upward(part):
                for pair in ((a, b) for a in rows for b in of_office.get(above, ()) if a != b):
                    earlier, later = sorted(pair)
                    if (earlier, later) not in found:
                        found.add((earlier, later))
                        _overlap(check, earlier, later, part)
                        if len(found) > PROBLEMS_MAX:  # there are as many pairs as contests by contests
                            return


def _overlap(check: PackageCheck, earlier: int, later: int, part: str) -> None:
    one, two = check.package.contests[earlier], check.package.contests[later]
    sentence = (
        f"{part!r} lies in the electorates of {one.id!r} and {two.id!r}; "
        f"a station has at most one contest of office {two.office!r}"
    )
    check.found.add("contests", later, "electorate", sentence)


def _parts(check: PackageCheck, electorate: str) -> Iterable[str]:
    """The known codes an electorate consists of; nothing where it is unknown or ambiguous."""
    is_area = electorate in check.area_row
    if is_area == (electorate in check.district_parts):
        return ()
    if is_area:
        return (electorate,)
    parts = dict.fromkeys(check.district_parts[electorate])
    return [code for code in parts if code in check.area_row or code in check.station_row]


def _inhabited(check: PackageCheck) -> set[str]:
    """All stations, and all areas that a station lies in."""
    inhabited = set(check.station_row)
    for area in {station.area for station in check.package.stations} & check.area_row.keys():
        for above in check.upward(area):
            if above in inhabited:
                break
            inhabited.add(above)
    return inhabited


def check_districts(check: PackageCheck) -> None:
    names: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    for row, part in enumerate(check.package.districts):
        if (part.district, part.area) in seen:
            sentence = f"{part.area!r} is given twice for district {part.district!r}"
            check.found.add("districts", row, "area", sentence)
        seen.add((part.district, part.area))
        if part.area not in check.area_row and part.area not in check.station_row:
            known = itertools.chain(check.area_row, check.station_row)
            check.found.add("districts", row, "area", check.unknown(part.area, AREA_OR_STATION, known))
        name = names.setdefault(part.district, part.name)
        if name != part.name and same_name(name) != same_name(part.name):
            sentence = f"district {part.district!r} is named {names[part.district]!r} further up"
            check.found.add("districts", row, "name", sentence)


def check_parties(check: PackageCheck) -> None:
    check.given_once("parties", "id", "party", (party.id for party in check.package.parties))


def check_choices(check: PackageCheck) -> None:
    seen: set[tuple[str, str]] = set()
    party_rows: set[tuple[str, str]] = set()
    counts: dict[str, int] = {}
    for row, choice in enumerate(check.package.choices):
        if choice.contest not in check.contest_ids:
            check.found.add("choices", row, "contest", check.unknown(choice.contest, CONTEST, check.contest_ids))
        if (choice.contest, choice.id) in seen:
            sentence = f"choice {choice.id!r} is given twice for contest {choice.contest!r}"
            check.found.add("choices", row, "id", sentence)
        seen.add((choice.contest, choice.id))
        if choice.id in STATED_NUMBERS:
            check.found.add("choices", row, "id", f"{choice.id} is a field of the form; give the choice another id")
        if choice.party is not None and choice.party not in check.party_ids:
            check.found.add("choices", row, "party", check.unknown(choice.party, PARTY, check.party_ids))
        if choice.kind is ChoiceKind.PARTY:
            _party_choice(check, row, choice.contest, choice.party, party_rows)
        counts[choice.contest] = counts.get(choice.contest, 0) + 1
        if counts[choice.contest] == CHOICES_MAX + 1:
            sentence = f"contest {choice.contest!r} has more than {CHOICES_MAX:,} choices, the most a form can hold"
            check.found.add("choices", row, "contest", sentence)


def _party_choice(check: PackageCheck, row: int, contest: str, party: str | None, seen: set[tuple[str, str]]) -> None:
    if party is None:
        check.found.add("choices", row, "party", "a choice of kind `party` must name its party")
    elif (contest, party) in seen:
        sentence = f"party {party!r} has a second choice of kind `party` in contest {contest!r}"
        check.found.add("choices", row, "party", sentence)
    else:
        seen.add((contest, party))
