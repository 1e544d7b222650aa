"""Vectors of votes: what one station adds to an area, and the sum of an area.

A *contribution* is what one form says: `(1, registered voters, voters, valid, invalid, total, votes of choice 0, 1, …)`.
A *tally* is the sum over an area in three tiers, laid end to end, and the number of annulled stations:

    [clean: contribution][flagged: contribution][held: contribution][annulled]

A station counts in exactly one tier, so clean + flagged + held + waiting = expected, at every level and moment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from projections.definition import ContestEntry
from schemas.forms import ResultForm, Voters

STATIONS, REGISTERED_VOTERS, VOTERS, VALID, INVALID, TOTAL = range(6)
"""Places in a contribution; votes follow from HEAD on."""
HEAD = 6
CLEAN, FLAGGED, HELD = range(3)
TIERS = ("clean", "flagged", "held")

Contribution = tuple[int, ...]
Tally = list[int]


def tally_length(choices: int) -> int:
    return 3 * (HEAD + choices) + 1


def empty_tally(choices: int) -> Tally:
    return [0] * tally_length(choices)


def contribution_of(form: ResultForm, contest: ContestEntry, registered_voters: int) -> Contribution:
    """What a form adds to every area above its station.

    Stated numbers are counted as stated, also where they disagree (a rule says so). What is not stated is taken from
    what is: valid votes from the votes, the total from valid and invalid, the voters from B4 or else the total.
    """
    index = contest.choice_index
    votes = [0] * len(index)
    for choice, count in form.votes.items():
        place = index.get(choice)
        if place is not None:
            votes[place] = count
    valid = sum(votes) if form.VA is None else form.VA
    invalid = form.VB or 0
    total = valid + invalid if form.VC is None else form.VC
    voters = column_all(form.B4)
    return (1, registered_voters, total if voters is None else voters, valid, invalid, total, *votes)


def column_all(row: Voters | None) -> int | None:
    """J of a row (L + P), or their sum where only they are stated."""
    if row is None:
        return None
    if row.J is not None:
        return row.J
    return None if row.L is None or row.P is None else row.L + row.P


def add(tally: Tally, tier: int, contribution: Contribution, sign: int = 1) -> None:
    """Add (or, with sign -1, take away) a contribution to a tier of a tally, in place."""
    at = tier * len(contribution)
    for value in contribution:
        if value:
            tally[at] += sign * value
        at += 1


def difference(new: Sequence[int], old: Sequence[int]) -> Tally:
    return [a - b for a, b in zip(new, old, strict=True)]


def add_all(tally: Tally, delta: Sequence[int]) -> None:
    for place, value in enumerate(delta):
        if value:
            tally[place] += value


@dataclass(frozen=True, slots=True)
class TallyView:
    """A tally with names. Votes are in the order of the contest's choices (or of the office's parties)."""

    clean: tuple[int, ...]
    flagged: tuple[int, ...]
    held: tuple[int, ...]
    annulled: int

    @classmethod
    def of(cls, tally: Sequence[int]) -> TallyView:
        third, rest = divmod(len(tally) - 1, 3)
        assert rest == 0 and third >= HEAD, f"a tally of {len(tally)} numbers has no three tiers"
        return cls(
            tuple(tally[:third]), tuple(tally[third : 2 * third]), tuple(tally[2 * third : 3 * third]), tally[-1]
        )

    @property
    def counted(self) -> tuple[int, ...]:
        """Clean and flagged: the published total."""
        return tuple(a + b for a, b in zip(self.clean, self.flagged, strict=True))

    @property
    def stations_reported(self) -> int:
        return self.clean[STATIONS] + self.flagged[STATIONS] + self.held[STATIONS]


def party_tally(tally: Sequence[int], contest: ContestEntry, parties: int) -> Tally:
    """A contest's tally (or a difference of two) with votes by party of the office instead of by choice."""
    third = (len(tally) - 1) // 3
    folded: Tally = []
    for tier in range(3):
        start = tier * third
        votes = [0] * parties
        for place, party in enumerate(contest.choice_party):
            if party >= 0:
                votes[party] += tally[start + HEAD + place]
        folded += tally[start : start + HEAD]
        folded += votes
    folded.append(tally[-1])
    return folded
