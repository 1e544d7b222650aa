"""Channels, their subscribers, and the frames that wait for each subscriber.

A subscription is in one of three conditions:

    live       it has all that was flushed, and gets the channel's next frame, which all live subscribers share
    due        it lacks what changed since `since` (None: everything) and gets that part by part, as fast as the client reads
    parked     its cursor is ahead of this replica

Only frames wait in memory, and no more bytes of them than the bounds below: a client that is slower than the feed becomes
due for what it has not read. No list of what it lacks is kept, because the state knows which message was the last to
change each number.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from api.feed.touched import Key
from schemas.served.live import GapReason, Positions

if TYPE_CHECKING:
    from api.feed.state import OfficeState

QUEUE_FRAMES_MAX = 200
"""Frames that wait for one client. At half, a client with 50 channels falls behind at a hiccup of two ticks; at double, a
client that was stuck reads stale numbers for longer."""
QUEUE_BYTES_MAX = 256 * 1024
"""Limit for the text of one client's queued frames. The changes of a nation in one tick are a few kB; at half, one large
change does not fit; at double, half as many
stuck clients reach the bound of all queues."""
PART_BYTES = 128 * 1024
"""A message that would be longer is sent in parts of about this size. A client that does not read costs one part of memory.
Rendering a part takes 2 ms, in which the process serves no other client."""


class Selection(NamedTuple):
    """What a channel shows. Exactly one of area and level is set."""

    office: int
    area: int | None
    level: int | None
    stations: bool


class Frame:
    """A message as it is sent. Its numbers are fixed when the frame is made; its text is rendered when it is first taken."""

    __slots__ = ("_render", "_text", "before", "channel", "cursor", "gap", "kind", "size")

    def __init__(
        self,
        kind: str,
        text: str | Callable[[], bytes],
        *,
        cursor: str | None = None,
        channel: Channel | None = None,
        before: Positions | None = None,
        size: int = 0,
        gap: GapReason | None = None,
    ) -> None:
        self.kind = kind
        self.cursor = cursor
        """Where a client that has read this frame may resume; None where it still lacks earlier changes."""
        self.channel = channel
        self.before = before
        """What a client has that has read all frames before this one."""
        self.gap = gap
        self._render = None if isinstance(text, str) else text
        self._text = text if isinstance(text, str) else ""
        self.size = size or len(self._text)
        """Bytes of the text; an estimate where the text was not rendered when the frame was made."""

    @property
    def is_rendered(self) -> bool:
        return self._render is None

    @property
    def text(self) -> str:
        if self._render is not None:
            self._text, self._render = self._render().decode(), None
        return self._text


class Channel:
    """One selection and its subscribers."""

    __slots__ = ("keys", "live", "name", "office", "selection", "size", "subscriptions")

    def __init__(self, name: str, selection: Selection, office: OfficeState, keys: Sequence[Key], size: int) -> None:
        self.name = name
        self.selection = selection
        self.office = office
        self.keys = keys
        """All rows that the channel can show."""
        self.size = size
        """Estimated bytes of these rows."""
        self.subscriptions = 0
        """How many subscriptions there are, in all three conditions."""
        self.live: dict[Subscriber, None] = {}


class Round:
    """What a due subscription lacked at one moment, and how far that has been sent."""

    __slots__ = ("keys", "next_key", "next_station_row", "since", "station_rows")

    def __init__(self, keys: Sequence[Key], station_rows: Sequence[bytes], since: Positions) -> None:
        self.keys = keys
        self.station_rows = station_rows
        self.next_key = self.next_station_row = 0
        self.since = since
        """What a client has that has read the whole round."""

    @property
    def is_over(self) -> bool:
        return self.next_key == len(self.keys) and self.next_station_row == len(self.station_rows)


class Subscription:
    __slots__ = (
        "channel",
        "gap",
        "has_begun",
        "heartbeats",
        "id",
        "is_new",
        "kind",
        "parked",
        "round",
        "since",
        "subscriber",
    )

    def __init__(self, subscriber: Subscriber, channel: Channel, id: str | None) -> None:
        self.subscriber = subscriber
        self.channel = channel
        self.id = id
        """The client's name for the subscription."""
        self.is_new = True
        """True until its first message is complete. That message carries the id."""
        self.since: Positions | None = None
        """While the subscription is due: what its client has. None means nothing."""
        self.gap: GapReason | None = None
        """Why it is due, where the client must know."""
        self.kind = ""
        """Kind of the message that is being sent, in one part or several."""
        self.has_begun = False
        """Whether a part of that message has been sent. The client then waits for the part without `more`, even an empty
        one."""
        self.round: Round | None = None
        self.parked: Positions | None = None
        """While the subscription is parked: the positions of its cursor."""
        self.heartbeats = 0
        """How many heartbeats it has been parked for."""


class PartSource(Protocol):
    """The hub, as a subscriber needs it."""

    queued_bytes: int

    def next_part(self, subscription: Subscription) -> list[Frame]: ...

    def slow_client(self, skipped: int) -> Frame: ...


class Subscriber:
    """One connection: its subscriptions, and the frames that wait for it."""

    def __init__(
        self, hub: PartSource, ready: Callable[[], None], party: str, queue_bytes_max: int = QUEUE_BYTES_MAX
    ) -> None:
        self._hub = hub
        self._ready = ready
        self._queue_bytes_max = queue_bytes_max
        self.party = party
        """The party that its subscriptions count against."""
        self.subscriptions: dict[Channel, Subscription] = {}
        self.due: dict[Subscription, None] = {}
        self.parked = 0
        self._answers: deque[Frame] = deque()
        self._queue: deque[Frame] = deque()
        self.queued_bytes = 0
        self._skipped = 0
        """Frames that were dropped since the client was last informed of dropped frames."""

    @property
    def is_behind(self) -> bool:
        """Whether the client lacks something that no queued frame brings."""
        return bool(self.due or self.parked)

    @property
    def unread_answers(self) -> int:
        return len(self._answers)

    @property
    def has_work(self) -> bool:
        """Whether `take` will have to render a frame."""
        if self._answers:
            return False
        return not self._queue[0].is_rendered if self._queue else bool(self.due)

    def answer(self, frame: Frame) -> None:
        """Queue a frame that is never dropped. The shell bounds how many such frames a client can cause."""
        self._answers.append(frame)
        self._ready()

    def push(self, frame: Frame) -> None:
        """Queue a frame. Where the queue is full, the client falls behind instead."""
        if len(self._queue) >= QUEUE_FRAMES_MAX or self.queued_bytes + frame.size > self._queue_bytes_max:
            self.fall_behind()
            self._miss(frame)
        else:
            self._queue.append(frame)
            self._count(frame.size)
        self._ready()

    def fall_behind(self) -> None:
        """Drop all queued frames. The subscriptions of these frames become due."""
        for frame in self._queue:
            self._miss(frame)
        self._queue.clear()
        self._count(-self.queued_bytes)

    def _miss(self, frame: Frame) -> None:
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
        """Remove a subscription and its queued frames."""
        self.due.pop(subscription, None)
        channel = subscription.channel
        del self.subscriptions[channel]
        if any(frame.channel is channel for frame in self._queue):
            self._queue = deque(frame for frame in self._queue if frame.channel is not channel)
            self._count(sum(frame.size for frame in self._queue) - self.queued_bytes)

    def end(self) -> None:
        """Drop all queued frames for good."""
        self._queue.clear()
        self._count(-self.queued_bytes)

    def take(self) -> Frame | None:
        """The next frame to send, rendered, or None. Called only when the frame before has left, because what a due client
        lacks is looked up here and should be the newest."""
        if not self._answers:
            if self._queue:
                frame = self._queue.popleft()
                self._count(-frame.size)
                assert frame.text
                return frame
            if self._skipped and self.due:
                self._answers.append(self._hub.slow_client(self._skipped))
            self._skipped = 0
            while self.due and not self._answers:
                self._answers += self._hub.next_part(next(iter(self.due)))
        return self._answers.popleft() if self._answers else None

    def settle(self, subscription: Subscription) -> None:
        """Make a due subscription live, because it has all that was flushed."""
        del self.due[subscription]
        subscription.channel.live[self] = None

    def put_off(self, subscription: Subscription) -> None:
        """Let the other due subscriptions of this client have a part first."""
        del self.due[subscription]
        self.due[subscription] = None

    def _count(self, size: int) -> None:
        self.queued_bytes += size
        self._hub.queued_bytes += size
