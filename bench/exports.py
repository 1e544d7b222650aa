"""Bulk files of a nation's president, for each format the time and memory that one cut takes, against the aims.

    python bench/exports.py [--stations 823000]

A made-up nation (rekap/elections/demo.py) with a form for each station is in an embedded PostgreSQL, as the tables of the read
model with payloads of the usual length. Each case is a process of its own, as `rekap run exporter` is: it has the election,
copies the cut in one transaction, and writes all tables of results and of the register. Printed are seconds, CPU seconds of the
process without PostgreSQL's, its largest memory, and the ratio to the aim: below 1 is within it.

    csv+parquet   30 s      xlsx   180 s      xml   90 s      memory of a process   500 MB

The result reports of NIST SP 1500-100 (JSON and XML, down to the stations) are a case of their own, without the tables; 120 s
is the limit that is taken for it. --only names the cases to measure.

The process that makes Parquet files is a second one: its CPU and its memory are printed apart.

Exit code 0: all are within the aims. 1: some are not.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import orjson

from consumers.exporter.cut import CopiedCut, copy_cut
from consumers.exporter.writing import Wanted, write_files
from projections.area.tally import HEAD, STATABLE
from projections.definition.compiled import Definition
from projections.nist.report_plan import REPORT_TABLE
from projections.readmodel.queries import schema_of
from projections.readmodel.recording import ANALYZE
from rekap.elections.demo import STATIONS_MAX, demo_package, key_slots
from rekap.elections.demo_contests import PRESIDENT
from rekap.embedded.postgres import EmbeddedPostgres
from rekap.operate.definition_cache import compiled
from runtime.package.writing import write_package
from runtime.postgres import migrate, open_pool
from runtime.settings import Settings
from runtime.tables.table_files import Format

MEMORY_MB_MAX = 500
PAYLOAD = orjson.dumps({"type": "result.reported", "filler": "x" * 600}).decode()
"""A president's form as an event has about this length."""
ROWS_AT_ONCE = 20_000


class Case(NamedTuple):
    name: str
    formats: tuple[Format, ...]
    seconds_max: float
    tables: tuple[str, ...] | None = None


CASES = (
    Case("csv+parquet", (Format.CSV, Format.PARQUET), 30),
    Case("xlsx", (Format.XLSX,), 180),
    Case("xml", (Format.XML,), 90),
    Case("nist", (Format.JSON, Format.XML), 120, (REPORT_TABLE,)),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", type=int, default=STATIONS_MAX)
    parser.add_argument("--only", nargs="+", choices=[case.name for case in CASES])
    parser.add_argument("--case", choices=[case.name for case in CASES], help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--database", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case is not None:
        case = next(case for case in CASES if case.name == arguments.case)
        asyncio.run(measure(case, arguments.place, arguments.database))
        return 0
    with tempfile.TemporaryDirectory(prefix="rekap-exports-") as name:
        wanted = [case for case in CASES if arguments.only is None or case.name in arguments.only]
        return asyncio.run(run(Path(name), arguments.stations, wanted))


async def run(directory: Path, stations: int, cases: list[Case]) -> int:
    keys = {slot: os.urandom(32) for slot in key_slots()}
    package = demo_package(stations=stations, offices=(PRESIDENT,), public_keys=keys, partitions=12)
    write_package(package, directory / "package")
    definition = compiled(directory / "package", directory)
    postgres = EmbeddedPostgres(directory / "data")
    database = await postgres.start()
    try:
        await fill(database, definition)
        print(f"{stations:,} stations, {package.election.id}")
        return max([await asyncio.to_thread(shown, case, directory, database) for case in cases])
    finally:
        await postgres.stop()


def shown(case: Case, directory: Path, database: str) -> int:
    """Measure a case in a process of its own and print it. Returns 1 where it is beyond an aim."""
    options = ("--case", case.name, "--place", str(directory), "--database", database)
    process = subprocess.run([sys.executable, __file__, *options], stdout=subprocess.PIPE, check=True, timeout=3_600)
    found = orjson.loads(process.stdout)
    memory = max(found["memory_mb"], found["second_memory_mb"]) / MEMORY_MB_MAX
    ratio = found["seconds"] / case.seconds_max
    print(
        f"{case.name:12} {found['seconds']:7.1f} s ({found['copy_seconds']:.1f} s of it the copy), ratio {ratio:.2f}; "
        f"CPU {found['cpu_seconds']:.1f} s, of the second process {found['second_cpu_seconds']:.1f} s; "
        f"{found['memory_mb']:.0f} MB and {found['second_memory_mb']:.0f} MB, ratio {memory:.2f}; "
        f"{found['bytes'] / 1e6:,.0f} MB"
    )
    return int(max(ratio, memory) > 1)


async def measure(case: Case, directory: Path, database: str) -> None:
    """Export a cut, and print what it took."""
    definition = compiled(directory / "package", directory)
    with tempfile.TemporaryDirectory(dir=directory) as name:
        copy, target = Path(name, "copy"), Path(name, "files")
        copy.mkdir()
        target.mkdir()
        second = SecondProcess()
        began, began_cpu = time.monotonic(), time.process_time()
        cut = await copied(definition, database, copy)
        copy_seconds = time.monotonic() - began
        manifest = write_files(
            definition, directory / "package", cut, target, Wanted(case.formats, tables=case.tables), lambda *_: None
        )
        of_children = resource.getrusage(resource.RUSAGE_CHILDREN)
        report = {
            "seconds": time.monotonic() - began,
            "copy_seconds": copy_seconds,
            "cpu_seconds": time.process_time() - began_cpu,
            "second_cpu_seconds": of_children.ru_utime + of_children.ru_stime,
            "memory_mb": memory_mb_max("self"),
            "second_memory_mb": second.memory_mb_max,
            "bytes": sum(each["bytes"] for each in manifest["files"]),
        }
    print(orjson.dumps(report).decode())


class SecondProcess:
    """Looks for the largest memory of this process's child, twice a second, until this process ends."""

    def __init__(self) -> None:
        self.memory_mb_max = 0.0
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            for thread in Path("/proc/self/task").iterdir():
                with suppress(OSError):  # a thread or a child that has ended
                    for child in (thread / "children").read_text().split():
                        self.memory_mb_max = max(self.memory_mb_max, memory_mb_max(child))
            time.sleep(0.5)


def memory_mb_max(process: str) -> float:
    """The largest memory of a process. getrusage would have the parent's, which a child keeps through exec."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    return 0.0 if found is None else int(found[1]) / 1024


async def copied(definition: Definition, database: str, copy: Path) -> CopiedCut:
    schema = schema_of(definition.election)
    connection: Any = await asyncpg.connect(database, server_settings={"search_path": f'"{schema}"'})
    try:
        return await copy_cut(connection, definition, definition.ballots.offices, copy)
    finally:
        await connection.close()


async def fill(database: str, definition: Definition) -> None:
    """A form for each station, in a random order, as the recorder stores them."""
    schema = schema_of(definition.election)
    pool = await open_pool(Settings(database=database), schema, size=1)
    await migrate(pool, schema, files("projections.readmodel").joinpath("migrations"))
    contest = definition.ballots.contest(PRESIDENT)
    chance = random.Random(1)
    order = list(range(len(definition.stations.codes)))
    chance.shuffle(order)
    next_offset = [1] * definition.partitions
    async with pool.acquire() as connection:
        for stations in batches(order):
            records, standings = [], []
            for station in stations:
                partition = int(definition.stations.partition(station))
                offset = next_offset[partition]
                next_offset[partition] += 1
                votes = [chance.randrange(90) for _ in contest.choices]
                valid = sum(votes)
                head = [1, 250, valid + 2, valid, valid, 2, 0, valid + 2, *([0] * len(STATABLE))]
                assert len(head) == HEAD
                code = definition.stations.codes[station]
                times = 1_865_000_000_000_000 + offset
                event = os.urandom(32), PRESIDENT, "result.reported", "k" * 16
                records.append((partition, offset, 1, times, *event, code, contest.id, "counted", "[]", PAYLOAD))
                rank = definition.stations.order.rank[station]
                numbers = orjson.dumps([*head, *votes]).decode()
                standings.append((rank, partition, offset, offset, contest.id, code, "counted", numbers))
            await connection.copy_records_to_table("record", records=records, columns=RECORD_COLUMNS)
            await connection.copy_records_to_table("station_result", records=standings, columns=STANDING_COLUMNS)
        for partition, end in enumerate(next_offset):
            await connection.execute("INSERT INTO block_watermark VALUES ($1, $2, $3)", PRESIDENT, partition, end - 1)
        await connection.execute(ANALYZE)
    await pool.close()


RECORD_COLUMNS = (
    "partition", "offset", "version", "received_us", "event", "office", "type", "key", "station", "contest", "state",
    "findings", "payload",
)  # fmt: skip
STANDING_COLUMNS = ("rank", "partition", "offset", "through", "contest", "station", "state", "contribution")


def batches(order: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(order), ROWS_AT_ONCE):
        yield order[start : start + ROWS_AT_ONCE]


if __name__ == "__main__":
    sys.exit(main())
