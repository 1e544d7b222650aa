"""What /v1/health makes of what the stages say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from api.health import HealthProbe
from api.limits.refusals import Refusals
from runtime.kafka.seals import make_seal_keys
from runtime.kafka.set_aside import SetAside
from runtime.settings import Settings
from tests.support.ledger import MemoryLedger
from tests.support.small_election import small_package


class Pool:
    """Stands for a database that answers and knows nothing."""

    async def fetch(self, *_: Any) -> list[Any]:
        return []

    async def fetchval(self, *_: Any) -> None:
        return None


@pytest.mark.parametrize(("state", "status"), [("following", "ok"), ("beginning", "degraded")])
async def test_a_feed_that_does_not_come_to_follow_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str, status: str
) -> None:
    """As one that fails again and again: its viewers are turned away, whatever else is well."""
    make_seal_keys(tmp_path / "workers-key.txt")
    settings = Settings(log_directory=tmp_path, generation=1, workers_key=tmp_path / "workers-key.txt")
    probe = HealthProbe(settings, MemoryLedger(small_package()).definition)

    async def lags() -> dict[str, Any]:
        return {}

    monkeypatch.setattr(probe, "_lags", lags)
    stage = {"state": state, "lag_records": None, "clients": 0}
    answer = await probe.answer(
        SimpleNamespace(
            limits=SimpleNamespace(refusals=Refusals()),
            pool=Pool(),
            live=SimpleNamespace(stage=lambda: stage, aside=SetAside()),
        )
    )
    assert (answer["status"], answer["lagging"]) == (status, [] if status == "ok" else ["live"])


async def test_what_this_process_refuses_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    make_seal_keys(tmp_path / "workers-key.txt")
    settings = Settings(log_directory=tmp_path, generation=1, workers_key=tmp_path / "workers-key.txt")
    probe = HealthProbe(settings, MemoryLedger(small_package()).definition)
    refusals = Refusals()
    refusals.add("connections", "all 2 connections are at work")

    async def lags() -> dict[str, Any]:
        return {}

    monkeypatch.setattr(probe, "_lags", lags)
    stage = {"state": "following", "lag_records": 0, "clients": 0}
    live = SimpleNamespace(stage=lambda: stage, aside=SetAside())
    state = SimpleNamespace(limits=SimpleNamespace(refusals=refusals), pool=Pool(), live=live)
    answer = await probe.answer(state)
    assert (answer["status"], answer["refusing"]) == ("degraded", ["all 2 connections are at work"])
