"""How far the count is, and who leads: NIST status words, progress, margin.

Pure functions of a tally and its denominator, used by the roll-up for whole contests and by the API for any area.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from projections.area.tally import HEAD, STATIONS, TallyView
from projections.definition.compiled import ContestEntry, Denominator


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
    """Who leads, and by how many votes."""

    leaders: tuple[str, ...]
    """As many as can be elected, by votes; more where the last of them are tied, fewer where others have no votes."""
    tied: tuple[str, ...]
    """The leaders that have as many votes as each other for fewer places. Which of them wins is not for us to say."""
    runner_up: str | None
    """The first that is out; None where there is none, or several have as many votes."""
    votes: int
    """Between the last in and the first out; 0 where they are tied."""


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


def margin(choices: Sequence[str], votes: Sequence[int], places: int = 1) -> Margin:
    """Who leads for so many places, and by how much. Nobody leads without votes."""
    ranked = sorted(zip(votes, choices, strict=True), key=lambda pair: -pair[0])
    if not ranked:
        return Margin((), (), None, 0)
    last_in = ranked[min(places, len(ranked)) - 1][0]
    first_out = ranked[places][0] if places < len(ranked) else 0
    leaders = tuple(choice for count, choice in ranked if count >= max(last_in, 1))
    if len(leaders) > places:
        return Margin(leaders, tuple(choice for count, choice in ranked if count == last_in), None, 0)
    out = [choice for count, choice in ranked[places:] if count == first_out]
    return Margin(leaders, (), out[0] if last_in and len(out) == 1 else None, last_in - first_out)


def lead(ahead: Margin) -> dict[str, object]:
    """As it is published."""
    return {
        "leaders": list(ahead.leaders),
        "tied": list(ahead.tied),
        "runner_up": ahead.runner_up,
        "margin": ahead.votes,
    }


def standing(contest: ContestEntry, view: TallyView, denominator: Denominator) -> dict[str, object]:
    """A contest as a whole, for the topic `results`: status words, progress, leaders, margin in votes."""
    now = progress(view, denominator)
    return {
        "contest": contest.id,
        "results_status": results_status(now),
        "count_item_status": count_item_status(now),
        "stations": now._asdict(),
        **lead(margin(contest.choices, view.counted[HEAD:], contest.leading_places)),
    }
