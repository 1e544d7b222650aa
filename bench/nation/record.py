"""Stage 3 of national.py: the recorder writes the read model and the notary the public log, at the same time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import asyncpg
from aiokafka import TopicPartition

from nation.run import (
    SAMPLE_SECONDS,
    STAGE_SECONDS_MAX,
    Run,
    WrongError,
    rate,
)
from projections.readmodel import queries
from runtime.settings import variable


async def record_and_prove(run: Run) -> None:
    began = time.monotonic()
    parts = ("recorder", "postgres")
    before = run.meter.cpu_seconds("postgres")
    await run.stack.start("recorder", "notary")
    took: dict[str, float] = {}
    cpu = dict.fromkeys(parts, 0.0)
    while len(took) < 2:
        await asyncio.sleep(SAMPLE_SECONDS)
        if "record" not in took and await recorded(run):
            took["record"] = time.monotonic() - began
            cpu = {name: run.meter.cpu_seconds(name) / run.made.results * 1e6 for name in parts}
            cpu["postgres"] -= before / run.made.results * 1e6
        if "prove" not in took and proved(run):
            took["prove"] = time.monotonic() - began
        if time.monotonic() - began > STAGE_SECONDS_MAX:
            raise WrongError("the recorder or the notary did not come to the end")
    run.show("record: subtotals to PostgreSQL", rate(run.made.results, took["record"]))
    run.show("record: CPU per result", f"recorder {cpu['recorder']:.0f} µs, PostgreSQL {cpu['postgres']:.0f} µs")
    run.show("prove: ledger to signed checkpoint (beside)", rate(run.made.results, took["prove"]))


async def recorded(run: Run) -> bool:
    topic_partitions = run.topics.derived_partitions()
    ends = await run.ends(topic_partitions)
    schema = {"search_path": f'"{queries.schema_of(run.stack.definition.election)}"'}
    connection = await asyncpg.connect(run.settings.database, server_settings=schema)
    try:
        rows = await connection.fetch(queries.POSITIONS)
        has_indexes = await connection.fetchval("SELECT to_regclass('station_result_state') IS NOT NULL")  # the last
    except asyncpg.UndefinedTableError:  # the recorder has just been started
        return False
    finally:
        await connection.close()
    at = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
    # Keyframes continue to arrive: a reader that is a handful behind is at the end.
    return has_indexes and all(at.get(each, 0) >= end - 40 for each, end in ends.items())


def proved(run: Run) -> bool:
    directory = Path(run.stack.environment[variable("log_directory")])
    sizes = [int(path.read_text().split("\n")[1]) for path in directory.rglob("checkpoint")]
    return sum(sizes) >= run.made.results + run.stack.definition.partitions
