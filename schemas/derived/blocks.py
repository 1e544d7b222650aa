"""What one batch of one ledger partition changed for one office: the messages of the topic `subtotals` (DESIGN 2).

A block's Kafka value is lines. The first is for whoever adds up; all after it, absent from a keyframe, are one JSON object for
whoever keeps history, so the roll-up never parses them:

    {"kind","office","partition","from","through","areas":[[contest, area, tally], …]}
    {"told":[…],"states":[…],"stations":[…],"events":[
    an event as it was signed,
    …
    ]}

A keyframe that is larger than one message should be comes in parts (parts.py): `"part"` follows `through` then. A block never
does: it is cut by the ledger's offsets instead.

An event is in canonical form, so without a line's end; it belongs to the next record of `told` whose `payload` is null. So
whoever keeps it need not read it either: of 1,600 bytes a result these are 690. Blocks of older versions have two lines, the
events in their records, and these under `records`.

All numbers are absolute. `through` is the offset of the last event of the batch that touched the office, `from` that of
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
"""The office of records that name none: garbage, unknown contests. They have no votes, but they are shown."""

AreaTally = tuple[str, str, list[int]]
"""(contest id, area code, tally as in projections/area/tally.py)"""


class RecordRow(TypedDict):
    """A ledger record, told once, when it was folded. `payload` is the event as signed, ready for `orjson.dumps` (a dict, or an
    orjson.Fragment that nobody has read), absent where unreadable. `leaf` and `received_us` are carried for whoever lists the
    log; they decide nothing. Blocks told before they were thought of stand in `subtotals` without them."""

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
    """As the gateway says, in microseconds since 1970; 0 where it says no time."""


class StateRow(TypedDict):
    """What became of the record at `offset`; told again whenever that changes."""

    offset: int
    state: str
    findings: list[dict[str, str]]


class StationRow(TypedDict):
    """What stands for a station in a contest, at `through` (offset of the event that last changed it)."""

    station: str
    contest: str
    state: str
    offset: int | None
    """Of the effective (or held) form."""
    event: str | None
    version: int | None
    contribution: list[int] | None
    through: int


class BlockRange(NamedTuple):
    """What decides whether a block is applied, skipped or a gap."""

    kind: Literal["block", "keyframe"]
    office: OfficeId
    partition: int
    from_: int
    through: int
    part: Part | None
    """None of a message that is whole."""

    @classmethod
    def from_bytes(cls, value: bytes) -> BlockRange:
        """Of the first line only what comes before `areas`: a keyframe has a megabyte of them, which nobody may need."""
        said = orjson.loads(value.partition(b',"areas":')[0] + b"}")
        part = Part(*said["part"]) if "part" in said else None
        return cls(said["kind"], said["office"], said["partition"], said["from"], said["through"], part)


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
        """As the messages in which it is published. `message` is an id that no other has (Part). Raises TooManyPartsError."""
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
        """As one message, however large."""
        head = self._head(None, [orjson.dumps(self.areas)[1:-1]])
        if self.kind == "keyframe":
            return head
        events = [orjson.dumps(row["payload"]) for row in self.records if "payload" in row]
        told = [{**row, "payload": None} if "payload" in row else row for row in self.records]
        body = orjson.dumps({"told": told, "states": self.states, "stations": self.stations})
        return b'%b\n%b,"events":[\n%b\n]}' % (head, body[:-1], b",\n".join(events))

    @classmethod
    def joined(cls, parts: Sequence[Block]) -> Block:
        """The keyframe that was cut into these, or the one block."""
        return parts[0]._replace(areas=[row for part in parts for row in part.areas]) if len(parts) > 1 else parts[0]

    @classmethod
    def from_bytes(cls, value: bytes, *, with_body: bool) -> Block:
        """Read a block, or (`with_body=False`) only what it adds up. Raises ValueError where it is none."""
        head_line, *body_lines = value.split(b"\n") if with_body else value.split(b"\n", 1)[:1]
        head = orjson.loads(head_line)
        body = _read_body(body_lines) if body_lines else {"told": [], "states": [], "stations": []}
        return cls(
            head["kind"],
            head["office"],
            head["partition"],
            head["from"],
            head["through"],
            [(contest, area, tally) for contest, area, tally in head["areas"]],
            body["told"],
            body["states"],
            body["stations"],
        )


def _read_body(lines: list[bytes]) -> dict[str, Any]:
    if len(lines) == 1:  # of an older version
        body: dict[str, Any] = orjson.loads(lines[0])
        body["told"] = body.pop("records")
        return body
    first, *events, last = lines
    body = orjson.loads(first + last)
    apart = [row for row in body["told"] if "payload" in row and row["payload"] is None]
    for row, event in zip(apart, filter(None, events), strict=True):
        row["payload"] = orjson.Fragment(event.removesuffix(b","))
    return body


def keyframe(office: OfficeId, partition: int, through: int, areas: list[AreaTally]) -> Block:
    return Block("keyframe", office, partition, NOTHING_YET, through, areas, [], [], [])
