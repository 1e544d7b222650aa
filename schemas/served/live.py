"""The messages of the live feed: WebSocket `/v1/live`, and the same over server-sent events (DESIGN 6).

A client subscribes to a *channel* (an office, and an area with its children or a level), gets a `snapshot`, and then each
`change`. All numbers are absolute, so a message that comes twice is harmless, and after a `gap` the next message of the
channel is the newest state. The client keeps the `cursor` of the last message of each channel (a `heartbeat` is of all
channels) and gives it when it subscribes again, here or at any replica: it then gets what changed since, and no more.

A message that would be longer than about 128 KiB comes in *parts*, each but the last with `more: true` and without a cursor.
Each part is a message of its own, exact at its own `as_of`; nothing else of the channel comes between them but a `gap`. A
client applies them as one: it keeps what they have (a later part may repeat an area of an earlier one, newer), and when the
part without `more` has come, all that it has of the channel is exact at that part's `as_of`. The parts of a `snapshot`
together replace what was there before. How large a channel may be is said when it is subscribed to (413).

Two cuts stand in a message. `as_of` is that of the areas from the shard level up (the roll-up's), `shard_as_of` that
of the stations and the areas below the shard level, which their partition tells a moment earlier. Both name offsets of
ledger partitions; a partition that is not there has said nothing yet.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from schemas.codes import Code
from schemas.served.cursors import cursor_text, cursor_values

CLIENT_MESSAGE_BYTES_MAX = 16 * 1024
"""A subscription with the longest cursor (hundreds of partitions) has about 3 kB."""
CURSOR_CHARACTERS_MAX = 4_096
_CURSOR_VERSION = 1
_DEFINITION_DIGITS = 16

PartitionOffsets = dict[str, int]
"""Ledger partition → offset of the last event of the office that is counted in."""


# ── the cursor ───────────────────────────────────────────────────────────────────────────────────────────────────────


class CursorError(ValueError):
    """Not a cursor of this feed; the sentence says why."""


class Positions(NamedTuple):
    """How far a reader is in the topics behind the feed: the next offset of each. The same on every replica."""

    results: int
    subtotals: tuple[int, ...]


class OtherGenerationError(CursorError):
    """A cursor of this feed, from before everything was built again from the ledger, or after: its positions are of other
    topics."""


def cursor_of(positions: Positions, definition_hash: str, generation: int = 1) -> str:
    """The opaque cursor of these positions, in the election with this definition."""
    return cursor_text(
        [
            _CURSOR_VERSION,
            definition_hash[:_DEFINITION_DIGITS],
            positions.results,
            list(positions.subtotals),
            *([] if generation == 1 else [generation]),
        ]
    )


def positions_of(cursor: str, definition_hash: str, generation: int = 1) -> Positions:
    """Read a cursor. Raises CursorError where it is none, or one of another election or of other topics;
    OtherGenerationError where only the generation is another."""
    try:
        version, definition, results, subtotals, *rest = cursor_values(cursor) or []
    except ValueError:
        raise CursorError("not a cursor of this feed") from None
    if version != _CURSOR_VERSION:
        raise CursorError("a cursor of another version of this feed")
    if definition != definition_hash[:_DEFINITION_DIGITS]:
        raise CursorError("a cursor of another election, or of another definition of this one")
    if not isinstance(subtotals, list) or not all(_is_offset(offset) for offset in (results, *subtotals)):
        raise CursorError("not a cursor of this feed")
    if rest != ([] if generation == 1 else [generation]):
        raise OtherGenerationError("a cursor of another generation")
    return Positions(results, tuple(subtotals))


def _is_offset(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63


# ── from the client ──────────────────────────────────────────────────────────────────────────────────────────────────


class _FromClient(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


MessageId = Annotated[str, Field(min_length=1, max_length=64)]
"""The client's own name for a subscription; it stands in the answer."""


class Subscribe(_FromClient):
    """An area and its children, or all areas of a level. Without either: the root and its children."""

    type: Literal["subscribe"] = "subscribe"
    id: MessageId | None = None
    office: Code
    area: Code | None = None
    level: Code | None = None
    stations: bool = False
    """Also each change of a station in the area (at any depth). Their present state is had with GET."""
    cursor: Annotated[str, Field(min_length=1, max_length=CURSOR_CHARACTERS_MAX)] | None = None
    """Go on after this position instead of with a snapshot."""


class Unsubscribe(_FromClient):
    """By the id of the subscription, or by its channel."""

    type: Literal["unsubscribe"] = "unsubscribe"
    id: MessageId | None = None
    channel: Annotated[str, Field(max_length=300)] | None = None


FromClient = Annotated[Subscribe | Unsubscribe, Field(discriminator="type")]
FROM_CLIENT: TypeAdapter[Subscribe | Unsubscribe] = TypeAdapter(FromClient)


# ── from the server ──────────────────────────────────────────────────────────────────────────────────────────────────


class _FromServer(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Hello(_FromServer):
    """The first message of a connection."""

    type: Literal["hello"] = "hello"
    election: str
    mode: Literal["rehearsal", "live"]
    definition: str
    heartbeat_s: int
    """Seconds between heartbeats: with none for twice as long, the connection is dead."""


class _OfChannel(_FromServer):
    id: str | None = None
    """The subscription this answers; absent from what follows it."""
    channel: str
    office: str
    as_of: PartitionOffsets
    shard_as_of: PartitionOffsets
    cursor: str | None = None
    """Absent from a part that others follow."""
    more: bool = False
    """Another part of this message follows: see above."""
    areas: list[dict[str, Any]]
    """Tallies by area and contest: projections/shown/published.py, `published_tally`."""
    offices: list[dict[str, Any]]
    """Tallies by area over all contests of the office, by party: `published_office`."""
    contests: list[dict[str, Any]]
    """Whole contests that reach into the channel's areas: projections/area/progress.py, `standing`."""


class Snapshot(_OfChannel):
    """The newest state of a channel, whole. It replaces what the client had of areas, offices and contests."""

    type: Literal["snapshot"] = "snapshot"
    below_complete: bool
    """False where this process has not seen all changes of areas below the shard level: take those with GET."""
    stations: list[dict[str, Any]] = []
    """Stations that changed since the client's cursor, where it is known. What it knows of others stays good."""


class Change(_OfChannel):
    """What changed in a channel: the newest state of each changed area, contest and station."""

    type: Literal["change"] = "change"
    stations: list[dict[str, Any]] = []
    """schemas/derived/blocks.py, `StationRow`."""


GapReason = Literal["cursor-too-old", "cursor-ahead", "slow-client", "results-gap", "subtotals-gap"]


class Gap(_FromServer):
    """States in between were skipped. The next message of the channel (of each channel, where none is named) is the
    newest state, so no number is missing; `stations_lost` says that changes of stations are: take them with GET. It has no
    cursor: a client that breaks off here goes on from the message before."""

    type: Literal["gap"] = "gap"
    id: str | None = None
    channel: str | None = None
    office: str | None = None
    reason: GapReason
    sentence: str
    skipped: int | None = None
    """Messages that were not sent, where that is known."""
    stations_lost: bool = False


class Heartbeat(_FromServer):
    """Nothing is missing up to here, on any channel of this connection."""

    type: Literal["heartbeat"] = "heartbeat"
    cursor: str
    as_of: dict[str, PartitionOffsets]
    """By office."""
    waiting: list[str]
    """Offices of which a message is missing: their newest state comes with the next keyframe."""


class Unsubscribed(_FromServer):
    type: Literal["unsubscribed"] = "unsubscribed"
    id: str | None = None
    channel: str


class FeedError(_FromServer):
    """A message of the client that could not be followed. The connection stays, unless there are too many."""

    type: Literal["error"] = "error"
    id: str | None = None
    status: int
    """As HTTP would say it: 400, 404, 409, 413, 429."""
    field: str | None
    sentence: str


FromServer = Annotated[
    Hello | Snapshot | Change | Gap | Heartbeat | Unsubscribed | FeedError, Field(discriminator="type")
]
FROM_SERVER: TypeAdapter[Hello | Snapshot | Change | Gap | Heartbeat | Unsubscribed | FeedError] = TypeAdapter(
    FromServer
)
