"""Channels, and those who want them: the frames that wait for a client, and what becomes of them when it is slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from api.feed.touched import Touched

if TYPE_CHECKING:
    from api.feed.hub import Hub
    from api.feed.state import OfficeState

QUEUE_FRAMES_MAX = 200
"""Frames that wait for one client. At half, a client with 50 channels falls out of the live set at a hiccup of two ticks;
at double, a stuck one is told stale numbers for longer."""


class Selection(NamedTuple):
    """What a channel shows. Exactly one of area and level."""

    office: int
    area: int | None
    level: int | None
    stations: bool


class Frame(NamedTuple):
    """A message as it is sent, and what it told, in case it has to be dropped."""

    kind: str
    text: str
    cursor: str | None = None
    """Where a client that has read this may go on; None where it still lacks something of before."""
    channel: Channel | None = None
    touched: Touched | None = None
    """None for a frame that may be dropped without harm."""


class Channel:
    """One selection and those who want it."""

    __slots__ = ("members", "name", "office", "selection", "snapshot", "snapshot_of")

    def __init__(self, name: str, selection: Selection, office: OfficeState) -> None:
        self.name = name
        self.selection = selection
        self.office = office
        self.members: dict[Subscriber, None] = {}
        self.snapshot = b""
        self.snapshot_of = -1
        """The flush number the cached snapshot is of."""


class Subscriber:
    """One connection: its channels, and the frames that wait for it."""

    def __init__(self, hub: Hub, ready: Callable[[], None]) -> None:
        self._hub = hub
        self._ready = ready
        self.channels: dict[Channel, str | None] = {}
        """Channel → the client's id of the subscription."""
        self._answers: deque[Frame] = deque()
        self._queue: deque[Frame] = deque()
        self._missed: dict[Channel, Touched] | None = None
        """What it must still be told, while it is out of the live set."""
        self._skipped = 0

    @property
    def is_behind(self) -> bool:
        return self._missed is not None

    @property
    def unread_answers(self) -> int:
        return len(self._answers)

    def answer(self, frame: Frame) -> None:
        """A frame that is never dropped. The shell bounds how many a client can cause."""
        self._answers.append(frame)
        self._ready()

    def push(self, frame: Frame) -> None:
        if self._missed is None and len(self._queue) < QUEUE_FRAMES_MAX:
            self._queue.append(frame)
            self._ready()
            return
        if self._missed is None:
            self._missed = {}
            for waiting in self._queue:
                self._miss(waiting)
            self._queue.clear()
        self._miss(frame)

    def _miss(self, frame: Frame) -> None:
        assert self._missed is not None
        if frame.channel is not None and frame.touched is not None and frame.channel in self.channels:
            self._missed.setdefault(frame.channel, Touched()).merge(frame.touched)
            self._skipped += 1

    def forget(self, channel: Channel) -> None:
        del self.channels[channel]
        self._queue = deque(frame for frame in self._queue if frame.channel is not channel)
        if self._missed is not None:
            self._missed.pop(channel, None)

    def take(self) -> Frame | None:
        """The next frame to send, or None. Called only when the one before has left: a client that was too slow comes
        back into the live set here."""
        if self._answers:
            return self._answers.popleft()
        if self._missed is not None:
            self._hub.flush()
            missed, skipped = self._missed, self._skipped
            self._missed, self._skipped = None, 0
            for frame in self._hub.catch_up(self, missed, skipped):
                self._queue.append(frame)
        return self._queue.popleft() if self._queue else None
