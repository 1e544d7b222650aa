"""Messages of the live feed as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from api.feed.frames import Frame
from api.feed.hub.commands import CommandError
from api.feed.state import OfficeState
from api.feed.subscribers import Channel, Subscription
from api.feed.touched import OF_OFFICE, WHOLE, Key
from projections.definition.compiled import Definition
from schemas.served.live import BulletinName, GapReason


class MessageRows:
    """The rows of a snapshot or a change, by kind."""

    __slots__ = ("areas", "contests", "held", "offices", "patches", "size", "stations")

    def __init__(self) -> None:
        self.areas: list[bytes] = []
        self.offices: list[bytes] = []
        self.contests: list[bytes] = []
        self.stations: list[bytes] = []
        self.held: list[bytes] = []
        self.patches: dict[bytes, list[bytes]] = {}
        """Patches of rows (schemas/served/row_patches.py), by the name of their member."""
        self.size = 0
        """Bytes of all rows."""

    @property
    def is_empty(self) -> bool:
        return not self.size

    def add(self, key: Key, row: bytes) -> None:
        (self.contests if key[1] == WHOLE else self.offices if key[0] == OF_OFFICE else self.areas).append(row)
        self.size += len(row)

    def add_patch(self, key: Key, patch: bytes) -> None:
        kind = b"contest_patches" if key[1] == WHOLE else b"office_patches" if key[0] == OF_OFFICE else b"area_patches"
        self.patches.setdefault(kind, []).append(patch)
        self.size += len(patch)

    def add_station(self, row: bytes) -> None:
        self.stations.append(row)
        self.size += len(row)

    def add_held(self, row: bytes) -> None:
        self.held.append(row)
        self.size += len(row)

    def message(
        self,
        kind: str,
        channel: Channel,
        head: bytes,
        *,
        cursor: str | None,
        id: str | None = None,
        more: Iterable[bytes] = (),
    ) -> bytes:
        """The whole message. `head` and `more` are members in JSON."""
        return b"{%b}" % b",".join(
            (
                *(() if id is None else (b'"id":%b' % orjson.dumps(id),)),
                b'"type":"%b","channel":%b,%b' % (kind.encode(), orjson.dumps(channel.name), head),
                *(() if cursor is None else (b'"cursor":"%b"' % cursor.encode(),)),
                b'"areas":[%b]' % b",".join(self.areas),
                b'"offices":[%b]' % b",".join(self.offices),
                b'"contests":[%b]' % b",".join(self.contests),
                *((b'"stations":[%b]' % b",".join(self.stations),) if self.stations else ()),
                *((b'"held":[%b]' % b",".join(self.held),) if self.held else ()),
                *(b'"%b":[%b]' % (kind, b",".join(patches)) for kind, patches in self.patches.items()),
                *more,
            )
        )


def held_members(channel: Channel, *, is_whole: bool) -> list[bytes]:
    """What a message of a channel states about its held results."""
    if not channel.selection.held:
        return []
    members = [b'"held_whole":true'] if is_whole else []
    return [*members, b'"held_complete":%b' % (b"true" if channel.office.held.is_complete else b"false")]


def hello_frame(definition: Definition, heartbeat_s: int) -> Frame:
    election = definition.election
    return _frame(
        {
            "type": "hello",
            "election": election.id,
            "mode": election.mode.value,
            "definition": definition.hash,
            "licence": election.licence,
            "heartbeat_s": heartbeat_s,
        }
    )


def heartbeat_frame(cursor: str, offices: Sequence[OfficeState]) -> Frame:
    message = {
        "type": "heartbeat",
        "cursor": cursor,
        "as_of": {office.entry.id: orjson.Fragment(office.as_of()) for office in offices},
        "waiting": [office.entry.id for office in offices if office.waits_for_keyframe],
    }
    return Frame("heartbeat", orjson.dumps(message), cursor=cursor)


def bulletin_message(name: BulletinName, rows: Sequence[bytes], *, id: str | None = None, more: bool = False) -> bytes:
    """A message of a bulletin. That of health has one row, that of the checkpoints one for each log."""
    return b"{%b}" % b",".join(
        (
            *(() if id is None else (b'"id":%b' % orjson.dumps(id),)),
            b'"type":"%b","channel":"%b"' % (name.encode(), name.encode()),
            b'"health":%b' % rows[0] if name == "health" else b'"logs":[%b]' % b",".join(rows),
            *((b'"more":true',) if more else ()),
        )
    )


def unsubscribed_frame(subscription: Subscription) -> Frame:
    return _frame({"type": "unsubscribed", "id": subscription.id, "channel": subscription.channel.name})


def error_frame(error: CommandError) -> Frame:
    message: dict[str, Any] = {"type": "error"}
    if error.id is not None:
        message["id"] = error.id
    return _frame(message | {"status": error.status, "field": error.field, "sentence": error.sentence})


def _frame(message: dict[str, Any]) -> Frame:
    return Frame(message["type"], orjson.dumps(message))


def gap_frame(
    reason: GapReason,
    channel: Channel | None,
    *,
    id: str | None = None,
    skipped: int | None = None,
    stations_lost: bool = False,
) -> Frame:
    """Make the frame of a gap. It has no cursor, because a client that resumed from one would never get the state that follows
    the gap."""
    message: dict[str, Any] = {"type": "gap", "reason": reason, "sentence": _GAP_SENTENCES[reason]}
    if id is not None:
        message["id"] = id
    if channel is not None:
        message |= {"channel": channel.name, "office": channel.office.entry.id}
    if skipped is not None:
        message["skipped"] = skipped
    if stations_lost:
        message["stations_lost"] = True
    return Frame("gap", orjson.dumps(message), channel=channel, gap=reason)


_GAP_SENTENCES: dict[GapReason, str] = {
    "cursor-too-old": "What changed since this cursor is not remembered any more; a snapshot follows.",
    "cursor-ahead": "This server has not reached the cursor; its newest state follows and may be older.",
    "slow-client": "The connection was read too slowly; the newest state of all that changed follows.",
    "results-gap": "A message of the roll-up was missing; the newest state follows.",
    "subtotals-gap": "A message of a counting worker was missing: areas below the shard level may have changed unseen.",
}
