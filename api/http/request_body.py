"""The body of a request within its bounds: how fast it comes, and in which chunks. Pure."""

from __future__ import annotations

from api.http.raw_problems import too_slow
from api.problems import Problem

BODY_WINDOW_SECONDS = 15.0
BODY_WINDOW_BYTES_MIN = 8 * 1024
"""What of a body must come in each window, unless it ends: 550 bytes a second, a tenth of what GPRS carries. At double,
phones at the edge of a cell lose their forms; at half, a client that trickles holds its connection for twice as long."""
BODY_SECONDS_MAX = 300.0
"""Limit for a whole body: a full batch of 16 MiB at 56 kB/s. Smaller batches suit slower lines."""
CHUNKS_FREE = 64
CHUNK_BYTES_MIN = 256
"""The size that chunks of a body have on average, but for the first few. A byte a chunk costs 3 µs for each byte."""


class RequestBody:
    """What has come of the newest body. Each connection has one."""

    __slots__ = ("_chunks", "_window_bytes", "_window_since", "bytes", "since")

    def __init__(self) -> None:
        self.begin(0.0)

    def begin(self, now: float) -> None:
        self.since = self._window_since = now
        """Time when the body began to come; once its request is answered, when the rest of the body began to be dropped."""
        self.bytes = self._window_bytes = self._chunks = 0

    def add_chunk(self) -> Problem | None:
        self._chunks += 1
        if self._chunks > CHUNKS_FREE + self.bytes // CHUNK_BYTES_MIN:
            return Problem(400, "Chunks too small", f"Chunks of a body must have {CHUNK_BYTES_MIN} bytes on average.")
        return None

    def look(self, now: float, *, is_paused: bool) -> Problem | None:
        """What is wrong with the pace of the body. While this side does not read, its pace is not the client's."""
        if is_paused:
            self._begin_window(now)
            return None
        if now - self.since > BODY_SECONDS_MAX:
            return too_slow(f"A body must come within {BODY_SECONDS_MAX:.0f} s: send less at once.")
        if now - self._window_since <= BODY_WINDOW_SECONDS:
            return None
        came = self.bytes - self._window_bytes
        self._begin_window(now)
        if came >= BODY_WINDOW_BYTES_MIN:
            return None
        return too_slow(
            f"At least {BODY_WINDOW_BYTES_MIN} bytes of a body must come in {BODY_WINDOW_SECONDS:.0f} s; got {came}."
        )

    def _begin_window(self, now: float) -> None:
        self._window_since, self._window_bytes = now, self.bytes
