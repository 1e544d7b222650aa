"""Sums over stations in answers: of a contest or an office in an area, by verdict and by choice."""

from __future__ import annotations

from schemas.codes import Whole
from schemas.served.shape import Shape


class Numbers(Shape):
    """Sums over stations. A number is null where no station stated it."""

    registered_voters: Whole | None
    """Voters in the registers of the counted stations."""
    voters: Whole | None
    """People who voted (B4 of the form)."""
    valid: Whole
    """Valid votes. Where a ballot may have several marks, they may be more or fewer than the valid ballots."""
    valid_ballots: Whole | None
    """Valid ballots, where a ballot may have several marks."""
    invalid: Whole | None
    """Invalid ballots."""
    blank: Whole | None
    """Blank ballots; null also where the law does not count them apart."""
    total: Whole | None
    """Valid, invalid and blank ballots."""
    not_stated: dict[str, Whole]
    """Name of a number → how many of the stations did not state it, so that the number does not include them. A number that all
    stations stated is absent."""
    votes: dict[str, Whole]
    """Votes by choice id; for a whole office by party id, with the votes for choices without a party under `-`."""


class TierNumbers(Numbers):
    stations: Whole
    """Stations with this verdict."""


class Tiers(Shape):
    """Sums by verdict. A `clean` result breaks no rule, a `flagged` one a soft rule. A `held` one breaks a hard rule, and is
    not counted."""

    clean: TierNumbers
    """Sums of the results that break no rule."""
    flagged: TierNumbers
    """Sums of the results that break a soft rule, and count."""
    held: TierNumbers
    """Sums of the results that break a hard rule, and do not count."""


class StationsProgress(Shape):
    """expected = clean + flagged + held + annulled + waiting; counted = clean + flagged."""

    expected: Whole
    """Stations that vote in the contest."""
    reported: Whole
    """Stations from which a result has come."""
    counted: Whole
    """Stations whose result is counted."""
    clean: Whole
    """Stations whose counted result breaks no rule."""
    flagged: Whole
    """Stations whose counted result breaks a soft rule."""
    held: Whole
    """Stations whose result is held for review."""
    annulled: Whole
    """Stations whose result was annulled."""
    waiting: Whole
    """Stations from which no result has come."""


class _Sums(Shape):
    results_status: str
    """ResultsStatus of NIST SP 1500-100."""
    count_item_status: str
    """CountItemStatus of NIST SP 1500-100."""
    stations: StationsProgress
    """How far the count is."""
    registered_voters_expected: Whole | None
    """Registered voters of all stations for which the election package states them; null where it states none."""
    registered_voters_not_stated: Whole
    """Stations for which the package states no number of registered voters."""
    counted: Numbers
    """Sums of the counted results, clean and flagged ones."""
    tiers: Tiers
    """Sums of `counted` by verdict, and sums of the results that are held."""
    leaders: list[str]
    """Choices with the most votes, as many as there are seats (1 for a proportional contest and for an office); more where the
    last of them are tied."""
    tied: list[str]
    """The leaders that are tied for the last seats."""
    runner_up: str | None
    """The choice with the most votes that is not a leader; null where there is none, or several with as many votes."""
    margin: Whole
    """Votes of the last leader minus votes of the runner-up; 0 where they are tied."""


class Shares(Shape):
    """Shares of a tally as texts to print, such as `51.07 %`: rounded to hundredths, a half away from zero. They are never a
    basis for arithmetic; the whole numbers are in the tally."""

    votes: dict[str, str | None]
    """Choice id → its share of the valid votes; null while there are none."""
    margin: str | None
    """Share of the valid votes by which the last leader is ahead of the runner-up."""
    invalid: str | None
    """Share of invalid ballots in all ballots; null where one of them is not known."""
    turnout: str | None
    """Voters as a share of the registered voters of the counted stations; null where a counted station did not state one of
    the two."""
    counted: str | None
    """Share of the expected stations that are counted; cut off and not rounded, so that `100.00 %` means all."""


class ContestTally(_Sums):
    contest: str
    """Id of the contest."""
    area: str
    """Code of the area."""


class OfficeTally(_Sums):
    office: str
    """Id of the office."""
    area: str
    """Code of the area."""
