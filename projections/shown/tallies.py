"""Tallies as readers get them: the numbers by name, votes by choice, status words, and who leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.area.progress import Margin, count_item_status, lead, margin, progress, results_status
from projections.area.tally import (
    BLANK,
    HEAD,
    INVALID,
    NOT_STATED,
    REGISTERED_VOTERS,
    STATABLE,
    STATIONS,
    TIERS,
    TOTAL,
    VALID,
    VALID_BALLOTS,
    VOTERS,
    TallyView,
)
from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.definition.electorates import Denominator, together


def published_tally(contest: ContestEntry, area: int, tally: Sequence[int], definition: Definition) -> dict[str, Any]:
    """The tally of a contest in an area. Votes by choice id; units are people, ballots and stations."""
    view = TallyView.of(tally)
    denominator = definition.electorates.denominators.get((contest.number, area), Denominator(0, 0))
    ahead = margin(contest.choices, view.counted[HEAD:], contest.leaders_max)
    return {
        "contest": contest.id,
        "area": definition.tree.codes[area],
        **_published(view, denominator, contest.choices, ahead, contest.counts_blank),
    }


def published_office(office: OfficeEntry, area: int, tally: Sequence[int], definition: Definition) -> dict[str, Any]:
    """The tally of an office in an area over all its contests. Votes by line (OfficeEntry.lines), of which only parties can
    lead; `expected` counts a station once for each contest of the office that its voters vote in."""
    view = TallyView.of(tally)
    denominator = together(
        definition.electorates.denominators[key]
        for key in ((n, area) for n in office.contests)
        if key in definition.electorates.denominators
    )
    ahead = margin(office.parties, view.counted[HEAD : HEAD + len(office.parties)])
    return {
        "office": office.id,
        "area": definition.tree.codes[area],
        **_published(view, denominator, office.lines, ahead, office.counts_blank),
    }


def published_contribution(contest: ContestEntry, contribution: Sequence[int]) -> dict[str, Any]:
    """The numbers of one form, by name."""
    return _numbers(contribution, contest.choices, contest.counts_blank)


def _published(
    view: TallyView, denominator: Denominator, names: Sequence[str], ahead: Margin, counts_blank: bool
) -> dict[str, Any]:
    now = progress(view, denominator)
    expected, unknown = denominator.registered_voters, denominator.not_stated
    return {
        "results_status": results_status(now),
        "count_item_status": count_item_status(now),
        "stations": now._asdict(),
        "registered_voters_expected": None if unknown == denominator.stations > 0 else expected,
        "registered_voters_not_stated": unknown,
        "counted": _numbers(view.counted, names, counts_blank),
        "tiers": {
            name: {"stations": tier[STATIONS], **_numbers(tier, names, counts_blank)}
            for name, tier in zip(TIERS, (view.clean, view.flagged, view.held), strict=True)
        },
        **lead(ahead),
    }


_PUBLISHED = {
    "registered_voters": REGISTERED_VOTERS,
    "voters": VOTERS,
    "valid": VALID,
    "valid_ballots": VALID_BALLOTS,
    "invalid": INVALID,
    "blank": BLANK,
    "total": TOTAL,
}


def known_numbers(numbers: Sequence[int], counts_blank: bool) -> list[int | None]:
    """The numbers in the order of `_PUBLISHED`, of one form or of a sum. A number that no station stated is None, and so are
    blank ballots where they are not counted apart."""
    stations = numbers[STATIONS]
    known: list[int | None] = list(numbers[REGISTERED_VOTERS:NOT_STATED])
    for index, not_stated in zip(STATABLE, numbers[NOT_STATED:HEAD], strict=True):
        if not_stated == stations > 0:
            known[index - REGISTERED_VOTERS] = None
    if not counts_blank:
        known[BLANK - REGISTERED_VOTERS] = None
    return known


def _numbers(numbers: Sequence[int], names: Sequence[str], counts_blank: bool) -> dict[str, Any]:
    """The numbers by name."""
    not_stated = dict(zip(STATABLE, numbers[NOT_STATED:HEAD], strict=True))
    return {
        **dict(zip(_PUBLISHED, known_numbers(numbers, counts_blank), strict=True)),
        "not_stated": {name: not_stated[index] for name, index in _PUBLISHED.items() if not_stated.get(index)},
        "votes": dict(zip(names, numbers[HEAD:], strict=True)),
    }
