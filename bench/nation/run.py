"""A run of national.py: the stack, its processes and their memory, and what its stages ask them."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import orjson
import psutil
from aiokafka import TopicPartition
from latency import Watch
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from nation.made import MadeNation
from rekap.client.live_feed import MESSAGE_BYTES_MAX, feed_url
from rekap.operate.stack import WORKERS, Stack
from runtime.kafka.clients import plain_consumer
from runtime.kafka.topics import topics_of
from runtime.own_processes import python_module
from runtime.settings import Settings, variable

SAMPLE_SECONDS = 2
MEMORY_SECONDS = 5
STAGE_SECONDS_MAX = 3_600
PARENTS = ("kafka", "postgres", "tabulator")
"""What these processes use is also what their children use."""


class WrongError(Exception):
    """A total is not what was made, or was not reached in time."""


class Sample(NamedTuple):
    results: float
    cpu_seconds: float
    """CPU time of the tabulator."""
    rollup_cpu_seconds: float
    resident: int
    """Bytes of the tabulator."""
    at: float


class Meter:
    """Samples every process of the stack: the most memory it had, and what CPU it used."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self.names: set[str] = {"kafka", "postgres", *WORKERS}
        self.peak: dict[str, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Meter:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()

    def processes(self, name: str) -> list[psutil.Process]:
        with suppress(KeyError, psutil.Error):
            number = self._stack.supervisor.process_id(name)
            if number is not None:
                process = psutil.Process(number)
                # Looking for children walks all processes of the machine; only these have any.
                return [process, *(process.children(recursive=True) if name.startswith(PARENTS) else [])]
        return []

    def resident(self, name: str) -> int:
        """Bytes, of what its processes do not share."""
        total = 0
        for process in self.processes(name):
            with suppress(psutil.Error):
                total += process.memory_full_info().uss if name == "postgres" else process.memory_info().rss
        return total

    def cpu_seconds(self, name: str) -> float:
        used = 0.0
        for process in self.processes(name):
            with suppress(psutil.Error):
                times = process.cpu_times()
                used += times.user + times.system
        return used

    async def _run(self) -> None:
        while True:
            for name in self.names:
                self.peak[name] = max(self.peak.get(name, 0), self.resident(name))
            await asyncio.sleep(MEMORY_SECONDS)


class Run:
    """What the stages share."""

    def __init__(self, stack: Stack, made: MadeNation, settings: Settings, meter: Meter, directory: Path) -> None:
        self.stack = stack
        self.made = made
        self.settings = settings
        self.meter = meter
        self.directory = directory
        self.topics = topics_of(stack.definition.election)
        self.curve: list[Sample] = []
        self.rows: list[tuple[str, str]] = []
        self.later = iter(made.later())

    @property
    def states(self) -> Path:
        election = self.stack.definition.election
        return Path(self.stack.environment[variable("state_directory")]) / f"{election.mode.value}.{election.id}"

    def show(self, name: str, figure: str) -> None:
        self.rows.append((name, figure))
        print(f"{name:44} {figure}", flush=True)

    async def folded(self, *names: str) -> AsyncIterator[float]:
        """How many results the tabulators have folded, every SAMPLE_SECONDS."""
        ends = time.monotonic() + STAGE_SECONDS_MAX
        while time.monotonic() < ends:
            await asyncio.sleep(SAMPLE_SECONDS)
            total = 0.0
            for name in names or ("tabulator",):
                total += await self.records_total(name)
            yield max(0.0, total - self.stack.definition.partitions)
        raise WrongError(f"not all was counted within {STAGE_SECONDS_MAX} s")

    async def records_total(self, name: str) -> float:
        port = self.stack.metrics_port + WORKERS.index("tabulator") + (50 if name.endswith("2") else 0)
        try:
            async with httpx.AsyncClient(timeout=5) as client:
                text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        except httpx.HTTPError:
            return 0.0
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "rekap_tabulator_records_total"
        )

    async def ends(self, topic_partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        consumer = plain_consumer(self.settings)
        await consumer.start()
        try:
            ends: dict[TopicPartition, int] = await consumer.end_offsets(topic_partitions)
            return ends
        finally:
            await consumer.stop()

    def start_second(self, **more: str) -> None:
        environment = {
            **self.stack.environment,
            variable("instance"): "tabulator-2",
            variable("metrics_port"): str(self.stack.metrics_port + WORKERS.index("tabulator") + 50),
            **more,
        }
        command = python_module("rekap", "run", "tabulator")
        self.stack.supervisor.run("tabulator-2", command, environment=environment)
        self.meter.names.add("tabulator-2")

    async def is_live(self) -> None:
        """A correction that is sent now is on the feed. Tries again as `rekap submit` does."""
        watch = Watch()
        office = self.stack.definition.ballots.offices[0].id
        listening = asyncio.create_task(listen(self.stack.url, {"office": office}, watch))
        line = next(line for line in self.later if office_is(line, office))
        try:
            async with httpx.AsyncClient(base_url=self.stack.url, timeout=10) as client:

                async def accepted() -> Any:
                    with suppress(httpx.HTTPError):
                        answer = await client.post("/v1/submissions", content=line)
                        return answer.json() if answer.status_code in (200, 201) else None
                    return None

                receipt = await until_answered(accepted)
                watch.sent(receipt["partition"], receipt["offset"], time.perf_counter())
                await until(lambda: not watch.unseen)
        finally:
            listening.cancel()


async def listen(url: str, wish: dict[str, Any], watch: Watch | None) -> None:
    while True:
        with suppress(OSError, Exception):
            async with connect(feed_url(url), max_size=MESSAGE_BYTES_MAX) as socket:
                await socket.send(orjson.dumps({"type": "subscribe", **wish}).decode())
                async for text in socket:
                    if watch is not None:
                        message = orjson.loads(text)
                        if message["type"] in ("snapshot", "change"):
                            watch.seen(message["as_of"])
        await asyncio.sleep(0.2)


def office_is(envelope: bytes, office: str) -> bool:
    """The president's contest has the name of its office."""
    return bool(orjson.loads(base64.b64decode(orjson.loads(envelope)["payload"]))["contest"] == office)


def has_published(log: Path, since: int, times: int) -> bool:
    return published(log, since) == times


def published(log: Path, since: int) -> int:
    with log.open("rb") as file:
        file.seek(since)
        return file.read().count(b" publishes ")


async def until(question: Callable[[], bool]) -> None:
    async def asked() -> bool:
        return question()

    await until_answered(asked)


async def until_answered(question: Callable[[], Awaitable[Any]]) -> Any:
    ends = time.monotonic() + STAGE_SECONDS_MAX
    while not (answer := await question()):
        if time.monotonic() > ends:
            raise WrongError(f"nothing happened for {STAGE_SECONDS_MAX} s")
        await asyncio.sleep(0.05)
    return answer


def rate(results: int, seconds: float) -> str:
    return f"{results / seconds:,.0f} results/s ({seconds:.0f} s)"


def percentiles(sample: Sequence[float]) -> str:
    ranked = sorted(sample)
    if not ranked:
        return "nothing"
    parts = ((p, ranked[min(len(ranked) - 1, len(ranked) * p // 100)]) for p in (50, 95, 99))
    return "  ".join(f"p{p} {value * 1000:,.0f} ms" for p, value in parts)


def size(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
