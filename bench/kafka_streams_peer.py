"""The count of bench/count.py in Kafka Streams (bench/kafka_streams_count/): built by Maven, run, and its report read."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import orjson
from aiokafka.admin import NewTopic
from count_rows import Moment, Row, WrongTotalError
from made_ledger import MadeLedger

from rekap.embedded.leash import LeashedProcess
from runtime.kafka.clients import admin_client
from runtime.settings import Settings

SOURCE = Path(__file__).with_name("kafka_streams_count")
MEMORY = ("-Xms256m", "-Xmx1g", "-XX:+UseParallelGC")
"""At half, the stores and buffers of 200,000 results leave the collector little room; double changes nothing."""
BUILD_SECONDS = 600
END_SECONDS = 30
"""For the process to end after its report."""


def built(cache: Path) -> Path:
    """The folder with the program and its libraries, built in the cache where the source is newer."""
    folder = cache / "kafka_streams_count"
    newest = max(file.stat().st_mtime for file in SOURCE.rglob("*") if file.is_file())
    complete = folder / "complete"
    if not complete.exists() or complete.stat().st_mtime < newest:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(SOURCE, folder)
        subprocess.run(["mvn", "--quiet", "--batch-mode", "package"], cwd=folder, check=True, timeout=BUILD_SECONDS)
        complete.touch()
    return folder / "target"


async def count_with_kafka_streams(
    program: Path, settings: Settings, ledger: str, made: MadeLedger, directory: Path, *, checks: bool, seconds_max: int
) -> list[Row]:
    """Raises WrongTotalError."""
    how = "checked" if checks else "not-checked"
    topics = {name: f"streams.{how}.{name}" for name in ("history", "areas", "totals")}
    await _create(settings, topics.values(), len(list(made.directory.glob("*.records"))))
    expected = [made.stations, *(made.votes[choice] for choice in sorted(made.votes))]
    options = {
        "--id": f"streams-{how}",
        "--broker": settings.kafka,
        "--user": settings.kafka_user,
        "--password": str(settings.kafka_password),
        "--ledger": ledger,
        "--state": str(directory / how),
        "--keys": str(made.package / "keys.csv"),
        "--checks": str(checks).lower(),
        "--expected": orjson.dumps(expected).decode(),
        "--results": str(made.results),
        "--seconds": str(seconds_max),
    } | {f"--{name}": topic for name, topic in topics.items()}
    classes = f"{program / 'kafka-streams-count-1.jar'}{os.pathsep}{program / 'lib' / '*'}"
    command = [
        "java",
        *MEMORY,
        "-cp",
        classes,
        "rekap.bench.Count",
        *(word for pair in options.items() for word in pair),
    ]
    output = directory / f"{how}.out"
    process = LeashedProcess()
    start = Moment(time.time(), {})
    with output.open("wb") as file:
        await process.spawn(command, output=file)
    try:
        async with asyncio.timeout(seconds_max + END_SECONDS):
            await process.wait()
    except TimeoutError:
        pass  # the report has what was reached
    finally:
        await process.stop(deadline_s=END_SECONDS)
    report = next((orjson.loads(line) for line in output.read_text().splitlines() if line.startswith("{")), None)
    if report is None or not report["right"]:
        raise WrongTotalError(f"Kafka Streams ({how}) did not come to {expected}:\n{output.read_text()[-2000:]}")
    half, last = (Moment(at, {"java": cpu}, results) for at, cpu, results in (report["half"], report["last"]))
    name = f"Kafka Streams, {report['provider'] if checks else 'signatures not checked'}"
    return [last.since(start, f"{name}, cold", "java"), last.since(half, f"{name}, warm", "java")]


async def _create(settings: Settings, names: Iterable[str], partitions: int) -> None:
    admin = admin_client(settings)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, partitions, 1) for name in names])
    finally:
        await admin.close()
