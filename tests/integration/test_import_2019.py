"""11,781 real polling stations, signed, through HTTP and Kafka, and read back from the API: the published totals.

The same counts through the folds alone: test_real_counts_in_memory.py.
"""

from __future__ import annotations

import asyncio
import csv
import gzip
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import asyncpg
import httpx
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError

from projections.readmodel.queries import schema_of
from rekap.elections.importers.kawalpemilu_2019 import CONTEST, Body
from rekap.operate.past_election import caught_up, import_package, submit_all
from rekap.operate.stack import WORKERS, Stack, running_stack
from runtime.kafka.clients import admin_client, plain_consumer
from runtime.kafka.topics import group_of, topics_of
from runtime.kafka.wanted_topics import create_topics
from runtime.settings import read_settings
from tests.conftest import Parts
from tests.support.shared_data import DIY_2019, needs_diy_2019
from tests.support.stacks import eventually

pytestmark = needs_diy_2019

READ_MODEL = ("record", "station_result", "area_tally", "office_tally", "block_watermark")


@asynccontextmanager
async def _counted(
    tmp_path: Path, parts: Parts, reading: Literal["kpu", "crowd"], arithmetic: Literal["soft", "hard"], *kills: str
) -> AsyncIterator[tuple[Stack, list[Body], dict[str, Any]]]:
    """A stack that has counted a reading; each worker in `kills` is killed once on the way."""
    bodies, authority, officer = import_package(DIY_2019, reading, arithmetic, tmp_path / "election")
    async with running_stack(
        tmp_path / "election", tmp_path / "data", authority, log_directory=tmp_path, settings=parts
    ) as stack:

        async def accidents() -> None:
            for role in kills:
                await asyncio.sleep(1.5)
                await stack.supervisor.kill(role)

        await asyncio.gather(submit_all(stack, bodies, officer), accidents())
        yield stack, bodies, await caught_up(stack, len(bodies))


def _numbers(tally: dict[str, Any]) -> list[int]:
    counted = tally["counted"]
    return [*counted["votes"].values(), counted["valid"], counted["invalid"], counted["total"]]


async def test_kpu_reading_with_soft_rules_gives_every_published_total(tmp_path: Path, parts: Parts) -> None:
    async with _counted(tmp_path, parts, "kpu", "soft") as (stack, _, province):
        (office,) = province["offices"]
        assert _numbers(office["contests"][0]) == [1_640_789, 735_789, 2_367_447, 56_781, 2_416_579]
        compared: Counter[str] = Counter()
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            with gzip.open(DIY_2019 / "region_totals.csv.gz", "rt") as rows:
                for row in csv.DictReader(rows):
                    area = (await client.get(f"/v1/areas/{row['child_id']}")).raise_for_status().json()
                    expected = [int(float(row[f"kpu_{name}"])) for name in ("pas1", "pas2", "sah", "tSah", "jum")]
                    assert _numbers(area["offices"][0]["contests"][0]) == expected, row["name"]
                    compared[area["area"]["level"]] += 1
        assert compared == {"province": 1, "regency": 5, "district": 78, "village": 438}


async def test_hard_rules_hold_exactly_the_stations_that_break_them_though_every_worker_is_killed(
    tmp_path: Path, parts: Parts
) -> None:
    kills = ("tabulator", "rollup", "recorder", "api")
    async with _counted(tmp_path, parts, "kpu", "hard", *kills) as (stack, bodies, province):
        (tally,) = province["offices"][0]["contests"]
        assert tally["stations"]["held"] == 705
        assert tally["stations"]["counted"] == 11_076
        assert _numbers(tally) == [1_541_975, 688_253, 2_230_228, 48_890, 2_279_118]

        broken: dict[str, set[str]] = {"F3": set(), "F4": set()}
        for body in bodies:
            form = body["form"]
            if sum(form["votes"].values()) != form["VA"]:
                broken["F3"].add(body["station"])
            if form["VA"] + form["VB"] != form["VC"]:
                broken["F4"].add(body["station"])
        assert (len(broken["F3"]), len(broken["F4"])) == (183, 620)
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            asked: dict[str, str | int] = {"contest": CONTEST, "state": "held", "limit": 400}
            path = f"/v1/areas/{province['area']['code']}/stations"
            first = (await client.get(path, params=asked)).json()
            second = (await client.get(path, params={**asked, "after": first["next"]})).json()
            one = min(broken["F3"] - broken["F4"])
            history = (await client.get(f"/v1/stations/{one}")).json()["history"]
        assert second["next"] is None
        held = {line["station"] for line in [*first["stations"], *second["stations"]]}
        assert held == broken["F3"] | broken["F4"]
        assert [finding["rule"] for finding in history[0]["findings"]] == ["F3"]


async def test_crowd_reading_keeps_every_version_and_is_rebuilt_from_the_ledger_the_same(
    tmp_path: Path, parts: Parts
) -> None:
    async with _counted(tmp_path, parts, "crowd", "soft") as (stack, bodies, province):
        (tally,) = province["offices"][0]["contests"]
        assert len(bodies) == 11_925
        assert tally["stations"]["counted"] == 11_733
        assert _numbers(tally)[:4] == [1_641_328, 735_876, 2_372_272, 55_214]

        versions: Counter[str] = Counter(body["station"] for body in bodies)
        corrected = {station: count for station, count in versions.items() if count > 1}
        assert len(corrected) == 173
        async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
            for station, count in corrected.items():
                history = (await client.get(f"/v1/stations/{station}")).json()["history"]
                assert [entry["version"] for entry in history] == list(range(1, count + 1))
                assert [entry["state"] for entry in history[:-1]] == ["superseded"] * (count - 1)
                assert history[-1]["state"] in ("counted", "flagged")

        before = await _read_model(stack)
        await _forget_all_but_the_ledger(stack)
        assert await caught_up(stack, len(bodies)) == province

        async def is_rebuilt() -> bool:
            return await _read_model(stack) == before

        await eventually(is_rebuilt)


async def _read_model(stack: Stack) -> dict[str, list[str]]:
    connection = await asyncpg.connect(
        stack.environment["REKAP_DATABASE"],
        server_settings={"search_path": f'"{schema_of(stack.definition.election)}"'},
    )
    try:
        return {
            table: [row[0] for row in await connection.fetch(f"SELECT t::text FROM {table} t ORDER BY 1")]  # noqa: S608
            for table in READ_MODEL
        }
    finally:
        await connection.close()


async def _forget_all_but_the_ledger(stack: Stack) -> None:
    await stack.supervisor.stop(*reversed(WORKERS))
    election, settings = stack.definition.election, read_settings(stack.environment)
    connection = await asyncpg.connect(settings.database)
    await connection.execute(f'DROP SCHEMA "{schema_of(election)}" CASCADE')
    await connection.close()
    admin = admin_client(settings)
    await admin.start()
    try:
        topics = topics_of(election)
        await admin.delete_topics([topics.subtotals, topics.results])

        async def are_gone() -> bool:
            return not {topics.subtotals, topics.results} & set(await admin.list_topics())

        await eventually(are_gone)
    finally:
        await admin.close()
    await create_topics(settings, election)
    group = plain_consumer(settings, group_id=group_of(election, "tabulator"))
    await group.start()
    start = {TopicPartition(topics.ledger, number): 0 for number in range(election.partitions)}
    group.assign(list(start))

    async def is_back_at_the_start() -> bool:
        with suppress(CommitFailedError):  # the stopped worker stays a member of the group for some seconds
            await group.commit(start)
            return True
        return False

    await eventually(is_back_at_the_start)
    await group.stop()
    await stack.start(*WORKERS)
