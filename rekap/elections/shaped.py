"""A package of a given shape to start from: levels, offices, and stations, invented or from a list of stations (CSV).

A list has a line for each station: a column for each level of areas from the highest below the nation, a column `station`, and
where it is known a column `registered_voters`. Its first line names the columns, and thereby the levels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from rekap.elections.example import ExampleKey
from rekap.errors import UnusableError
from rekap.sheet_rows import SheetError, sheet_rows
from schemas.codes import COUNT_MAX
from schemas.definition.package import (
    Area,
    Choice,
    Contest,
    Election,
    ElectionPackage,
    Key,
    Level,
    Mode,
    Office,
    Role,
    RuleSetting,
    Severity,
    Station,
)
from schemas.definition.rows import LocalText
from schemas.texts import PLAIN_TEXT_PATTERN, shown

ROOT = "N"
STATION, REGISTERED = "station", "registered_voters"
STATIONS_OF_AREA = 10
"""Invented stations of one of the lowest areas."""
STATIONS_MAX = 1_000_000
"""Limit for the stations of a list or a shape; Indonesia has 823,000."""
OFFICERS_MAX = 100
"""Number of areas of the second level up to which each has an officer's key of its own; with more, one key is for all."""
PARTITIONS = 2
NAME_CHARACTERS_MAX = 200
CHOICES_OF_CONTEST = 2
_ID = re.compile(r"[a-z0-9][a-z0-9\-]{0,31}")
_PLAIN = re.compile(PLAIN_TEXT_PATTERN)


class ShapeError(UnusableError):
    """A shape or a list of stations cannot be used; the message names the option, or the file."""


class ListedStation(NamedTuple):
    areas: tuple[str, ...]
    """Names of the areas that the station lies in, the highest below the nation first."""
    name: str
    registered_voters: int | None


def identifiers(option: str, text: str, *, least: int, most: int) -> list[str]:
    """The ids of an option such as `president,senate`. Raises ShapeError."""
    ids = [each.strip() for each in text.split(",")]
    for each in ids:
        if not _ID.fullmatch(each):
            raise ShapeError(
                f"{option}: {shown(each)!r} is not an id: lower-case letters, digits and hyphens, at most 32"
            )
        if ids.count(each) > 1:
            raise ShapeError(f"{option}: {each!r} is there twice")
    if not least <= len(ids) <= most:
        raise ShapeError(f"{option}: {len(ids)} given, expected {least} to {most}")
    return ids


def area_levels(text: str) -> list[str]:
    """The levels of areas of an option such as `nation,province,district`, the nation first. Raises ShapeError."""
    levels = identifiers("--levels", text, least=2, most=7)
    if STATION in levels:
        raise ShapeError(f"--levels: {STATION!r} is always the lowest level and is not named")
    return levels


def invented_stations(levels: Sequence[str], stations: int) -> Iterator[ListedStation]:
    """Stations in areas that are as many on each level as makes about STATIONS_OF_AREA stations in each of the lowest."""
    below_root = len(levels) - 1
    lowest = max(1, -(-stations // STATIONS_OF_AREA))
    width = 1
    while width**below_root < lowest:
        width += 1
    for number in range(stations):
        rest = number * lowest // stations  # the lowest area, from 0, so that each gets as many stations as the others
        path: list[str] = []
        for level in reversed(levels[1:]):
            rest, digit = divmod(rest, width)
            path.append(f"{level.capitalize()} {digit + 1}")
        yield ListedStation(tuple(reversed(path)), "", 200)


def listed_stations(file: Path) -> tuple[list[str], list[ListedStation]]:
    """The levels of areas, the nation first, and the stations of a list. Raises SheetError, ShapeError."""
    rows = sheet_rows(file)
    head = next(rows).cells
    levels = _levels_of(file, head)
    stations: list[ListedStation] = []
    first_line: dict[tuple[tuple[str, ...], str], int] = {}
    for row in rows:
        if len(stations) == STATIONS_MAX:
            raise SheetError(file, row.line, f"a list may have {STATIONS_MAX:,} stations")
        station = _station(file, row.line, dict(zip(head, row.cells, strict=True)))
        if (before := first_line.setdefault((station.areas, station.name), row.line)) != row.line:
            where = ", ".join(map(shown, station.areas))
            raise SheetError(file, row.line, f"station {shown(station.name)!r} in {where} is in line {before} already")
        stations.append(station)
    if not stations:
        raise SheetError(file, None, "has no stations")
    return levels, stations


def _levels_of(file: Path, head: Sequence[str]) -> list[str]:
    if STATION not in head:
        raise SheetError(file, 1, f"the first line names no column {STATION!r}")
    above = head[: head.index(STATION)]
    if unknown := [each for each in head[len(above) + 1 :] if each != REGISTERED]:
        raise SheetError(file, 1, f"after {STATION!r} only {REGISTERED!r} may come, not {shown(unknown[0])!r}")
    return ["nation", *identifiers(f"{shown(file)}:1", ",".join(above), least=1, most=6)]


def _station(file: Path, line: int, row: dict[str, str]) -> ListedStation:
    voters = row.pop(REGISTERED, "")
    for name, cell in row.items():
        if not cell:
            raise SheetError(file, line, f"{name} is empty")
        if not _PLAIN.fullmatch(cell) or len(cell) > NAME_CHARACTERS_MAX:
            raise SheetError(file, line, f"{name}: {shown(cell)[:60]!r} is too long or holds a control character")
    if voters and not (voters.isascii() and voters.isdigit() and len(voters) < 10 and int(voters) <= COUNT_MAX):
        raise SheetError(file, line, f"{REGISTERED}: expected a whole number, got {shown(voters)[:60]!r}")
    *areas, name = row.values()
    return ListedStation(tuple(areas), name, int(voters) if voters else None)


def shaped_keys(package_areas: Iterable[Area], second_level: str) -> list[ExampleKey]:
    """The keys that the package needs: one of each role for the nation, and officers by area of the second level."""
    second = [area for area in package_areas if area.level == second_level]
    officers = [ExampleKey(Role.STATION_OFFICER, area.code, f"Officers of {area.name}") for area in second]
    if len(second) > OFFICERS_MAX:
        officers = [ExampleKey(Role.STATION_OFFICER, ROOT, "Officers")]
    return [
        ExampleKey(Role.AUTHORITY, ROOT, "Election authority"),
        ExampleKey(Role.REVIEWER, ROOT, "Reviewers"),
        ExampleKey(Role.SUPERVISOR, ROOT, "Supervisors"),
        *officers,
    ]


def shaped_package(
    election_id: str,
    levels: Sequence[str],
    stations: Iterable[ListedStation],
    offices: Sequence[str],
    keys: Sequence[Key],
) -> ElectionPackage:
    """A rehearsal of this shape. An area's code is that of the area above, a dot, and its number there."""
    areas, rows = _tree(levels, stations)
    return ElectionPackage(
        election=Election(
            id=election_id,
            title=LocalText(id=f"Contoh pemilu {election_id}", en=f"Example election {election_id}"),
            date=date(2029, 2, 14),
            time_zone="Asia/Jakarta",
            mode=Mode.REHEARSAL,
            levels=tuple(Level(id=level, name=_text(level)) for level in (*levels, STATION)),
            shard_level=levels[-1],
            partitions=PARTITIONS,
            rules=(
                RuleSetting(id="F3", severity=Severity.HARD),
                RuleSetting(id="F4", severity=Severity.HARD),
                RuleSetting(id="M1", severity=Severity.HARD, parameters={"fields": ["votes", "VA", "VB", "VC"]}),
            ),
            licence="CC0-1.0",
            source="Invented; a rehearsal, not an election.",
        ),
        areas=tuple(areas),
        stations=tuple(rows),
        offices=tuple(Office(id=office, name=_text(office)) for office in offices),
        contests=tuple(Contest(id=office, office=office, electorate=ROOT, name=_text(office)) for office in offices),
        districts=(),
        parties=(),
        choices=tuple(
            Choice(contest=office, id=f"{number:02}", name=f"Choice {number}", order=number)
            for office in offices
            for number in range(1, CHOICES_OF_CONTEST + 1)
        ),
        keys=tuple(keys),
    )


def _tree(levels: Sequence[str], stations: Iterable[ListedStation]) -> tuple[list[Area], list[Station]]:
    root = levels[0]
    areas = [Area(code=ROOT, name=root.capitalize(), level=root)]
    codes: dict[tuple[str, ...], str] = {(): ROOT}
    children: dict[str, int] = {}
    rows = []
    for station in stations:
        for depth in range(1, len(station.areas) + 1):
            path = station.areas[:depth]
            if path not in codes:
                above = codes[path[:-1]]
                children[above] = children.get(above, 0) + 1
                codes[path] = f"{above}.{children[above]}"
                areas.append(Area(code=codes[path], name=path[-1], level=levels[depth], parent=above))
        area = codes[station.areas]
        children[area] = children.get(area, 0) + 1
        rows.append(
            Station(
                code=f"{area}.{children[area]:03}",
                name=station.name or f"TPS {children[area]:03}",
                area=area,
                registered_voters=station.registered_voters,
            )
        )
    return areas, rows


def _text(text: str) -> LocalText:
    return LocalText(id=text.capitalize(), en=text.capitalize())
