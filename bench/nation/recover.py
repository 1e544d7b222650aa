"""Stages 6 and 8 of national.py: workers are killed and come back, and all that is derived is made again beside them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from functools import partial

from nation.run import (
    Run,
    WrongError,
    gigabytes,
    has_published,
    published,
    rate,
    size,
    until,
)
from runtime.kafka.generations import current_generation
from runtime.kafka.topics import topics_of
from runtime.own_processes import python_module
from runtime.settings import variable


async def recover(run: Run) -> None:
    for role, signs in (("tabulator", 12), ("rollup", 0), ("recorder", 0), ("notary", 0), ("api", 0)):
        log = run.directory / f"{role}.log"
        before = log.stat().st_size if log.exists() else 0
        began = time.monotonic()
        os.kill(run.stack.supervisor.process_id(role) or 0, signal.SIGKILL)
        if signs:
            await until(partial(has_published, log, before, signs))
            run.show("recover: tabulator killed, publishes again", f"{time.monotonic() - began:.1f} s")
        await run.is_live()
        run.show(f"recover: {role} killed, next result on feed", f"{time.monotonic() - began:.1f} s")
    await _take_over(run)
    await _upgrade(run)


async def _upgrade(run: Run) -> None:
    """No kept state fits: all is folded from offset 0, with remembered signatures, and only new blocks are published."""
    log = run.directory / "tabulator.log"
    before = log.stat().st_size
    for path in run.states.glob("generation-*"):
        shutil.rmtree(path)
    began = time.monotonic()
    await run.stack.start("tabulator")
    partitions = run.stack.definition.partitions
    await until(lambda: published(log, before) == partitions)
    took = time.monotonic() - began
    run.show("recover: tabulator without its states publishes", rate(run.made.results, took))


async def _take_over(run: Run) -> None:
    """The first tabulator dies for good; the second one has all its partitions."""
    run.start_second()
    log = run.directory / "tabulator-2.log"
    await until(lambda: published(log, 0) == run.stack.definition.partitions // 2)
    before = log.stat().st_size
    missing = run.stack.definition.partitions - published(log, 0)
    began = time.monotonic()
    os.kill(run.stack.supervisor.process_id("tabulator") or 0, signal.SIGKILL)
    stopping = asyncio.create_task(run.stack.supervisor.stop("tabulator"))
    await until(lambda: published(log, before) >= missing)
    run.show("recover: tabulator dead, another publishes for it", f"{time.monotonic() - began:.1f} s (session 6 s)")
    await stopping
    await run.is_live()
    run.show("recover: the same, next result on feed", f"{time.monotonic() - began:.1f} s")
    await run.stack.supervisor.stop("tabulator-2")


async def rebuild(run: Run) -> None:
    data = run.directory / "data"
    ledger = sum(size(path) for path in (data / "kafka" / "log").glob(f"{run.topics.ledger}-*"))
    needed = (size(data) - ledger) * 4 // 3
    free = shutil.disk_usage(run.directory).free
    if free < needed:
        run.show("rebuild", f"left out: it takes about {gigabytes(needed)}, and {gigabytes(free)} are free")
        return
    address = {variable("port"): run.stack.url.rpartition(":")[2]}
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *python_module("rekap", "rebuild"), env={**run.stack.environment, **address}
    )
    if await process.wait():
        raise WrongError(f"rekap rebuild ended with {process.returncode}")
    took = time.monotonic() - began
    topic_partitions = run.topics.ledger_partitions(run.stack.definition.partitions)
    records = sum((await run.ends(topic_partitions)).values())
    generation = await current_generation(run.settings, run.stack.definition.election, run.stack.definition.hash)
    run.topics = topics_of(run.stack.definition.election, generation)
    await run.is_live()
    run.show(f"rebuild: {records:,} records to all that is derived", rate(records, took))
