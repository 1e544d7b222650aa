"""An address's bodies are read at a pace, one connection after the other, and small ones without a pause."""

from __future__ import annotations

import pytest

from api.http import reading_pace
from api.http.reading_pace import BURST_BYTES, ReadingPace


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_sent_at_the_pace_has_no_pause() -> None:
    clock = Clock()
    pace = ReadingPace(BURST_BYTES, clock)
    for _ in range(50):
        assert pace.pause("a", BURST_BYTES // 10) == 0
        clock.now += 0.1


def test_what_comes_faster_is_paused_by_the_bytes_over_the_burst_and_addresses_do_not_share() -> None:
    clock = Clock()
    pace = ReadingPace(BURST_BYTES, clock)
    assert pace.pause("a", BURST_BYTES) == 0
    assert pace.pause("a", BURST_BYTES) == pytest.approx(1)
    assert pace.pause("a", BURST_BYTES // 2) == pytest.approx(1.5)
    assert pace.pause("b", BURST_BYTES) == 0
    clock.now += 10
    assert pace.pause("a", BURST_BYTES) == 0


def test_addresses_whose_pause_is_over_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_pace, "ADDRESSES_MAX", 3)
    clock = Clock()
    pace = ReadingPace(BURST_BYTES, clock)
    for number in range(10):
        pace.pause(str(number), 1_000)
        clock.now += 1
        assert len(pace) <= 3
    pace.pause("owing", 10 * BURST_BYTES)
    for number in range(10):
        pace.pause(str(number), 1_000)
        clock.now += 0.01
    assert pace.pause("owing", 1) > 0
