"""An address pays for what it submits: a mistake costs more, and batches pay by the line."""

from __future__ import annotations

import base64
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from api.limits.limits import Limits
from api.problems import Problem
from api.submit.gateway import MISTAKE_COST, Gateway
from projections.definition.compiled import Definition
from runtime.settings import Settings
from tests.support.small_election import small_package


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    settings = Settings(gateway_key=tmp_path / "key.pem", submissions_per_s=10)
    gateway = Gateway(settings, Definition.of(small_package()), None, Limits(settings))
    yield gateway
    await gateway.stop()


WRONG = orjson.dumps({"payload": base64.b64encode(b"{}").decode(), "payloadType": "x", "signatures": []})


async def test_one_who_is_wrong_all_the_time_is_judged_no_more(gateway: Gateway) -> None:
    answers = await gateway.submit_batch([WRONG] * 30, "a")
    statuses = [answer.status for answer in answers if isinstance(answer, Problem)]
    judged = 100 // MISTAKE_COST + 1
    assert statuses == [422] * judged + [429] * (30 - judged)
    of_another = await gateway.submit(WRONG, "b")
    assert isinstance(of_another, Problem)
    assert of_another.status == 422


async def test_a_bug_is_answered_as_one(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: bytes, __: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(gateway, "_check", fail)
    answer = await gateway.submit(WRONG, "a")
    assert isinstance(answer, Problem)
    assert answer.status == 500


async def test_a_batch_that_the_address_may_not_send_now_is_refused_whole(gateway: Gateway) -> None:
    gateway.charge_batch("a", 90)
    with pytest.raises(Problem) as refused:
        gateway.charge_batch("a", 90)
    assert refused.value.status == 429
    gateway.charge_batch("b", 90)


async def test_a_batch_of_mistakes_leaves_no_work_to_the_garbage_collector(gateway: Gateway) -> None:
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(5):
            await gateway.submit_batch([WRONG, b"[" * 30_000], "a")
        assert len(gc.get_objects()) - before < 100
    finally:
        gc.enable()
