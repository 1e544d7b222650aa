"""A client that reads too little of what is written to it is cut off."""

from __future__ import annotations

from typing import cast

from api.http.corked import Corked
from api.http.unread import CLOSING_SECONDS_MAX, SEND_BYTES_MIN, SEND_SECONDS_MAX, Unread


class Reader:
    """A connection as `Unread` sees it."""

    def __init__(self, *, unsent: int, closing: bool = False) -> None:
        self.written = unsent
        self.unsent = unsent
        self._closing = closing
        self.unread = Unread(cast(Corked, self))

    def read(self, size: int) -> None:
        self.unsent -= size

    def write(self, size: int) -> None:
        self.written += size
        self.unsent += size

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self._closing


def test_one_that_reads_nothing_is_stalled_after_the_deadline_and_not_before() -> None:
    reader = Reader(unsent=100)
    assert [reader.unread.is_stalled(now) for now in (0, SEND_SECONDS_MAX, SEND_SECONDS_MAX + 1)] == [
        False,
        False,
        True,
    ]


def test_a_trickle_is_no_reading_and_a_steady_reader_is_never_stalled() -> None:
    trickle, steady = Reader(unsent=10_000_000), Reader(unsent=10_000_000)
    stalled = [False, False]
    for second in range(100):
        stalled = [
            was or reader.unread.is_stalled(second) for was, reader in zip(stalled, (trickle, steady), strict=True)
        ]
        trickle.read(100)
        steady.read(2 * SEND_BYTES_MIN // int(SEND_SECONDS_MAX))
    assert stalled == [True, False]


def test_one_that_has_read_all_begins_anew() -> None:
    reader = Reader(unsent=100)
    for second in range(0, 200, 20):
        assert not reader.unread.is_stalled(second)
        reader.read(reader.unsent)
        assert not reader.unread.is_stalled(second + 1)
        reader.write(100)


def test_a_connection_that_is_closed_waits_less() -> None:
    reader = Reader(unsent=100, closing=True)
    assert [reader.unread.is_stalled(now) for now in (0, CLOSING_SECONDS_MAX + 1)] == [False, True]
