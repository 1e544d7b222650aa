"""Messages of the live feed, over the WebSocket `/v1/live` or as server-sent events (DESIGN 6).

A client subscribes to a *channel* (an office, and an area with its children or a level), gets a `snapshot`, and then each
`change`. All numbers are absolute, so a message that comes twice is harmless, and after a `gap` the next message of the
channel is the newest state. The client keeps the `cursor` of the last message of each channel (a `heartbeat` is for all
channels). When it subscribes again with this cursor, at this or any other replica, it gets only what has changed since.

A message that would be longer than about 128 KiB comes in *parts*, each but the last with `more: true` and without a cursor.
Each part is a message of its own, exact at its own `as_of`. Between the parts comes no other message of the channel but a
`gap`. A client applies the parts as one message: it keeps the content of each (a later part may repeat an area of an earlier
one, with newer numbers), and after the part without `more` the client's state of the channel is exact at that part's `as_of`.
The parts of a `snapshot` together replace the client's earlier state. What changes before the last part has been sent is in
the parts that are left, and no `change` follows for it. A subscription to a channel that is too large is answered
with an `error` of status 413.

A cursor covers the tallies, the stations and the held results of every channel. After a restart of the server, held results are
all sent again (`held_whole`). Bulletins (`health`, `checkpoints`) have no cursor: a client that follows one gets all of it
first.

A message has two cuts. `as_of` is the cut of the areas from the shard level up, which the roll-up publishes; `shard_as_of` is
the cut of the stations and of the areas below the shard level, which their partition's tabulator publishes a moment earlier.
Both have an offset for each ledger partition; a partition without events of the office is absent.

A client whose connection ends connects again, here or at another replica, and subscribes with its cursors. When thousands come
back at once they join in slices, and each of the others is given a time of its own: the reason of the close frame (codes 1012
and 1013) begins with `retry-after=` and a number of seconds (close_frames.py), a stream of server-sent events ends with `retry`
in milliseconds, and a poll is answered with 503 and `Retry-After`. A client waits for as long. Where a connection ends without
a time, the client waits for some seconds that are chosen by chance, and for up to twice as long after each failure.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from schemas.codes import Code, Whole
from schemas.served.feed_cursors import CURSOR_CHARACTERS_MAX
from schemas.served.live_rows import (
    AreaPatch,
    AreaRow,
    ContestPatch,
    ContestRow,
    OfficePatch,
    OfficeRow,
    StationChange,
)
from schemas.served.shape import PartitionOffsets

CLIENT_MESSAGE_BYTES_MAX = 16 * 1024
"""Limit for a message of a client. A subscription with the longest cursor (hundreds of partitions) has about 3 kB."""

# ── from the client ──────────────────────────────────────────────────────────────────────────────────────────────────


class _FromClient(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


MessageId = Annotated[str, Field(min_length=1, max_length=64)]
"""The client's own name for a subscription, which the answer repeats."""


Fields = Literal["all", "choices", "totals"]
"""Members of each tally: all of them; the votes of each choice and who leads; or how many votes and stations are counted."""


class Subscribe(_FromClient):
    """Subscription to an area and its children, or to all areas of a level. Without either, to the root and its children."""

    type: Literal["subscribe"] = "subscribe"
    """Type of the message."""
    id: MessageId | None = None
    """The client's own name for the subscription, which the answer repeats."""
    office: Code
    """Office to follow."""
    area: Code | None = None
    """Area to follow; the root where neither area nor level is given."""
    level: Code | None = None
    """Level whose areas to follow."""
    stations: bool = False
    """Whether to send each change of a station in the area (at any depth) too. GET has their present state."""
    children: bool = True
    """Whether to send the children of the area too, and not the area's own tallies alone."""
    fields: Fields = "all"
    """What to send of each tally (projections/shown/selected.py, `selected`). Where it is not `all`, no `contests` are sent,
    and no `offices` of an office with one contest, because the tally of that contest has the same numbers."""
    held: bool = False
    """Whether to send the held results of the area (at any depth) too: all of them first, and then each that becomes held or
    ceases to be, with the review that decided it."""
    deltas: bool = False
    """Whether to send a `delta` for each change: of each row only what changed in it, where that is shorter."""
    cursor: Annotated[str, Field(min_length=1, max_length=CURSOR_CHARACTERS_MAX)] | None = None
    """Position after which to continue, instead of beginning with a snapshot."""


BulletinName = Literal["health", "checkpoints"]


class Follow(_FromClient):
    """Subscription to a bulletin, which is not of an office: `health` (as `/v1/health`) or `checkpoints` (the signed tree head
    of each log). Its channel has the same name. All of it comes first, and then what changes. It has no cursor: a client that
    connects again follows again and gets all of it."""

    type: Literal["follow"] = "follow"
    """Type of the message."""
    id: MessageId | None = None
    """The client's own name for the subscription."""
    bulletin: BulletinName
    """Bulletin to follow."""


class Unsubscribe(_FromClient):
    """End of a subscription, named by its id or by its channel."""

    type: Literal["unsubscribe"] = "unsubscribe"
    """Type of the message."""
    id: MessageId | None = None
    """Id of the subscription."""
    channel: Annotated[str, Field(max_length=300)] | None = None
    """Channel of the subscription."""


FromClient = Annotated[Subscribe | Follow | Unsubscribe, Field(discriminator="type")]
FROM_CLIENT: TypeAdapter[Subscribe | Follow | Unsubscribe] = TypeAdapter(FromClient)


# ── from the server ──────────────────────────────────────────────────────────────────────────────────────────────────


class _FromServer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Hello(_FromServer):
    """The first message of a connection."""

    type: Literal["hello"] = "hello"
    """Type of the message."""
    election: str
    """Id of the election."""
    mode: Literal["rehearsal", "live"]
    """`rehearsal`, of which no number is a result, or `live`."""
    definition: str
    """Definition hash of the election package."""
    licence: str
    """Licence under which the numbers may be used."""
    heartbeat_s: Annotated[int, Field(ge=1)]
    """Seconds between heartbeats. After twice this time without one, the connection is dead."""


class Review(_FromServer):
    """The review of a held result."""

    offset: Whole
    """Offset of the review."""
    event: str
    """Event id of the review."""
    key: str
    """Key id of the reviewer."""
    decision: str | None = None
    """`accepted` or `rejected`."""
    reason: str | None = None
    """Reason."""


class HeldResult(_FromServer):
    """A result that is held for review, or that has ceased to be held: then `state` is what it is now."""

    station: str
    """Code of the polling station (TPS)."""
    contest: str
    """Id of the contest."""
    area: str
    """Code of the area."""
    state: str
    """What became of it: see the states in docs/glossary.md."""
    partition: Whole
    """Ledger partition."""
    offset: Whole | None
    """Offset of the held form, or of the form that counts."""
    event: str | None
    """Event id, the SHA-256 of the signed payload."""
    version: Annotated[int, Field(ge=1)] | None
    """Version of the result, from 1; each correction has a higher one."""
    rules: list[str]
    """Ids of the rules for which there is a finding."""
    through: Whole
    """Offset up to which this is the state of the station."""
    review: Review | None = None
    """The review that decided it; null where there was none."""


class _ChannelMessage(_FromServer):
    id: str | None = None
    """Id of the subscription that this message answers; absent from later messages."""
    channel: str
    """Name of the channel."""
    office: str
    """Office of the channel."""
    as_of: PartitionOffsets
    """Ledger partition → offset of the last event of the office that is counted in."""
    shard_as_of: PartitionOffsets
    """Offsets like `as_of`, for stations and for areas below the shard level."""
    cursor: str | None = None
    """Cursor after this message; absent from a part with `more`."""
    more: bool = False
    """Whether another part of this message follows."""
    areas: list[AreaRow]
    """Tallies by area and contest."""
    offices: list[OfficeRow]
    """Tallies by area over all contests of the office, by party."""
    contests: list[ContestRow]
    """Whole contests that include areas of the channel."""
    held: list[HeldResult] = []
    """Results of a channel with `held` that are held, or that have ceased to be, which a client then forgets."""
    held_whole: bool = False
    """Whether the client forgets the held results that it has, before those of this message or part, because all follow."""
    held_complete: bool | None = None
    """Whether this server knows all held results, in a channel with `held`; false where the office has more than 50,000 or a
    message was missing. `GET /v1/areas/{area}/stations?state=held` has them all."""


class Snapshot(_ChannelMessage):
    """The whole newest state of a channel. It replaces the client's areas, offices and contests."""

    type: Literal["snapshot"] = "snapshot"
    """Type of the message."""
    below_complete: bool
    """Whether this server has read all changes of areas below the shard level. Where it has not, GET has these."""
    stations: list[StationChange] = []
    """Stations that changed since the client's cursor. The client's state of other stations is still right."""


class Change(_ChannelMessage):
    """What changed in a channel: the newest state of each changed area, contest and station."""

    type: Literal["change"] = "change"
    """Type of the message."""
    stations: list[StationChange] = []
    """Stations that changed."""


class Delta(_ChannelMessage):
    """What changed in a channel that was subscribed to with `deltas`. `areas`, `offices` and `contests` are whole rows, as in a
    `change`; the patches are of rows that the client has (schemas/served/row_patches.py). The client applies the patches to its
    rows and replaces the others, and is then exact at `as_of` and `shard_as_of`, as after a `change`.

    A delta holds for a client whose `as_of` is at or after `from_as_of` in each partition, and its `shard_as_of` at or after
    `from_shard_as_of`. Both may be later, because a client that has just subscribed knows of a later moment at which nothing of
    the channel changed. A client for which that does not hold has missed a message, and subscribes again without a cursor. A
    client that resumes or was slow gets `change` messages first, whose rows are whole."""

    type: Literal["delta"] = "delta"
    """Type of the message."""
    from_as_of: PartitionOffsets
    """`as_of` after the last message of the channel before this one."""
    from_shard_as_of: PartitionOffsets
    """`shard_as_of` after the last message of the channel before this one."""
    area_patches: list[AreaPatch] = []
    """Patches of rows of `areas`."""
    office_patches: list[OfficePatch] = []
    """Patches of rows of `offices`."""
    contest_patches: list[ContestPatch] = []
    """Patches of rows of `contests`."""
    stations: list[StationChange] = []
    """Stations that changed, as in a `change`."""


GapReason = Literal["cursor-too-old", "cursor-ahead", "slow-client", "results-gap", "subtotals-gap"]


class Gap(_FromServer):
    """Notice that earlier states were skipped. The next message of the channel (of each channel, where none is named) is the
    newest state, so no number is missing. Where `stations_lost` is true, changes of stations are missing, and GET has them. A
    gap has no cursor, so a client that disconnects here continues from the message before the gap."""

    type: Literal["gap"] = "gap"
    """Type of the message."""
    id: str | None = None
    """Id of the subscription that this message answers."""
    channel: str | None = None
    """Channel of which states were skipped; null for each channel of the connection."""
    office: str | None = None
    """Office of the channel."""
    reason: GapReason
    """Why states were skipped."""
    sentence: str
    """The reason as a sentence."""
    skipped: Whole | None = None
    """Number of messages that were not sent, where it is known."""
    stations_lost: bool = False
    """Whether changes of stations are missing, which GET has."""


class Heartbeat(_FromServer):
    """Notice that up to this cursor no message is missing, on any channel of this connection."""

    type: Literal["heartbeat"] = "heartbeat"
    """Type of the message."""
    cursor: str
    """Position after which a client continues."""
    as_of: dict[str, PartitionOffsets]
    """Office → its `as_of`."""
    waiting: list[str]
    """Offices of which a message is missing. Their newest state comes with the next keyframe."""


class Health(_FromServer):
    """The bulletin `health`: what `/v1/health` of this process answers. It comes when it has changed, five seconds apart.
    Members that are longer than 16 KiB are left out and named in `omitted`."""

    type: Literal["health"] = "health"
    """Type of the message."""
    id: str | None = None
    """Id of the subscription that this message answers."""
    channel: Literal["health"]
    """Name of the channel."""
    health: dict[str, Any]
    """What `/v1/health` answers."""


class LogCheckpoint(_FromServer):
    """The newest checkpoint of the log of one ledger partition."""

    partition: Whole
    """Ledger partition."""
    origin: str
    """Name of the log in its checkpoints."""
    size: Whole
    """Records that the checkpoint covers: those at the offsets below it."""
    root: str
    """Root of the tree of these records (RFC 6962), hexadecimal."""
    note: str
    """The checkpoint as it was signed and cosigned (C2SP signed-note), as in `/log/{partition}/checkpoint`."""


class Checkpoints(_FromServer):
    """The bulletin `checkpoints`. The first message has the logs of all partitions, in parts (`more`) where it is long; a later
    one those whose checkpoint was made since. A log of which this server has no checkpoint is absent."""

    type: Literal["checkpoints"] = "checkpoints"
    """Type of the message."""
    id: str | None = None
    """Id of the subscription that this message answers."""
    channel: Literal["checkpoints"]
    """Name of the channel."""
    logs: list[LogCheckpoint]
    """Logs whose checkpoint is new."""
    more: bool = False
    """Whether another part of this message follows."""


class Unsubscribed(_FromServer):
    """Notice that a subscription has ended, because the client ended it."""

    type: Literal["unsubscribed"] = "unsubscribed"
    """Type of the message."""
    id: str | None = None
    """Id of the subscription that ended."""
    channel: str
    """Name of the channel."""


class FeedError(_FromServer):
    """Answer to a message of the client that cannot be obeyed. The connection stays open, unless there are too many errors."""

    type: Literal["error"] = "error"
    """Type of the message."""
    id: str | None = None
    """Id of the message that cannot be obeyed, where it has one."""
    status: Literal[400, 404, 413, 429]
    """Status as in HTTP."""
    field: str | None
    """Dotted path of the value at fault; null where no single value is."""
    sentence: str
    """What is wrong, and what to do."""


FromServer = Annotated[
    Hello | Snapshot | Change | Delta | Health | Checkpoints | Gap | Heartbeat | Unsubscribed | FeedError,
    Field(discriminator="type"),
]
FROM_SERVER: TypeAdapter[
    Hello | Snapshot | Change | Delta | Health | Checkpoints | Gap | Heartbeat | Unsubscribed | FeedError
] = TypeAdapter(FromServer)
MESSAGE_TYPES: tuple[str, ...] = tuple(each.model_fields["type"].default for each in get_args(get_args(FromServer)[0]))
"""Types of messages from the server."""
