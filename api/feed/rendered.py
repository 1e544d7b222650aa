"""Tallies as JSON. A tally is rendered once for all clients, as long as it is the newest of its row."""

from __future__ import annotations

from collections.abc import Callable

from api.feed.touched import Key
from schemas.served.live import Fields

RENDERED_BYTES_MAX = 8 * 1024 * 1024
"""The tallies of seven hundred areas of a legislature, or of all districts of a president. With fewer, a tally that ten
channels show is rendered ten times (0.1 ms for a tally of 234 rows). With 32 MiB the process grew by 290 MB, because kept
texts lie in memory between texts that are freed, and clients that read 87 MB were served no sooner."""


class Rendered:
    def __init__(self, bytes_max: int = RENDERED_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._kept: dict[tuple[int, Key, Fields], tuple[object, bytes]] = {}
        self.bytes = 0

    def get(self, office: int, key: Key, fields: Fields, tally: object, render: Callable[[], bytes]) -> bytes:
        """The JSON of these fields of a tally. `tally` is the same object that `render` renders: a tally that changed is
        another object."""
        row = office, key, fields
        kept = self._kept.get(row)
        if kept is not None:
            if kept[0] is tally:
                return kept[1]
            del self._kept[row]
            self.bytes -= len(kept[1])
        text = render()
        self._kept[row] = tally, text
        self.bytes += len(text)
        while self.bytes > self._bytes_max:
            oldest = next(iter(self._kept))
            self.bytes -= len(self._kept.pop(oldest)[1])
        return text
