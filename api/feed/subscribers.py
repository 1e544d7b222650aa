"""Channels, those who want them, and what waits for each client.

A subscription is in one of three conditions:

    live       it has all that was flushed, and gets the channel's next frame, which all its live subscribers share
    due        it lacks what changed since `since` (None: everything) and gets it part by part, as fast as it reads
    parked     its cursor is ahead of this replica

Only frames wait in memory, and only as many bytes as the bounds below: a client that is slower than the feed is due again
for what it has not read. What it lacks is not kept for it: the state knows which message changed each number last.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from api.feed.touched import Key
from schemas.served.live import GapReason, Positions

if TYPE_CHECKING:
    from api.feed.hub import Hub
    from api.feed.state import OfficeState

QUEUE_FRAMES_MAX = 200
"""Frames that wait for one client. At half, a client with 50 channels falls out of the live set at a hiccup of two ticks;
at double, a stuck one is told stale numbers for longer."""
QUEUE_BYTES_MAX = 256 * 1024
"""Limit for the text of queued frames. A tick of a nation is a few kB; at half, one large change is too much."""
PART_BYTES = 128 * 1024
"""A message that would be longer is sent in parts of about so much. It is what a client that does not read costs, and
what it takes to render is 2 ms, in which nobody else is served."""


class Selection(NamedTuple):
    """What a channel shows. Exactly one of area and level."""

    office: int
    area: int | None
    level: int | None
    stations: bool


class Frame:
    """A message as it is sent. Its numbers are fixed when it is made, its text is made when it is first sent."""

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
        """Where a client that has read this may go on; None where it still lacks something of before."""
        self.channel = channel
        self.before = before
        """What a client has that read all before this frame."""
        self.gap = gap
        self._render = None if isinstance(text, str) else text
        self._text = text if isinstance(text, str) else ""
        self.size = size or len(self._text)
        """Bytes, or about as many where it is not rendered."""

    @property
    def is_rendered(self) -> bool:
        return self._render is None

    @property
    def text(self) -> str:
        if self._render is not None:
            self._text, self._render = self._render().decode(), None
        return self._text


class Channel:
    """One selection and those who want it."""

    __slots__ = ("keys", "live", "name", "office", "selection", "size", "wanted_by")

    def __init__(self, name: str, selection: Selection, office: OfficeState, keys: Sequence[Key], size: int) -> None:
        self.name = name
        self.selection = selection
        self.office = office
        self.keys = keys
        """All that it may show."""
        self.size = size
        """About how many bytes that is."""
        self.wanted_by = 0
        self.live: dict[Subscriber, None] = {}


class Round:
    """What a due subscription is being sent: keys and station rows, as far as they have been sent."""

    __slots__ = ("keys", "place", "row_place", "rows", "since")

    def __init__(self, keys: Sequence[Key], rows: Sequence[bytes], since: Positions) -> None:
        self.keys = keys
        self.rows = rows
        self.place = self.row_place = 0
        self.since = since
        """What a client has that has read it all."""

    @property
    def is_over(self) -> bool:
        return self.place == len(self.keys) and self.row_place == len(self.rows)


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
        """The client's own name for it."""
        self.is_new = True
        """Until its first message is complete, which answers the client by this id."""
        self.since: Positions | None = None
        self.gap: GapReason | None = None
        """Why it is due, where the client must know."""
        self.kind = ""
        """Kind of the message that is made now, in one part or several."""
        self.has_begun = False
        """Whether a part of that message has been sent: its client waits for the part without `more`, even an empty one."""
        self.round: Round | None = None
        self.parked: Positions | None = None
        self.heartbeats = 0


class Subscriber:
    """One connection: its subscriptions, and the frames that wait for it."""

    def __init__(self, hub: Hub, ready: Callable[[], None], party: str, queue_bytes_max: int = QUEUE_BYTES_MAX) -> None:
        self._hub = hub
        self._ready = ready
        self._queue_bytes_max = queue_bytes_max
        self.party = party
        """Whom its places are counted against."""
        self.subscriptions: dict[Channel, Subscription] = {}
        self.due: dict[Subscription, None] = {}
        self.parked = 0
        self._answers: deque[Frame] = deque()
        self._queue: deque[Frame] = deque()
        self.queued_bytes = 0
        self._skipped = 0

    @property
    def is_behind(self) -> bool:
        """Whether it lacks something that no frame in its queue brings."""
        return bool(self.due or self.parked)

    @property
    def unread_answers(self) -> int:
        return len(self._answers)

    @property
    def has_work(self) -> bool:
        """Whether the next frame must be rendered first."""
        if self._answers:
            return False
        return not self._queue[0].is_rendered if self._queue else bool(self.due)

    def answer(self, frame: Frame) -> None:
        """A frame that is never dropped. The shell bounds how many a client can cause."""
        self._answers.append(frame)
        self._ready()

    def push(self, frame: Frame) -> None:
        if len(self._queue) >= QUEUE_FRAMES_MAX or self.queued_bytes + frame.size > self._queue_bytes_max:
            self.fall_behind()
            self._miss(frame)
        else:
            self._queue.append(frame)
            self._count(frame.size)
        self._ready()

    def fall_behind(self) -> None:
        """Drop what waits: it is due for the newest state of what the frames had."""
        for frame in self._queue:
            self._miss(frame)
        self._queue.clear()
        self._count(-self.queued_bytes)

    def _miss(self, frame: Frame) -> None:
        if frame.channel is not None and (subscription := self.subscriptions.get(frame.channel)) is not None:
            self._skipped += 1
            self.owe(subscription, frame.before)

    def owe(self, subscription: Subscription, since: Positions | None) -> None:
        """It is due from now on, for all that changed since then, and for what it lacked before."""
        if subscription not in self.due:
            subscription.since = since
            subscription.channel.live.pop(self, None)
            self.due[subscription] = None
            self._ready()
        elif subscription.since is not None and (since is None or since < subscription.since):
            subscription.since, subscription.round = since, None

    def forget(self, subscription: Subscription) -> None:
        self.due.pop(subscription, None)
        channel = subscription.channel
        del self.subscriptions[channel]
        if any(frame.channel is channel for frame in self._queue):
            self._queue = deque(frame for frame in self._queue if frame.channel is not channel)
            self._count(sum(frame.size for frame in self._queue) - self.queued_bytes)

    def end(self) -> None:
        """Nothing is sent any more."""
        self._queue.clear()
        self._count(-self.queued_bytes)

    def take(self) -> Frame | None:
        """The next frame to send, rendered, or None. Called only when the one before has left: what a client lacks is
        looked up here, so that it is the newest."""
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
        """It has all that was flushed."""
        del self.due[subscription]
        subscription.channel.live[self] = None

    def put_off(self, subscription: Subscription) -> None:
        """Let the others that are due have a part first."""
        del self.due[subscription]
        self.due[subscription] = None

    def _count(self, size: int) -> None:
        self.queued_bytes += size
        self._hub.queued_bytes += size
