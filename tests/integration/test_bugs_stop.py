"""A bug in a fold stops the fold of its partition, with an alarm. Other partitions are counted, and health names the stop."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from rekap.operate.stack import Stack
from tests.support.small_election import reported
from tests.support.stacks import Voices, eventually, stack_of

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


@pytest.fixture(scope="module", autouse=True)
def fault(directory: Path) -> Path:
    """The file that keeps the fault in the workers until it is deleted; made before the stack starts."""
    (directory / "sitecustomize.py").write_text(FAULT)
    (directory / "fault").touch()
    return directory / "fault"


stack = stack_of("bugs", PYTHONPATH="{directory}", REKAP_FOLD_RETRY_S="5")


async def test_a_bug_in_a_fold_stops_its_partition_alone_until_it_is_mended(
    fault: Path, directory: Path, stack: Stack, voices: Voices, client: httpx.AsyncClient
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

    # The other partitions are counted, also by the worker that was started again; so are the records before the fatal one.
    for station in elsewhere:
        await send(station)
    for station in [*elsewhere, before]:
        await eventually(partial(is_counted, station))
    assert [await state(FATAL_STATION), await state(behind)] == ["waiting", "waiting"]
    assert stack.supervisor.process_id("tabulator") != first_process

    logged = (directory / "tabulator.log").read_text().splitlines()
    lines = [line for line in logged if "CRITICAL rekap.tabulator fold-stopped" in line]
    for word in (f"partition={fatal['partition']}", f"offset={fatal['offset']}", f"record={fatal['submission']}"):
        assert word in lines[0]

    fault.unlink()
    for station in (FATAL_STATION, behind):
        await eventually(partial(is_counted, station))

    async def health_is_green() -> bool:
        return bool((await client.get("/v1/health")).json()["status"] == "ok")

    await eventually(health_is_green)
