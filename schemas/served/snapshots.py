"""Shapes of the answers to GET, for the OpenAPI description and for typed clients.

All numbers are whole numbers of people, ballots, votes or stations. `as_of` has for each ledger partition the offset of the
last event of the office that is counted in; a partition without such events is absent. `shard_as_of` is the same for stations
and for areas below the shard level, which are published a moment earlier than the sums above them.
"""

from __future__ import annotations

from typing import Any, Literal

from schemas.codes import PartitionNumber, Whole
from schemas.served.shape import ElectionAnswer, Shape

PartitionOffsets = dict[PartitionNumber, Whole]
Texts = dict[str, str]
"""Language tag (BCP 47) → text, in the languages of the election package, which are at least one."""


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
    """The same sums by verdict, and those that are held."""
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
    """As `as_of`, for stations and for areas below the shard level."""
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


class Finding(Shape):
    rule: str
    """Id of the rule in docs/reference/rules.md."""
    severity: Literal["hard", "soft", "info"]
    """`hard` holds the form, `soft` flags it, `info` changes nothing."""
    sentence_id: str
    """The finding in Indonesian, with the numbers that disagree."""
    sentence_en: str
    """The finding in English, with the numbers that disagree."""


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
    """Its numbers; null where there are none."""


class EventLinks(Shape):
    """Paths of this API."""

    event: str
    """The whole event."""
    entry: str
    """The record's bytes as in the log. Their leaf hash is that of the proof."""
    proof: str
    """The inclusion proof."""


class HistoryEntry(Shape):
    """One ledger record about the station, its author and its state."""

    partition: Whole
    """Ledger partition."""
    offset: Whole
    """Offset of the record in its ledger partition."""
    event: str
    """Event id, the SHA-256 of the signed payload."""
    leaf_hash: str | None
    """RFC 6962 leaf hash, for which `links.proof` has the inclusion proof; null in rows of an older version."""
    type: str
    """Type of the event."""
    key: str
    """Key id of the author."""
    contest: str | None
    """Id of the contest."""
    version: Whole | None
    """Version of the result, from 1; each correction has a higher one."""
    received_at: str | None
    """Time by the gateway's clock; null where the record has no valid time."""
    state: str
    """What became of it: see the states in docs/glossary.md."""
    findings: list[Finding]
    """The rules that it breaks."""
    payload: dict[str, Any] | None
    """The event as it was signed; null where it is unreadable."""
    links: EventLinks
    """Its event, its bytes in the log, and its proof."""


class StationName(Shape):
    code: str
    """Code of the polling station (TPS)."""
    name: str
    """Name of the station."""
    area: str
    """Code of the area that it lies in."""
    registered_voters: Whole | None
    """Null where the election package does not state it."""
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
    """Its result in each contest that it votes in."""
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
    """As `as_of`, for stations and for areas below the shard level."""
    stations: list[StationLine]
    """One page of stations, in the order of their codes."""
    next: str | None
    """Value of `after` for the next page; null on the last page."""


class EventLineLinks(EventLinks):
    station: str | None
    """The station that the event names; null where it names none."""


class EventLine(Shape):
    """One record of the log and its state."""

    partition: Whole
    """Ledger partition."""
    offset: Whole
    """Offset of the record in its ledger partition."""
    event: str
    """Event id, the SHA-256 of the signed payload."""
    leaf_hash: str | None
    """RFC 6962 leaf hash, for which `links.proof` has the inclusion proof; null in rows of an older version."""
    type: str
    """`unreadable` where the record holds no event."""
    author: str | None
    """Key id in the envelope. Where the signature is not valid, `state` is refused."""
    role: str | None
    """Role of the author; null where the election package does not have the key."""
    station: str | None
    """Code of the polling station (TPS)."""
    area: str | None
    """The station's area, or the area that the event names; null where the election package has neither."""
    contest: str | None
    """Id of the contest."""
    version: Whole | None
    """Version of the result, from 1; each correction has a higher one."""
    created_at: str | None
    """Time by the submitter's clock."""
    received_at: str | None
    """Time by the gateway's clock; null where the record has no valid time."""
    state: str
    """What became of it: see the states in docs/glossary.md."""
    rules: list[str]
    """Ids of the rules that the record breaks."""
    links: EventLineLinks
    """Paths of this API."""


class EventPage(ElectionAnswer):
    """A page of a list of events. It has no `as_of`, because it has no sums. An old page and its ETag stay the same while the
    ledger grows."""

    order: Literal["newest", "oldest"]
    """Whether the newest or the oldest comes first."""
    events: list[EventLine]
    """One page of events."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class EventSnapshot(ElectionAnswer, EventLine):
    findings: list[Finding]
    """The rules that it breaks."""
    payload: dict[str, Any] | None
    """The event as it was signed, parsed; null where it is unreadable."""
    record: dict[str, Any] | None
    """The ledger record, with the signed envelope exactly as submitted and the gateway's receipt fields; null where the record
    is not a JSON object (`links.entry` has its bytes)."""


class SubmissionRecord(Shape):
    partition: Whole
    """Ledger partition."""
    offset: Whole
    """Offset of the record in its ledger partition."""
    type: str
    """Type of the event."""
    station: str | None
    """Code of the polling station (TPS)."""
    contest: str | None
    """Id of the contest."""
    version: Whole | None
    """Version of the result, from 1; each correction has a higher one."""
    state: str
    """What became of it: see the states in docs/glossary.md."""
    findings: list[Finding]
    """The rules that it breaks."""


class KeySnapshot(ElectionAnswer):
    key: str
    """Key id."""
    role: str
    """Role of the key."""
    scope: str
    """Area or station for which the key may sign."""
    seq: Whole | None
    """Highest sequence number (`seq`) of the key's events in the count; null where the count has none."""
    event: str | None
    """Id of that event, which is the `prev` of the key's next one."""


class SubmissionSnapshot(ElectionAnswer):
    submission: str
    """The event id, under which the submission is asked for."""
    records: list[SubmissionRecord]
    """The ledger records of the submission; a repetition is a record of its own."""
