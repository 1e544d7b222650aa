"""Buckets: an address that asks for too much is refused for as long as it takes, and no other address; their memory has a
bound."""

from __future__ import annotations

import pytest

from api.limits import rate_limits
from api.limits.rate_limits import BURST_SECONDS, RateLimit


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limit(clock: Clock) -> RateLimit:
    return RateLimit("requests", 10, clock)


def test_a_burst_and_then_so_many_a_second(limit: RateLimit, clock: Clock) -> None:
    assert sum(limit.take("a") for _ in range(500)) == 10 * BURST_SECONDS
    clock.now += 1
    assert sum(limit.take("a") for _ in range(500)) == 10
    clock.now += 3_600
    assert sum(limit.take("a") for _ in range(500)) == 10 * BURST_SECONDS


def test_nobody_pays_for_another(limit: RateLimit) -> None:
    while limit.take("a"):
        pass
    assert limit.take("b")


def test_who_is_refused_loses_nothing_more(limit: RateLimit, clock: Clock) -> None:
    while limit.take("a"):
        pass
    for _ in range(1_000):
        assert not limit.take("a")
    clock.now += 0.1
    assert limit.take("a")


def test_a_mistake_is_paid_for_afterwards_and_forgiven_in_time(limit: RateLimit, clock: Clock) -> None:
    limit.charge("a", 10_000)
    assert not limit.take("a")
    clock.now += BURST_SECONDS + 0.2
    assert limit.take("a")


def test_what_costs_more_than_a_bucket_needs_a_full_one(limit: RateLimit, clock: Clock) -> None:
    assert limit.take("a", 1_000)
    assert not limit.take("a", 1)
    assert not limit.take("a", 1_000)


def test_the_refusal_has_the_time_to_come_back(limit: RateLimit, clock: Clock) -> None:
    while limit.take("a"):
        pass
    problem = limit.refusal("a", "Your address", 20)
    assert (problem.status, problem.headers) == (429, {"Retry-After": "2"})
    assert problem.body["detail"] == "Your address may have 10 requests a second, and 100 at once; come back in 2 s."
    assert problem.body["violated-policies"] == ["requests"]
    clock.now += 2
    assert limit.take("a", 20)


def test_the_headers_have_what_is_left(limit: RateLimit, clock: Clock) -> None:
    assert limit.policy == b'"requests";q=100;w=10'
    assert limit.state("a") == b'"requests";r=100;t=0'
    limit.take("a", 35)
    assert limit.state("a") == b'"requests";r=65;t=4'
    clock.now += 60
    assert limit.state("a") == b'"requests";r=100;t=0'


def test_0_turns_it_off(clock: Clock) -> None:
    off = RateLimit("requests", 0, clock)
    assert not off
    assert all(off.take("a", 1_000) for _ in range(1_000))
    assert len(off) == 0


def test_addresses_without_end_do_not_fill_the_memory(limit: RateLimit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "ADDRESSES_MAX", 100)
    for number in range(1_000):
        limit.take(f"address {number}")
    assert len(limit) == 100
