"""Tables that are made for each request have turns: one address does not fill what makes them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fastapi import Request

from api.answers.rendering import WAITING_MAX, Renderings
from api.limits.limits import CLIENT_ADDRESS
from api.limits.rate_limits import RateLimit
from api.problems import Problem
from api.read.from_memory import SnapshotsInMemory
from api.read.snapshots import LONG_WANTED_OF_ADDRESS_MAX, Snapshots
from api.read.unkept import unkept_table
from api.readmodel.read_model import ReadModel
from projections.definition.compiled import Definition
from runtime.tables.table_files import Format
from schemas.tables.register import PARTIES
from tests.support.small_election import small_package


class Asked:
    """A server whose tables can be held back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.may_end = threading.Event()
        self.made_for: list[str] = []
        self.snapshots = Snapshots(
            cast(ReadModel, SimpleNamespace(cut=None)),
            Definition.of(small_package()),
            SnapshotsInMemory(RateLimit("requests", 0)),
        )
        self._app = SimpleNamespace(state=SimpleNamespace(snapshots=self.snapshots, renderings=Renderings()))
        monkeypatch.setattr("api.answers.rendering._rendered", self._rendered)

    def _rendered(self, *arguments: Any) -> bytes:
        _, _, _, _, about, _ = arguments
        self.made_for.append(about["address"])
        assert self.may_end.wait(30)
        return b"table"

    async def ask(self, address: str) -> int:
        scope: dict[str, Any] = {
            "type": "http", "method": "GET", "path": "/v1/search", "query_string": b"", "headers": [], "app": self._app,
            CLIENT_ADDRESS: address,
        }  # fmt: skip
        try:
            return (await unkept_table(Request(scope), PARTIES, [], Format.XLSX, address=address)).status_code
        except Problem as problem:
            return problem.status

    async def until_made_for(self, *addresses: str) -> None:
        async with asyncio.timeout(30):
            while sorted(self.made_for) != sorted(addresses):
                await asyncio.sleep(0.001)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    asked = Asked(monkeypatch)
    yield asked
    asked.may_end.set()
    asked.snapshots.current.close()


async def test_one_address_has_one_table_made_at_a_time_and_another_is_served(asked: Asked) -> None:
    of_one = [asyncio.create_task(asked.ask("a")) for _ in range(WAITING_MAX)]
    await asked.until_made_for("a")
    of_another = asyncio.create_task(asked.ask("b"))
    await asked.until_made_for("a", "b")
    asked.may_end.set()
    assert await of_another == 200
    assert await asyncio.gather(*of_one) == [200] * WAITING_MAX


async def test_what_one_address_asks_beyond_its_turns_is_refused(asked: Asked) -> None:
    of_one = [asyncio.create_task(asked.ask("a")) for _ in range(2 * LONG_WANTED_OF_ADDRESS_MAX)]
    await asked.until_made_for("a")
    asked.may_end.set()
    answers = await asyncio.gather(*of_one)
    assert sorted(answers) == [*[200] * LONG_WANTED_OF_ADDRESS_MAX, *[429] * LONG_WANTED_OF_ADDRESS_MAX]
