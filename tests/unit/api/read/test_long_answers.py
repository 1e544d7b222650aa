"""Long answers have turns: one address does not fill them, and what is short waits for none of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import pytest_asyncio
from fastapi import FastAPI, Request

from api.answers.kept_answers import Kind
from api.answers.read_cut import AtCut, ReadCut
from api.limits.limits import CLIENT_ADDRESS
from api.limits.rate_limits import RateLimit
from api.problems import Problem
from api.read.from_memory import SnapshotsInMemory
from api.read.snapshots import LONG_AT_ONCE, LONG_WANTED_MAX, LONG_WANTED_OF_ADDRESS_MAX, Snapshots
from api.readmodel.read_model import ReadModel
from projections.definition.compiled import Definition
from projections.shown.published import Moment
from tests.support.small_election import small_package

NOTHING = Moment({}, {}, {}, {})


class Model:
    """A read model whose answers can be held back."""

    def __init__(self) -> None:
        self.may_continue = asyncio.Event()
        self.reading = 0
        self.takes_s: float | None = None
        """How long an answer takes; None where a test lets it end."""

    async def cut(self) -> ReadCut:
        return ReadCut({}, {})

    async def answer(self) -> AtCut:
        self.reading += 1
        if self.takes_s is None:
            await self.may_continue.wait()
        else:
            await asyncio.sleep(self.takes_s)
        self.reading -= 1
        return AtCut({}, NOTHING)


class Asked:
    def __init__(self) -> None:
        self.model = Model()
        self.snapshots = Snapshots(
            cast(ReadModel, self.model), Definition.of(small_package()), SnapshotsInMemory(RateLimit("requests", 0))
        )

    def ask(self, address: str, number: int, kind: Kind = Kind.PAGE) -> asyncio.Task[int]:
        return asyncio.create_task(self._ask(address, number, kind))

    async def _ask(self, address: str, number: int, kind: Kind) -> int:
        scope: dict[str, Any] = {
            "type": "http", "method": "GET", "path": "/", "raw_path": b"/", "query_string": b"", "headers": [],
            "app": FastAPI(), CLIENT_ADDRESS: address,
        }  # fmt: skip
        try:
            answer = await self.snapshots.kept(Request(scope), (kind, address, number), None, self.model.answer)
        except Problem as problem:
            return problem.status
        return answer.status_code

    async def settle(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def asked() -> AsyncIterator[Asked]:
    asked = Asked()
    yield asked
    asked.model.may_continue.set()
    asked.snapshots.current.close()


@pytest.mark.parametrize("kind", [Kind.PAGE, Kind.FILE])
async def test_one_address_is_refused_what_would_fill_the_turns_and_others_are_served(asked: Asked, kind: Kind) -> None:
    of_one = [asked.ask("a", number, kind) for number in range(3 * LONG_WANTED_OF_ADDRESS_MAX)]
    await asked.settle()
    assert asked.model.reading == 1
    assert sum(each.done() for each in of_one) == 2 * LONG_WANTED_OF_ADDRESS_MAX
    of_another = asked.ask("b", 0, kind)
    await asked.settle()
    asked.model.may_continue.set()
    assert await of_another == 200
    assert sorted(await asyncio.gather(*of_one)) == [
        *[200] * LONG_WANTED_OF_ADDRESS_MAX, *[429] * (2 * LONG_WANTED_OF_ADDRESS_MAX),
    ]  # fmt: skip


async def test_where_many_addresses_ask_at_once_the_last_are_asked_to_come_back(asked: Asked) -> None:
    of_many = [asked.ask(f"{address}", number) for number in range(4) for address in range(LONG_WANTED_MAX)]
    await asked.settle()
    assert asked.model.reading == LONG_AT_ONCE
    asked.model.may_continue.set()
    assert sorted(await asyncio.gather(*of_many)) == [*[200] * LONG_WANTED_MAX, *[503] * (3 * LONG_WANTED_MAX)]


@pytest.mark.parametrize("kind", [Kind.TOTAL, Kind.AREA, Kind.STATION])
async def test_short_answers_wait_for_no_turn(asked: Asked, kind: Kind) -> None:
    of_one = [asked.ask("a", number, kind) for number in range(3 * LONG_WANTED_MAX)]
    await asked.settle()
    assert asked.model.reading == 3 * LONG_WANTED_MAX
    asked.model.may_continue.set()
    assert set(await asyncio.gather(*of_one)) == {200}


async def test_a_wait_for_the_own_turn_is_not_taken_for_a_database_that_is_away(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.answers.current_answers.FIRST_READ_SECONDS_MAX", 1.0)
    monkeypatch.setattr("api.limits.turns.REST_SECONDS_MAX", 0.0)
    asked.model.takes_s = 0.6
    first, second = asked.ask("a", 1), asked.ask("a", 2)
    assert [await first, await second] == [200, 200]
    assert "database-unavailable" not in caplog.text


async def test_a_turn_that_does_not_come_in_time_is_refused_and_frees_what_it_held(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("api.answers.current_answers.FIRST_READ_SECONDS_MAX", 0.05)
    monkeypatch.setattr("api.limits.turns.REST_SECONDS_MAX", 0.0)
    turns = asked.snapshots._turns
    async with turns.turn("a"):
        assert await asked.ask("a", 1) == 503
    monkeypatch.setattr("api.answers.current_answers.FIRST_READ_SECONDS_MAX", 10.0)
    asked.model.may_continue.set()
    assert await asked.ask("a", 2) == 200
    assert "database-unavailable" not in caplog.text
    assert not turns._wanted
