"""The station rows of the newest blocks, remembered for clients that resume. For areas no rows are remembered: the state knows
which message was the last to change each area, so a client may resume from any moment since the feed began."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import orjson

from api.feed.touched import Mark, StationKey

RECENT_BYTES_MAX = 32 * 1024 * 1024
"""The blocks of half a minute at full load, and of many minutes otherwise. With fewer, a client that lost its connection
has to fetch its stations with GET more often; with more, only memory is lost."""
SEARCHED_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of blocks that are searched for one client: 20 ms. A client that lacks more fetches its stations with GET."""

StationRow = tuple[StationKey, bytes]


class _RecentBlock:
    __slots__ = ("_body", "_rows", "mark", "office", "size")

    def __init__(self, mark: Mark, office: int, body: bytes) -> None:
        self.mark = mark
        self.office = office
        self.size = len(body)
        self._body: bytes | None = body
        self._rows: list[StationRow] = []

    def rows(self) -> list[StationRow]:
        """Parsed at the first call, which most blocks never get."""
        if self._body is not None:
            self._rows = station_rows(self._body)
            self._body = None
        return self._rows


class RecentStations:
    def __init__(self, sources: int, bytes_max: int = RECENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._blocks: deque[_RecentBlock] = deque()
        self._bytes = 0
        self.floors = [0] * sources
        """Offset, by source, from which on no block is missing here."""

    def add(self, mark: Mark, office: int, body: bytes) -> None:
        """`body` is the second line of a block."""
        self._blocks.append(_RecentBlock(mark, office, body))
        self._bytes += len(body)
        while self._bytes > self._bytes_max:
            oldest = self._blocks.popleft()
            self._bytes -= oldest.size
            self.floors[oldest.mark.source] = oldest.mark.offset + 1

    def since(self, wanted: Sequence[int], office: int) -> dict[StationKey, bytes] | None:
        """The newest row of each station of an office that changed at or after these offsets, by source; None where some of
        these blocks are forgotten, or are too many to search."""
        if any(offset < floor for offset, floor in zip(wanted, self.floors, strict=True)):
            return None
        found: dict[StationKey, bytes] = {}
        searched = 0
        open_sources = set(range(1, len(wanted)))
        for block in reversed(self._blocks):
            if block.mark.offset < wanted[block.mark.source]:
                open_sources.discard(block.mark.source)
                if not open_sources:
                    break
            elif block.office == office:
                searched += block.size
                if searched > SEARCHED_BYTES_MAX:
                    return None
                for key, row in reversed(block.rows()):
                    found.setdefault(key, row)
        return found


def station_rows(body: bytes) -> list[StationRow]:
    rows: Iterable[dict[str, str]] = orjson.loads(body)["stations"]
    return [((row["station"], row["contest"]), orjson.dumps(row)) for row in rows]
