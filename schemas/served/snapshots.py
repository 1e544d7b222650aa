"""Shapes of the answers to GET, for the OpenAPI description and for typed clients.

All numbers are whole numbers of people, ballots, votes or stations. `as_of` has for each ledger partition the offset of the
last event of the office that is counted in; a partition without such events is absent. `shard_as_of` is the same for stations
and for areas below the shard level, which are published a moment earlier than the sums above them.
"""

from __future__ import annotations

from schemas.codes import Whole
from schemas.served.event_answers import HistoryEntry
from schemas.served.shape import ElectionAnswer, PartitionOffsets, Shape, Texts
from schemas.served.tallies import ContestTally, Numbers, OfficeTally, Shares


class AreaName(Shape):
    code: str
    """Code of the area."""
    name: str
    """Name of the area."""
    level: str
    """Id of its level."""
    parent: str | None
    """Code of the area that it lies in; null for the root."""


class OfficeName(Shape):
    id: str
    """Id of the office."""
    name: Texts
    """Name of the office in the languages of the package."""
    contests: list[str]
    """Ids of its contests."""


class LevelName(Shape):
    id: str
    """Id of the level."""
    name: Texts
    """Name of the level in the languages of the package."""


class ElectionSnapshot(ElectionAnswer):
    title: Texts
    """Title in the languages of the package."""
    date: str
    """Day of the vote."""
    time_zone: str
    """Time zone of the election (IANA)."""
    licence: str
    """Licence under which the numbers may be used."""
    source: str | None
    """Source of the register, as the package states it; null where it states none."""
    root: str
    """Code of the area that all others lie in."""
    levels: list[LevelName]
    """Levels of areas, from the root down."""
    shard_level: str
    """Id of the level whose areas are each in one ledger partition."""
    partitions: Whole
    """Number of ledger partitions."""
    areas: Whole
    """Number of areas."""
    stations: Whole
    """Number of polling stations."""
    offices: list[OfficeName]
    """The offices."""
    as_of: dict[str, PartitionOffsets]
    """Office → its `as_of`."""


class OfficeSnapshot(ElectionAnswer):
    office: OfficeName
    """The office."""
    as_of: PartitionOffsets
    """Ledger partition → offset of the last event of the office that is counted in."""
    tally: OfficeTally
    """Sums over all contests of the office, by party."""
    shares: Shares
    """Shares of `tally` as texts."""
    contests: list[ContestTally]
    """One part of the contests, each with its sums."""
    part: Whole
    """Number of this part of the contests, from 1, as in `?part=`."""
    parts: Whole
    """How many parts the contests have."""


class ChoiceName(Shape):
    id: str
    """Id of the choice, under which tallies have its votes."""
    name: str
    """Name as on the ballot."""
    kind: str
    """`candidate`, `party` or what else the package names."""
    party: str | None
    """Id of the party; null where there is none."""


class ContestLinks(Shape):
    candidates: str
    """The candidates of each choice."""


class ContestSnapshot(ElectionAnswer):
    contest: str
    """Id of the contest."""
    office: str
    """Id of the office."""
    electorate: str
    """Id of the electorate, whose voters decide the contest."""
    name: Texts | None
    """Name in the languages of the package; null where it states none."""
    seats: Whole
    """Seats that are filled."""
    votes_per_ballot: Whole
    """Marks that a ballot may have."""
    method: str
    """How seats follow from votes."""
    blank_ballots: str
    """`apart` where the law counts blank ballots apart from invalid ones, otherwise `with-invalid`."""
    choices: list[ChoiceName]
    """The choices, in the order of the ballot."""
    links: ContestLinks
    """Paths of this API."""
    as_of: PartitionOffsets
    """Ledger partition → offset of the last event of the office that is counted in."""
    tally: ContestTally
    """Sums over the whole electorate."""
    shares: Shares
    """Shares of `tally` as texts."""


class AreaOffice(Shape):
    """An area's sums for one office, and those of its children."""

    office: str
    """Id of the office."""
    as_of: PartitionOffsets
    """Ledger partition → offset of the last event of the office that is counted in."""
    shard_as_of: PartitionOffsets
    """Offsets like `as_of`, for stations and for areas below the shard level."""
    tally: OfficeTally | None
    """Sums over all contests of the office, by party; null below the shard level."""
    contests: list[ContestTally]
    """Sums of the area by contest."""
    shares: dict[str, Shares]
    """Contest id → the shares of its tally in `contests`, as texts."""
    children: list[ContestTally]
    """Sums of the areas of the next level, by contest."""


class AreaSnapshot(ElectionAnswer):
    area: AreaName
    """The area."""
    lineage: list[AreaName]
    """Areas from this area's parent up to the root."""
    children: list[AreaName]
    """The areas of the next level."""
    offices: list[AreaOffice]
    """The offices that are voted for in the area."""
    part: Whole
    """Number of this part of the tallies, from 1, as in `?part=`."""
    parts: Whole
    """How many parts the tallies have."""


class StationStanding(Shape):
    """Result of a station in a contest."""

    contest: str
    """Id of the contest."""
    state: str
    """What became of it: see the states in docs/glossary.md."""
    offset: Whole | None
    """Offset of the record that decides; null where no result has come."""
    event: str | None
    """Event id of that record."""
    version: Whole | None
    """Version of that result."""
    numbers: Numbers | None
    """Numbers of the result; null where there are none."""


class StationName(Shape):
    code: str
    """Code of the polling station (TPS)."""
    name: str
    """Name of the station."""
    area: str
    """Code of the area that it lies in."""
    registered_voters: Whole | None
    """Voters in the register of the station; null where the election package does not state them."""
    partition: Whole
    """Ledger partition of its events."""


class StationSnapshot(ElectionAnswer):
    station: StationName
    """The station."""
    lineage: list[AreaName]
    """Areas from the parent up to the root."""
    shard_as_of: dict[str, PartitionOffsets]
    """Office → its `shard_as_of`."""
    contests: list[StationStanding]
    """Result of the station in each contest that it votes in."""
    history: list[HistoryEntry]
    """One page of the records, the oldest first."""
    next: str | None
    """Value of `after` for the next page; null on the last page."""


class StationLine(StationStanding):
    station: str
    """Code of the polling station (TPS)."""


class StationPage(ElectionAnswer):
    area: str
    """Code of the area."""
    contest: str
    """Id of the contest."""
    shard_as_of: PartitionOffsets
    """Offsets like `as_of`, for stations and for areas below the shard level."""
    stations: list[StationLine]
    """One page of stations, in the order of their codes."""
    next: str | None
    """Value of `after` for the next page; null on the last page."""
