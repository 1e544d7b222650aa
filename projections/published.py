"""A tally as readers get it: names instead of places, from the REST snapshots and the live feed alike.

Pure functions of a tally and the definition, so that the same tally is the same JSON wherever it is served.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from projections.definition import ContestEntry, Definition, Denominator, OfficeEntry
from projections.progress import count_item_status, margin, progress, results_status
from projections.tally import HEAD, INVALID, REGISTERED_VOTERS, STATIONS, TIERS, TOTAL, VALID, VOTERS, TallyView


def published_tally(contest: ContestEntry, area: int, tally: Sequence[int], definition: Definition) -> dict[str, Any]:
    """The tally of a contest in an area. Votes by choice id; units are people, ballots and stations."""
    denominator = definition.denominators.get((contest.number, area), Denominator(0, 0))
    return {
        "contest": contest.id,
        "area": definition.area_codes[area],
        **_published(TallyView.of(tally), denominator, contest.choices),
    }


def published_office(office: OfficeEntry, area: int, tally: Sequence[int], definition: Definition) -> dict[str, Any]:
    """The tally of an office in an area over all its contests. Votes by party id; `expected` counts a station once for
    each contest of the office that its voters vote in."""
    parts = [
        definition.denominators[key] for key in ((n, area) for n in office.contests) if key in definition.denominators
    ]
    denominator = Denominator(sum(part.stations for part in parts), sum(part.registered_voters for part in parts))
    return {
        "office": office.id,
        "area": definition.area_codes[area],
        **_published(TallyView.of(tally), denominator, office.parties),
    }


def published_contribution(contest: ContestEntry, contribution: Sequence[int]) -> dict[str, Any]:
    """What one form adds: the numbers of a single station."""
    return _numbers(contribution, contest.choices)


def _published(view: TallyView, denominator: Denominator, names: Sequence[str]) -> dict[str, Any]:
    now = progress(view, denominator)
    ahead = margin(names, view.counted[HEAD:])
    return {
        "results_status": results_status(now),
        "count_item_status": count_item_status(now),
        "stations": now._asdict(),
        "registered_voters_expected": denominator.registered_voters,
        "counted": _numbers(view.counted, names),
        "tiers": {
            name: {"stations": tier[STATIONS], **_numbers(tier, names)}
            for name, tier in zip(TIERS, (view.clean, view.flagged, view.held), strict=True)
        },
        "leaders": list(ahead.leaders),
        "runner_up": ahead.runner_up,
        "margin": ahead.votes,
    }


def _numbers(numbers: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    return {
        "registered_voters": numbers[REGISTERED_VOTERS],
        "voters": numbers[VOTERS],
        "valid": numbers[VALID],
        "invalid": numbers[INVALID],
        "total": numbers[TOTAL],
        "votes": dict(zip(names, numbers[HEAD:], strict=True)),
    }
