"""How far the count is, and who leads: NIST status words, progress, margin.

Pure functions of a tally and its denominator, used by the roll-up for whole contests and by the API for any area.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from projections.definition import Denominator
from projections.tally import HEAD, STATIONS, TallyView


class Progress(NamedTuple):
    """Stations of an area in a contest. expected = clean + flagged + held + annulled + waiting."""

    expected: int
    reported: int
    counted: int
    clean: int
    flagged: int
    held: int
    annulled: int
    waiting: int
    """Expected and not heard of, or nothing of it stands."""


class Margin(NamedTuple):
    """The leading choices and by how many votes. Several leaders are a tie, and the margin is 0."""

    leaders: tuple[str, ...]
    runner_up: str | None
    votes: int


def progress(view: TallyView, denominator: Denominator) -> Progress:
    clean, flagged, held = view.clean[STATIONS], view.flagged[STATIONS], view.held[STATIONS]
    reported = clean + flagged + held
    waiting = denominator.stations - reported - view.annulled
    assert waiting >= 0, f"{reported} stations reported and {view.annulled} annulled of {denominator.stations} expected"
    return Progress(denominator.stations, reported, clean + flagged, clean, flagged, held, view.annulled, waiting)


def count_item_status(of: Progress) -> str:
    """CountItemStatus of NIST SP 1500-100 V2: not-processed, in-process, completed."""
    if of.reported == 0:
        return "not-processed"
    return "completed" if of.counted == of.expected else "in-process"


def results_status(of: Progress) -> str:
    """ResultsStatus of NIST SP 1500-100 V2, up to certification: pre-election, unofficial-partial, unofficial-complete."""
    if of.reported == 0:
        return "pre-election"
    return "unofficial-complete" if of.counted == of.expected else "unofficial-partial"


def margin(choices: Sequence[str], votes: Sequence[int]) -> Margin:
    """Who leads by how much. With no votes at all nobody leads."""
    if not any(votes):
        return Margin((), None, 0)
    ranked = sorted(zip(votes, choices, strict=True), key=lambda pair: -pair[0])
    leaders = tuple(choice for count, choice in ranked if count == ranked[0][0])
    if len(leaders) > 1 or len(ranked) == 1:
        return Margin(leaders, None, 0 if len(leaders) > 1 else ranked[0][0])
    seconds = [choice for count, choice in ranked if count == ranked[1][0]]
    return Margin(leaders, seconds[0] if len(seconds) == 1 else None, ranked[0][0] - ranked[1][0])


def standing(contest: str, choices: Sequence[str], view: TallyView, denominator: Denominator) -> dict[str, object]:
    """A contest as a whole, for the topic `results`: status words, progress, leaders, margin in votes."""
    now = progress(view, denominator)
    ahead = margin(choices, view.counted[HEAD:])
    return {
        "contest": contest,
        "results_status": results_status(now),
        "count_item_status": count_item_status(now),
        "stations": now._asdict(),
        "leaders": list(ahead.leaders),
        "runner_up": ahead.runner_up,
        "margin": ahead.votes,
    }
