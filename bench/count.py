"""Ledger to national totals, results per second: one Rekap tabulator, and the same job in Kafka Streams and in Quix Streams.

    python bench/count.py [--results 200000] [--seed 1] [--without-quix]

The same signed results (bench/made_ledger.py) are in the ledger topic of one embedded Kafka before anything is measured. Then,
one after the other:

1. The tabulator's fold in this process, without Kafka, with and without signature checks: the limit.
2. `rekap run tabulator` and `rekap run rollup`, two processes with their ordinary settings, until the message in `results`
   whose `as_of` covers the end of every partition. Signatures, rules and canonical form are checked, history and areas at all
   levels are published. Then once more from offset 0 into a second generation, with nothing kept but which signatures hold.
3. bench/kafka_streams_count: DSSE and Ed25519 (AWS-LC's provider), the main rules, newest version, history, and deltas for
   each area; then once more without signature checks. It does not check canonical form, numbers of keys and scopes, keeps no
   superseded version and numbers of choices only, which favours it.
4. bench/quix_count.py, until the nation's total is right or --quix-seconds are over. It checks nothing, which favours it.

*Cold* is from the start of the processes; *warm* from when half of the results were in the nation's total. CPU seconds are the
processes' own, without Kafka's; so results per CPU second compare also where both cores were busy. All totals must equal the
sum that was made while the results were made. Exit code 0: they do. 1: one does not, or was out of time (the table is still
printed where only Quix Streams was). What was started is stopped, also on Ctrl-C.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import orjson
import psutil
from count_rows import Moment, Row, WrongTotalError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from kafka_streams_peer import built, count_with_kafka_streams
from made_ledger import CREATED_AT, MadeLedger, authority_key, fill_ledger, made_ledger

from projections.area.tally import HEAD, STATIONS, TallyView
from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from projections.fold.records import read_record
from projections.fold.tabulation import PartitionFold
from proofs.signatures import load_public_key, verify
from rekap.elections.demo_contests import PRESIDENT
from rekap.embedded.errors import EmbeddedError
from rekap.embedded.kafka import EmbeddedKafka
from rekap.embedded.kafka_jars import POM
from rekap.embedded.leash import LeashedProcess
from rekap.embedded.log_files import last_lines
from rekap.embedded.supervisor import Supervisor
from rekap.operate.configuration import spare_the_collector
from rekap.station.signing import Signer
from runtime.kafka.clients import plain_consumer
from runtime.kafka.seals import make_seal_keys
from runtime.kafka.topics import FIRST_GENERATION, topics_of
from runtime.kafka.wanted_topics import create_topics
from runtime.memory import keep_freed_blocks
from runtime.own_processes import python_module
from runtime.package.reading import load_package
from runtime.settings import Settings, read_settings, variable
from schemas.derived.results import Cut, Result, at_or_before
from schemas.ledger.envelope import ledger_record

QUIX = "3.28.1"
"""The version of quixstreams that this was written and run with."""
WORKERS = ("tabulator", "rollup")
REKAP_SECONDS_MAX = 180
STREAMS_SECONDS_MAX = 180
FOLD_RECORDS = 50_000
"""Records that each fold folds alone: enough for its state to outgrow the caches, in a few seconds."""
QUIX_STOP_SECONDS = 60
"""For its last checkpoint and report."""


# ── 1. the fold alone ────────────────────────────────────────────────────────────────────────────────────────────────


def fold_alone(made: MadeLedger, definition: Definition, *, checks: bool) -> Row:
    """What consumers/tabulator/worker.py does with records between Kafka and Kafka, in one thread."""
    keys = {key_id: load_public_key(key.public_key) for key_id, key in definition.keys.items()}
    batch_records = Settings().batch_records
    partitions = [
        [
            genesis_record(definition),
            *(value for _, value in islice(made.records(each), FOLD_RECORDS // definition.partitions)),
        ]
        for each in range(definition.partitions)
    ]
    began, began_cpu = time.perf_counter(), time.process_time()
    for partition, values in enumerate(partitions):
        fold = PartitionFold(definition, partition)
        for start in range(0, len(values), batch_records):
            _fold_batch(fold, start, values[start : start + batch_records], keys if checks else None)
    name = f"Rekap's fold alone, signatures {'checked' if checks else 'taken as good'}"
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    return Row(name, sum(map(len, partitions)), seconds, cpu_seconds)


def _fold_batch(
    fold: PartitionFold, start: int, values: Sequence[bytes], keys: dict[str, Ed25519PublicKey] | None
) -> None:
    records = [read_record(offset, value) for offset, value in enumerate(values, start)]
    for record in records:
        fold.apply(record, keys is None or verify(keys[record.key_id], record.signature, record.payload))
    for block in fold.take_blocks():
        block.to_bytes()


def genesis_record(definition: Definition) -> bytes:
    election = definition.election
    signer = Signer(authority_key(), election=election.id, mode=election.mode.value, definition=definition.hash)
    body = {"type": "election.opened", "partitions": definition.partitions, "created_at": CREATED_AT}
    return ledger_record(signer.sign(body).envelope, "bench", CREATED_AT)


# ── 2. Rekap ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def count_with_rekap(
    settings: Settings,
    kafka: dict[str, str],
    definition: Definition,
    made: MadeLedger,
    end: Cut,
    supervisor: Supervisor,
    logs: Path,
    generation: int,
) -> list[Row]:
    """Count into a generation. In the first one signatures are checked, in another one they are remembered. Raises
    WrongTotalError."""
    environment = {**os.environ, **kafka, variable("package"): str(made.package)}
    environment[variable("workers_key")] = str(logs.parent / "workers-key.txt")
    make_seal_keys(logs.parent / "workers-key.txt")
    environment[variable("state_directory")] = str(logs.parent / "state")
    environment[variable("generation")] = str(generation)
    await create_topics(settings, definition.election, generation)
    start = Moment(time.time(), {})
    for role in WORKERS:
        supervisor.run(role, python_module("rekap", "run", role), environment=environment)
    try:
        async with asyncio.timeout(REKAP_SECONDS_MAX):
            half, last = await _follow(settings, definition, made, end, supervisor, generation)
    except TimeoutError:
        tails = "\n".join(f"{role}:\n{last_lines(logs / f'{role}.log')}" for role in WORKERS)
        raise WrongTotalError(
            f"Rekap: not all was counted within {REKAP_SECONDS_MAX} s. Its last log lines:\n{tails}"
        ) from None
    finally:
        await supervisor.stop(*WORKERS)
    name = f"Rekap, signatures {'checked' if generation == FIRST_GENERATION else 'remembered'}"
    return [
        last.since(start, f"{name}, cold", *WORKERS),
        last.since(half, f"{name}, warm", *WORKERS),
        last.since(half, "    of which the tabulator", *WORKERS[:1]),
    ]


async def _follow(
    settings: Settings, definition: Definition, made: MadeLedger, end: Cut, supervisor: Supervisor, generation: int
) -> tuple[Moment, Moment]:
    """When half of the ledger was in a published result, and when all was. Raises WrongTotalError where that is not the sum."""
    consumer = plain_consumer(settings, topics_of(definition.election, generation).results)
    await consumer.start()
    half: Moment | None = None
    try:
        async for message in consumer:
            result = Result.from_bytes(message.value)
            moment = Moment(message.timestamp / 1000, _cpu_seconds(supervisor), sum(result.as_of))
            if half is None and 2 * moment.results >= made.results:
                half = moment
            if at_or_before(end, result.as_of):
                break
    finally:
        await consumer.stop()
    assert half is not None
    contest = definition.ballots.contest(PRESIDENT)
    nation = definition.tree.codes[contest.root_area]
    counted = next(TallyView.of(tally).counted for _, area, tally in result.areas if area == nation)
    votes = dict(zip(contest.choices, counted[HEAD:], strict=True))
    if votes != made.votes or counted[STATIONS] != made.stations:
        raise WrongTotalError(f"Rekap: expected {made.votes} of {made.stations} stations, got {votes} of {counted[0]}")
    return half, moment


def _cpu_seconds(supervisor: Supervisor) -> dict[str, float]:
    used = {}
    for role in WORKERS:
        process_id = supervisor.process_id(role)
        processes = [] if process_id is None else [psutil.Process(process_id)]
        times = [each.cpu_times() for parent in processes for each in (parent, *parent.children())]
        used[role] = sum(each.user + each.system for each in times)
    return used


# ── 3. Quix Streams ──────────────────────────────────────────────────────────────────────────────────────────────────


async def count_with_quix(
    python: Path, settings: Settings, topic: str, made: MadeLedger, directory: Path, seconds_max: float
) -> tuple[list[Row], bool]:
    """What was reached, and whether it is the sum. Raises WrongTotalError where it ended by itself with another."""
    output = directory / "quix.out"
    expected = [made.stations, *(made.votes[choice] for choice in sorted(made.votes))]
    options = {
        "--broker": settings.kafka,
        "--user": settings.kafka_user,
        "--password": str(settings.kafka_password),
        "--topic": topic,
        "--state": str(directory / "state"),
    }
    command = [
        str(python),
        str(Path(__file__).with_name("quix_count.py")),
        "--expected",
        orjson.dumps(expected).decode(),
    ]
    process = LeashedProcess()
    start = Moment(time.time(), {})
    with output.open("wb") as file:
        await process.spawn([*command, *(word for pair in options.items() for word in pair)], output=file)
    try:
        async with asyncio.timeout(seconds_max):
            await process.wait()
    except TimeoutError:
        print(
            f"Quix Streams was stopped after {seconds_max:g} s; its rate counts only what had reached the nation",
            flush=True,
        )
    finally:
        await process.stop(deadline_s=QUIX_STOP_SECONDS)
    lines = output.read_text().splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise WrongTotalError("Quix Streams ended without a report:\n" + "\n".join(lines[-20:]))
    report = orjson.loads(lines[-1])
    last = Moment(report["last"][0], {"quix": report["last"][1]}, report["results"])
    first = Moment(report["first"][0], {"quix": report["first"][1]})
    if not report["right"] and last.at - start.at < seconds_max:
        raise WrongTotalError(f"Quix Streams: expected {expected}, got {report['sum']}")
    if not report["results"]:
        raise WrongTotalError(
            f"Quix Streams: no result reached the nation within {seconds_max:g} s; try --quix-seconds"
        )
    rows = [
        last.since(start, "Quix Streams, cold", "quix"),
        last.since(first, "    from the first record", "quix"),
    ]
    return rows, report["right"]


def quix_python(cache: Path) -> Path:
    """The Python of an environment with Quix Streams, made in the cache at the first call."""
    directory = cache / f"quix-{QUIX}"
    python = directory / "bin" / "python"
    complete = directory / "complete"
    if not complete.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(directory)], check=True)
        wanted = [f"quixstreams=={QUIX}", f"orjson=={version('orjson')}"]
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *wanted], check=True)
        complete.touch()
    return python


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def measure(made: MadeLedger, streams: Path, quix_python: Path | None, quix_seconds: float) -> bool:
    """Print the table. Gives whether all totals were right; raises WrongTotalError, EmbeddedError."""
    definition = Definition.of(load_package(made.package, problems))
    assert definition.hash == made.definition, f"{made.directory} was made by another version of Rekap: delete it"
    spare_the_collector()
    keep_freed_blocks()
    alone = [fold_alone(made, definition, checks=checks) for checks in (True, False)]
    with tempfile.TemporaryDirectory(prefix="rekap-bench-") as temporary:
        directory = Path(temporary)
        supervisor = Supervisor(log_directory=directory / "logs")
        try:
            broker = EmbeddedKafka(directory / "data")
            await supervisor.adopt("kafka", broker)
            settings = read_settings(broker.settings)
            end = await fill_ledger(settings, definition, made)
            ledger = topics_of(definition.election).ledger
            rekap, peer = [], []
            for generation, checks in ((FIRST_GENERATION, True), (FIRST_GENERATION + 1, False)):
                rekap += await count_with_rekap(
                    settings, broker.settings, definition, made, end, supervisor, directory / "logs", generation
                )
                peer += await count_with_kafka_streams(
                    streams, settings, ledger, made, directory, checks=checks, seconds_max=STREAMS_SECONDS_MAX
                )
            quix: list[Row] = []
            quix_is_right = True
            if quix_python is not None:
                quix, quix_is_right = await count_with_quix(
                    quix_python, settings, ledger, made, directory, quix_seconds
                )
        finally:
            await supervisor.stop()
    print(table(made, rekap, peer, quix, alone))
    return quix_is_right


def table(made: MadeLedger, rekap: list[Row], streams: list[Row], quix: list[Row], alone: list[Row]) -> str:
    libraries = ("aiokafka", "faust-streaming", "pydantic", "cryptography", "pynacl")
    versions = {"Python": platform.python_version(), "Kafka": _kafka_version()}
    versions |= {name: version(name) for name in libraries}
    lines = [
        f"{made.results:,} results of {made.stations:,} stations; {os.cpu_count()} cores",
        ", ".join(f"{name} {number}" for name, number in versions.items()),
        f"{'':50}{'results':>9}{'seconds':>9}{'results/s':>11}{'CPU s':>8}{'results/CPU s':>15}",
    ]
    lines += [
        f"{row.name:50}{row.results:>9,}{row.seconds:>9.2f}{row.rate:>11,.0f}"
        f"{row.cpu_seconds:>8.1f}{row.rate_per_core:>15,.0f}"
        for row in (*rekap, *streams, *quix, *alone)
    ]
    checked, checked_warm, _, remembered, remembered_warm, _ = rekap
    pairs = zip((checked, checked_warm, remembered, remembered_warm), streams, strict=True)
    lines += [
        f"{ours.name} : {theirs.name} = {ours.rate_per_core / theirs.rate_per_core:.2f} : 1 in results/CPU s"
        for ours, theirs in [*pairs, *((checked, each) for each in quix[:1])]
    ]
    return "\n".join(lines)


def _kafka_version() -> str:
    found = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([^<]+)<", POM.read_text(encoding="utf-8"))
    return found[1] if found else "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(description="Ledger to national totals, results per second: Rekap and its peers")
    parser.add_argument("--results", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "rekap-bench")
    parser.add_argument(
        "--quix-python", type=Path, help="a Python that has quixstreams; default: one made in the cache"
    )
    parser.add_argument("--without-quix", action="store_true")
    parser.add_argument("--quix-seconds", type=float, default=100, help="most seconds Quix Streams may take")
    arguments = parser.parse_args()
    try:
        python = None if arguments.without_quix else arguments.quix_python or quix_python(arguments.cache)
        made = made_ledger(arguments.cache, arguments.results, arguments.seed)
        streams = built(arguments.cache)
        return 0 if asyncio.run(measure(made, streams, python, arguments.quix_seconds)) else 1
    except (WrongTotalError, EmbeddedError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
