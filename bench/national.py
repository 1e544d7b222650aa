"""A whole nation on this machine: 823,000 stations, five offices, 4.1 million signed results, legislatures with candidates.

    python bench/national.py [--stations 823000] [--parties-only] [--one-of-village] [--rate 3000] [--picture docs/national.svg]

`--parties-only` is the smaller one, without the rows of candidates. With `--one-of-village` one station of each village
reports: a tenth of the results, for all areas of the nation, so messages are as large as they are with all of them.

The results are made and signed once (bench/made_nation.py) and are in the ledger topic of an embedded Kafka before
anything is measured. Then, one after the other:

1. ledger      the records are written into Kafka
2. count       one tabulator and one roll-up, from nothing to all totals, which must be those that were made
3. record      the recorder writes the read model into PostgreSQL, and the notary the public log, at the same time
4. serve       the API starts
5. live        corrections by HTTP at --rate, in batches, with --clients on the live feed
6. recover     kill -9 of each worker; of a tabulator also for good, so that another takes its partitions; and a
               tabulator whose kept states are of other rules, as after an upgrade
7. sizes       what is on disk
8. rebuild     `rekap rebuild` beside the running stack, where the disk has room for a second generation
9. scale       one tabulator, then two, from offset 0 for --window seconds each, roll-up and API stopped: first checking
               every signature, then remembering those that were checked

It prints results/s of each stage, the most memory of each process, sizes on disk, lag and latency, and CPU per result
from the first 100,000 to the last. Exit code 0: all totals are right. 1: one is not, or not in time. For a nation it needs
24 GB of memory, 50 GB of disk (80 with stage 8), and an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
import orjson
import psutil
import uvloop
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from latency import Connection, Watch, cpu_each, cpu_seconds
from made_ledger import authority_key, fill_ledger
from made_nation import Kind, MadeNation, made_nation
from prometheus_client.parser import text_string_to_metric_families
from websockets.asyncio.client import connect

from projections.area.tally import HEAD, STATIONS, TallyView
from projections.readmodel import queries
from rekap.client.live_feed import MESSAGE_BYTES_MAX, feed_url
from rekap.embedded.ports import free_ports
from rekap.operate.definition_cache import compiled
from rekap.operate.stack import WORKERS, Stack, running_stack
from runtime.files.key_files import load_or_make_key_file
from runtime.kafka.clients import plain_consumer
from runtime.kafka.generations import current_generation
from runtime.kafka.topics import group_of, topics_of
from runtime.own_processes import python_module
from runtime.settings import Settings, read_settings, variable
from schemas.derived.blocks import BlockRange
from schemas.derived.results import Result, ResultRange

SAMPLE_SECONDS = 2
MEMORY_SECONDS = 5
STAGE_SECONDS_MAX = 3_600
SETTLE_SECONDS = 60
"""For the last blocks to be rolled up."""
BATCH_LINES = 100
RETRY_SECONDS = 2
CONNECTIONS = 8
KEPT_TO_RECOVER = 500
"""Corrections for the recoveries: some for each try to be accepted, of which one in five is for the first office."""
KNEES = (100_000, 200_000, 400_000, 800_000, 1_600_000, 3_200_000, 10_000_000)


LIMITS = ("requests_per_s", "submissions_per_s", "submissions_of_key_per_s")
"""Turned off: the bench is one address with the keys of all regencies."""
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


class National:
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

    # -- 1. ledger -------------------------------------------------------------------------------------------------

    async def fill(self) -> None:
        began = time.monotonic()
        await fill_ledger(self.settings, self.stack.definition, self.made)
        took = time.monotonic() - began
        self.show("ledger: producer to Kafka", f"{self.made.results / took:,.0f} results/s ({took:.0f} s)")

    # -- 2. count --------------------------------------------------------------------------------------------------

    async def count(self) -> None:
        began = time.monotonic()
        await self.stack.start("rollup", "tabulator")
        folded = began
        async for results in self.folded():
            self.curve.append(
                Sample(
                    results,
                    self.meter.cpu_seconds("tabulator"),
                    self.meter.cpu_seconds("rollup"),
                    self.meter.resident("tabulator"),
                    time.monotonic() - began,
                )
            )
            print(f"  {results:,.0f} of {self.made.results:,}  {results / (time.monotonic() - began):,.0f}/s", end="\r")
            if results >= self.made.results:
                folded = time.monotonic()
                break
        await self.totals_are_right()
        took = time.monotonic() - began
        self.show(
            "count: ledger to all totals, 1 tabulator",
            f"{self.made.results / took:,.0f} results/s ({took:.0f} s from process start, "
            f"all right; totals {time.monotonic() - folded:.1f} s after the last block)",
        )
        cpu = {name: self.meter.cpu_seconds(name) / self.made.results * 1e6 for name in ("tabulator", "rollup")}
        self.show("count: CPU per result", f"tabulator {cpu['tabulator']:.0f} µs, roll-up {cpu['rollup']:.0f} µs")

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

    async def totals_are_right(self) -> None:
        """The newest total of each contest is that which was made. Raises WrongError."""
        definition = self.stack.definition
        newest: dict[str, list[int]] = {}
        wrong = "nothing was published"
        roots: dict[str, str] = {
            contest.id: definition.tree.codes[contest.root_area] for contest in definition.ballots.contests
        }
        consumer = plain_consumer(self.settings, self.topics.results)
        await consumer.start()
        ends = time.monotonic() + SETTLE_SECONDS + 90
        try:
            while time.monotonic() < ends:
                for messages in (await consumer.getmany(timeout_ms=500)).values():
                    for message in messages:
                        for contest, area, tally in Result.from_bytes(message.value).areas:
                            if roots[contest] == area:
                                newest[contest] = tally
                        ends = max(ends, time.monotonic() + SETTLE_SECONDS)
                wrong = self._first_wrong(newest)
                if not wrong:
                    return
        finally:
            await consumer.stop()
        raise WrongError(wrong)

    def _first_wrong(self, newest: dict[str, list[int]]) -> str:
        for contest, (counted, held) in self.made.stations.items():
            if counted + held and contest not in newest:
                return f"{contest}: nothing was published"
            if contest not in newest:
                continue
            view = TallyView.of(newest[contest])
            if view.counted[STATIONS] != counted or view.held[STATIONS] != held:
                found = f"{view.counted[STATIONS]} counted, {view.held[STATIONS]} held"
                return f"{contest}: expected {counted} counted and {held} held stations, got {found}"
            if list(view.counted[HEAD:]) != self.made.votes[contest]:
                return f"{contest}: expected {self.made.votes[contest]}, got {list(view.counted[HEAD:])}"
        return ""

    # -- 3. record, prove ------------------------------------------------------------------------------------------

    async def record_and_prove(self) -> None:
        began = time.monotonic()
        parts = ("recorder", "postgres")
        before = self.meter.cpu_seconds("postgres")
        await self.stack.start("recorder", "notary")
        took: dict[str, float] = {}
        cpu = dict.fromkeys(parts, 0.0)
        while len(took) < 2:
            await asyncio.sleep(SAMPLE_SECONDS)
            if "record" not in took and await self.recorded():
                took["record"] = time.monotonic() - began
                cpu = {name: self.meter.cpu_seconds(name) / self.made.results * 1e6 for name in parts}
                cpu["postgres"] -= before / self.made.results * 1e6
            if "prove" not in took and self.proved():
                took["prove"] = time.monotonic() - began
            if time.monotonic() - began > STAGE_SECONDS_MAX:
                raise WrongError("the recorder or the notary did not come to the end")
        self.show("record: subtotals to PostgreSQL", _rate(self.made.results, took["record"]))
        self.show("record: CPU per result", f"recorder {cpu['recorder']:.0f} µs, PostgreSQL {cpu['postgres']:.0f} µs")
        self.show("prove: ledger to signed checkpoint (beside)", _rate(self.made.results, took["prove"]))

    async def recorded(self) -> bool:
        topic_partitions = self.topics.derived_partitions()
        ends = await self._ends(topic_partitions)
        schema = {"search_path": f'"{queries.schema_of(self.stack.definition.election)}"'}
        connection = await asyncpg.connect(self.settings.database, server_settings=schema)
        try:
            rows = await connection.fetch(queries.POSITIONS)
            has_indexes = await connection.fetchval(
                "SELECT to_regclass('station_result_state') IS NOT NULL"
            )  # the last
        except asyncpg.UndefinedTableError:  # the recorder has just been started
            return False
        finally:
            await connection.close()
        at = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        # Keyframes continue to arrive: a reader that is a handful behind is at the end.
        return has_indexes and all(at.get(each, 0) >= end - 40 for each, end in ends.items())

    async def _ends(self, topic_partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        consumer = plain_consumer(self.settings)
        await consumer.start()
        try:
            ends: dict[TopicPartition, int] = await consumer.end_offsets(topic_partitions)
            return ends
        finally:
            await consumer.stop()

    def proved(self) -> bool:
        directory = Path(self.stack.environment[variable("log_directory")])
        sizes = [int(path.read_text().split("\n")[1]) for path in directory.rglob("checkpoint")]
        return sum(sizes) >= self.made.results + self.stack.definition.partitions

    # -- 4. serve --------------------------------------------------------------------------------------------------

    async def serve(self) -> None:
        began = time.monotonic()
        await self.stack.start("api")
        started = time.monotonic() - began
        async with httpx.AsyncClient(base_url=self.stack.url, timeout=30) as client:
            while (await client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.1)
            ready = time.monotonic() - began
            at = time.monotonic()
            answer = (await client.get("/v1/offices/president")).json()
            took = time.monotonic() - at
        counted = answer["contests"][0]["counted"]["votes"]
        if list(counted.values()) != self.made.votes["president"]:
            raise WrongError(f"the API answers {counted}, expected {self.made.votes['president']}")
        self.show(
            "serve: API from process start", f"alive {started:.1f} s, ready {ready:.1f} s, first answer {took:.2f} s"
        )

    # -- 5. live ---------------------------------------------------------------------------------------------------

    async def live(self, rate: int, seconds: int, clients: int) -> None:
        definition = self.stack.definition
        president = definition.ballots.offices[0]
        watch = Watch()
        regencies = [code for n, code in enumerate(definition.tree.codes) if definition.tree.level[n] == 2]
        listening = [asyncio.create_task(_listen(self.stack.url, {"office": president.id}, watch))]
        for number in range(clients - 1):
            office = definition.ballots.offices[number % len(definition.ballots.offices)]
            wish = {"office": office.id, "area": regencies[number * 7 % len(regencies)], "stations": number % 4 == 0}
            listening.append(asyncio.create_task(_listen(self.stack.url, wish, None)))
        await asyncio.sleep(2)
        connections = [Connection(self.stack.url) for _ in range(CONNECTIONS)]
        free: asyncio.Queue[Connection] = asyncio.Queue()
        for connection in connections:
            await connection.open()
            free.put_nowait(connection)
        answered: list[float] = []
        refused = later = 0
        tasks: list[asyncio.Task[None]] = []

        async def send(due: float, lines: list[bytes]) -> None:
            """As `rekap submit` does: what is answered with 503 is sent again."""
            nonlocal refused, later
            connection = await free.get()
            try:
                _, body = await connection.request("POST", "/v1/submissions:batch", b"\n".join(lines))
            finally:
                free.put_nowait(connection)
            answered.append(time.perf_counter() - due)
            again = []
            for line, text in zip(lines, body.splitlines(), strict=True):
                answer = orjson.loads(text)
                if answer["status"] == 503:
                    again.append(line)
                elif "receipt" not in answer:
                    refused += 1
                elif _office_is(line, president.id):
                    watch.sent(answer["receipt"]["partition"], answer["receipt"]["offset"], due)
            if again:
                later += len(again)
                await asyncio.sleep(RETRY_SECONDS)
                await send(due, again)

        before = cpu_seconds(self.stack)
        began = time.perf_counter()
        sent = 0
        for number in range(rate * seconds // BATCH_LINES):
            due = began + number * BATCH_LINES / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            lines = [next(self.later) for _ in range(BATCH_LINES)]
            sent += len(lines)
            tasks.append(asyncio.create_task(send(due, lines)))
        await asyncio.gather(*tasks)
        took = time.perf_counter() - began
        ends = time.perf_counter() + 60
        while watch.unseen and time.perf_counter() < ends:
            await asyncio.sleep(0.05)
        caught_up = time.perf_counter() - began - took
        used = {name: seconds - before[name] for name, seconds in cpu_seconds(self.stack).items()}
        for task in listening:
            task.cancel()
        for connection in connections:
            connection.close()
        self.show(
            f"live: corrections by HTTP at {rate:,}/s asked",
            f"{sent / took:,.0f}/s taken in batches of {BATCH_LINES}, {refused} refused, {later} asked to come again, "
            f"{watch.unseen} unseen, all seen {caught_up:.1f} s after the last",
        )
        self.show("live: CPU ms a submission", cpu_each(used, sent))
        self.show("live: batch to receipts", _percentiles(answered))
        self.show(f"live: submission to feed, {clients} clients", _percentiles(watch.waited))
        if refused or watch.unseen:
            raise WrongError(f"{refused} refused, {watch.unseen} unseen")

    # -- 6. recover ------------------------------------------------------------------------------------------------

    async def recover(self) -> None:
        for role, signs in (("tabulator", 12), ("rollup", 0), ("recorder", 0), ("notary", 0), ("api", 0)):
            log = self.directory / f"{role}.log"
            before = log.stat().st_size if log.exists() else 0
            began = time.monotonic()
            os.kill(self.stack.supervisor.process_id(role) or 0, signal.SIGKILL)
            if signs:
                await _until(partial(_has_published, log, before, signs))
                self.show("recover: tabulator killed, publishes again", f"{time.monotonic() - began:.1f} s")
            await self._is_live()
            self.show(f"recover: {role} killed, next result on feed", f"{time.monotonic() - began:.1f} s")
        await self._take_over()
        await self._upgrade()

    async def _upgrade(self) -> None:
        """No kept state fits: all is folded from offset 0, with remembered signatures, and only new blocks are published."""
        log = self.directory / "tabulator.log"
        before = log.stat().st_size
        for path in self.states.glob("generation-*"):
            shutil.rmtree(path)
        began = time.monotonic()
        await self.stack.start("tabulator")
        partitions = self.stack.definition.partitions
        await _until(lambda: _published(log, before) == partitions)
        took = time.monotonic() - began
        self.show("recover: tabulator without its states publishes", _rate(self.made.results, took))

    async def _take_over(self) -> None:
        """The first tabulator dies for good; the second one has all its partitions."""
        self._second()
        log = self.directory / "tabulator-2.log"
        await _until(lambda: _published(log, 0) == self.stack.definition.partitions // 2)
        before = log.stat().st_size
        missing = self.stack.definition.partitions - _published(log, 0)
        began = time.monotonic()
        os.kill(self.stack.supervisor.process_id("tabulator") or 0, signal.SIGKILL)
        stopping = asyncio.create_task(self.stack.supervisor.stop("tabulator"))
        await _until(lambda: _published(log, before) >= missing)
        self.show(
            "recover: tabulator dead, another publishes for it", f"{time.monotonic() - began:.1f} s (session 6 s)"
        )
        await stopping
        await self._is_live()
        self.show("recover: the same, next result on feed", f"{time.monotonic() - began:.1f} s")
        await self.stack.supervisor.stop("tabulator-2")

    def _second(self, **more: str) -> None:
        environment = {
            **self.stack.environment,
            variable("instance"): "tabulator-2",
            variable("metrics_port"): str(self.stack.metrics_port + WORKERS.index("tabulator") + 50),
            **more,
        }
        command = python_module("rekap", "run", "tabulator")
        self.stack.supervisor.run("tabulator-2", command, environment=environment)
        self.meter.names.add("tabulator-2")

    async def _is_live(self) -> None:
        """A correction that is sent now is on the feed. Tries again as `rekap submit` does."""
        watch = Watch()
        office = self.stack.definition.ballots.offices[0].id
        listening = asyncio.create_task(_listen(self.stack.url, {"office": office}, watch))
        line = next(line for line in self.later if _office_is(line, office))
        try:
            async with httpx.AsyncClient(base_url=self.stack.url, timeout=10) as client:

                async def accepted() -> Any:
                    with suppress(httpx.HTTPError):
                        answer = await client.post("/v1/submissions", content=line)
                        return answer.json() if answer.status_code in (200, 201) else None
                    return None

                receipt = await _until_async(accepted)
                watch.sent(receipt["partition"], receipt["offset"], time.perf_counter())
                await _until(lambda: not watch.unseen)
        finally:
            listening.cancel()

    # -- 8. rebuild ------------------------------------------------------------------------------------------------

    async def rebuild(self) -> None:
        data = self.directory / "data"
        ledger = sum(_size(path) for path in (data / "kafka" / "log").glob(f"{self.topics.ledger}-*"))
        needed = (_size(data) - ledger) * 4 // 3
        free = shutil.disk_usage(self.directory).free
        if free < needed:
            self.show("rebuild", f"left out: it takes about {_gigabytes(needed)}, and {_gigabytes(free)} are free")
            return
        address = {variable("port"): self.stack.url.rpartition(":")[2]}
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *python_module("rekap", "rebuild"), env={**self.stack.environment, **address}
        )
        if await process.wait():
            raise WrongError(f"rekap rebuild ended with {process.returncode}")
        took = time.monotonic() - began
        topic_partitions = self.topics.ledger_partitions(self.stack.definition.partitions)
        records = sum((await self._ends(topic_partitions)).values())
        generation = await current_generation(self.settings, self.stack.definition.election, self.stack.definition.hash)
        self.topics = topics_of(self.stack.definition.election, generation)
        await self._is_live()
        self.show(f"rebuild: {records:,} records to all that is derived", _rate(records, took))

    # -- 9. scale --------------------------------------------------------------------------------------------------

    async def scale(self, window: int) -> None:
        await self.stack.supervisor.stop("api", "notary", "recorder", "rollup", "tabulator")
        for how in ("checking all signatures", "remembering them"):
            rates = await self._rates(window, remembering=how == "remembering them")
            self.show(
                f"scale: 1 and 2 tabulators, {how}",
                f"{rates[0]:,.0f} and {rates[1]:,.0f} results/s ({rates[1] / rates[0]:.2f} : 1 on {os.cpu_count()} cores)",
            )

    async def _rates(self, window: int, *, remembering: bool) -> list[float]:
        rates = []
        for number in (1, 2):
            await self._begin_at_zero()
            states = self.directory / f"scale-{'remembering' if remembering else 'checking'}-{number}"
            if remembering:
                shutil.copytree(self.states / "checked", states / self.states.name / "checked")
            own = {variable("state_directory"): str(states)}
            names = ("tabulator",) if number == 1 else ("tabulator", "tabulator-2")
            environment = {**self.stack.environment, **own, variable("instance"): "tabulator-1"}
            environment[variable("metrics_port")] = str(self.stack.metrics_port + WORKERS.index("tabulator"))
            command = python_module("rekap", "run", "tabulator")
            self.stack.supervisor.run("tabulator", command, environment=environment)
            if number == 2:
                self._second(**own)
            first: tuple[float, float] | None = None
            async for folded in self.folded(*names):
                running = [await self.records_total(name) for name in names]
                now = time.monotonic()
                if all(running) and first is None:
                    first = (now, folded)
                elif first is not None and now - first[0] >= window:
                    rates.append((folded - first[1]) / (now - first[0]))
                    break
            await self.stack.supervisor.stop(*names)
            shutil.rmtree(states)
        return rates

    async def _begin_at_zero(self) -> None:
        election = self.stack.definition.election
        generation = await current_generation(self.settings, election, self.stack.definition.hash)
        # A member that was killed is in the group until its session ends; each try until then is a line of log.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        consumer = plain_consumer(self.settings, group_id=group_of(election, "tabulator", generation))
        await consumer.start()
        try:
            topic_partitions = self.topics.ledger_partitions(self.stack.definition.partitions)
            consumer.assign(topic_partitions)

            async def committed() -> Any:
                with suppress(KafkaError):
                    await consumer.commit(dict.fromkeys(topic_partitions, 0))
                    return True
                await asyncio.sleep(0.5)
                return False

            await _until_async(committed)
        finally:
            await consumer.stop()

    # -- what it took ----------------------------------------------------------------------------------------------

    async def sizes(self) -> None:
        kafka = self.directory / "data" / "kafka" / "log"
        for name, topic in (
            ("ledger", self.topics.ledger),
            ("subtotals", self.topics.subtotals),
            ("results", self.topics.results),
        ):
            self.show(f"disk: {name}", _gigabytes(sum(_size(path) for path in kafka.glob(f"{topic}-*"))))
        await self.messages()
        self.show("disk: PostgreSQL", _gigabytes(_size(self.directory / "data" / "postgres")))
        self.show("disk: states", _gigabytes(_size(Path(self.stack.environment[variable("state_directory")]))))
        self.show("disk: public log", _gigabytes(_size(Path(self.stack.environment[variable("log_directory")]))))

    async def messages(self) -> None:
        """The largest message of each kind, and the largest whole that was cut into parts."""
        topic_partitions = self.topics.derived_partitions()
        ends = await self._ends(topic_partitions)
        largest: dict[str, int] = {}
        wholes: dict[tuple[str, str], tuple[int, int]] = {}
        consumer = plain_consumer(self.settings)
        await consumer.start()
        try:
            consumer.assign(topic_partitions)
            await consumer.seek_to_beginning()
            left = {each for each in topic_partitions if ends[each]}
            while left:
                for topic_partition, messages in (await consumer.getmany(timeout_ms=500)).items():
                    for message in messages:
                        message_range: Any = (
                            ResultRange if topic_partition.topic == self.topics.results else BlockRange
                        ).from_bytes(message.value)
                        size = len(message.value)
                        largest[message_range.kind] = max(largest.get(message_range.kind, 0), size)
                        whole = (
                            message_range.kind,
                            message_range.part.message if message_range.part else f"{topic_partition}/{message.offset}",
                        )
                        count, total = wholes.get(whole, (0, 0))
                        wholes[whole] = (count + 1, total + size)
                left -= {each for each in left if await consumer.position(each) >= ends[each]}
        finally:
            await consumer.stop()
        for kind, size in sorted(largest.items()):
            parts, total = max((each for (of, _), each in wholes.items() if of == kind), key=lambda each: each[1])
            self.show(f"messages: largest {kind}", f"{size:,} bytes; whole {total:,} bytes in {parts} parts")

    def memory(self) -> None:
        for name, peak in sorted(self.meter.peak.items()):
            self.show(f"memory, most: {name}", _gigabytes(peak))

    def cost(self) -> list[tuple[float, float]]:
        """(results, CPU µs of the tabulator for each of the results since the point before)."""
        points = []
        last = self.curve[0]
        for sample in self.curve[1:]:
            if sample.results - last.results >= 100_000 or sample is self.curve[-1]:
                if sample.results > last.results:
                    cost = (sample.cpu_seconds - last.cpu_seconds) / (sample.results - last.results) * 1e6
                    points.append((sample.results, cost))
                last = sample
        return points


# ── pieces ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def _listen(url: str, wish: dict[str, Any], watch: Watch | None) -> None:
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


def _office_is(envelope: bytes, office: str) -> bool:
    """The president's contest has the name of its office."""
    return bool(orjson.loads(base64.b64decode(orjson.loads(envelope)["payload"]))["contest"] == office)


def _has_published(log: Path, since: int, times: int) -> bool:
    return _published(log, since) == times


def _published(log: Path, since: int) -> int:
    with log.open("rb") as file:
        file.seek(since)
        return file.read().count(b" publishes ")


async def _until(question: Callable[[], bool]) -> None:
    async def asked() -> bool:
        return question()

    await _until_async(asked)


async def _until_async(question: Callable[[], Awaitable[Any]]) -> Any:
    ends = time.monotonic() + STAGE_SECONDS_MAX
    while not (answer := await question()):
        if time.monotonic() > ends:
            raise WrongError(f"nothing happened for {STAGE_SECONDS_MAX} s")
        await asyncio.sleep(0.05)
    return answer


def _rate(results: int, seconds: float) -> str:
    return f"{results / seconds:,.0f} results/s ({seconds:.0f} s)"


def _percentiles(sample: Sequence[float]) -> str:
    ranked = sorted(sample)
    if not ranked:
        return "nothing"
    parts = ((p, ranked[min(len(ranked) - 1, len(ranked) * p // 100)]) for p in (50, 95, 99))
    return "  ".join(f"p{p} {value * 1000:,.0f} ms" for p, value in parts)


def _size(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB"


def picture(points: list[tuple[float, float]], stations: int) -> str:
    """The cost curve as SVG: CPU µs a result over results counted."""
    width, height, left, bottom = 720, 300, 60, 40
    most = max(cost for _, cost in points) * 1.15
    last = points[-1][0]

    def at(results: float, cost: float) -> tuple[float, float]:
        return left + results / last * (width - left - 20), height - bottom - cost / most * (height - bottom - 30)

    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points))
    marks = []
    for part in range(5):
        x, y = at(last * part / 4, most * part / 4)
        marks.append(f'<text x="{x:.0f}" y="{height - 16}" text-anchor="middle">{last * part / 4 / 1e6:.1f}</text>')
        marks.append(f'<text x="{left - 8}" y="{y:.0f}" text-anchor="end">{most * part / 4:.0f}</text>')
        marks.append(f'<line x1="{left}" y1="{y:.0f}" x2="{width - 20}" y2="{y:.0f}" stroke="#ddd"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">'
        f'<rect width="{width}" height="{height}" fill="white"/>'
        f'<text x="{left}" y="18">CPU microseconds of the tabulator for each result, {stations:,} stations, five offices</text>'
        + "".join(marks)
        + f'<text x="{width - 20}" y="{height - 2}" text-anchor="end">million results counted</text>'
        f'<polyline points="{line}" fill="none" stroke="#0b5" stroke-width="2"/></svg>\n'
    )


@asynccontextmanager
async def _directory(keep: Path | None) -> AsyncIterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
    else:
        with tempfile.TemporaryDirectory(prefix="rekap-national-") as temporary:
            yield Path(temporary)


async def main(arguments: argparse.Namespace) -> int:
    kind = Kind(arguments.stations, arguments.seed, not arguments.parties_only, arguments.one_of_village)
    made = made_nation(arguments.cache, kind)
    sent, kept = arguments.rate * arguments.seconds, len(made.later()) - KEPT_TO_RECOVER
    if sent > kept:
        raise WrongError(
            f"--rate times --seconds: {sent:,} corrections, and of so few --stations only {kept:,} are made"
        )
    async with _directory(arguments.keep) as directory:
        os.environ[variable("state_directory")] = str(directory / "state")
        compiled(made.package, directory / "state")
        # A notary that is started where the ledger has records takes no new key.
        load_or_make_key_file(directory / "data" / "log-key.pem")
        async with running_stack(
            made.package,
            directory / "data",
            authority_key(),
            log_directory=directory,
            settings=dict.fromkeys(map(variable, LIMITS), "0"),
            workers=(),
            metrics_port=free_ports(len(WORKERS))[0],
        ) as stack:
            assert stack.definition.hash == made.definition, f"{made.directory} is of another version: delete it"
            settings = read_settings(stack.environment)
            async with Meter(stack) as meter:
                national = National(stack, made, settings, meter, directory)
                national.show("results", f"{made.results:,} of {arguments.stations:,} stations, {os.cpu_count()} cores")
                stages: dict[str, Callable[[], Awaitable[None]]] = {
                    "ledger": national.fill,
                    "count": national.count,
                    "record": national.record_and_prove,
                    "serve": national.serve,
                    "live": lambda: national.live(arguments.rate, arguments.seconds, arguments.clients),
                    "recover": national.recover,
                    "sizes": national.sizes,
                    "rebuild": national.rebuild,
                    "scale": lambda: national.scale(arguments.window),
                }
                for name, stage in stages.items():
                    await stage()
                    if name == arguments.until:
                        break
                national.memory()
        points = national.cost()
        if points:
            costs = " ".join(f"{results / 1e6:.1f}M:{cost:.0f}" for results, cost in _thinned(points))
            national.show("cost: tabulator CPU µs a result", costs)
            if arguments.picture:
                arguments.picture.write_text(picture(points, arguments.stations))
    return 0


def _thinned(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """One at about each doubling."""
    return [next((p for p in points if p[0] >= knee), points[-1]) for knee in KNEES if knee / 2 < points[-1][0]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stations", type=int, default=823_000)
    parser.add_argument("--parties-only", action="store_true", help="legislative forms without the rows of candidates")
    parser.add_argument("--one-of-village", action="store_true", help="one station of each village reports, not all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=int, default=3_000, help="corrections a second on the live stack")
    parser.add_argument("--seconds", type=int, default=30, help="of these")
    parser.add_argument("--clients", type=int, default=20, help="on the live feed")
    parser.add_argument("--until", help="stop after this stage")
    parser.add_argument("--window", type=int, default=40, help="seconds for which 1 and 2 tabulators are compared")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "rekap-bench")
    parser.add_argument("--keep", type=Path, help="leave logs and data in this directory")
    parser.add_argument("--picture", type=Path, help="write the cost curve there, as SVG")
    try:
        sys.exit(uvloop.run(main(parser.parse_args())))
    except WrongError as error:
        print(f"\nError: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
