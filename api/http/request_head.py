"""The head of a request within its bounds: address, header lines, Host, and the time from its first byte to its last. Pure."""

from __future__ import annotations

from api.http.raw_problems import HEAD_BYTES_MAX, HEADERS_MAX, head_too_large, too_slow, wrong_host
from api.problems import Problem
from api.roles import request_line

REQUEST_LINE_BYTES_MAX = 8 * 1024
"""Limit for the address in a request line. The longest that Rekap reads has a cursor of the live feed in it, 4 kB."""
METHOD_AND_VERSION_BYTES = 256
"""Limit for the rest of a request line: method, version and spaces."""
HEAD_SECONDS_MAX = 10.0
"""Limit from the first byte of a head to its last. At half a bad radio link is cut off; at double, a silent one is kept as
long."""
HOST_BYTES = len(b"host")


class RequestHead:
    """What the parser has given of the newest head. Each connection has one."""

    __slots__ = ("_hosts", "_is_new", "_lines", "_raw_bytes", "bytes", "since")

    def __init__(self) -> None:
        self.since: float | None = None
        """Time when the head's first byte came; None while no head is coming."""
        self.bytes = self._lines = self._hosts = 0
        """Bytes and number of the header lines, and how many of them are a Host."""
        self._raw_bytes = 0
        """Bytes of slices that held nothing but this head: what the parser has not given yet is counted here."""
        self._is_new = False
        """Whether the head began in the newest slice."""

    def begin(self, now: float) -> None:
        self.since = now
        self.bytes = self._lines = self._hosts = self._raw_bytes = 0
        self._is_new = True

    def end_slice(self, count: int) -> Problem | None:
        """Count a slice of the connection's bytes, after which the head has not ended."""
        if self._is_new:
            self._is_new = False
            return None
        self._raw_bytes += count
        return head_too_large() if self._raw_bytes > HEAD_BYTES_MAX else None

    def add(self, name: bytes, value: bytes) -> Problem | None:
        """Count a header line, or a line of the trailers, for which the bounds are the same."""
        self.bytes += len(name) + len(value) + 4
        self._lines += 1
        self._hosts += len(name) == HOST_BYTES and name.lower() == b"host"
        if self._lines > HEADERS_MAX or self.bytes > HEAD_BYTES_MAX:
            return head_too_large()
        return None

    def end(self, version: str) -> Problem | None:
        self.since = None
        if self._hosts > 1 or (not self._hosts and version == "1.1"):
            return wrong_host(self._hosts)
        return None

    def look(self, now: float) -> Problem | None:
        if self.since is not None and now - self.since > HEAD_SECONDS_MAX:
            return too_slow(f"The head of a request must come within {HEAD_SECONDS_MAX:.0f} s.")
        return None


def address_problem(address: bytes) -> Problem | None:
    """What is wrong with the address of a request line, or with the beginning of it."""
    if len(address) > REQUEST_LINE_BYTES_MAX:
        return Problem(414, "Address too long", f"An address here has up to {REQUEST_LINE_BYTES_MAX} bytes.")
    if not address.isascii():
        return Problem(400, "Not an address", "An address has ASCII characters only; encode others with %.")
    return None


class RequestLine:
    """Gathers a request line whose end has not come, where the line decides which process answers."""

    __slots__ = ("begun",)

    def __init__(self) -> None:
        self.begun = b""

    def gather(self, data: bytes) -> bytes:
        """What came since the last request, once its line is whole; empty until then. A line that is too long is left to the
        parser, which refuses it."""
        data = (self.begun + data).lstrip(b"\r\n")
        if data and request_line(data) is None and len(data) <= REQUEST_LINE_BYTES_MAX + METHOD_AND_VERSION_BYTES:
            self.begun = data
            return b""
        self.begun = b""
        return data
