"""Whether a client reads what was written to it."""

from __future__ import annotations

from api.http.corked import Corked

SEND_SECONDS_MAX = 30.0
SEND_BYTES_MIN = 16 * 1024
"""Bytes that a client must take in each SEND_SECONDS_MAX, or all there are: 550 bytes a second. At double, a phone at the
edge of a cell is cut off; at half, a client that reads a byte now and then keeps a nation's snapshot in memory for half an
hour."""

CLOSING_SECONDS_MAX = 5.0
"""SEND_SECONDS_MAX of a connection that is being closed, on which the client wants nothing more."""


class Unread:
    """The bytes that were written to one connection and not taken yet."""

    def __init__(self, corked: Corked) -> None:
        self._corked = corked
        self._since: float | None = None
        self._taken = 0

    @property
    def unsent(self) -> int:
        return self._corked.get_write_buffer_size()

    def drained(self) -> None:
        """Note that all bytes were taken at this moment."""
        self._since = None

    def is_stalled(self, now: float) -> bool:
        """Whether fewer than SEND_BYTES_MIN were taken in the time allowed. Called about once a second, because it measures."""
        unsent = self.unsent
        if not unsent:
            self._since = None
            return False
        taken = self._corked.written - unsent
        if self._since is None or taken - self._taken >= SEND_BYTES_MIN:
            self._since, self._taken = now, taken
        return now - self._since > (CLOSING_SECONDS_MAX if self._corked.is_closing() else SEND_SECONDS_MAX)
