"""Messages of the topic `subtotals`: what one batch of one ledger partition changed for one office (DESIGN 2).

A block is made of lines, and a message has one block or several (bundles.py). The first line is for the roll-up. The lines
after it, which a keyframe does not have, are one JSON object for the recorder, so the roll-up never parses them:

    {"kind","office","partition","from","through","areas":[[contest, area, tally], …]}
    {"records":[…],"states":[…],"stations":[…],"events":[
    an event as it was signed,
    …
    ]}

A keyframe that is larger than one message should be comes in parts (parts.py), and then `"part"` follows `through`. A block
never comes in parts, because the tabulator makes smaller blocks instead, by cutting its batch at another ledger offset.

An event is in canonical form, which has no line ends, so each event is one line. The events belong, in order, to the records
whose `payload` is null. So the recorder stores an event without parsing it; of the 1,600 bytes of a result, 690 are its event.
Blocks of older versions have two lines, with the events inside their records.

All numbers are absolute. `through` is the offset of the last event of the batch that concerned the office, `from` that of
the last one before the batch (-1: none). A reader applies a block when from <= applied < through, skips it when
through <= applied, and has a gap when from > applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, NotRequired, TypedDict

import orjson

from schemas.codes import NOTHING_YET, OfficeId
from schemas.derived.parts import PART_BYTES_MAX, Part, grouped, in_array

UNATTRIBUTED = OfficeId("-")
"""The office of records that do not name one, because they are garbage or name an unknown contest. They have no votes, but they
are shown."""

FINANCE = OfficeId("-finance")
"""The office of campaign finance reports. It has no votes: its blocks are a chain of their own, so that nothing about finance
can change or stop a block with votes."""

WITHOUT_VOTES = frozenset({UNATTRIBUTED, FINANCE})
"""Offices that no package has (a code begins with a letter or a digit), and that nothing adds up."""

AreaTally = tuple[str, str, list[int]]
"""(contest id, area code, tally as in projections/area/tally.py)"""


class RecordRow(TypedDict):
    """A ledger record, published once, when it is folded. `payload` is the event as signed, ready for `orjson.dumps` (a dict,
    or an orjson.Fragment that has not been parsed); it is absent where the event is unreadable. `leaf` and `received_us` are
    for lists of the log, and no fold reads them. Blocks of older versions do not have them."""

    offset: int
    event: str
    type: str
    key: str
    station: str | None
    contest: str | None
    version: int | None
    payload: NotRequired[Any]
    leaf: NotRequired[str]
    """RFC 6962 leaf hash of the record, hexadecimal."""
    received_us: NotRequired[int]
    """Time of receipt by the gateway's clock, in microseconds since 1970; 0 where the record has no valid time."""


class StateRow(TypedDict):
    """State of the record at `offset` and its findings, published again whenever they change."""

    offset: int
    state: str
    findings: list[dict[str, str]]


class StationRow(TypedDict):
    """Result of a station in a contest after the event at `through`, the last one that changed it."""

    station: str
    contest: str
    state: str
    offset: int | None
    """Offset of the form that counts, or of the held form."""
    event: str | None
    version: int | None
    contribution: list[int] | None
    through: int


class BlockRange(NamedTuple):
    """The fields that decide whether a reader applies a block, skips it or has a gap."""

    kind: Literal["block", "keyframe"]
    office: OfficeId
    partition: int
    from_: int
    through: int
    part: Part | None
    """Part that the message is; None where the message is whole."""

    @classmethod
    def from_bytes(cls, value: bytes) -> BlockRange:
        """Reads only the fields before `areas`, because a keyframe has a megabyte of areas that the reader may skip."""
        head = orjson.loads(before(value, b',"areas":') + b"}")
        part = Part(*head["part"]) if "part" in head else None
        return cls(head["kind"], head["office"], head["partition"], head["from"], head["through"], part)


class Block(NamedTuple):
    kind: Literal["block", "keyframe"]
    office: OfficeId
    partition: int
    from_: int
    through: int
    areas: list[AreaTally]
    records: list[RecordRow]
    states: list[StateRow]
    stations: list[StationRow]

    def to_parts(self, message: str, bytes_max: int = PART_BYTES_MAX) -> list[bytes]:
        """The block as the messages that are published. `message` is an id that no other message has (Part). Raises
        TooManyPartsError."""
        if self.kind == "block":
            return [self.to_bytes()]
        groups = grouped([map(orjson.dumps, self.areas)], bytes_max)
        if len(groups) == 1:
            return [self._head(None, groups[0][0])]
        return [self._head(Part(message, number, len(groups)), rows) for number, (rows,) in enumerate(groups)]

    def _head(self, part: Part | None, areas: Sequence[bytes]) -> bytes:
        head: dict[str, Any] = {
            "kind": self.kind,
            "office": self.office,
            "partition": self.partition,
            "from": self.from_,
            "through": self.through,
        }
        if part is not None:
            head["part"] = tuple(part)
        return b'%b,"areas":%b}' % (orjson.dumps(head)[:-1], in_array(areas))

    def to_bytes(self) -> bytes:
        """The block as one message of any size."""
        head = self._head(None, [orjson.dumps(self.areas)[1:-1]])
        if self.kind == "keyframe":
            return head
        events = [orjson.dumps(row["payload"]) for row in self.records if "payload" in row]
        records = [{**row, "payload": None} if "payload" in row else row for row in self.records]
        body = orjson.dumps({"records": records, "states": self.states, "stations": self.stations})
        return b'%b\n%b,"events":[\n%b\n]}' % (head, body[:-1], b",\n".join(events))

    @classmethod
    def joined(cls, parts: Sequence[Block]) -> Block:
        """The keyframe that was cut into these parts; a single block as it is."""
        return parts[0]._replace(areas=[row for part in parts for row in part.areas]) if len(parts) > 1 else parts[0]

    @classmethod
    def from_bytes(cls, value: bytes, *, with_body: bool) -> Block:
        """Read a block, or with `with_body=False` only its first line. Raises ValueError, KeyError or
        TypeError where the value is not a block."""
        head_line, *body_lines = value.split(b"\n") if with_body else [before(value, b"\n")]
        head = orjson.loads(head_line)
        body = _read_body(body_lines) if body_lines else {"records": [], "states": [], "stations": []}
        return cls(
            head["kind"],
            head["office"],
            head["partition"],
            head["from"],
            head["through"],
            [(contest, area, tally) for contest, area, tally in head["areas"]],
            body["records"],
            body["states"],
            body["stations"],
        )


def _read_body(lines: list[bytes]) -> dict[str, Any]:
    first, *events, last = lines if len(lines) > 1 else [lines[0], b""]
    body: dict[str, Any] = orjson.loads(first + last)
    without_event = [row for row in body["records"] if "payload" in row and row["payload"] is None]
    for row, event in zip(without_event, filter(None, events), strict=True):
        row["payload"] = orjson.Fragment(event.removesuffix(b","))
    return body


def before(value: bytes, mark: bytes) -> bytes:
    """What a value begins with, up to the mark; all of it where the mark is not in it. `bytes.partition` would copy the rest,
    which is nearly all of a message."""
    end = value.find(mark)
    return value if end < 0 else value[:end]


def keyframe(office: OfficeId, partition: int, through: int, areas: list[AreaTally]) -> Block:
    return Block("keyframe", office, partition, NOTHING_YET, through, areas, [], [], [])
