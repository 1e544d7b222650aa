"""The numbers of a report: of each contest by reporting unit, and of each reporting unit over the contests of the office."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from projections.area.tally import INVALID, NOT_STATED, STATABLE, STATIONS, TOTAL, VOTERS, TallyView
from projections.definition.ballots import ContestEntry
from projections.definition.electorates import Denominator
from schemas.nist.objects import Batches


class UnitFacts(NamedTuple):
    """What is known of a reporting unit, or of a contest as a whole. A number that not all counted stations state is None."""

    expected: int
    """Stations; a station that votes in several contests of the office is one for each."""
    reported: int
    """Stations counted or held."""
    counted: int
    registered_voters: int | None
    voters: int | None
    """People who voted at the counted stations."""
    ballots: int | None
    invalid_ballots: int | None

    @property
    def count_status(self) -> str:
        """CountItemStatus."""
        if self.reported == 0:
            return "not-processed"
        return "completed" if self.counted == self.expected else "in-process"


class ContestNumbers(Protocol):
    """The numbers of a contest. Each method can be called several times, once for each file that is written."""

    @property
    def contest(self) -> ContestEntry: ...

    @property
    def facts(self) -> UnitFacts | None:
        """Facts of the report's whole area; None where the report is a part without them."""
        ...

    def votes(self, choice: int) -> Batches:
        """Votes for the choice with this index, by reporting unit. A unit without a counted station can be missing."""
        ...

    def undervotes(self) -> Batches: ...


def together(facts: Iterable[UnitFacts]) -> UnitFacts:
    """The sum over contests. `facts` has at least one."""
    return UnitFacts(*(None if None in column else sum(column) for column in zip(*facts, strict=True)))  # type: ignore[arg-type]


def facts_of(view: TallyView, denominator: Denominator) -> UnitFacts:
    counted = view.counted
    return UnitFacts(
        denominator.stations,
        view.stations_reported,
        counted[STATIONS],
        None if denominator.not_stated else denominator.registered_voters,
        *(known(counted, number) for number in (VOTERS, TOTAL, INVALID)),
    )


def undervotes(contest: ContestEntry, valid: int | None, valid_ballots: int | None, blank: int | None) -> int | None:
    """Votes that the counted ballots could bear and do not. None where blank ballots are counted as invalid ones, or where a
    number is not known."""
    if not contest.counts_blank or valid is None or valid_ballots is None or blank is None:
        return None
    return max(0, contest.votes_per_ballot * (valid_ballots + blank) - valid)


def known(counted: Sequence[int], number: int) -> int | None:
    """A sum (projections/area/tally.py); None where a counted station does not state the number."""
    is_stated = number not in STATABLE or counted[NOT_STATED + STATABLE.index(number)] == 0
    return counted[number] if is_stated else None


@dataclass(frozen=True)
class NumbersInMemory:
    """The numbers of a contest of which there are few, such as those of an area and the areas directly in it."""

    contest: ContestEntry
    facts: UnitFacts | None
    units: Sequence[str]
    """Ids of reporting units."""
    rows: Sequence[Sequence[int]]
    """Votes by choice, of each unit."""
    undervotes_of_units: Sequence[tuple[str, int]] = ()

    def votes(self, choice: int) -> Batches:
        return [(self.units, [row[choice] for row in self.rows])]

    def undervotes(self) -> Batches:
        return [([unit for unit, _ in self.undervotes_of_units], [number for _, number in self.undervotes_of_units])]
