"""Events in answers: in the history of a station, in the list of the log, and each by itself."""

from __future__ import annotations

from typing import Any, Literal

from schemas.codes import Whole
from schemas.served.shape import ElectionAnswer, Shape


class Finding(Shape):
    rule: str
    """Id of the rule in docs/reference/rules.md."""
    severity: Literal["hard", "soft", "info"]
    """`hard` holds the form, `soft` flags it, `info` changes nothing."""
    sentence_id: str
    """The finding in Indonesian, with the numbers that disagree."""
    sentence_en: str
    """The finding in English, with the numbers that disagree."""


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
    """Paths of the event, of its bytes in the log, and of its proof."""


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
