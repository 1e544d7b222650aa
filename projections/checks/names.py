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
"""Other stations that a number must be the sum of before the row is taken as a total: of three small stations, one often is the
sum of the two others."""


def spellings(package: ElectionPackage) -> Iterator[Problem]:
    """Names of one table that look the same to a reader and are written with other characters: an accented letter as one
    character or as two, a character without width, other spaces."""
    yield from _spellings("areas", [(area.parent, area.name) for area in package.areas])
    yield from _spellings("stations", [(station.area, station.name) for station in package.stations])
    yield from _spellings("districts", [(None, part.name) for part in package.districts])
    yield from _spellings("parties", [(None, party.name) for party in package.parties])
    yield from _spellings("choices", [(choice.contest, choice.name) for choice in package.choices])


def _spellings(table: str, rows: list[tuple[str | None, str]]) -> Iterator[Problem]:
    # Nearly all names are plain, and a plain name has a second spelling only where some other name is not plain.
    doubtful = {(group, same_name(name)) for group, name in rows if not _is_plain(name)}
    if not doubtful:
        return
    first: dict[tuple[str | None, str], str] = {}
    for row, (group, name) in enumerate(rows):
        key = (group, same_name(name))
        if key not in doubtful:
            continue
        if not key[1]:
            yield Problem(table, row, "name", "has no visible character")
        elif first.setdefault(key, name) != name:
            sentence = (
                f"{key[1]!r} was written in another spelling in a row before ({_spelled(first[key])}, but "
                f"{_spelled(name)} here); "
                "write both alike, or tell them apart"
            )
            yield Problem(table, row, "name", sentence)


def _is_plain(name: str) -> bool:
    return name.isascii() and "  " not in name and name == name.strip() and "\t" not in name


def _spelled(name: str) -> str:
    return " ".join(f"U+{ord(each):04X}" if not each.isascii() or each == " " else each for each in name[:12])


def total_rows(package: ElectionPackage) -> Iterator[Problem]:
    """Rows of stations.csv that are sums. As stations they would be expected to report, and their voters counted twice."""
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
        if _names_sum(station.name) or _names_sum(station.code):
            yield Problem(
                "stations",
                row,
                "name",
                f"{station.name!r} is the name of a sum and not of a station; leave the row out",
            )
        elif is_sum:
            sentence = f"is {voters}, the sum of all other stations: is the row a total? If so, leave it out"
            yield Problem("stations", row, "registered_voters", sentence)


def _names_sum(text: str) -> bool:
    return _SUM_WORDS.fullmatch(same_name(text).casefold().strip(" .:-_=*")) is not None
