"""Shapes of the answers to GET, for the OpenAPI description and for typed clients.

All numbers are whole numbers of people, ballots, votes or stations. `as_of` has for each ledger partition the offset of the
last event of the office that is counted in; a partition without such events is absent. `shard_as_of` is the same for stations
and for areas below the shard level, which are published a moment earlier than the sums above them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

PartitionOffsets = dict[str, int]
Texts = dict[str, str]
"""Language tag (BCP 47) → text, in the languages of the election package, which are at least one."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Numbers(_Answer):
    """Sums over stations. A number is null where no station stated it."""

    registered_voters: int | None
    """Voters in the registers of the counted stations."""
    voters: int | None
    """People who voted (B4 of the form)."""
    valid: int
    """Valid votes. Where a ballot may have several marks, they may be more or fewer than the valid ballots."""
    valid_ballots: int | None
    invalid: int | None
    """Invalid ballots."""
    blank: int | None
    """Blank ballots; null also where the law does not count them apart."""
    total: int | None
    """Valid, invalid and blank ballots."""
    not_stated: dict[str, int]
    """Name of a number → how many of the stations did not state it, so that the number does not include them. A number that all
    stations stated is absent."""
    votes: dict[str, int]
    """Votes by choice id; for a whole office by party id, with the votes for choices without a party under `-`."""


class TierNumbers(Numbers):
    stations: int


class Tiers(_Answer):
    """Sums by verdict. A `clean` result breaks no rule, a `flagged` one a soft rule. A `held` one breaks a hard rule, and is
    not counted."""

    clean: TierNumbers
    flagged: TierNumbers
    held: TierNumbers


class StationsProgress(_Answer):
    """expected = clean + flagged + held + annulled + waiting; counted = clean + flagged."""

    expected: int
    reported: int
    counted: int
    clean: int
    flagged: int
    held: int
    annulled: int
    waiting: int


class _Sums(_Answer):
    results_status: str
    """ResultsStatus of NIST SP 1500-100."""
    count_item_status: str
    """CountItemStatus of NIST SP 1500-100."""
    stations: StationsProgress
    registered_voters_expected: int | None
    """Registered voters of all stations for which the election package states them; null where it states none."""
    registered_voters_not_stated: int
    """Stations for which the package states no number of registered voters."""
    counted: Numbers
    tiers: Tiers
    leaders: list[str]
    """Choices with the most votes, as many as there are seats (1 for a proportional contest and for an office); more where the
    last of them are tied."""
    tied: list[str]
    """The leaders that are tied for the last seats."""
    runner_up: str | None
    """The choice with the most votes that is not a leader; null where there is none, or several with as many votes."""
    margin: int
    """Votes of the last leader minus votes of the runner-up; 0 where they are tied."""


class ContestTally(_Sums):
    contest: str
    area: str


class OfficeTally(_Sums):
    office: str
    area: str


class AreaName(_Answer):
    code: str
    name: str
    level: str
    parent: str | None


class _ElectionAnswer(_Answer):
    election: str
    mode: Literal["rehearsal", "live"]
    definition: str
    """Definition hash of the election package."""


class OfficeName(_Answer):
    id: str
    name: Texts
    contests: list[str]


class LevelName(_Answer):
    id: str
    name: Texts


class ElectionSnapshot(_ElectionAnswer):
    title: Texts
    date: str
    time_zone: str
    licence: str
    source: str | None
    root: str
    levels: list[LevelName]
    shard_level: str
    partitions: int
    areas: int
    stations: int
    offices: list[OfficeName]
    as_of: dict[str, PartitionOffsets]
    """Office → its `as_of`."""


class OfficeSnapshot(_ElectionAnswer):
    office: OfficeName
    as_of: PartitionOffsets
    tally: OfficeTally
    contests: list[ContestTally]
    part: int
    """Number of this part of the contests, from 1, as in `?part=`."""
    parts: int


class ChoiceName(_Answer):
    id: str
    name: str
    kind: str
    party: str | None


class ContestLinks(_Answer):
    candidates: str
    """Who stands for each choice."""


class ContestSnapshot(_ElectionAnswer):
    contest: str
    office: str
    electorate: str
    name: Texts | None
    seats: int
    votes_per_ballot: int
    method: str
    blank_ballots: str
    """`apart` where the law counts blank ballots apart from invalid ones, otherwise `with-invalid`."""
    choices: list[ChoiceName]
    links: ContestLinks
    as_of: PartitionOffsets
    tally: ContestTally


class AreaOffice(_Answer):
    """An area's sums for one office, and those of its children."""

    office: str
    as_of: PartitionOffsets
    shard_as_of: PartitionOffsets
    tally: OfficeTally | None
    """Sums over all contests of the office, by party; null below the shard level."""
    contests: list[ContestTally]
    children: list[ContestTally]


class AreaSnapshot(_ElectionAnswer):
    area: AreaName
    lineage: list[AreaName]
    """Areas from this area's parent up to the root."""
    children: list[AreaName]
    offices: list[AreaOffice]
    part: int
    """Number of this part of the tallies, from 1, as in `?part=`."""
    parts: int


class Finding(_Answer):
    rule: str
    severity: Literal["hard", "soft", "info"]
    sentence_id: str
    sentence_en: str


class StationStanding(_Answer):
    """Result of a station in a contest."""

    contest: str
    state: str
    offset: int | None
    event: str | None
    version: int | None
    numbers: Numbers | None


class EventLinks(_Answer):
    """Paths of this API."""

    event: str
    """The whole event."""
    entry: str
    """The record's bytes as in the log. Their leaf hash is that of the proof."""
    proof: str


class HistoryEntry(_Answer):
    """One ledger record about the station, its author and its state."""

    partition: int
    offset: int
    event: str
    leaf_hash: str | None
    """RFC 6962 leaf hash, for which `links.proof` has the inclusion proof; null in rows of an older version."""
    type: str
    key: str
    contest: str | None
    version: int | None
    received_at: str | None
    """Time by the gateway's clock; null where the record has no valid time."""
    state: str
    findings: list[Finding]
    payload: dict[str, Any] | None
    """The event as it was signed; null where it is unreadable."""
    links: EventLinks


class StationName(_Answer):
    code: str
    name: str
    area: str
    registered_voters: int | None
    """Null where the election package does not state it."""
    partition: int


class StationSnapshot(_ElectionAnswer):
    station: StationName
    lineage: list[AreaName]
    shard_as_of: dict[str, PartitionOffsets]
    """Office → its `shard_as_of`."""
    contests: list[StationStanding]
    history: list[HistoryEntry]
    """One page of the records, the oldest first."""
    next: str | None
    """Value of `after` for the next page; null on the last page."""


class StationLine(StationStanding):
    station: str


class StationPage(_ElectionAnswer):
    area: str
    contest: str
    shard_as_of: PartitionOffsets
    stations: list[StationLine]
    next: str | None
    """Value of `after` for the next page; null on the last page."""


class EventLineLinks(EventLinks):
    station: str | None


class EventLine(_Answer):
    """One record of the log and its state."""

    partition: int
    offset: int
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
    area: str | None
    """The station's area, or the area that the event names; null where the election package has neither."""
    contest: str | None
    version: int | None
    created_at: str | None
    """Time by the submitter's clock."""
    received_at: str | None
    """Time by the gateway's clock; null where the record has no valid time."""
    state: str
    rules: list[str]
    """Ids of the rules that the record breaks."""
    links: EventLineLinks


class EventPage(_ElectionAnswer):
    """A page of a list of events. It has no `as_of`, because it has no sums. An old page and its ETag stay the same while the
    ledger grows."""

    order: Literal["newest", "oldest"]
    events: list[EventLine]
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class EventSnapshot(_ElectionAnswer, EventLine):
    findings: list[Finding]
    payload: dict[str, Any] | None
    """The event as it was signed, parsed; null where it is unreadable."""
    record: dict[str, Any] | None
    """The ledger record, with the signed envelope exactly as submitted and the gateway's receipt fields; null where the record
    is not a JSON object (`links.entry` has its bytes)."""


class SubmissionRecord(_Answer):
    partition: int
    offset: int
    type: str
    station: str | None
    contest: str | None
    version: int | None
    state: str
    findings: list[Finding]


class KeySnapshot(_ElectionAnswer):
    key: str
    role: str
    scope: str
    seq: int | None
    """Highest sequence number (`seq`) of the key's events in the count; null where the count has none."""
    event: str | None
    """Id of that event, which is the `prev` of the key's next one."""


class SubmissionSnapshot(_ElectionAnswer):
    submission: str
    records: list[SubmissionRecord]
