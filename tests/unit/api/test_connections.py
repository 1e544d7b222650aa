"""Who reads too little of what is written to it is cut off, and when all together keep too much, the slowest are."""

from __future__ import annotations

from typing import cast

import pytest

from api import connections
from api.connections import CLOSING_SECONDS_MAX, LEAST_BYTES, UNREAD_SECONDS_MAX, Unread
from api.corked import BACKLOG, SERVER, Corked


class Reader:
    """A connection as `Unread` sees it."""

    def __init__(self, *, unsent: int, closing: bool = False) -> None:
        self.written = unsent
        self.unsent = unsent
        self.is_cut_off = False
        self._closing = closing

    def read(self, size: int) -> None:
        self.unsent -= size

    def write(self, size: int) -> None:
        self.written += size
        self.unsent += size

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return self._closing

    def abort(self) -> None:
        self.is_cut_off = True


def _look(unread: Unread, now: float, *readers: Reader) -> None:
    unread.cut_off([cast(Corked, reader) for reader in readers], now)


def test_one_that_reads_nothing_is_cut_off_after_the_deadline_and_not_before() -> None:
    unread, reader = Unread(), Reader(unsent=100)
    _look(unread, 0, reader)
    _look(unread, UNREAD_SECONDS_MAX, reader)
    assert not reader.is_cut_off
    _look(unread, UNREAD_SECONDS_MAX + 1, reader)
    assert reader.is_cut_off


def test_a_trickle_is_no_reading_and_a_steady_reader_is_never_cut_off() -> None:
    unread = Unread()
    trickle, steady = Reader(unsent=10_000_000), Reader(unsent=10_000_000)
    for second in range(100):
        _look(unread, second, *(each for each in (trickle, steady) if not each.is_cut_off))
        trickle.read(100)
        steady.read(2 * LEAST_BYTES // int(UNREAD_SECONDS_MAX))
    assert (trickle.is_cut_off, steady.is_cut_off) == (True, False)


def test_one_that_has_read_all_begins_anew() -> None:
    unread, reader = Unread(), Reader(unsent=100)
    for second in range(0, 200, 20):
        _look(unread, second, reader)
        reader.read(reader.unsent)
        _look(unread, second + 1, reader)
        reader.write(100)
    assert not reader.is_cut_off


def test_a_connection_that_is_closed_waits_less() -> None:
    unread, reader = Unread(), Reader(unsent=100, closing=True)
    _look(unread, 0, reader)
    _look(unread, CLOSING_SECONDS_MAX + 1, reader)
    assert reader.is_cut_off


def test_past_the_budget_of_all_the_slowest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "UNSENT_BYTES_MAX", 250)
    unread = Unread()
    slow, quick = Reader(unsent=100), Reader(unsent=100)
    _look(unread, 0, slow)
    _look(unread, 1, slow, quick)
    assert not slow.is_cut_off
    quick.write(100)
    _look(unread, 2, slow, quick)
    assert (slow.is_cut_off, quick.is_cut_off) == (True, False)


class Paused:
    """A transport that notes whether it is read."""

    def __init__(self) -> None:
        self.is_read = True

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def is_closing(self) -> bool:
        return False


async def test_a_connection_is_read_again_only_when_nobody_needs_it_held() -> None:
    raw = Paused()
    corked = Corked(raw)  # type: ignore[arg-type]  # as much of a transport as is used
    corked.hold_reading(BACKLOG)
    corked.pause_reading()
    corked.release_reading(BACKLOG)
    assert not raw.is_read
    corked.resume_reading()
    assert raw.is_read
    corked.release_reading(SERVER)
    assert raw.is_read
