"""Names as people read them: two spellings that look alike, and rows of a station table that are sums and not stations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from schemas.definition.package import ElectionPackage
from schemas.definition.problems import Problem
from schemas.texts import same_name

_SUM_WORDS = re.compile(
    r"(grand |sub ?)?total|jumlah( (akhir|keseluruhan|seluruhnya|total|tps))?|total (keseluruhan|tps)|sum|summe|suma|somme|"
    r"gesamt|insgesamt|all( stations)?|semua( tps)?"
)
OTHERS_MIN = 5
"""Stations that a number must be the sum of before it says anything: of three small ones, one often is."""


def spellings(package: ElectionPackage) -> Iterator[Problem]:
    """Names of one table, side by side for a reader, that look the same and are written with other characters: as one letter
    with its accent and as two, with a character that has no width, with other spaces."""
    yield from _of("areas", [(area.parent, area.name) for area in package.areas])
    yield from _of("stations", [(station.area, station.name) for station in package.stations])
    yield from _of("districts", [(None, part.name) for part in package.districts])
    yield from _of("parties", [(None, party.name) for party in package.parties])
    yield from _of("choices", [(choice.contest, choice.name) for choice in package.choices])


def _of(table: str, rows: list[tuple[str | None, str]]) -> Iterator[Problem]:
    # Nearly all names are plain, and a plain one has a second spelling only where some other one is not.
    doubtful = {(place, same_name(name)) for place, name in rows if not _is_plain(name)}
    if not doubtful:
        return
    first: dict[tuple[str | None, str], str] = {}
    for row, (place, name) in enumerate(rows):
        key = (place, same_name(name))
        if key not in doubtful:
            continue
        if not key[1]:
            yield Problem(table, row, "name", "holds nothing that can be seen")
        elif first.setdefault(key, name) != name:
            sentence = (
                f"{key[1]!r} stands further up in another spelling ({_spelled(first[key])} there, {_spelled(name)} here); "
                "write both alike, or tell them apart"
            )
            yield Problem(table, row, "name", sentence)


def _is_plain(name: str) -> bool:
    return name.isascii() and "  " not in name and name == name.strip() and "\t" not in name


def _spelled(name: str) -> str:
    return " ".join(f"U+{ord(each):04X}" if not each.isascii() or each == " " else each for each in name[:12])


def total_rows(package: ElectionPackage) -> Iterator[Problem]:
    """A sum that was exported as one more station would be expected to report, and its voters counted twice."""
    stations = package.stations
    registered = [station.registered_voters or 0 for station in stations]
    total = sum(registered)
    others = len(stations) - 1
    of_area: Counter[str] = Counter()
    in_area: Counter[str] = Counter(station.area for station in stations)
    for station, voters in zip(stations, registered, strict=True):
        of_area[station.area] += voters
    for row, (station, voters) in enumerate(zip(stations, registered, strict=True)):
        is_sum = voters > 0 and (
            (others >= OTHERS_MIN and voters == total - voters)
            or (in_area[station.area] > OTHERS_MIN and voters == of_area[station.area] - voters)
        )
        if _says_sum(station.name) or _says_sum(station.code):
            yield Problem(
                "stations",
                row,
                "name",
                f"{station.name!r} is the name of a sum and not of a station; leave the row out",
            )
        elif is_sum:
            sentence = f"is {voters}, the sum of all other stations: is the row a total? If so, leave it out"
            yield Problem("stations", row, "registered_voters", sentence)


def _says_sum(text: str) -> bool:
    return _SUM_WORDS.fullmatch(same_name(text).casefold().strip(" .:-_=*")) is not None
