"""Last good answers: bounded in bytes, and whoever asks for much does not push out what others read."""

from __future__ import annotations

from api.read.last_good import HALF_LIFE_SECONDS, Key, Kind, LastGood


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_answer_is_given_with_its_age() -> None:
    clock = _Clock()
    kept = LastGood(clock)
    key: Key = (Kind.AREA, "N", None)
    kept.keep(key, b"1")
    clock.now = 5
    kept.keep(key, b"22")
    clock.now = 7.5
    assert kept.get(key) == (b"22", 2.5)
    assert kept.get((Kind.AREA, "N", "president")) is None


def test_each_kind_has_its_bound_in_bytes() -> None:
    kept = LastGood(_Clock())
    for kind in Kind:
        for number in range(3_000):
            kept.keep((kind, number), b"x" * 50_000)
            assert kept.bytes(kind) <= kind.bytes_max
        assert kept.bytes(kind) > kind.bytes_max / 2
        kept.keep((kind, "more than all"), b"x" * kind.bytes_max)
        assert kept.get((kind, "more than all")) is None
        assert kept.bytes(kind) <= kind.bytes_max


def test_empty_answers_are_bounded_too() -> None:
    kept = LastGood(_Clock())
    keys: list[Key] = [(Kind.PAGE, number) for number in range(20_000)]
    for key in keys:
        kept.keep(key, b"")
    assert sum(key in kept for key in keys) < 10_000


def test_what_is_read_stays_whatever_one_reader_asks_for_once() -> None:
    clock = _Clock()
    kept = LastGood(clock)
    read: list[Key] = [(Kind.AREA, f"read-{number}") for number in range(100)]
    for number in range(50_000):  # of 20 kB: a gigabyte
        clock.now += 0.01
        if number % 500 == 0:
            for key in read:
                kept.keep(key, b"x" * 20_000)
        kept.keep((Kind.AREA, number), b"x" * 20_000)
    assert all(key in kept for key in read)


def test_answers_of_one_kind_never_push_out_another() -> None:
    kept = LastGood(_Clock())
    kept.keep((Kind.TOTAL, "president"), b"total")
    for number in range(2_000):
        for _ in range(5):
            kept.keep((Kind.PAGE, number), b"x" * 20_000)
    assert kept.get((Kind.TOTAL, "president")) is not None


def test_what_nobody_reads_any_more_makes_room() -> None:
    clock = _Clock()
    kept = LastGood(clock)
    for _ in range(1_000):
        kept.keep((Kind.AREA, "yesterday's"), b"x" * 20_000)
    clock.now = 20 * HALF_LIFE_SECONDS
    for number in range(2_000):
        for _ in range(2):
            kept.keep((Kind.AREA, number), b"x" * 20_000)
    assert (Kind.AREA, "yesterday's") not in kept
