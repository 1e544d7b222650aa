"""Vectors of votes: what one station adds to an area, and the sum of an area.

A *contribution* is the numbers of one form: `(1, registered voters, voters, valid votes, valid ballots, invalid, blank, total;
for each of STATABLE a 1 where the form does not state it; votes of choice 0, 1, …)`. A number that is not stated is not 0: a
sum means something only together with the number of stations that are not in it, so both are published (shown/tallies.py).

A *tally* is the sum over an area in three tiers, laid end to end, and the number of annulled stations:

    [clean: contribution][flagged: contribution][held: contribution][annulled]

A station counts in exactly one tier, so clean + flagged + held + waiting = expected, at every level and moment.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import cast

from projections.definition.ballots import ContestEntry
from schemas.ledger.reports import Form, Row

STATIONS, REGISTERED_VOTERS, VOTERS, VALID, VALID_BALLOTS, INVALID, BLANK, TOTAL = range(8)
"""Indexes in a contribution. Valid counts votes; valid ballots, invalid, blank and total count ballots."""
STATABLE = (REGISTERED_VOTERS, VOTERS, VALID_BALLOTS, INVALID, BLANK, TOTAL)
"""Numbers that a form may leave out. (Valid votes are the sum of the votes where they are not stated.)"""
NOT_STATED = 8
"""First index of the counts, for each of STATABLE, of stations that did not state it."""
HEAD = NOT_STATED + len(STATABLE)
"""First index of the votes."""
CLEAN, FLAGGED, HELD = range(3)
TIERS = ("clean", "flagged", "held")

Contribution = tuple[int, ...]
Tally = list[int]


def tally_length(choices: int) -> int:
    return 3 * (HEAD + choices) + 1


def empty_tally(choices: int) -> Tally:
    return [0] * tally_length(choices)


def contribution_of(form: Form, contest: ContestEntry, registered_voters: int | None) -> Contribution:
    """What a form adds to every area above its station.

    Stated numbers are counted as stated, also where they disagree (then a rule is broken). A number that is not stated follows
    only from the numbers that it is the sum of: valid votes from the votes, the total from valid, invalid and blank ballots.
    The register is the package's, or else the form's (A). Fields that the contest does not count (C2) add nothing.
    """
    votes = [*map(form.votes.get, contest.choices, repeat(0))]
    valid = sum(votes) if form.VA is None else form.VA
    valid_ballots = valid if contest.votes_per_ballot == 1 else form.VS
    blank = form.VK if contest.counts_blank else 0
    total = form.VC
    if total is None and valid_ballots is not None and form.VB is not None and blank is not None:
        total = valid_ballots + form.VB + blank
    registered = column_all(form.A) if registered_voters is None else registered_voters
    statable = (registered, column_all(form.B4), valid_ballots, form.VB, blank, total)
    known, not_stated = cast("tuple[int, ...]", statable), _ALL_STATED
    if None in statable:
        known = tuple([number or 0 for number in statable])
        not_stated = tuple([int(number is None) for number in statable])
    return (1, known[0], known[1], valid, *known[2:], *not_stated, *votes)


_ALL_STATED = (0,) * len(STATABLE)


def column_all(row: Row | None) -> int | None:
    """J of a row; where J is not stated, L + P."""
    if row is None:
        return None
    if row.J is not None:
        return row.J
    return None if row.L is None or row.P is None else row.L + row.P


_NUMBER_BYTES = 8


def side_by_side(numbers: Sequence[int]) -> int:
    """Numbers as one, of 8 bytes for each, so that one addition adds them all, 20 times as fast. No number is negative or near
    64 bits (`COUNT_MAX`), so that nothing is carried from one number into the next."""
    return int.from_bytes(array("q", numbers).tobytes(), sys.byteorder)


def apart(joined: int, count: int) -> list[int]:
    """The numbers again. Raises OverflowError where one is negative, which is a bug."""
    return array("q", joined.to_bytes(_NUMBER_BYTES * count, sys.byteorder)).tolist()


def _bits_below(first: int, count: int, length: int) -> int:
    """How many bits of `length` numbers side by side are below `count` of them, which begin with number `first`."""
    return 8 * _NUMBER_BYTES * (first if sys.byteorder == "little" else length - first - count)


class AreaTallies:
    """The tallies of the areas of a partition, the numbers of each side by side."""

    def __init__(self, lengths: Sequence[int]) -> None:
        """`lengths` of a tally, by contest number."""
        self.lengths = lengths
        self._tallies: dict[tuple[int, int], int] = {}
        """(contest, area) → tally, in the order in which tallies were first added to."""

    def __getitem__(self, key: tuple[int, int]) -> Tally:
        """The tally of (contest, area), which was added to before."""
        return apart(self._tallies[key], self.lengths[key[0]])

    def __len__(self) -> int:
        return len(self._tallies)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """(contest, area) of each, in the order in which they were first added to."""
        return iter(self._tallies)

    def add(self, keys: Sequence[tuple[int, int]], tier: int, contribution: Contribution, sign: int) -> None:
        """Add (or, with sign -1, take away) a contribution to a tier of tallies, which are of one contest."""
        count = len(contribution)
        self._add(keys, sign * side_by_side(contribution), tier * count, count)

    def add_annulled(self, keys: Sequence[tuple[int, int]], sign: int) -> None:
        """Count a station that is annulled, or (sign -1) no longer, in tallies of one contest."""
        self._add(keys, sign, self.lengths[keys[0][0]] - 1, 1)

    def touch(self, keys: Sequence[tuple[int, int]]) -> None:
        """Make an empty tally for each area that has none."""
        for key in keys:
            self._tallies.setdefault(key, 0)

    def _add(self, keys: Sequence[tuple[int, int]], numbers: int, first: int, count: int) -> None:
        """Add `count` numbers side by side to those of tallies that begin with number `first`."""
        tallies = self._tallies
        added = numbers << _bits_below(first, count, self.lengths[keys[0][0]])
        for key in keys:
            tallies[key] = tallies.get(key, 0) + added

    def pack(self) -> tuple[bytes, bytes]:
        """Contest and area numbers in pairs (unsigned 32 bit), and all numbers (signed 64 bit)."""
        keys = array("I", [number for key in self._tallies for number in key])
        sizes = [_NUMBER_BYTES * length for length in self.lengths]
        return keys.tobytes(), b"".join(
            [joined.to_bytes(sizes[contest], sys.byteorder) for (contest, _), joined in self._tallies.items()]
        )

    @classmethod
    def unpack(cls, lengths: Sequence[int], keys: bytes, numbers: bytes) -> AreaTallies:
        tallies = cls(lengths)
        pairs = array("I")
        pairs.frombytes(keys)
        start = 0
        for contest, area in zip(pairs[::2], pairs[1::2], strict=True):
            end = start + _NUMBER_BYTES * lengths[contest]
            tallies._tallies[contest, area] = int.from_bytes(numbers[start:end], sys.byteorder)
            start = end
        return tallies


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


def party_tally(tally: Sequence[int], contest: ContestEntry, lines: int) -> Tally:
    """A contest's tally with votes by line of the office (OfficeEntry.lines) instead of by choice."""
    third = len(tally) // 3
    folded: Tally = []
    for tier in range(3):
        start = tier * third
        of_choices = tally[start + HEAD : start + third]
        folded += tally[start : start + HEAD]
        if lines == 1:
            folded.append(sum(of_choices))
            continue
        votes = [0] * lines
        if any(of_choices):
            for line, count in zip(contest.choice_line, of_choices, strict=True):
                votes[line] += count
        folded += votes
    folded.append(tally[-1])
    return folded
