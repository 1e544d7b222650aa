"""Channels, their subscribers, and what each subscriber still lacks.

A subscription is in one of three conditions:

    live       it has all that was flushed, and gets the channel's next frame, which all live subscribers share
    due        it lacks what changed since `since` (None: everything) and gets that part by part, as fast as the client reads
    parked     its cursor is ahead of this replica

No frame waits in memory for a client: where its connection still has bytes to send when the next frame is made, its
subscription becomes due for what it has not got. No list of what it lacks is kept either, because the state knows which message
was the last to change each number. So a client that does not read costs the bytes of one frame or part.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from api.feed.frames import Followed, Frame
from api.feed.touched import OF_OFFICE, WHOLE, Key
from schemas.served.feed_cursors import Positions
from schemas.served.live import BulletinName, Fields, GapReason

if TYPE_CHECKING:
    from api.feed.state import OfficeState

PART_BYTES = 128 * 1024
"""A message that would be longer is sent in parts of about this size. A client that does not read costs one part of memory.
Rendering a part takes 2 ms, in which the process serves no other client."""


class Selection(NamedTuple):
    """What a channel shows. Exactly one of area and level is set."""

    office: int
    area: int | None
    level: int | None
    stations: bool
    children: bool = True
    """Whether the children of the area are shown too."""
    fields: Fields = "all"
    held: bool = False
    """Whether the held results of the area are shown too."""
    deltas: bool = False
    """Whether a change has of each row only what changed in it."""


class Channel:
    """One selection and its subscribers."""

    __slots__ = ("is_short", "keys", "last_cuts", "live", "name", "office", "selection", "size", "subscriptions")

    def __init__(self, name: str, selection: Selection, office: OfficeState) -> None:
        self.name = name
        self.selection = selection
        self.office = office
        self.keys: Sequence[Key] = ()
        """All rows that the channel can show."""
        self.size = 0
        """Estimated bytes of these rows."""
        self.subscriptions = 0
        """How many subscriptions there are, in all three conditions."""
        self.is_short = selection.fields != "all"
        """Whether rows that repeat numbers of other rows are left out."""
        self.last_cuts = b"", b""
        """The `as_of` and `shard_as_of` after the last change, from which the next delta continues."""
        self.live: dict[Subscriber, int] = {}
        """The live subscribers, each with the number of the flush that it has caught up with."""

    def shows(self, key: Key) -> bool:
        """Whether a row of the channel's areas and contests is among the rows that it shows."""
        if not self.is_short:
            return True
        return key[1] != WHOLE and (key[0] != OF_OFFICE or len(self.office.entry.contests) > 1)


class Bulletin:
    """A channel that is not of an office (api/feed/hub/bulletins.py)."""

    __slots__ = ("changed", "is_current", "live", "name", "number", "rows", "subscriptions", "waiting")

    def __init__(self, name: BulletinName) -> None:
        self.name = name
        self.rows: dict[int, bytes] = {}
        """The newest rows as JSON, by their number."""
        self.changed: dict[int, int] = {}
        """Number of the last change that replaced each row."""
        self.number = 0
        """How many changes have been published."""
        self.is_current = False
        """Whether the rows have been read since there is a subscription."""
        self.subscriptions = 0
        self.waiting: dict[Subscription, None] = {}
        """Subscriptions that wait for the rows to be read."""
        self.live: dict[Subscriber, int] = {}
        """The live subscribers, each with the change that it has caught up with."""


class Round:
    """What a due subscription lacked at one moment, and how far that has been sent."""

    __slots__ = (
        "held_rows",
        "is_held_whole",
        "keys",
        "next_held_row",
        "next_key",
        "next_station_row",
        "since",
        "station_rows",
    )

    def __init__(
        self,
        keys: Sequence[Key],
        station_rows: Sequence[bytes],
        since: Positions,
        held_rows: Sequence[bytes] = (),
        *,
        is_held_whole: bool = False,
    ) -> None:
        self.keys = keys
        self.station_rows = station_rows
        self.held_rows = held_rows
        self.is_held_whole = is_held_whole
        """Whether the held results are all that there are, and no part with them has been sent yet."""
        self.next_key = self.next_station_row = self.next_held_row = 0
        self.since = since
        """What a client has that has read the whole round."""

    @property
    def is_over(self) -> bool:
        are_rows_over = self.next_key == len(self.keys) and self.next_station_row == len(self.station_rows)
        return are_rows_over and self.next_held_row == len(self.held_rows)


class Subscription:
    __slots__ = (
        "channel",
        "gap",
        "has_begun",
        "heartbeats",
        "id",
        "is_new",
        "is_quiet",
        "kind",
        "parked",
        "round",
        "since",
        "subscriber",
    )

    def __init__(self, subscriber: Subscriber, channel: Channel | Bulletin, id: str | None) -> None:
        self.subscriber = subscriber
        self.channel = channel
        self.id = id
        """The client's name for the subscription."""
        self.is_new = True
        """Whether its first message, which carries the id, is not complete yet."""
        self.is_quiet = False
        """Whether a new subscription that lacks nothing gets no message either."""
        self.since: Positions | None = None
        """Positions that the client has, while the subscription is due. None means nothing."""
        self.gap: GapReason | None = None
        """Why it is due, where the client must know."""
        self.kind = ""
        """Kind of the message that is being sent, in one part or several."""
        self.has_begun = False
        """Whether a part of that message has been sent. The client then waits for the part without `more`, even an empty
        one."""
        self.round: Round | None = None
        self.parked: Positions | None = None
        """Positions of the cursor, while the subscription is parked."""
        self.heartbeats = 0
        """How many heartbeats it has been parked for."""


class PartSource(Protocol):
    """The hub, as a subscriber needs it."""

    def next_part(self, subscription: Subscription) -> list[Frame]: ...

    def slow_client(self, skipped: int) -> Frame: ...


class Outlet(Protocol):
    """The connection of a subscriber, as the hub needs it."""

    @property
    def is_full(self) -> bool:
        """Whether the connection has bytes that the kernel has not taken."""

    @property
    def form(self) -> int:
        """The form in which it sends frames (api/feed/frames.py)."""

    @property
    def descriptor(self) -> int:
        """File descriptor that takes bytes while the connection is not full; -1 where there is none, and `write_now` is used
        alone. A connection that is lost is full, because the kernel may give its descriptor to another."""

    def write_now(self, data: bytes, /) -> None:
        """Send bytes, while the connection is not full. What cannot leave at once makes it full. Raises RuntimeError where the
        connection has just been lost."""


def send(outlet: Outlet, frame: Frame) -> None:
    """Write a frame, unless the connection has just been lost."""
    with suppress(RuntimeError):
        outlet.write_now(frame.in_form(outlet.form))


class Subscriber:
    """One connection: its subscriptions, and what it lacks of them."""

    def __init__(self, hub: PartSource, outlet: Outlet, ready: Callable[[], None], address: str) -> None:
        self._hub = hub
        self._ready = ready
        self.outlet = outlet
        self.address = address
        """The address that its subscriptions count against."""
        self.subscriptions: dict[Followed, Subscription] = {}
        self.due: dict[Subscription, None] = {}
        self.parked = 0
        self.has_left = False
        self._answers: deque[Frame] = deque()
        self._skipped = 0
        """Frames that were made and not sent since the client was last informed of such frames."""

    @property
    def is_behind(self) -> bool:
        """Whether the client lacks something that no frame brings."""
        return bool(self.due or self.parked)

    @property
    def unread_answers(self) -> int:
        return len(self._answers)

    @property
    def has_work(self) -> bool:
        """Whether `take` may have a frame."""
        return bool(self._answers or self.due)

    def answer(self, frame: Frame) -> None:
        """Send a frame that is never dropped. The shell bounds how many such frames a client can cause."""
        if self._answers or self.outlet.is_full:
            self._answers.append(frame)
            self._ready()
        else:
            send(self.outlet, frame)

    def miss(self, frame: Frame) -> None:
        """Note that a frame of a live subscription could not be sent. The subscription is due for what changed since."""
        if frame.channel is not None and (subscription := self.subscriptions.get(frame.channel)) is not None:
            self._skipped += 1
            self.owe(subscription, frame.before)

    def owe(self, subscription: Subscription, since: Positions | None) -> None:
        """Make a subscription due for all that changed since these positions, and for what it lacked before."""
        if subscription not in self.due:
            subscription.since = since
            subscription.channel.live.pop(self, None)
            self.due[subscription] = None
            self._ready()
        elif subscription.since is not None and (since is None or since < subscription.since):
            subscription.since, subscription.round = since, None

    def forget(self, subscription: Subscription) -> None:
        self.due.pop(subscription, None)
        del self.subscriptions[subscription.channel]

    def take(self) -> Frame | None:
        """The next frame to send, or None. Called only when the frame before has left, because what a due client lacks is
        looked up here and should be the newest."""
        if not self._answers:
            if self._skipped and self.due:
                self._answers.append(self._hub.slow_client(self._skipped))
            self._skipped = 0
            while self.due and not self._answers:
                self._answers += self._hub.next_part(next(iter(self.due)))
        return self._answers.popleft() if self._answers else None

    def settle(self, subscription: Subscription, number: int) -> None:
        """Make a due subscription live, because it has all up to the flush with this number."""
        del self.due[subscription]
        subscription.channel.live[self] = number

    def put_off(self, subscription: Subscription) -> None:
        """Let the other due subscriptions of this client have a part first."""
        del self.due[subscription]
        self.due[subscription] = None
