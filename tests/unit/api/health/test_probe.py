"""What the probe reads where Kafka and PostgreSQL are away."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError

from api.health.decision import DatabaseReading, KafkaReading
from api.health.probe import HealthProbe
from api.limits.refusals import Refusals
from runtime.kafka.seals import make_seal_keys
from runtime.kafka.set_aside import SetAside
from runtime.settings import Settings
from tests.support.ledger import MemoryLedger
from tests.support.small_election import small_package


class EmptyPool:
    """A database that answers and has no rows."""

    async def fetch(self, *_: Any) -> list[Any]:
        return []

    async def fetchval(self, *_: Any) -> None:
        return None


class AwayPool(EmptyPool):
    async def fetch(self, *_: Any) -> list[Any]:
        raise OSError


@pytest.fixture
def probe(tmp_path: Path) -> HealthProbe:
    make_seal_keys(tmp_path / "workers-key.txt")
    settings = Settings(log_directory=tmp_path, generation=1, workers_key=tmp_path / "workers-key.txt")
    return HealthProbe(settings, MemoryLedger(small_package()).definition)


def _state(pool: EmptyPool) -> SimpleNamespace:
    stage = {"state": "following", "lag_records": 0, "clients": 0}
    live = SimpleNamespace(stage=lambda: stage, aside=SetAside())
    refusals = Refusals()
    refusals.add("connections", "all 2 connections are at work")
    return SimpleNamespace(limits=SimpleNamespace(refusals=refusals), pool=pool, live=live)


async def test_a_part_that_cannot_be_reached_is_read_as_the_name_of_its_error(
    probe: HealthProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> KafkaReading:
        raise KafkaConnectionError

    monkeypatch.setattr(probe, "_read_kafka", away)
    reading = await probe.read(_state(AwayPool()))
    assert (reading.kafka, reading.database) == ("no broker answers there (KafkaConnectionError)", "OSError")
    assert reading.refusing == ["all 2 connections are at work"]


async def test_a_database_without_rows_is_read_as_nothing_recorded(
    probe: HealthProbe, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> KafkaReading:
        raise KafkaConnectionError

    monkeypatch.setattr(probe, "_read_kafka", away)
    reading = await probe.read(_state(EmptyPool()))
    assert reading.database == DatabaseReading(0, False, [], 0, None, [])


async def test_an_answer_is_given_again_for_a_second(probe: HealthProbe, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []

    async def away() -> KafkaReading:
        reads.append(1)
        raise KafkaConnectionError

    monkeypatch.setattr(probe, "_read_kafka", away)
    first = await probe.answer(_state(EmptyPool()))
    assert await probe.answer(_state(EmptyPool())) is first
    assert reads == [1]
