"""A nation's archive: what `rekap archive` takes, first as a whole and then again where little has moved.

    python bench/archive.py [--results 200000] [--seed 1] [--cache DIR]

The signed results of bench/made_ledger.py are in an embedded PostgreSQL as the recorder stores them, and their logs on the
disk as the notary writes them (bench/recount.py). Each step is a process of its own:

1. archive    `rekap archive` into an empty directory: log, package, answers, profiles, bulk files in all formats, pages
2. again      the same after a file of the package was touched, so that a new archive is written, of which nearly all files are
              those of the archive before
3. export     `rekap export` of the same cut: the bulk files alone, as a peer

Printed are seconds, CPU seconds, the largest memory of all processes of a step together (PSS), files and bytes. Exit code 0: no
step has more than 1.0 GB, which is twice the aim for one process, because the Parquet files are made by a second one.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from audit_nation import watch
from count import genesis_record
from made_ledger import MadeLedger, made_ledger
from recount import write_archive

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from projections.fold.records import read_record
from projections.fold.rollup import Rollup
from projections.fold.tabulation import PartitionFold
from projections.readmodel.queries import schema_of
from projections.readmodel.recording import ANALYZE, RECORD_COLUMNS, STATION_RESULT
from projections.readmodel.rows import Batch, Rows, Watermarks, rows_of
from rekap.embedded.postgres import EmbeddedPostgres
from runtime.own_processes import python_module
from runtime.package.reading import load_package
from runtime.postgres import migrate, open_pool
from runtime.settings import Settings
from schemas.served.logs import folder_of

MEMORY_MB_MAX = 1_000
WATCHED_SECONDS = 0.25
RECORDS_OF_BLOCK = 5_000
RESULTS = 200_000


class Step(NamedTuple):
    seconds: float
    cpu_s: float
    memory_mb: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=int, default=RESULTS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "rekap-bench")
    options = parser.parse_args()
    made = made_ledger(options.cache, options.results, options.seed)
    with tempfile.TemporaryDirectory(prefix="rekap-archive-") as name:
        return asyncio.run(run(Path(name), made))


async def run(directory: Path, made: MadeLedger) -> int:
    definition = Definition.of(load_package(made.package, problems))
    write_archive(made, definition, directory / "public")
    logs = directory / "logs" / folder_of(definition.election, 0).parent
    logs.parent.mkdir(parents=True)
    (directory / "public/log").rename(logs)
    package = directory / "package.zip"
    (directory / "public/package.zip").rename(package)
    postgres = EmbeddedPostgres(directory / "data")
    database = await postgres.start()
    environment = {
        **os.environ,
        "REKAP_DATABASE": database,
        "REKAP_PACKAGE": str(package),
        "REKAP_LOG_DIRECTORY": str(directory / "logs"),
        "REKAP_STATE_DIRECTORY": str(directory / "state"),
        "REKAP_GENERATION": "1",
    }
    try:
        await fill(database, definition, made)
        print(f"{made.results:,} results of {made.stations:,} stations, {definition.election.id}", flush=True)
        archive = directory / "archive"
        steps = {"archive": await asyncio.to_thread(measured, ("archive", archive), environment)}
        _print("archive", steps["archive"], archive / "latest/")
        package.touch()
        steps["again"] = await asyncio.to_thread(measured, ("archive", archive), environment)
        _print("again", steps["again"], archive / "latest/")
        steps["export"] = await asyncio.to_thread(measured, ("export", directory / "export"), environment)
        _print("export", steps["export"], directory / "export")
    finally:
        await postgres.stop()
    print(f"archive : export = {steps['archive'].cpu_s / steps['export'].cpu_s:.2f} : 1 in CPU seconds")
    print(f"again : archive = {steps['again'].cpu_s / steps['archive'].cpu_s:.2f} : 1 in CPU seconds")
    return int(max(step.memory_mb for step in steps.values()) > MEMORY_MB_MAX)


def measured(command: Iterable[object], environment: dict[str, str]) -> Step:
    """Run a command of `rekap` in processes of its own, and watch them. Raises CalledProcessError."""
    words = python_module("rekap", *command)
    began, memory = time.monotonic(), 0
    cpu: dict[int, float] = {}
    with tempfile.TemporaryFile() as lines:
        process = subprocess.Popen(words, env=environment, stdout=lines, stderr=subprocess.STDOUT)
        while process.poll() is None:
            memory = max(memory, watch(process.pid, cpu))
            time.sleep(WATCHED_SECONDS)
        lines.seek(0)
        if process.returncode != 0:
            raise subprocess.CalledProcessError(process.returncode, words, lines.read().decode())
    return Step(time.monotonic() - began, sum(cpu.values()), memory / 1e6)


def _print(name: str, step: Step, directory: Path) -> None:
    """`bytes` are those of all files, `own` those that are not another name of a file of an archive before."""
    found = [each.stat() for each in directory.rglob("*") if each.is_file()]
    size, own = (sum(each.st_size for each in found if each.st_nlink <= most) for most in (sys.maxsize, 1))
    print(
        f"{name:8} {step.seconds:6.1f} s, {step.cpu_s:6.1f} s of CPU, {step.memory_mb:5.0f} MB, ratio "
        f"{step.memory_mb / MEMORY_MB_MAX:.2f}; {len(found):,} files, {size / 1e6:,.0f} MB, {own / 1e6:,.0f} MB of it new",
        flush=True,
    )


# ── the read model ───────────────────────────────────────────────────────────────────────────────────────────────────


async def fill(database: str, definition: Definition, made: MadeLedger) -> None:
    """Store what tabulator, roll-up and recorder make of the ledger."""
    schema = schema_of(definition.election)
    pool = await open_pool(Settings(database=database), schema, size=1)
    await migrate(pool, schema, files("projections.readmodel").joinpath("migrations"))
    rows = rows_of(folded(definition, made))
    async with pool.acquire() as connection:
        await store(connection, rows)
        await connection.execute(ANALYZE)
    await pool.close()


async def store(connection: Any, rows: Rows) -> None:
    async def copy(table: str, columns: tuple[str, ...], records: Iterable[tuple[Any, ...]]) -> None:
        await connection.copy_records_to_table(table, records=records, columns=columns)

    await copy("record", RECORD_COLUMNS, rows.records)
    await copy("station_result", STATION_RESULT.columns, rows.stations)
    await copy("area_tally", ("contest", "area", "tally"), rows.tallies)
    await copy("office_tally", ("office", "area", "tally"), rows.office_tallies)
    await copy("block_watermark", ("office", "partition", "through"), zip(*rows.blocks, strict=True))
    await copy("result_watermark", ("office", "as_of"), rows.results)


def folded(definition: Definition, made: MadeLedger) -> Batch:
    """Everything in one batch, so that each row is written once."""
    batch, rollup = Batch(definition, Watermarks({}, {})), Rollup(definition)
    for partition in range(definition.partitions):
        fold = PartitionFold(definition, partition)
        fold.apply(read_record(0, genesis_record(definition)), True)
        for offset, (_, value) in enumerate(made.records(partition), start=1):
            fold.apply(read_record(offset, value), True)
            if offset % RECORDS_OF_BLOCK == 0:
                _take(fold, rollup, batch)
        _take(fold, rollup, batch)
    for office in rollup.offices.values():
        result = office.keyframe()
        assert result is not None, "an office has no result"
        batch.add_result(result.to_bytes())
    return batch


def _take(fold: PartitionFold, rollup: Rollup, batch: Batch) -> None:
    for block in fold.take_blocks():
        rollup.apply(block)
        batch.add_block(block.to_bytes())


if __name__ == "__main__":
    sys.exit(main())
