"""Records to a signed checkpoint, leaves per second: Rekap's notary, and Tessera's POSIX driver with the same entries.

    python bench/log.py [--results 200000] [--seed 1] [--rate 1000] [--seconds 10]

One after the other, each on the same single core (Kafka and PostgreSQL on what is left):

1. The limit: SHA-256 of each entry, and the bytes of the files written and fsynced in one piece.
2. The writer alone: proofs/growing_log.py and runtime/files/tile_store.py, in batches as the notary takes them, one log of all
   entries, from the first until a signed checkpoint holds all.
3. Tessera (bench/tessera_log, in Go), the same entries in the same batches, until its checkpoint holds all. Both fsync
   each file before a root that holds it is signed. Tessera assigns indices itself; where it kept the order (it does when
   one thread adds, unless a timer overtakes) its root must be ours.
4. `rekap run notary` over a ledger topic that holds everything already: from the start of the process, and from its first
   file (without the batch that was taken in before it), until the checkpoints of all partitions cover the topic. Their
   files must hold the records that were made, and their roots be of these.
5. The same notary while records come at a steady rate: for each the time from Kafka's acknowledgement to the checkpoint
   file that holds it.

Exit code 0: all roots are right. 1: one is not, or something could not be started.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import orjson
import psutil
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from made_ledger import MadeLedger, fill_ledger, made_ledger

from consumers.notary import BATCH_RECORDS_MAX, own_signatures
from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from proofs.growing_log import GrowingLog
from proofs.notes import Checkpoint, Note, parse_checkpoint, parse_note
from proofs.tiles import CHECKPOINT, entry_bundle, read_bundle, tiles_of
from proofs.tiles import entries_path as bundle_path
from rekap.embedded.errors import EmbeddedError
from rekap.embedded.kafka import EmbeddedKafka
from rekap.embedded.log_files import last_lines
from rekap.embedded.postgres import EmbeddedPostgres
from rekap.embedded.supervisor import Supervisor
from rekap.operate.configuration import spare_the_collector
from runtime.files.key_files import load_or_make_key_file
from runtime.files.tile_store import TileStore
from runtime.kafka.clients import ordered_producer
from runtime.kafka.topics import topics_of
from runtime.own_processes import python_module
from runtime.package.reading import load_package
from runtime.settings import Settings, read_settings, variable
from schemas.served.logs import folder_of

TESSERA = Path(__file__).with_name("tessera_log")
TESSERA_SECONDS_MAX = 120
NOTARY_SECONDS_MAX = 120
CORE = max(os.sched_getaffinity(0))
POLL_SECONDS = 0.002
SETTLE_SECONDS = 2.0
"""The time at the steady rate that is not measured, because the notary's first batches are its largest."""
_ON_ONE_CORE = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execv(sys.argv[2], sys.argv[2:])"


class WrongRootError(Exception):
    """Two that must agree do not, or one did not end."""


class Row(NamedTuple):
    name: str
    leaves: int
    seconds: float
    cpu_seconds: float | None
    """None where the process was used for more than this."""


@contextmanager
def on_one_core() -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def command_on_one_core(*command: str) -> list[str]:
    return [sys.executable, "-P", "-c", _ON_ONE_CORE, str(CORE), *command]


@contextmanager
def measured(rows: list[Row], name: str, leaves: int) -> Iterator[None]:
    with on_one_core():
        began, began_cpu = time.perf_counter(), time.process_time()
        yield
        rows.append(Row(name, leaves, time.perf_counter() - began, time.process_time() - began_cpu))


# ── 1 to 3: without Kafka ────────────────────────────────────────────────────────────────────────────────────────────


def limit(entries: Sequence[bytes], directory: Path, rows: list[Row]) -> None:
    with measured(rows, "SHA-256, and the bytes written and fsynced once", len(entries)):
        for entry in entries:
            hashlib.sha256(entry).digest()
        with (directory / "limit").open("wb") as file:
            file.write(entry_bundle(entries))
            os.fsync(file.fileno())
    (directory / "limit").unlink()


def writer_alone(entries: Sequence[bytes], directory: Path, rows: list[Row]) -> bytes:
    """Gives the root. As consumers/notary.py does it, with a checkpoint after each batch."""
    store, log, key = TileStore(directory / "alone"), GrowingLog(), Ed25519PrivateKey.generate()
    with measured(rows, "Rekap's writer alone", len(entries)):
        for start in range(0, len(entries), BATCH_RECORDS_MAX):
            for entry in entries[start : start + BATCH_RECORDS_MAX]:
                log.append(entry)
            full = log.take_full()
            store.keep(full)
            for path in full:
                store.drop_partial(path)
            store.keep(log.partial())
            checkpoint = Checkpoint("bench", log.size, log.root())
            signatures = tuple(own_signatures(checkpoint, key, int(time.time())))
            store.replace(CHECKPOINT, Note(checkpoint.text, signatures).to_bytes())
    shutil.rmtree(directory / "alone")
    return log.root()


def tessera(entries: Sequence[bytes], directory: Path, rows: list[Row]) -> bytes | None:
    """Gives the root; None where it did not keep the order. Raises WrongRootError."""
    go = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if go is None:
        raise WrongRootError("Go is not installed: Tessera cannot be built")
    program, given = directory / "tessera_log", directory / "entries"
    subprocess.run([go, "build", "-o", str(program), "."], cwd=TESSERA, check=True)
    with given.open("wb") as file:
        file.writelines(len(entry).to_bytes(4, "big") + entry for entry in entries)
    command = command_on_one_core(str(program), str(given), str(directory / "tessera"), str(BATCH_RECORDS_MAX))
    done = subprocess.run(command, capture_output=True, text=True, timeout=TESSERA_SECONDS_MAX)
    if done.returncode != 0:
        raise WrongRootError(f"Tessera: {done.stderr[-500:]}")
    figures = orjson.loads(done.stdout)
    rows.append(Row("Tessera's POSIX driver", figures["size"], figures["seconds"], figures["cpu_seconds"]))
    shutil.rmtree(directory / "tessera")
    given.unlink()
    return base64.b64decode(figures["root"]) if figures["in_order"] else None


# ── 4 and 5: the notary ──────────────────────────────────────────────────────────────────────────────────────────────


class Notary:
    """`rekap run notary` as a process, and its files."""

    def __init__(
        self, supervisor: Supervisor, settings: Settings, kafka: dict[str, str], definition: Definition, directory: Path
    ) -> None:
        self._supervisor = supervisor
        self._definition = definition
        self._directory = directory
        self._environment = {
            **os.environ,
            **kafka,
            variable("database"): settings.database,
            variable("package"): str(settings.package),
            variable("log_directory"): str(directory / "log"),
            variable("log_key"): str(directory / "log-key.pem"),
        }
        load_or_make_key_file(
            directory / "log-key.pem"
        )  # the notary itself makes none where the ledger holds records already

    def start(self) -> None:
        command = command_on_one_core(*python_module("rekap", "run", "notary"))
        self._supervisor.run("notary", command, environment=self._environment)

    def folder(self, partition: int) -> Path:
        return self._directory / "log" / folder_of(self._definition.election, partition)

    def checkpoint(self, partition: int) -> Checkpoint | None:
        note = TileStore(self.folder(partition)).read(CHECKPOINT)
        return None if note is None else parse_checkpoint(parse_note(note).text)

    def cpu_seconds(self) -> float:
        process_id = self._supervisor.process_id("notary")
        times = psutil.Process(process_id).cpu_times()
        return float(times.user + times.system)

    async def reaches(self, sizes: Sequence[int]) -> list[Checkpoint]:
        """Raises WrongRootError."""
        ends = time.monotonic() + NOTARY_SECONDS_MAX
        while True:
            found = [self.checkpoint(partition) for partition in range(len(sizes))]
            there = [each for each, size in zip(found, sizes, strict=True) if each is not None and each.size >= size]
            if len(there) == len(sizes):
                return there
            if time.monotonic() > ends:
                lines = last_lines(self._directory / "logs" / "notary.log")
                raise WrongRootError(f"the notary did not reach {sizes} in time. Its last lines:\n{lines}")
            await asyncio.sleep(POLL_SECONDS)


async def catches_up(notary: Notary, made: MadeLedger, sizes: Sequence[int], rows: list[Row]) -> None:
    """Step 4. Raises WrongRootError."""
    began = time.time()
    notary.start()
    checkpoints = await notary.reaches(sizes)
    ended, used = time.time(), notary.cpu_seconds()
    firsts = [(notary.folder(partition) / bundle_path(0)).stat().st_mtime for partition in range(len(sizes))]
    rows.append(Row("rekap run notary, from process start", sum(sizes), ended - began, used))
    after_first = sum(sizes) - BATCH_RECORDS_MAX
    rows.append(Row("rekap run notary, from its first file", after_first, ended - min(firsts), None))
    for partition, checkpoint in enumerate(checkpoints):
        kept = list(_entries_kept(notary.folder(partition), checkpoint.size))
        if kept[1:] != [value for _, value in made.records(partition)]:
            raise WrongRootError(f"partition {partition}: the files do not hold the records that were made")
        log = GrowingLog()
        for entry in kept:
            log.append(entry)
        if log.root() != checkpoint.root:
            raise WrongRootError(f"partition {partition}: the checkpoint is not of the entries in its files")


def _entries_kept(folder: Path, size: int) -> Iterator[bytes]:
    for index, width in tiles_of(0, size):
        yield from read_bundle((folder / bundle_path(index, width)).read_bytes(), width)


async def at_a_steady_rate(
    notary: Notary, settings: Settings, definition: Definition, values: Sequence[bytes], rate: int
) -> list[float]:
    """Step 5: seconds from acknowledgement to checkpoint, of each record after the first SETTLE_SECONDS."""
    acknowledged: list[dict[int, float]] = [{} for _ in range(definition.partitions)]
    waited: list[float] = []
    producer = ordered_producer(settings)
    await producer.start()
    seen = [-1] * definition.partitions
    is_sending = True

    async def watch() -> None:
        while is_sending or any(acknowledged):
            for partition, waiting in enumerate(acknowledged):
                checkpoint = notary.checkpoint(partition)
                if checkpoint is None or checkpoint.size <= seen[partition]:
                    continue
                now, seen[partition] = time.monotonic(), checkpoint.size
                for offset in [each for each in waiting if each < checkpoint.size]:
                    waited.append(now - waiting.pop(offset))
            await asyncio.sleep(POLL_SECONDS)

    async def send(partition: int, value: bytes) -> None:
        written = await producer.send_and_wait(topics_of(definition.election).ledger, value, partition=partition)
        acknowledged[partition][written.offset] = time.monotonic()

    watching = asyncio.create_task(watch())
    sending = []
    began = time.monotonic()
    for number, value in enumerate(values):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        sending.append(asyncio.create_task(send(number % definition.partitions, value)))
    await asyncio.gather(*sending)
    is_sending = False
    async with asyncio.timeout(NOTARY_SECONDS_MAX):
        await watching
    await producer.stop()
    return waited[int(SETTLE_SECONDS * rate) :]


# ── the program ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def measure(made: MadeLedger, rate: int, seconds: float) -> None:
    """Print the table. Raises WrongRootError, EmbeddedError."""
    definition = Definition.of(load_package(made.package, problems))
    assert definition.hash == made.definition, f"{made.directory} was made by another version of Rekap: delete it"
    spare_the_collector()
    rows: list[Row] = []
    entries = [value for partition in range(definition.partitions) for _, value in made.records(partition)]
    with tempfile.TemporaryDirectory(prefix="rekap-bench-") as temporary:
        directory = Path(temporary)
        limit(entries, directory, rows)
        own = writer_alone(entries, directory, rows)
        other = tessera(entries, directory, rows)
        if other not in (None, own):
            raise WrongRootError("Tessera kept the order and has another root")
        supervisor = Supervisor(log_directory=directory / "logs")
        try:
            broker = EmbeddedKafka(directory / "data")
            await supervisor.adopt("kafka", broker)
            database = await supervisor.adopt("postgres", EmbeddedPostgres(directory / "data"))
            settings = read_settings(
                {
                    **broker.settings,
                    variable("database"): database,
                    variable("package"): str(made.package),
                }
            )
            end = await fill_ledger(settings, definition, made)
            notary = Notary(supervisor, settings, broker.settings, definition, directory)
            await catches_up(notary, made, [offset + 1 for offset in end], rows)
            values = list(islice(entries, int(rate * (seconds + SETTLE_SECONDS))))
            waited = await at_a_steady_rate(notary, settings, definition, values, rate)
        finally:
            await supervisor.stop()
    print(_table(entries, rows, "the same root" if other else "it did not keep the order: no root to compare"))
    waited.sort()
    print(
        f"record to checkpoint at {rate:,}/s, checkpoints every {settings.checkpoint_ms} ms, {len(waited):,} records: "
        f"p50 {waited[len(waited) // 2]:.2f} s, p99 {waited[len(waited) * 99 // 100]:.2f} s, most {waited[-1]:.2f} s"
    )


def _table(entries: Sequence[bytes], rows: Sequence[Row], roots: str) -> str:
    size = sum(map(len, entries))
    lines = [
        f"{len(entries):,} entries of {size // len(entries):,} bytes; one of {os.cpu_count()} cores each; "
        f"most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB",
        f"{'':50}{'leaves':>9}{'seconds':>9}{'leaves/s':>11}{'CPU s':>8}",
    ]
    lines += [
        f"{row.name:50}{row.leaves:>9,}{row.seconds:>9.2f}{row.leaves / row.seconds:>11,.0f}"
        + ("" if row.cpu_seconds is None else f"{row.cpu_seconds:>8.1f}")
        for row in rows
    ]
    ours, theirs = rows[1], rows[2]
    lines.append(f"Rekap's writer : Tessera = {theirs.seconds / ours.seconds:.2f} : 1 in leaves/s ({roots})")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Records to a signed checkpoint, leaves per second: Rekap, Tessera")
    parser.add_argument("--results", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "rekap-bench")
    parser.add_argument("--rate", type=int, default=1_000, help="records per second of the last step")
    parser.add_argument("--seconds", type=float, default=10, help="of the last step")
    arguments = parser.parse_args()
    try:
        made = made_ledger(arguments.cache, arguments.results, arguments.seed)
        asyncio.run(measure(made, arguments.rate, arguments.seconds))
    except (WrongRootError, EmbeddedError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
