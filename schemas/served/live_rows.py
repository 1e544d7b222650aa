"""Rows in messages of the live feed, and the patches of rows in a `delta`.

A row of `areas` or `offices` is a tally as `GET` has it (tallies.py), or its short form where a subscription
asks for `fields`. A patch has the members that identify its row and those that changed (schemas/served/row_patches.py).
"""

from __future__ import annotations

from typing import Annotated, Required, cast

from pydantic import BaseModel, ConfigDict, Field, with_config
from pydantic.config import JsonDict
from typing_extensions import TypedDict

from schemas.codes import Whole
from schemas.served.tallies import ContestTally, OfficeTally, StationsProgress, TierNumbers, Tiers


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


# ── short forms ──────────────────────────────────────────────────────────────────────────────────────────────────────


class ShortProgress(_Row):
    """Progress of a short form."""

    expected: Whole
    """Stations that are expected to report."""
    counted: Whole
    """Stations of which a form counts."""


class ShortTotals(_Row):
    """Numbers of a short form with `fields` `totals`. A number is null where no station stated it."""

    total: Whole | None
    """Valid, invalid and blank ballots."""
    valid: Whole
    """Valid votes."""
    invalid: Whole | None
    """Invalid ballots."""


class ShortNumbers(ShortTotals):
    """Numbers of a short form with `fields` `choices`."""

    votes: dict[str, Whole]
    """Votes by choice id; for a whole office by party id."""


class _ShortTally(_Row):
    area: str
    """Code of the area."""
    results_status: str
    """ResultsStatus of NIST SP 1500-100."""
    stations: ShortProgress
    """How far the count is."""


class _ShortChoices(_ShortTally):
    counted: ShortNumbers
    """Sums over the counted stations."""
    leaders: list[str]
    """Choices with the most votes, as many as there are seats; more where the last of them are tied."""
    margin: Whole
    """Votes of the last leader minus votes of the runner-up; 0 where they are tied."""


class ShortContestTotals(_ShortTally):
    """A contest in an area, with `fields` `totals`."""

    contest: str
    """Id of the contest."""
    counted: ShortTotals
    """Sums over the counted stations."""


class ShortOfficeTotals(_ShortTally):
    """An office in an area, with `fields` `totals`."""

    office: str
    """Id of the office."""
    counted: ShortTotals
    """Sums over the counted stations."""


class ShortContestTally(_ShortChoices):
    """A contest in an area, with `fields` `choices`."""

    contest: str
    """Id of the contest."""


class ShortOfficeTally(_ShortChoices):
    """An office in an area, with `fields` `choices`."""

    office: str
    """Id of the office."""


AreaRow = ContestTally | ShortContestTally | ShortContestTotals
OfficeRow = OfficeTally | ShortOfficeTally | ShortOfficeTotals


# ── whole contests and stations ──────────────────────────────────────────────────────────────────────────────────────


class ContestRow(_Row):
    """A whole contest: how far its count is, and who leads."""

    contest: str
    """Id of the contest."""
    results_status: str
    """ResultsStatus of NIST SP 1500-100."""
    count_item_status: str
    """CountItemStatus of NIST SP 1500-100."""
    stations: StationsProgress
    """How far the count is."""
    leaders: list[str]
    """Choices with the most votes, as many as there are seats; more where the last of them are tied."""
    tied: list[str]
    """The leaders that are tied for the last seats."""
    runner_up: str | None
    """The choice with the most votes that is not a leader; null where there is none, or several have as many votes."""
    margin: Whole
    """Votes of the last leader minus votes of the runner-up; 0 where they are tied."""


class StationChange(_Row):
    """The result of a station in a contest, after its last change."""

    station: str
    """Code of the polling station (TPS)."""
    contest: str
    """Id of the contest."""
    state: str
    """What became of the form, as in `GET /v1/stations/{station}`."""
    offset: Whole | None
    """Ledger offset of the form that counts, or of the held form; null where there is none."""
    event: str | None
    """Event id of that form."""
    version: Annotated[int, Field(ge=1)] | None
    """Version of that form."""
    contribution: list[Whole] | None
    """What the form adds to each area, as the numbers of projections/area/tally.py; null where it adds nothing. Names of the
    numbers: `GET /v1/stations/{station}`."""
    through: Whole
    """Ledger offset of the last event that changed the station."""


# ── patches ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _patch_of(row: type[BaseModel]) -> ConfigDict:
    """A member of a patch means what the member of its row means."""

    def describe(schema: JsonDict) -> None:
        for name, member in cast("dict[str, JsonDict]", schema["properties"]).items():
            member["description"] = row.model_fields[name].description

    return ConfigDict(extra="forbid", json_schema_extra=describe)


_Numbers = Annotated[dict[str, Whole], Field(description="All numbers by name, in place of those of the row.")]
ReplacedNumbers = TypedDict("ReplacedNumbers", {"=": _Numbers})
"""Numbers by name that replace those of the row, because one of them has gone."""
NumbersByName = dict[str, Whole] | ReplacedNumbers


@with_config(_patch_of(TierNumbers))
class TierNumbersPatch(TypedDict, total=False):
    """The sums that changed."""

    registered_voters: Whole | None
    voters: Whole | None
    valid: Whole
    valid_ballots: Whole | None
    invalid: Whole | None
    blank: Whole | None
    total: Whole | None
    not_stated: NumbersByName
    votes: dict[str, Whole]
    stations: Whole


@with_config(_patch_of(Tiers))
class TiersPatch(TypedDict, total=False):
    """The sums by verdict that changed."""

    clean: TierNumbersPatch
    flagged: TierNumbersPatch
    held: TierNumbersPatch


@with_config(_patch_of(StationsProgress))
class StationsProgressPatch(TypedDict, total=False):
    """The numbers of stations that changed."""

    expected: Whole
    reported: Whole
    counted: Whole
    clean: Whole
    flagged: Whole
    held: Whole
    annulled: Whole
    waiting: Whole


class _RowPatch(TypedDict, total=False):
    results_status: str
    count_item_status: str
    stations: StationsProgressPatch
    leaders: list[str]
    tied: list[str]
    runner_up: str | None
    margin: Whole


class _TallyPatch(_RowPatch, total=False):
    registered_voters_expected: Whole | None
    registered_voters_not_stated: Whole
    counted: TierNumbersPatch
    tiers: TiersPatch


@with_config(_patch_of(ContestTally))
class AreaPatch(_TallyPatch, total=False):
    """What changed in a row of `areas`."""

    contest: Required[str]
    area: Required[str]


@with_config(_patch_of(OfficeTally))
class OfficePatch(_TallyPatch, total=False):
    """What changed in a row of `offices`."""

    office: Required[str]
    area: Required[str]


@with_config(_patch_of(ContestRow))
class ContestPatch(_RowPatch, total=False):
    """What changed in a row of `contests`."""

    contest: Required[str]
