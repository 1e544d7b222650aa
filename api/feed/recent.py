"""The station rows of the newest blocks, remembered for clients that resume. (Of areas the state itself knows which
message changed them last, so that a client may resume from as long ago as the feed began.)"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

import orjson

from api.feed.touched import Mark, StationKey

RECENT_BYTES_MAX = 32 * 1024 * 1024
"""Half a minute to many minutes. With fewer, a client that lost its connection takes stations with GET more often; with
more, nothing is wrong but memory."""
LOOKED_THROUGH_BYTES_MAX = 4 * 1024 * 1024
"""Bytes of blocks searched for one client: 20 ms. One that lacks more takes its stations with GET."""

Row = tuple[StationKey, bytes]


class _Block:
    __slots__ = ("_body", "_rows", "mark", "office", "size")

    def __init__(self, mark: Mark, office: int, body: bytes) -> None:
        self.mark = mark
        self.office = office
        self.size = len(body)
        self._body: bytes | None = body
        self._rows: list[Row] = []

    def rows(self) -> list[Row]:
        """Read at the first time that somebody asks, which on most nights is never."""
        if self._body is not None:
            self._rows = station_rows(self._body)
            self._body = None
        return self._rows


class RecentStations:
    """Bounded; `floors` says of each source from which offset on nothing is missing."""

    def __init__(self, sources: int, bytes_max: int = RECENT_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._blocks: deque[_Block] = deque()
        self._bytes = 0
        self.floors = [0] * sources

    def add(self, mark: Mark, office: int, body: bytes) -> None:
        """The second line of a block."""
        self._blocks.append(_Block(mark, office, body))
        self._bytes += len(body)
        while self._bytes > self._bytes_max:
            oldest = self._blocks.popleft()
            self._bytes -= oldest.size
            self.floors[oldest.mark.source] = oldest.mark.offset + 1

    def since(self, wanted: Sequence[int], office: int) -> dict[StationKey, bytes] | None:
        """The newest row of each station of an office that changed at or after these offsets, by source; None where that
        is not remembered, or is too much to look through."""
        if any(offset < floor for offset, floor in zip(wanted, self.floors, strict=True)):
            return None
        found: dict[StationKey, bytes] = {}
        looked_through = 0
        open_sources = set(range(1, len(wanted)))
        for block in reversed(self._blocks):
            if block.mark.offset < wanted[block.mark.source]:
                open_sources.discard(block.mark.source)
                if not open_sources:
                    break
            elif block.office == office:
                looked_through += block.size
                if looked_through > LOOKED_THROUGH_BYTES_MAX:
                    return None
                for key, row in reversed(block.rows()):
                    found.setdefault(key, row)
        return found


def station_rows(body: bytes) -> list[Row]:
    rows: Iterable[dict[str, str]] = orjson.loads(body)["stations"]
    return [((row["station"], row["contest"]), orjson.dumps(row)) for row in rows]
