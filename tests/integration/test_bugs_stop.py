"""A bug in a fold stops that worker, loudly; the other partitions go on, and what is served says that it stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from rekap.operate.stack import Stack
from tests.conftest import Parts
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, small_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

FATAL_STATION = "1.1.1-1"
FAULT = f"""
from pathlib import Path
from projections.fold import tabulation

apply = tabulation.PartitionFold.apply

def faulty(self, record, signature_holds):
    if getattr(record.event, "station", None) == {FATAL_STATION!r} and Path(__file__).with_name("fault").exists():
        raise ZeroDivisionError("an injected fault")
    apply(self, record, signature_holds)

tabulation.PartitionFold.apply = faulty
"""
"""Python imports `sitecustomize` when it starts: the fault is in the environment of this test's workers alone."""


@dataclass
class Faulty:
    stack: Stack
    place: Path

    def mend(self) -> None:
        (self.place / "fault").unlink()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def faulty(tmp_path_factory: pytest.TempPathFactory, parts: Parts) -> AsyncIterator[Faulty]:
    place = tmp_path_factory.mktemp("bugs")
    (place / "sitecustomize.py").write_text(FAULT)
    (place / "fault").touch()
    settings = {**parts, "PYTHONPATH": str(place), "REKAP_FOLD_RETRY_S": "5"}
    async with small_stack(place, "bugs", settings) as stack:
        yield Faulty(stack, place)


@pytest.fixture(scope="module")
def stack(faulty: Faulty) -> Stack:
    return faulty.stack


async def test_a_bug_in_a_fold_stops_its_partition_alone_until_it_is_mended(
    faulty: Faulty, stack: Stack, voices: Voices, client: httpx.AsyncClient
) -> None:
    definition = stack.definition

    def partition(station: str) -> int:
        return definition.stations.partition(definition.stations.number[station])

    async def state(station: str) -> Any:
        return (await client.get(f"/v1/stations/{station}")).json()["contests"][0]["state"]

    async def send(station: str) -> dict[str, Any]:
        receipt: dict[str, Any] = (await client.post("/v1/submissions", content=voices.sign(reported(station)))).json()
        return receipt

    async def is_counted(station: str) -> bool:
        return bool(await state(station) == "counted")

    elsewhere = [code for code in definition.stations.number if partition(code) != partition(FATAL_STATION)]
    before, behind = [
        code
        for code in definition.stations.number
        if partition(code) == partition(FATAL_STATION) and code != FATAL_STATION
    ][:2]
    await send(before)
    first_process = stack.supervisor.process_id("tabulator")
    fatal = await send(FATAL_STATION)
    await send(behind)

    async def health_is_red() -> Any:
        health = (await client.get("/v1/health")).json()
        return health if health["status"] == "stopped" else None

    health = await eventually(health_is_red)
    assert health["stages"]["tabulator"]["stopped"] == [
        f"partition {fatal['partition']} stopped at {fatal['offset']}: ZeroDivisionError: an injected fault"
    ]
    assert health["newest_record_age_s"] >= 0

    # The other partitions go on, also under the worker that was started again; what stood before the record counts.
    for station in elsewhere:
        await send(station)
    for station in [*elsewhere, before]:
        await eventually(partial(is_counted, station))
    assert [await state(FATAL_STATION), await state(behind)] == ["waiting", "waiting"]
    assert stack.supervisor.process_id("tabulator") != first_process

    said = (faulty.place / "tabulator.log").read_text().splitlines()
    lines = [line for line in said if "CRITICAL rekap.tabulator fold-stopped" in line]
    for word in (f"partition={fatal['partition']}", f"offset={fatal['offset']}", f"record={fatal['submission']}"):
        assert word in lines[0]

    faulty.mend()
    for station in (FATAL_STATION, behind):
        await eventually(partial(is_counted, station))

    async def health_is_green() -> bool:
        return bool((await client.get("/v1/health")).json()["status"] == "ok")

    await eventually(health_is_green)
