"""How far each stage is behind: `/v1/health`, and whether this process lives and can serve."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.problems import PROBLEM_RESPONSES, Problem
from projections.definition.compiled import Definition
from projections.loghead import queries as loghead
from projections.readmodel import queries
from proofs.tiles import CHECKPOINT
from runtime import metrics
from runtime.kafka.clients import admin_client, plain_consumer, stop_consumer
from runtime.kafka.generations import Alarms
from runtime.kafka.groups import group_members
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import ALARM_SECONDS, Heap, SetAside, believed_offsets
from runtime.kafka.stopped_offices import stopped_offices
from runtime.kafka.topic_watch import TopicWatch
from runtime.kafka.topics import group_of, topics_of
from runtime.settings import Settings
from schemas.served.logs import folder_of

ANSWER_SECONDS_MAX = 3
LAGGING_RECORDS = 10_000
"""A stage further behind than this is called lagging: about ten seconds of a busy night."""

CATCH_UP_POLL_SECONDS = 0.5

CHECKPOINTS_MISSED = 6
"""A notary that has renewed none of a log for so many heartbeats does not work: a minute, by default."""

router = APIRouter(tags=["health"])


class HealthProbe:
    """Asks Kafka and PostgreSQL where each stage stands; answers are kept for a second."""

    def __init__(self, settings: Settings, definition: Definition, generations: Alarms | None = None) -> None:
        self._generations = generations or Alarms()
        self._settings = settings
        self._definition = definition
        self._seals = Seals(settings.workers_key, definition.hash)
        self._committed = SetAside(is_quiet=True)
        """Offsets that are committed, and were not by a worker."""
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._derived_end: int | None = None
        """Messages ever written to `subtotals` and `results`."""
        self._ledger_end: int | None = None
        """Records in the ledger."""
        self._topics = TopicWatch(settings, definition.election, settings.generation)
        self._watching: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._answer: dict[str, Any] = {}
        self._answered_at = float("-inf")

    async def start(self) -> None:
        self._watching = asyncio.create_task(self._topics.run())

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._consumer is not None:
            await stop_consumer(self._consumer)
        if self._admin is not None:
            await self._admin.close()

    async def answer(self, state: Any) -> dict[str, Any]:
        async with self._lock:
            if time.monotonic() - self._answered_at > 1:
                self._answer = await self._ask(state)
                self._answered_at = time.monotonic()
            return self._answer

    async def _ask(self, state: Any) -> dict[str, Any]:
        stages: dict[str, Any] = {}
        aside: list[Heap] = []
        age_s: float | None = None
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                stages = await self._lags()
            kafka = "ok"
        except (KafkaError, TimeoutError, OSError) as error:
            kafka = f"unreachable: {type(error).__name__}"
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                positions = await state.pool.fetch(queries.POSITIONS)
                newest_us = await state.pool.fetchval(queries.NEWEST_RECEIVED, int(time.time() * 1_000_000))
                schema = queries.schema_of(self._definition.election, self._settings.generation)
                refused = await state.pool.fetch(queries.STOPPED_OFFICES)
                has_recorder = await state.pool.fetchval(queries.HAS_RECORDER, queries.RECORDER_LOCK, schema)
                aside = [Heap(*row) for row in await state.pool.fetch(queries.SET_ASIDE, ALARM_SECONDS)]
            if self._derived_end is not None:
                recorded = sum(row["next_offset"] for row in positions)
                stages["recorder"] = {
                    "lag_records": max(0, self._derived_end - recorded),
                    "workers": int(has_recorder),
                    "stopped": [f"office {row['office']}: {row['reason']}" for row in refused],
                }
            if self._ledger_end is not None:
                stages["notary"] = await self._notary(state.pool, self._ledger_end)
            if newest_us is not None:
                age_s = round(max(0.0, time.time() - newest_us / 1_000_000), 1)
            database = "ok"
        except (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, OSError) as error:
            database = f"unreachable: {type(error).__name__}"
        stages["live"] = state.live.stage()
        lagging = [
            name
            for name, stage in stages.items()
            if (stage["lag_records"] or 0) > LAGGING_RECORDS or stage.get("state") == "beginning"
        ]
        stopped = [name for name, stage in stages.items() if stage.get("stopped")]
        without = [name for name, stage in stages.items() if stage.get("workers") == 0]
        known = {heap[:3] for heap in aside}
        aside += [heap for heap in [*state.live.aside.heaps(), *self._committed.heaps()] if heap[:3] not in known]
        alarms = [
            *self._topics.sentences(),
            *(heap.sentence() for heap in aside),
            *self._generations.sentences(),
        ]
        refusing = state.limits.refusals.current()
        healthy = kafka == "ok" and database == "ok" and not (lagging or stopped or without or alarms or refusing)
        return {
            "status": "ok" if healthy else "stopped" if stopped else "degraded",
            "election": self._definition.election.id,
            "mode": self._definition.election.mode.value,
            "definition": self._definition.hash,
            "generation": self._settings.generation,
            "kafka": kafka,
            "database": database,
            "newest_record_age_s": age_s,
            "lagging": lagging,
            "without_worker": without,
            "alarms": alarms,
            "refusing": refusing,
            "stages": stages,
        }

    async def _notary(self, pool: Any, ledger_end: int) -> dict[str, Any]:
        """It joins no group: that it works is seen by the checkpoints, which it renews also where nothing new comes."""
        schema = loghead.schema_of(self._definition.election)
        there = await pool.fetchval("SELECT to_regclass($1)", f'"{schema}".log_head')
        signed = await pool.fetchval(f'SELECT sum(size) FROM "{schema}".log_head') if there else None  # noqa: S608  # our own name
        ages = []
        for partition in range(self._definition.partitions):
            path = self._settings.log_directory / folder_of(self._definition.election, partition) / CHECKPOINT
            with suppress(OSError):  # nothing published yet, or kept on another machine
                ages.append(time.time() - path.stat().st_mtime)
        stage: dict[str, Any] = {"lag_records": max(0, ledger_end - int(signed or 0))}
        if ages:
            stage["checkpoint_age_s"] = round(max(0.0, *ages), 1)
            stage["workers"] = int(max(ages) < CHECKPOINTS_MISSED * self._settings.heartbeat_s)
        return stage

    async def _lags(self) -> dict[str, Any]:
        election = self._definition.election
        generation = self._settings.generation
        topics = topics_of(election, generation)
        await self._connect()
        assert self._admin is not None
        assert self._consumer is not None
        ledger = topics.ledger_partitions(self._definition.partitions)
        subtotals = topics.subtotals_partitions()
        results = [topics.results_partition()]
        ends = await self._consumer.end_offsets([*ledger, *subtotals, *results])
        self._ledger_end = sum(ends[each] for each in ledger)
        self._derived_end = sum(ends[each] for each in [*subtotals, *results])
        tabulators = group_of(election, "tabulator", generation)
        tabulated = await self._tabulated()
        rolled_up = await self._admin.list_consumer_group_offsets(group_of(election, "rollup", generation))

        def lag(places: list[TopicPartition], committed: Mapping[TopicPartition, Sequence[Any]]) -> dict[str, Any]:
            behind = [ends[each] - (committed[each][0] if each in committed else 0) for each in places]
            return {"lag_records": sum(max(0, one) for one in behind)}

        return {
            "gateway": {"ledger_records": self._ledger_end, "lag_records": 0},
            "tabulator": lag(ledger, tabulated)
            | {
                "workers": await group_members(self._admin, tabulators),
                "stopped": [
                    f"partition {place.partition} {note}"
                    for place in ledger
                    if (note := tabulated.get(place, (0, ""))[1])
                ],
            },
            "rollup": lag(subtotals, rolled_up)
            | {
                "workers": await group_members(self._admin, group_of(election, "rollup", generation)),
                "stopped": await stopped_offices(self._admin, self._settings, election, self._seals, self._committed),
            },
        }

    async def _connect(self) -> None:
        if self._consumer is None:
            consumer = plain_consumer(self._settings)
            await consumer.start()
            self._consumer = consumer
            admin = admin_client(self._settings)
            await admin.start()
            self._admin = admin

    async def _tabulated(self) -> dict[TopicPartition, tuple[int, str]]:
        """How far each partition's blocks are out, as a worker left it, and what it left beside."""
        assert self._admin is not None
        group = group_of(self._definition.election, "tabulator", self._settings.generation)
        committed = await self._admin.list_consumer_group_offsets(group)
        self._committed = SetAside(is_quiet=True)
        left = {place: (each.offset, each.metadata or "") for place, each in committed.items()}
        return believed_offsets(self._seals, group, left, self._committed)

    async def wait_to_catch_up(self, pool: Any) -> None:
        """Until what is recorded tells of all that is in the ledger now. Raises what Kafka and PostgreSQL raise."""
        await self._connect()
        assert self._consumer is not None
        topics = topics_of(self._definition.election, self._settings.generation)
        ledger = topics.ledger_partitions(self._definition.partitions)
        ends = await self._consumer.end_offsets(ledger)
        while True:
            tabulated = await self._tabulated()
            if all(tabulated.get(place, (0, ""))[0] >= ends[place] for place in ledger):
                break
            await asyncio.sleep(CATCH_UP_POLL_SECONDS)
        derived = topics.derived_partitions()
        ends = await self._consumer.end_offsets(derived)
        while True:
            positions = {
                (row["topic"], row["partition"]): row["next_offset"] for row in await pool.fetch(queries.POSITIONS)
            }
            if all(positions.get((place.topic, place.partition), 0) >= ends[place] for place in derived):
                return
            await asyncio.sleep(CATCH_UP_POLL_SECONDS)


@router.get("/v1/health", summary="The lag of every stage")
async def health(request: Request) -> dict[str, Any]:
    """Lag in records of each stage behind what it reads, and whether Kafka and PostgreSQL answer. `status` is `ok`;
    `degraded` where one of them does not, or a stage lags (`lagging`; the live feed also while it begins) or nobody works at
    it (`without_worker`), or this process turns clients away because it is at a bound (`refusing` says which), or something
    must be looked at (`alarms`: messages of Kafka that no worker wrote, for an hour; topics that are not as they must be; a
    generation that cannot be served); `stopped` where the fold of a partition has stopped at a record
    (`stages.tabulator.stopped` says which and why; results of that partition stay as they were), or a stage cannot add up,
    store or show one office (`stopped` of that stage; the other offices go on). `newest_record_age_s` is the age in seconds
    of the newest record that is in what is served, by its gateway's clock."""
    probe: HealthProbe = request.app.state.health
    return await probe.answer(request.app.state)


@router.get("/livez", summary="Whether the process runs")
async def livez() -> dict[str, str]:
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Whether this process can take requests",
    response_class=Response,
    responses={200: {"description": "Ready."}, 503: PROBLEM_RESPONSES[503]},
)
async def readyz(request: Request) -> Response:
    """Ready: Kafka and PostgreSQL answer, and the live feed has begun. Otherwise 503, with what is missing."""
    probe: HealthProbe = request.app.state.health
    answer = await probe.answer(request.app.state)
    missing = [f"{part} is {answer[part]}" for part in ("kafka", "database") if answer[part] != "ok"]
    if answer["stages"]["live"]["state"] != "following":
        missing.append("the live feed is beginning")
    if missing:
        raise Problem(503, "Not ready", f"Not ready: {'; '.join(missing)}.", retry_after_s=1)
    return Response(status_code=200)


@router.get("/metrics", summary="What Prometheus reads", response_class=PlainTextResponse)
async def metrics_page(request: Request) -> Response:
    """The metrics of this process and the lag of all stages (docs/reference/metrics.md), as Prometheus' text format."""
    probe: HealthProbe = request.app.state.health
    answer = await probe.answer(request.app.state)
    for part in ("kafka", "database"):
        metrics.PARTS_UP.labels(part).set(answer[part] == "ok")
    for name, stage in answer["stages"].items():
        if stage["lag_records"] is not None:
            metrics.STAGE_LAG.labels(name).set(stage["lag_records"])
    metrics.STOPPED_PARTITIONS.set(len(answer["stages"].get("tabulator", {}).get("stopped", [])))
    metrics.NEWEST_RECORD_AGE.set(
        float("nan") if answer["newest_record_age_s"] is None else answer["newest_record_age_s"]
    )
    metrics.LIVE_CLIENTS.set(answer["stages"]["live"]["clients"])
    hub = request.app.state.live.hub
    if hub is not None:
        for office, held in hub.held_stations().items():
            metrics.STATIONS_HELD.labels(office).set(held)
    return Response(generate_latest(metrics.API), media_type=CONTENT_TYPE_LATEST)
