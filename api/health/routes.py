"""GET: health for people and for probers, and the metrics that Prometheus reads."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from api.described import problem_answers
from api.health.decision import not_ready
from api.health.probe import HealthProbe
from api.problems import Problem
from runtime import metrics
from schemas.served.health import HealthAnswer

router = APIRouter(tags=["health"])


@router.get(
    "/v1/health",
    summary="The lag of every stage",
    responses={200: {"model": HealthAnswer, "description": "Also where `status` is not ok."}},
)
async def health(request: Request) -> dict[str, Any]:
    """Lag in records of each stage behind what it reads, and whether Kafka and PostgreSQL answer. `status` is `ok`;
    `degraded` where one of them does not answer, a stage lags (`lagging`; the live feed also while it begins) or has no
    worker (`without_worker`), a peer does not answer (`peers`), this process or a peer refuses clients because one of its
    bounds is reached (`refusing` names the bound), or something must be looked at (`alarms`: messages of Kafka that no
    worker wrote, for an hour; topics that are not as they must be; a generation that cannot be served); `stopped` where
    the fold of a partition has stopped at a record (`stages.tabulator.stopped` names the record and the reason; results of
    that partition stay as they were), or a stage cannot add up, store or show one office (`stopped` of that stage; the
    other offices continue). `newest_record_age_s` is the age in seconds of the newest record that is in what is served, by
    its gateway's clock. Every process of the API answers this and names its `roles`. A process that knows `peers`,
    processes of other roles, adds what they answer; without a feed among them and itself there is no stage `live`."""
    return await _answer(request)


async def _answer(request: Request) -> dict[str, Any]:
    probe: HealthProbe = request.app.state.health
    return await probe.answer(request.app.state)


@router.get("/livez", summary="Whether the process runs")
async def livez() -> dict[str, str]:
    return {"status": "ok"}


@router.get(
    "/readyz",
    summary="Whether this process can take requests",
    response_class=Response,
    responses={200: {"description": "Ready."}, **problem_answers(503)},
)
async def readyz(request: Request) -> Response:
    """Ready: the parts that the roles of this process need answer (the gateway and the feed need Kafka, the read role
    PostgreSQL), and its live feed has begun. Otherwise 503, with what is missing."""
    lacking = not_ready(await _answer(request))
    if lacking:
        raise Problem(503, "Not ready", f"Not ready: {'; '.join(lacking)}.", retry_after_s=1)
    return Response(status_code=200)


@router.get("/metrics", summary="What Prometheus reads", response_class=PlainTextResponse)
async def metrics_page(request: Request) -> Response:
    """The metrics of this process and the lag of all stages (docs/reference/metrics.md), as Prometheus' text format."""
    answer = await _answer(request)
    for part in ("kafka", "database"):
        metrics.PARTS_UP.labels(part).set(answer[part] == "ok")
    for name, stage in answer["stages"].items():
        if stage["lag_records"] is not None:
            metrics.STAGE_LAG.labels(name).set(stage["lag_records"])
    metrics.STOPPED_PARTITIONS.set(len(answer["stages"].get("tabulator", {}).get("stopped", [])))
    metrics.NEWEST_RECORD_AGE.set(
        float("nan") if answer["newest_record_age_s"] is None else answer["newest_record_age_s"]
    )
    live = request.app.state.live
    if live is not None:
        metrics.LIVE_CLIENTS.set(live.stage()["clients"])
        if live.hub is not None:
            for office, held in live.hub.held_stations().items():
                metrics.STATIONS_HELD.labels(office).set(held)
    registries = [
        metrics.FRONT,
        metrics.API,
        *(metrics.REGISTRIES[role] for role in request.app.state.roles if role in metrics.REGISTRIES),
    ]
    page = b"".join(map(generate_latest, registries))
    return Response(page, media_type=CONTENT_TYPE_LATEST)
