"""What bench/faults.py breaks, and when: the kinds of faults, how each is done, and the schedule that follows from a seed."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import random
import re
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rekap.operate.stack import Stack

NURSE_SECONDS = 2.0
"""A worker that ended by itself (because Kafka was away, for example) is started again after this, not after the supervisor's
growing backoff: with faults every few seconds it would soon be down most of the time, and nothing would be tested. So this
bench does not show how long an outage lasts under the supervisor alone."""
CLOCK_JUMP_SECONDS = 7200
CONNECTION_SECONDS_MAX = 60.0
"""For so long a fault that cuts a worker's connection to Kafka waits until the worker has one."""
SLOW_SECONDS = 0.05


class Kind(NamedTuple):
    """A kind of fault, on one of several targets."""

    fault: str
    on: str
    targets: tuple[str, ...]
    weight: float
    lasts_s: tuple[float, float] = (0.0, 0.0)

    @property
    def name(self) -> str:
        return f"{self.fault} {self.on}"


class Fault(NamedTuple):
    after_s: float
    """Since the fault before."""
    kind: Kind
    target: str
    lasts_s: float


def kinds_on(workers: Sequence[str], brokers: Sequence[str]) -> list[Kind]:
    """All kinds of faults that there are for these workers, named `role-number`, and these brokers."""
    kinds = []
    for role in sorted({name.rsplit("-", 1)[0] for name in workers}):
        theirs = tuple(name for name in workers if name.rsplit("-", 1)[0] == role)
        kinds += [
            Kind("kill", role, theirs, 8, (0, 2)),
            Kind("freeze", role, theirs, 4, (0.3, 4)),
            Kind("zombie", role, theirs, 4, (7, 10)),  # longer than a group's session: others take over meanwhile
            Kind("restart", role, theirs, 2),
            Kind("cut Kafka from", role, theirs, 3),
            Kind("clock ahead for", role, theirs, 1.5, (3, 10)),
            Kind("clock back for", role, theirs, 1.5, (3, 10)),
        ]
    return [
        *kinds,
        Kind("kill", "kafka", tuple(brokers), 4, (0, 3)),
        Kind("freeze", "kafka", tuple(brokers), 4, (0.5, 6)),
        Kind("kill", "postgres", ("postgres",), 4, (0, 3)),
        Kind("restart", "postgres", ("postgres",), 4),
        Kind("slow", "connections to PostgreSQL", ("connections to PostgreSQL",), 5, (2, 8)),
        Kind("cut", "connections to PostgreSQL", ("connections to PostgreSQL",), 6),
        Kind("cut", "connections to the API", ("connections to the API",), 8),
        Kind("full disk for", "kafka", tuple(brokers), 3, (2, 8)),
        Kind("full disk for", "postgres", ("postgres",), 3, (2, 8)),
        Kind("full disk for", "the public logs", ("the public logs",), 3, (2, 8)),
    ]


def schedule(chance: random.Random, count: int, kinds: Sequence[Kind], pause_s: float) -> list[Fault]:
    """The faults of a run: every kind once, where there are enough, and then by weight."""
    chosen = chance.sample(kinds, min(count, len(kinds)))
    chosen += chance.choices(kinds, [kind.weight for kind in kinds], k=count - len(chosen))
    return [
        Fault(
            min(chance.expovariate(1 / pause_s), 3 * pause_s),
            kind,
            chance.choice(kind.targets),
            chance.uniform(*kind.lasts_s),
        )
        for kind in chosen
    ]


# ── a proxy ──────────────────────────────────────────────────────────────────────────────────────────────────────────

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Link:
    """A TCP port before one or several servers: new connections go round, to the next one that accepts."""

    def __init__(self, *targets: Connect) -> None:
        self._targets = list(targets)
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.delay_s = 0.0
        """What each piece of data waits on its way, in both directions."""
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """End all connections at once, whatever is on its way."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._targets:
            self._targets.append(target := self._targets.pop(0))
            with suppress(OSError):
                there_reader, there_writer = await target()
                break
        else:
            writer.transport.abort()
            return
        self._writers |= {writer, there_writer}
        try:
            await asyncio.gather(self._carry(reader, there_writer), self._carry(there_reader, writer))
        finally:
            self._writers -= {writer, there_writer}

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        writer.close()


# ── a small disk ─────────────────────────────────────────────────────────────────────────────────────────────────────


class NotPossibleError(Exception):
    """A kind of fault that this machine does not let us inject; the sentence has the reason."""


class Disk:
    """A directory on a small file system of its own, in memory, that can be filled up."""

    def __init__(self, directory: Path, megabytes: int) -> None:
        self.directory = directory
        self._megabytes = megabytes
        self._filler = directory / "filler"

    def mount(self) -> None:
        """Raises NotPossibleError where we may not mount."""
        self.directory.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m", "rekap-faults", str(self.directory)]
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError as error:
            raise NotPossibleError(f"a file system cannot be mounted here: {error}") from None
        if done.returncode:
            raise NotPossibleError(f"a file system cannot be mounted here: {done.stderr.strip()}")

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.directory)], check=True)

    def fill(self) -> None:
        """Take all that is free, to the last page."""
        with self._filler.open("wb") as filler:
            while free := os.statvfs(self.directory).f_bavail * os.statvfs(self.directory).f_frsize:
                with suppress(OSError):  # somebody was faster: there is less by now
                    os.posix_fallocate(filler.fileno(), os.fstat(filler.fileno()).st_size, free)

    def free(self) -> None:
        self._filler.unlink()


# ── clocks that jump ─────────────────────────────────────────────────────────────────────────────────────────────────


class Clocks:
    """The wall clocks of workers, each of which can be set apart; what measures intervals (CLOCK_MONOTONIC) stays right.

    By libfaketime, loaded into the worker before anything else, which reads the difference from a file every second.
    """

    def __init__(self, directory: Path) -> None:
        """Raises NotPossibleError where libfaketime is not installed or does not work."""
        spec = importlib.util.find_spec("libfaketime")
        if spec is None or spec.origin is None:
            raise NotPossibleError("clocks cannot be set apart here: the package libfaketime is not installed")
        self._library = Path(spec.origin).parent / "vendor/libfaketime/src/libfaketime.so.1"
        self._directory = directory
        directory.mkdir()
        environment = {**os.environ, **self.environment("trial")}
        self.set("trial", CLOCK_JUMP_SECONDS)
        trial = [sys.executable, "-c", "import os, time; print(time.time() - os.stat('trial').st_mtime)"]
        done = subprocess.run(trial, env=environment, cwd=directory, capture_output=True, text=True)
        if done.returncode or float(done.stdout) < CLOCK_JUMP_SECONDS / 2:
            raise NotPossibleError(f"clocks cannot be set apart here: libfaketime does not work {done.stderr.strip()}")

    def environment(self, worker: str) -> dict[str, str]:
        """What a worker has to be started with; its clock is right until it is set."""
        self.set(worker, 0)
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._directory / worker),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DISABLE_SHM": "1",
            "NO_FAKE_STAT": "1",
        }

    def set(self, worker: str, ahead_s: int) -> None:
        fresh = self._directory / f".{worker}"
        fresh.write_text(f"{ahead_s:+d}\n")
        fresh.replace(self._directory / worker)


# ── single connections ───────────────────────────────────────────────────────────────────────────────────────────────


def check_cutting() -> None:
    """Raises NotPossibleError where the kernel does not let us cut the connection of another process."""
    if shutil.which("ss") is None:
        raise NotPossibleError("single connections cannot be cut here: there is no `ss` (iproute2)")
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        output = _cut(client.getsockname()[1])
        client.settimeout(1)
        try:
            client.recv(1)
        except TimeoutError:
            raise NotPossibleError(f"single connections cannot be cut here: `ss -K` does nothing {output}") from None
        except OSError:
            return


def _cut(local_port: int) -> str:
    command = ["ss", "-K", "-H", "-t", "-n", f"sport = :{local_port}"]
    return subprocess.run(command, capture_output=True, text=True).stderr.strip()


def _connections(process: int, servers: Sequence[int]) -> list[int]:
    """The local ports of a process's connections to servers on these ports."""
    listed = subprocess.run(["ss", "-H", "-t", "-n", "-p"], capture_output=True, text=True).stdout
    found = []
    for line in listed.splitlines():
        ends = re.match(r"ESTAB +\d+ +\d+ +127\.0\.0\.1:(\d+) +127\.0\.0\.1:(\d+) ", line)
        if ends is not None and int(ends[2]) in servers and f"pid={process}," in line:
            found.append(int(ends[1]))
    return found


# ── doing it ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Parts:
    """What faults are done to."""

    stack: Stack
    front: Link
    database: Link
    workers: tuple[str, ...]
    brokers: tuple[str, ...]
    broker_ports: tuple[int, ...]
    disks: dict[str, Disk]
    clocks: Clocks | None
    chance: random.Random
    """For what depends on the moment: which of the connections that there are is cut."""
    busy: set[str] = field(default_factory=set)
    """Targets of faults that are not over yet."""

    def busy_name(self, target: str) -> str:
        """The name under which a target is broken: several brokers share one, so that one is broken at a time."""
        return "kafka" if target in self.brokers else target

    async def do(self, fault: Fault) -> bool:
        """Break it, for as long as the fault lasts, and mend it. Gives whether it could be done."""
        supervisor, target = self.stack.supervisor, fault.target
        match fault.kind.fault:
            case "kill":
                await supervisor.kill(target)
                await asyncio.sleep(fault.lasts_s)
                await self.revive(target)
            case "freeze" | "zombie":
                supervisor.pause(target)
                await asyncio.sleep(fault.lasts_s)
                supervisor.resume(target)
            case "restart":
                await supervisor.restart(target)
            case "cut":
                (self.front if target == "connections to the API" else self.database).cut()
            case "slow":
                self.database.delay_s = SLOW_SECONDS
                await asyncio.sleep(fault.lasts_s)
                self.database.delay_s = 0.0
            case "cut Kafka from":
                return await self._cut_from_kafka(target)
            case "clock ahead for" | "clock back for":
                assert self.clocks is not None
                ahead = fault.kind.fault == "clock ahead for"
                self.clocks.set(target, CLOCK_JUMP_SECONDS if ahead else -CLOCK_JUMP_SECONDS)
                await asyncio.sleep(fault.lasts_s)
                self.clocks.set(target, 0)
            case "full disk for":
                self.disks[target].fill()
                await asyncio.sleep(fault.lasts_s)
                self.disks[target].free()
            case unknown:
                raise AssertionError(f"nobody knows how to do: {unknown}")
        return True

    async def _cut_from_kafka(self, worker: str) -> bool:
        """One of its connections, whichever it is."""
        ends = asyncio.get_running_loop().time() + CONNECTION_SECONDS_MAX
        while asyncio.get_running_loop().time() < ends:
            process = self.stack.supervisor.process_id(worker)
            if process is not None and (found := _connections(process, self.broker_ports)):
                _cut(self.chance.choice(found))
                return True
            await asyncio.sleep(0.2)
        return False

    async def revive(self, name: str) -> None:
        if self.stack.supervisor.process_id(name) is None:
            await self.stack.supervisor.restart(name)

    async def nurse(self) -> None:
        """Cut short the backoff of parts that ended without being asked."""
        down: Counter[str] = Counter()
        while True:
            await asyncio.sleep(NURSE_SECONDS / 2)
            for name in (*self.brokers, "postgres", *self.workers):
                is_down = self.busy_name(name) not in self.busy and self.stack.supervisor.process_id(name) is None
                down[name] = down[name] + 1 if is_down else 0
                if down[name] > 1:
                    await self.revive(name)


async def break_things(parts: Parts, faults: list[Fault], ends: float) -> list[tuple[float, Fault]]:
    """Do the faults, each when its time has come and its target is not broken already; begin none after `ends`. Gives
    those that were done, and when, in seconds of the loop's clock; all are over then."""
    done: list[tuple[float, Fault]] = []
    clock = asyncio.get_running_loop().time

    async def one(number: int, fault: Fault) -> None:
        began = clock()
        try:
            if await parts.do(fault):
                done.append((began, fault))
            else:
                parts.stack.supervisor.write_line("fault", f"{number}: was not possible")
        finally:
            parts.busy.discard(parts.busy_name(fault.target))

    async with asyncio.TaskGroup() as group:
        for number, fault in enumerate(faults, start=1):
            await asyncio.sleep(fault.after_s)
            while parts.busy_name(fault.target) in parts.busy and clock() < ends:
                await asyncio.sleep(0.1)
            if clock() >= ends:
                break
            parts.busy.add(parts.busy_name(fault.target))
            words = f"{number}: {fault.kind.name}, {fault.target}, {fault.lasts_s:.1f} s"
            parts.stack.supervisor.write_line("fault", words)
            group.create_task(one(number, fault))
    return sorted(done, key=lambda each: each[0])
