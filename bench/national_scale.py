"""Stage 9 of national.py: one tabulator, then two."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import time
from contextlib import suppress
from typing import Any

from aiokafka.errors import KafkaError
from national_run import (
    Run,
    until_answered,
)

from rekap.operate.stack import WORKERS
from runtime.kafka.clients import plain_consumer
from runtime.kafka.generations import current_generation
from runtime.kafka.topics import group_of
from runtime.own_processes import python_module
from runtime.settings import variable


async def scale(run: Run, window: int) -> None:
    await run.stack.supervisor.stop("api", "notary", "recorder", "rollup", "tabulator")
    for how in ("checking all signatures", "remembering them"):
        rates = await _rates(run, window, remembering=how == "remembering them")
        run.show(
            f"scale: 1 and 2 tabulators, {how}",
            f"{rates[0]:,.0f} and {rates[1]:,.0f} results/s ({rates[1] / rates[0]:.2f} : 1 on {os.cpu_count()} cores)",
        )


async def _rates(run: Run, window: int, *, remembering: bool) -> list[float]:
    rates = []
    for number in (1, 2):
        await _begin_at_zero(run)
        states = run.directory / f"scale-{'remembering' if remembering else 'checking'}-{number}"
        if remembering:
            shutil.copytree(run.states / "checked", states / run.states.name / "checked")
        own = {variable("state_directory"): str(states)}
        names = ("tabulator",) if number == 1 else ("tabulator", "tabulator-2")
        environment = {**run.stack.environment, **own, variable("instance"): "tabulator-1"}
        environment[variable("metrics_port")] = str(run.stack.metrics_port + WORKERS.index("tabulator"))
        command = python_module("rekap", "run", "tabulator")
        run.stack.supervisor.run("tabulator", command, environment=environment)
        if number == 2:
            run.start_second(**own)
        first: tuple[float, float] | None = None
        async for folded in run.folded(*names):
            running = [await run.records_total(name) for name in names]
            now = time.monotonic()
            if all(running) and first is None:
                first = (now, folded)
            elif first is not None and now - first[0] >= window:
                rates.append((folded - first[1]) / (now - first[0]))
                break
        await run.stack.supervisor.stop(*names)
        shutil.rmtree(states)
    return rates


async def _begin_at_zero(run: Run) -> None:
    election = run.stack.definition.election
    generation = await current_generation(run.settings, election, run.stack.definition.hash)
    # A member that was killed is in the group until its session ends; each try until then is a line of log.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    consumer = plain_consumer(run.settings, group_id=group_of(election, "tabulator", generation))
    await consumer.start()
    try:
        topic_partitions = run.topics.ledger_partitions(run.stack.definition.partitions)
        consumer.assign(topic_partitions)

        async def committed() -> Any:
            with suppress(KafkaError):
                await consumer.commit(dict.fromkeys(topic_partitions, 0))
                return True
            await asyncio.sleep(0.5)
            return False

        await until_answered(committed)
    finally:
        await consumer.stop()
