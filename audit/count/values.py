"""What the recount gives: sums of an area, the form that counts for a station, records that must not count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

MAY_BE_ABSENT = ("register", "voters", "valid_ballots", "invalid", "blank", "total")
"""Numbers of a form that it may leave out, as recount.sql names them."""

Cut = tuple[tuple[int, int], ...]
"""An `as_of`: (partition, offset of the last record that is counted in), sorted."""


class Stated(NamedTuple):
    """A number that a form may leave out: the sum over the forms that state it, and how many do not."""

    total: int
    not_stated: int


class Numbers(NamedTuple):
    """What a tier of an area adds up to."""

    stations: int
    valid: int
    stated: tuple[Stated, ...]
    """Sums in the order of MAY_BE_ABSENT."""
    votes: tuple[int, ...]
    """Votes in the order of the ballot."""


@dataclass(frozen=True, slots=True)
class Sums:
    """An area in a contest."""

    tiers: dict[str, Numbers]
    """Tier → its sums; one without stations is absent."""
    annulled: int


class Refused(NamedTuple):
    """A record that must not count."""

    partition: int
    offset: int
    rule: str
    type: str
    key: str
    problem: str | None


class StationCount(NamedTuple):
    """Which form counts, or waits, for a station in a contest, and its numbers."""

    state: str
    event: str | None
    offset: int | None
    version: int | None
    numbers: Numbers | None


class FinanceReports(NamedTuple):
    """What the log has of campaign finance. No number of votes depends on it."""

    reports: int
    """Events that were not refused, each once."""
    accounts: int
    """Parties in their areas, and candidates."""
    out_of_balance: int
    """Reports whose closing balance is not the opening one and the income, less the spending."""

    @property
    def line(self) -> str:
        return (
            f"campaign finance: {self.reports:,} signed reports of {self.accounts:,} accounts, {self.out_of_balance:,} of them "
            "do not add up to their closing balance"
        )
