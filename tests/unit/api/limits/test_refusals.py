"""What this process refuses is named for ten seconds, and logged once in that time."""

from __future__ import annotations

import logging

import pytest

from api.limits import refusals
from api.limits.limits import Limits
from api.limits.refusals import Refusals
from runtime.settings import Settings


def test_a_bound_that_refuses_again_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    newest = Refusals()
    with caplog.at_level(logging.WARNING, logger="rekap.http"):
        for _ in range(3):
            newest.add("bodies", "all bytes are held")
    assert newest.current() == ["all bytes are held"]
    assert len(caplog.records) == 1


def test_a_bound_that_refuses_no_more_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    newest = Refusals()
    newest.add("bodies", "all bytes are held")
    monkeypatch.setattr(refusals, "REFUSING_SECONDS", 0.0)
    assert newest.current() == []


def test_the_limits_of_a_process_follow_from_its_settings() -> None:
    limits = Limits(Settings(requests_per_s=0, submissions_per_s=7))
    assert not limits.requests
    limits.requests.charge("a", 5)
    assert limits.requests.take("a")
    assert not limits.requests.owes("a")
    assert (limits.submissions.per_second, limits.submissions.burst) == (7, 70)
