"""Requests that are answered within the turn of the loop in which they are read: without an ASGI scope, a task or a route.

The server's part is here: which requests may be answered so. The application decides what the answer is
(api/read/from_memory.py). Every other request takes the way through the application.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple, Protocol

REMEMBERED_BYTES_MAX, REMEMBERED_FIELDS_MAX = 2_048, 8
"""Longest request whose reading is remembered, and most header fields of it that an answer depends on. Browsers send 1 kB and
three such fields."""
REMEMBERED_MAX = 2_048
"""Requests that are remembered, of 5 kB each at most. Clients that ask again and again send the same bytes. At half, a newsroom
of 2,000 browsers, each with an `If-None-Match` of its own, has half of its requests read by the parser."""
CONNECTION_KEPT = b"keep-alive"
_NEEDS_MORE = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade", b"te", b"trailer"))
"""Fields with which a request has a body, or asks the server for more than an answer."""
_ANSWER_DEPENDS_ON = frozenset(
    (
        b"accept-encoding",
        b"if-none-match",
        b"if-match",
        b"if-modified-since",
        b"if-unmodified-since",
        b"x-forwarded-for",
    )
)
"""Fields that an answer from memory, or the address that it counts against, can depend on."""

Fields = Sequence[tuple[bytes, bytes]]


class Asked(NamedTuple):
    """A request that may be answered from memory."""

    is_head: bool
    address: bytes
    """Path and query as they are in the request line."""
    fields: Fields
    """Header fields that the answer may depend on, with names in lower case."""


class MemoryAnswer(NamedTuple):
    status: int
    head: bytes
    """Lines of header fields, without those that the server itself adds."""
    body: bytes


class AnswersInMemory(Protocol):
    def answer(self, asked: Asked, address: str) -> MemoryAnswer | None:
        """The answer, where it is in memory, counted against the address's limits. None where the application has to answer,
        and to count the request."""


def asked_of(method: bytes, version: str, address: bytes, fields: Fields) -> Asked | None:
    """The request whose head was read, if it may be answered from memory."""
    if method not in (b"GET", b"HEAD") or version != "1.1":
        return None
    for name, value in fields:
        if name in _NEEDS_MORE or (name == b"connection" and value.lower() != CONNECTION_KEPT):
            return None
    return Asked(method == b"HEAD", address, tuple(each for each in fields if each[0] in _ANSWER_DEPENDS_ON))


class FromMemory:
    """What all connections of a server share. One event loop owns it."""

    def __init__(self, answers: AnswersInMemory) -> None:
        self.answers = answers
        self.remembered = RememberedRequests()
        self._default: tuple[Fields, bytes] = (), b""

    def default_head(self, fields: Fields) -> bytes:
        """Lines of the header fields that the server adds to each answer, such as the date: another list once a second."""
        if self._default[0] is not fields:
            self._default = fields, b"".join(b"%b: %b\r\n" % (name.lower(), value) for name, value in fields)
        return self._default[1]


class RememberedRequests:
    """What the parser made of the bytes of requests that were answered from memory. Between two requests the parser makes the
    same of the same bytes, so it need not read them again. One event loop owns it."""

    def __init__(self) -> None:
        self._asked: OrderedDict[bytes, Asked] = OrderedDict()

    def get(self, data: bytes) -> Asked | None:
        if len(data) > REMEMBERED_BYTES_MAX:
            return None
        asked = self._asked.get(data)
        if asked is not None:
            self._asked.move_to_end(data)
        return asked

    def add(self, data: bytes, asked: Asked) -> None:
        if len(data) <= REMEMBERED_BYTES_MAX and len(asked.fields) <= REMEMBERED_FIELDS_MAX:
            self._asked[data] = asked
            if len(self._asked) > REMEMBERED_MAX:
                self._asked.popitem(last=False)

    def __len__(self) -> int:
        return len(self._asked)
