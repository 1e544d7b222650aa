"""How far the count is, and who leads: NIST status words, progress, margin.

Pure functions of a tally and its denominator, used by the roll-up for whole contests and by the API for any area.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from projections.area.tally import HEAD, STATIONS, TallyView
from projections.definition.ballots import ContestEntry
from projections.definition.electorates import Denominator


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
    """Expected stations of which no form counts, is held or is annulled."""


class Margin(NamedTuple):
    """Who leads, and by how many votes."""

    leaders: tuple[str, ...]
    """Choices, by votes, as many as can be elected; more where the last of them are tied, fewer where others have no votes."""
    tied: tuple[str, ...]
    """The leaders with equal votes for fewer seats than they are. Which of them wins is not decided here."""
    runner_up: str | None
    """The first choice behind the leaders; None where there is none, or several have equal votes."""
    votes: int
    """Votes between the last leader and the first choice behind; 0 where they are tied."""


def progress(view: TallyView, denominator: Denominator) -> Progress:
    clean, flagged, held = view.clean[STATIONS], view.flagged[STATIONS], view.held[STATIONS]
    reported = clean + flagged + held
    waiting = denominator.stations - reported - view.annulled
    assert waiting >= 0, f"{reported} stations reported and {view.annulled} annulled of {denominator.stations} expected"
    return Progress(denominator.stations, reported, clean + flagged, clean, flagged, held, view.annulled, waiting)


def count_item_status(stations: Progress) -> str:
    """CountItemStatus of NIST SP 1500-100 V2: not-processed, in-process, completed."""
    if stations.reported == 0:
        return "not-processed"
    return "completed" if stations.counted == stations.expected else "in-process"


def results_status(stations: Progress) -> str:
    """ResultsStatus of NIST SP 1500-100 V2, up to certification: pre-election, unofficial-partial, unofficial-complete."""
    if stations.reported == 0:
        return "pre-election"
    return "unofficial-complete" if stations.counted == stations.expected else "unofficial-partial"


def margin(choices: Sequence[str], votes: Sequence[int], seats: int = 1) -> Margin:
    """Who leads for these seats, and by how many votes. A choice without votes does not lead."""
    ranked = sorted(zip(votes, choices, strict=True), key=lambda pair: -pair[0])
    if not ranked:
        return Margin((), (), None, 0)
    last_in = ranked[min(seats, len(ranked)) - 1][0]
    first_out = ranked[seats][0] if seats < len(ranked) else 0
    leaders = tuple(choice for count, choice in ranked if count >= max(last_in, 1))
    if len(leaders) > seats:
        return Margin(leaders, tuple(choice for count, choice in ranked if count == last_in), None, 0)
    out = [choice for count, choice in ranked[seats:] if count == first_out]
    return Margin(leaders, (), out[0] if last_in and len(out) == 1 else None, last_in - first_out)


def lead(ahead: Margin) -> dict[str, object]:
    """The margin as it is published."""
    return {
        "leaders": list(ahead.leaders),
        "tied": list(ahead.tied),
        "runner_up": ahead.runner_up,
        "margin": ahead.votes,
    }


def contest_summary(contest: ContestEntry, view: TallyView, denominator: Denominator) -> dict[str, object]:
    """A contest as a whole, for the topic `results` (ContestSummary): status words, progress, leaders, margin in votes."""
    now = progress(view, denominator)
    return {
        "contest": contest.id,
        "results_status": results_status(now),
        "count_item_status": count_item_status(now),
        "stations": now._asdict(),
        **lead(margin(contest.choices, view.counted[HEAD:], contest.leaders_max)),
    }
