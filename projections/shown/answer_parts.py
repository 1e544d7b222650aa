"""An answer in parts of bounded size: which tallies are in which part follows from the package alone.

All districts of a legislature with their candidates are some 60 MB, and so are the areas of a nation. Neither the API nor a
reader has to hold an answer of that size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from projections.definition.ballots import OfficeEntry
from projections.definition.compiled import Definition

PART_BYTES_MAX = 4 * 1024 * 1024
"""Size of a part as JSON, about. At half, a nation's snapshot of a legislature takes twice as many requests; at double, the API
works 100 ms on one part, in which it answers no other request."""
_NAME_BYTES = 300
"""Longest name of an area."""
HISTORY_BYTES_MAX = 4 * 1024 * 1024
"""Size of the payloads and findings of a page of a station's history, up to its last record; bounded as PART_BYTES_MAX."""
HISTORY_RECORDS = 100
"""Records of a page unless the request has another number. Nearly every station has fewer, so that its history is one page."""
HISTORY_RECORDS_MAX = 500
"""Records of a page at most, of some 2 kB each. At double, a page takes the database 40 ms."""


class Line(NamedTuple):
    area: int
    contest: int | None
    """None where the line is the area's name."""


class Part(NamedTuple):
    number: int
    """Number of the part, from 1."""
    of: int
    lines: Sequence[Line]


def part_of_area(definition: Definition, area: int, offices: Iterable[OfficeEntry], number: int) -> Part:
    """The names of the areas directly in an area, then its tallies and theirs, area by area. Raises LookupError."""
    wanted = {contest for office in offices for contest in office.contests}

    def lines() -> Iterator[Line]:
        yield from (Line(child, None) for child in definition.tree.children[area])
        for each in (area, *definition.tree.children[area]):
            yield from (
                Line(each, contest) for contest in definition.electorates.contests_in(each) if contest in wanted
            )

    return _part(definition, lines(), number)


def part_of_office(definition: Definition, office: OfficeEntry, number: int) -> Part:
    """The tallies of an office's contests, each at the area that holds its electorate. Raises LookupError."""
    lines = (Line(definition.ballots.contests[contest].root_area, contest) for contest in office.contests)
    return _part(definition, lines, number)


class RecordPosition(NamedTuple):
    """The position of a record in a history: offsets first, because nearly all records of a station are in one partition."""

    offset: int
    partition: int


BEFORE_ALL = RecordPosition(-1, -1)


class HistoryPage(NamedTuple):
    rows: Sequence[Mapping[str, Any]]
    next: RecordPosition | None
    """The page's last record, where others follow."""


def history_page(rows: Iterable[Mapping[str, Any]], limit: int) -> HistoryPage:
    """The first records of the rest of a history. `rows` are those of event_queries.STATION_HISTORY, one more than `limit`
    where there are as many. A page that has reached HISTORY_BYTES_MAX takes no further record, so that it always has one."""
    page: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        if len(page) == limit or size >= HISTORY_BYTES_MAX:
            return HistoryPage(page, RecordPosition(page[-1]["offset"], page[-1]["partition"]))
        page.append(row)
        size += row["bytes"]
    return HistoryPage(page, None)


def _part(definition: Definition, lines: Iterable[Line], number: int) -> Part:
    parts: list[list[Line]] = [[]]
    size = 0
    for line in lines:
        added = _NAME_BYTES if line.contest is None else definition.ballots.tally_bytes[line.contest]
        if parts[-1] and size + added > PART_BYTES_MAX:
            parts.append([])
            size = 0
        parts[-1].append(line)
        size += added
    if not 1 <= number <= len(parts):
        raise LookupError(f"There is no part {number}; this answer has {len(parts)}.")
    return Part(number, len(parts), parts[number - 1])
