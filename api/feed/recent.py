"""The newest messages of a topic, remembered for clients that resume."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from api.feed.touched import Key
from schemas.live import GapReason

RECENT_MESSAGES_MAX = 10_000
"""Messages of each topic that are remembered for resuming: half a minute to many minutes. With fewer, a client that lost
its connection gets a snapshot more often; with more, nothing is wrong but memory."""
RECENT_BYTES_MAX = 32 * 1024 * 1024
"""Of each topic, so 64 MB in all."""


class Recent(NamedTuple):
    """A message that was applied, remembered for those who resume."""

    source: int
    """0: results; 1 + n: partition n of subtotals."""
    offset: int
    office: int
    areas: tuple[Key, ...]
    offices: tuple[int, ...]
    contests: tuple[int, ...]
    everything: bool
    gap: GapReason | None
    body: bytes
    """The second line of a block: its stations are read when somebody asks."""
    size: int


class RecentMessages:
    """The newest messages of one topic, bounded. `floors` says from which offset on nothing is missing."""

    def __init__(self, messages_max: int, bytes_max: int) -> None:
        self._messages_max = messages_max
        self._bytes_max = bytes_max
        self._kept: deque[Recent] = deque()
        self._bytes = 0
        self.floors: dict[int, int] = {}

    def add(self, message: Recent) -> None:
        self._kept.append(message)
        self._bytes += message.size
        while len(self._kept) > self._messages_max or self._bytes > self._bytes_max:
            oldest = self._kept.popleft()
            self._bytes -= oldest.size
            self.floors[oldest.source] = oldest.offset + 1

    def since(self, wanted: dict[int, int]) -> list[Recent]:
        """Messages at or after the offset wanted of each source, oldest first."""
        found: list[Recent] = []
        open_sources = set(wanted)
        for message in reversed(self._kept):
            if message.offset >= wanted[message.source]:
                found.append(message)
            else:
                open_sources.discard(message.source)
                if not open_sources:
                    break
        found.reverse()
        return found
