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

from nation.run import (
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
        name = f"scale: 1 and 2 tabulators, {how}"
        one, two = [await _rate(run, number, window, remembering=how == "remembering them") for number in (1, 2)]
        if one is None or two is None:
            run.show(name, f"not compared: all is folded before --window, {window} s, is over; take more --stations")
        else:
            run.show(name, f"{one:,.0f} and {two:,.0f} results/s ({two / one:.2f} : 1 on {os.cpu_count()} cores)")


async def _rate(run: Run, number: int, window: int, *, remembering: bool) -> float | None:
    """Results/s of so many tabulators, from the moment when each has folded a record. None where they have folded all before
    the window is over."""
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
    partitions = run.stack.definition.partitions
    ends = await run.ends(run.topics.ledger_partitions(partitions))
    results = sum(ends.values()) - partitions
    rate = None
    first: tuple[float, float] | None = None
    async for folded in run.folded(*names):
        now = time.monotonic()
        if folded >= results:
            break
        if first is None:
            if all([await run.records_total(name) for name in names]):
                first = (now, folded)
        elif now - first[0] >= window:
            rate = (folded - first[1]) / (now - first[0])
            break
    await run.stack.supervisor.stop(*names)
    shutil.rmtree(states)
    return rate


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
