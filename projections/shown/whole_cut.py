"""The answers that are published together, all of one moment: election, offices, contests, and areas of the upper levels.

Each page is, byte for byte, what the API answers at that moment to the address in its docstring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.shown.answer_parts import Line, Part, part_of_area, part_of_office
from projections.shown.published import (
    Moment,
    answer_bytes,
    area_answer,
    contest_answer,
    election_answer,
    office_answer,
)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of the set."""

    name: str
    """Such as `areas/34`; of the second part of it `parts/2/areas/34`. No two pages have the same name, whatever the codes."""
    address: str
    """The path and query of the same answer in the API."""
    lines: tuple[Line, ...]
    """The tallies that it shows."""
    area: int | None
    """The area whose sums by party it shows."""
    answer: Callable[[Moment], dict[str, Any]]


def whole_cut(definition: Definition, levels: int) -> list[Page]:
    """The pages of an election, with those of the areas of its first levels; `levels` is at least 1."""
    offices = definition.ballots.offices
    pages = [Page("election", "/v1/election", (), None, lambda moment: election_answer(definition, moment))]
    for office in offices:
        pages += (_of_office(definition, office, part) for part in _parts(partial(part_of_office, definition, office)))
    pages += (_of_contest(definition, contest) for contest in definition.ballots.contests)
    for area, level in enumerate(definition.tree.level):
        if level < levels:
            parts = _parts(partial(part_of_area, definition, area, offices))
            pages += (_of_area(definition, area, part) for part in parts)
    return pages


def _of_office(definition: Definition, office: OfficeEntry, part: Part) -> Page:
    return Page(
        *_addressed("offices", office.id, part.number),
        tuple(part.lines),
        definition.tree.root,
        lambda moment: office_answer(definition, office, moment, part),
    )


def _of_contest(definition: Definition, contest: ContestEntry) -> Page:
    return Page(
        *_addressed("contests", contest.id, 1),
        (Line(contest.root_area, contest.number),),
        None,
        lambda moment: contest_answer(definition, contest, moment),
    )


def _of_area(definition: Definition, area: int, part: Part) -> Page:
    return Page(
        *_addressed("areas", definition.tree.codes[area], part.number),
        tuple(part.lines),
        area,
        lambda moment: area_answer(definition, area, definition.ballots.offices, moment, part),
    )


def rendered(definition: Definition, pages: list[Page], moment: Moment) -> Iterator[tuple[str, bytes]]:
    """The name of each page, and its bytes at this moment."""
    for page in pages:
        yield page.name, answer_bytes(definition, page.answer(moment))


def _parts(part: Callable[[int], Part]) -> Iterator[Part]:
    number = 1
    while (found := part(number)).of != number:
        yield found
        number += 1
    yield found


def _addressed(kind: str, code: str, part: int) -> tuple[str, str]:
    if part == 1:
        return f"{kind}/{code}", f"/v1/{kind}/{code}"
    return f"parts/{part}/{kind}/{code}", f"/v1/{kind}/{code}?part={part}"
