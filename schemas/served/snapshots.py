"""The shapes of what GET answers: for the OpenAPI description, and for readers that want them typed.

All numbers are people, ballots or stations, whole. `as_of` names for each ledger partition the offset of the last event
of the office that is counted in; a partition that has said nothing is absent. `shard_as_of` is the same for stations and
for areas below the shard level, which are told a moment earlier than the sums above them.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

PartitionOffsets = dict[str, int]
Texts = dict[str, str]
"""By language tag (BCP 47), in the languages that the election package has; one at least."""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Numbers(_Answer):
    """A number is null where no station stated it."""

    registered_voters: int | None
    """Voters in the register of the stations that are counted in."""
    voters: int | None
    """People who voted (B4 of the form)."""
    valid: int
    """Votes. Where a ballot may bear several marks these are more than the ballots, or fewer."""
    valid_ballots: int | None
    invalid: int | None
    """Ballots."""
    blank: int | None
    """Ballots; null also where the law does not count them apart."""
    total: int | None
    """Ballots: valid, invalid and blank."""
    not_stated: dict[str, int]
    """By number, how many of the stations did not state it: what they would add is not in it. Absent where all did."""
    votes: dict[str, int]
    """By choice id; for a whole office by party id, with votes for nobody's party under `-`."""


class TierNumbers(Numbers):
    stations: int


class Tiers(_Answer):
    """`clean` breaks no rule, `flagged` a soft one, `held` a hard one and is not counted."""

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
    """Of all stations, as far as the election package states them; null where it states none."""
    registered_voters_not_stated: int
    """Stations of which the package states no number of registered voters."""
    counted: Numbers
    tiers: Tiers
    leaders: list[str]
    """As many as there are seats that go to the most votes (for a proportional contest, and an office, 1); more where the
    last of them are tied."""
    tied: list[str]
    """The leaders that are tied for the last places."""
    runner_up: str | None
    """The first that is out; null where there is none, or several are."""
    margin: int
    """Votes between the last in and the first out; 0 where they are tied."""


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


class _OfElection(_Answer):
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


class ElectionSnapshot(_OfElection):
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
    """By office."""


class OfficeSnapshot(_OfElection):
    office: OfficeName
    as_of: PartitionOffsets
    tally: OfficeTally
    contests: list[ContestTally]
    part: int
    """Which part of its contests this is; from 1, `?part=`."""
    parts: int


class ChoiceName(_Answer):
    id: str
    name: str
    kind: str
    party: str | None


class ContestSnapshot(_OfElection):
    contest: str
    office: str
    electorate: str
    name: Texts | None
    seats: int
    votes_per_ballot: int
    method: str
    blank_ballots: str
    """`apart` where the law counts them apart from invalid ones, otherwise `with-invalid`."""
    choices: list[ChoiceName]
    as_of: PartitionOffsets
    tally: ContestTally


class AreaOffice(_Answer):
    """What an area has of one office: its own sums and those of its children."""

    office: str
    as_of: PartitionOffsets
    shard_as_of: PartitionOffsets
    tally: OfficeTally | None
    """Over all contests of the office, by party; null below the shard level."""
    contests: list[ContestTally]
    children: list[ContestTally]


class AreaSnapshot(_OfElection):
    area: AreaName
    lineage: list[AreaName]
    """From the area's parent to the root."""
    children: list[AreaName]
    offices: list[AreaOffice]
    part: int
    """Which part of all these tallies this is; from 1, `?part=`."""
    parts: int


class Finding(_Answer):
    rule: str
    severity: Literal["hard", "soft", "info"]
    sentence_id: str
    sentence_en: str


class StationStanding(_Answer):
    """What stands for a station in a contest."""

    contest: str
    state: str
    offset: int | None
    event: str | None
    version: int | None
    numbers: Numbers | None


class EventLinks(_Answer):
    """Paths of this API."""

    event: str
    """The event whole."""
    entry: str
    """The record's bytes as they stand in the log: their leaf hash is that of the proof."""
    proof: str


class HistoryEntry(_Answer):
    """One ledger record about the station: who said what, and what became of it."""

    partition: int
    offset: int
    event: str
    leaf_hash: str | None
    """RFC 6962 leaf hash, which `links.proof` proves to be in the log; null in rows of an older version."""
    type: str
    key: str
    contest: str | None
    version: int | None
    received_at: str | None
    """As the gateway says; null where the record says no time."""
    state: str
    findings: list[Finding]
    payload: dict[str, Any] | None
    """The event as it was signed; null where it could not be read."""
    links: EventLinks


class StationName(_Answer):
    code: str
    name: str
    area: str
    registered_voters: int | None
    """Null where the election package does not state it."""
    partition: int


class StationSnapshot(_OfElection):
    station: StationName
    lineage: list[AreaName]
    shard_as_of: dict[str, PartitionOffsets]
    """By office."""
    contests: list[StationStanding]
    history: list[HistoryEntry]
    """A page, the oldest first."""
    next: str | None
    """Give it as `after` for the next page; null on the last."""


class StationLine(StationStanding):
    station: str


class StationPage(_OfElection):
    area: str
    contest: str
    shard_as_of: PartitionOffsets
    stations: list[StationLine]
    next: str | None
    """Give it as `after` for the next page; null on the last."""


class EventLineLinks(EventLinks):
    station: str | None


class EventLine(_Answer):
    """One record of the log, and what became of it."""

    partition: int
    offset: int
    event: str
    """Event id: SHA-256 of the signed payload."""
    leaf_hash: str | None
    """RFC 6962 leaf hash, which `links.proof` proves to be in the log; null in rows of an older version."""
    type: str
    """`unreadable` where the record holds no event."""
    author: str | None
    """Key id of the submitter, as the envelope says; where the signature does not hold, `state` is refused."""
    role: str | None
    """Of the author; null where the election does not know the key."""
    station: str | None
    area: str | None
    """The station's area, or the area that the event itself names; null where the election has neither."""
    contest: str | None
    version: int | None
    created_at: str | None
    """As the submitter's clock had it."""
    received_at: str | None
    """As the gateway says; null where the record says no time."""
    state: str
    rules: list[str]
    """Ids of the rules that it breaks."""
    links: EventLineLinks


class EventPage(_OfElection):
    """A list without sums has no `as_of`: an old page stays the same, and so does its ETag, while others come in."""

    order: Literal["newest", "oldest"]
    events: list[EventLine]
    next: str | None
    """Give it as `cursor` for the next page; null on the last."""


class EventSnapshot(_OfElection, EventLine):
    findings: list[Finding]
    payload: dict[str, Any] | None
    """The event as it was signed, read; null where it could not be read."""
    record: dict[str, Any] | None
    """The ledger record: the signed envelope exactly as submitted, and the gateway's receipt fields; null where it is no
    JSON object (`links.entry` has its bytes)."""


class SubmissionPlace(_Answer):
    partition: int
    offset: int
    type: str
    station: str | None
    contest: str | None
    version: int | None
    state: str
    findings: list[Finding]


class KeySnapshot(_OfElection):
    key: str
    role: str
    scope: str
    seq: int | None
    """The highest number (`seq`) of an event of this key that the count has seen; null where there is none."""
    event: str | None
    """The id of that event: the next one's `prev`."""


class SubmissionSnapshot(_OfElection):
    submission: str
    records: list[SubmissionPlace]
