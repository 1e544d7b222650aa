"""Each limit of a process is the one that its setting states."""

from __future__ import annotations

from api.limits.limits import Limits
from runtime.settings import Settings


def test_each_limit_is_that_of_its_setting() -> None:
    limits = Limits(
        Settings(requests_per_s=1, submissions_per_s=2, submissions_of_key_per_s=3, trusted_proxies="10.0.0.0/8")
    )
    rates = limits.requests, limits.submissions, limits.submissions_of_key
    assert [rate.per_second for rate in rates] == [1, 2, 3]
    assert "10.1.2.3" in limits.proxies
    assert "192.0.2.1" not in limits.proxies
    sentences = {rate.refusal("192.0.2.1", "It").body["violated-policies"][0] for rate in rates}
    assert sentences == {"requests", "submissions", "submissions of this key"}
