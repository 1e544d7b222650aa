"""Make all derived data again from the ledger alone, beside the generation that is served, and switch to it.

    1. create the topics of the next generation, and start workers of its own that fill the topics, its read model and its
       states from offset 0
    2. wait until these workers have folded, recorded and added up to the end of the ledger, which keeps growing; then make
       the read model's indexes of lists, all at once, and wait again
    3. make the generation current: ordinary workers end and are started again on it, and the API changes to it when no
       number would step back
    4. stop the own workers once the ordinary workers have joined their groups

If the rebuild is interrupted before step 3, the served generation is unchanged and the next call continues the same new
generation. If the rules have changed meanwhile, the next call begins another generation.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import httpx
from aiokafka import TopicPartition

from consumers.recorder.transaction import make_list_indexes
from projections.definition.compiled import Definition
from projections.readmodel import queries
from rekap.embedded.log_files import last_lines
from rekap.embedded.supervisor import Supervisor, stop_signal
from rekap.errors import BadOutcomeError
from rekap.operate.database import connected
from rekap.terminal import complain, print_lines
from runtime.files.atomic_write import replace_file
from runtime.files.state_files import hash_of_code
from runtime.http_client import client_for
from runtime.kafka.clients import admin_client, plain_consumer
from runtime.kafka.generations import current_generation, make_current
from runtime.kafka.groups import committed_offsets, group_members
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import SetAside, believed_offsets
from runtime.kafka.topics import group_of, topics_of
from runtime.kafka.wanted_topics import create_topics
from runtime.own_processes import python_module
from runtime.settings import Settings, variable
from schemas.derived.blocks import WITHOUT_VOTES

WORKERS = ("rollup", "tabulator", "recorder")
POLL_SECONDS = 1.0
NEAR_SECONDS = 5.0
"""Workers that reach the ends which the topics had at the beginning within this time are near enough to the present end."""
JOIN_SECONDS_MAX = 60.0
"""Limit for the restart of the ordinary workers, and for the API to change."""


class RebuildError(BadOutcomeError):
    """The rebuild cannot continue; the message states why."""


class Progress(NamedTuple):
    """Progress of the new generation. The first four are next offsets by topic partition, the others by office and ledger
    partition."""

    folded: dict[Any, int]
    """Ledger records that the tabulator has folded."""
    ledger: dict[Any, int]
    """Ends of the ledger."""
    recorded: dict[Any, int]
    """Messages of subtotals and results that the recorder has stored."""
    derived: dict[Any, int]
    """Ends of the topics of subtotals and results."""
    stations: dict[Any, int]
    """How far the read model has the results of stations."""
    added_up: dict[Any, int]
    """How far the read model has the sums of areas from the shard level up."""


class Rebuild:
    def __init__(self, settings: Settings, definition: Definition, generation: int, url: str) -> None:
        self._settings = settings
        self._definition = definition
        self._generation = generation
        self._url = url
        self._topics = topics_of(definition.election, generation)
        self._seals = Seals(settings.workers_key, definition.hash)
        self._aside = SetAside()
        self._consumer: Any = None
        self._began = time.monotonic()
        self._folded_before: int | None = None
        self.has_switched = False

    async def run(self) -> None:
        """Raises RebuildError, KafkaError, and what PostgreSQL raises."""
        await create_topics(self._settings, self._definition.election, self._generation)
        log_directory = self._settings.state_directory / "rebuild"
        log_directory.mkdir(parents=True, exist_ok=True)
        supervisor = Supervisor(log_directory=log_directory)
        self._consumer = plain_consumer(self._settings)
        await self._consumer.start()
        try:
            for role in WORKERS:
                # Without an instance name, so that their partitions are assigned to the ordinary workers as soon as
                # they end.
                own = {variable("generation"): str(self._generation), variable("instance"): ""}
                command = python_module("rekap", "run", role)
                supervisor.run(role, command, environment={**os.environ, **own, variable("metrics_port"): "0"})
            await self._reach_the_end(log_directory)
            print_lines("making the indexes of the read model")
            await self._make_indexes()
            await self._reach_the_end(log_directory)
            election, definition = self._definition.election, self._definition.hash
            await make_current(self._settings, election, definition, self._generation)
            self.has_switched = True
            print_lines(f"generation {self._generation} is current; waiting for workers and API to change to it")
            await self._hand_over(supervisor)
        finally:
            await self._consumer.stop()
            await supervisor.stop()

    async def _reach_the_end(self, log_directory: Path) -> None:
        while True:
            began = time.monotonic()
            await self._until(log_directory, (await self._progress()).ledger, lambda now: now.folded)
            await self._until(log_directory, (await self._progress()).derived, lambda now: now.recorded)
            await self._until(log_directory, (await self._progress()).stations, lambda now: now.added_up)
            if time.monotonic() - began < NEAR_SECONDS:
                return

    async def _make_indexes(self) -> None:
        connection = await connected(self._settings, self._schema())
        try:
            await make_list_indexes(connection)
        finally:
            await connection.close()

    async def _until(self, log_directory: Path, ends: dict[Any, int], of: Callable[[Progress], dict[Any, int]]) -> None:
        """Wait until the part `of` the progress has reached these ends. Only movement of this part counts, because keyframes
        are recorded even if nothing else moves. Raises RebuildError if it has not moved for JOIN_SECONDS_MAX."""
        moved_at, before = time.monotonic(), -1
        while True:
            offsets = of(now := await self._progress())
            self._show(now)
            reached = [min(offsets.get(each, 0), end) for each, end in ends.items()]
            if sum(reached) == sum(ends.values()):
                return
            if sum(reached) != before:
                moved_at, before = time.monotonic(), sum(reached)
            elif time.monotonic() - moved_at > JOIN_SECONDS_MAX:
                output = "\n".join(f"{role}: {last_lines(log_directory / f'{role}.log', count=3)}" for role in WORKERS)
                raise RebuildError(
                    f"nothing has moved for {JOIN_SECONDS_MAX:g} s. The last lines of the workers:\n{output}"
                )
            await asyncio.sleep(POLL_SECONDS)

    async def _progress(self) -> Progress:
        election = self._definition.election
        ledger = self._topics.ledger_partitions(self._definition.partitions)
        derived = self._topics.derived_partitions()
        ends = await self._consumer.end_offsets([*ledger, *derived])
        group = group_of(election, "tabulator", self._generation)
        folded = believed_offsets(self._seals, group, await committed_offsets(self._settings, group), self._aside)
        connection = await connected(self._settings, self._schema())
        try:
            rows = await connection.fetch(queries.POSITIONS)
            blocks = await connection.fetch(queries.BLOCK_WATERMARKS)
            results = await connection.fetch(queries.RESULT_WATERMARKS)
        except asyncpg.UndefinedTableError:  # the new recorder has not made its tables yet
            rows, blocks, results = [], [], []
        finally:
            await connection.close()
        recorded = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        return Progress(
            {each: folded[each][0] if each in folded else 0 for each in ledger},
            {each: ends[each] for each in ledger},
            {each: recorded.get(each, 0) for each in derived},
            {each: ends[each] for each in derived},
            {
                (row["office"], row["partition"]): row["through"] + 1
                for row in blocks
                if row["office"] not in WITHOUT_VOTES
            },
            {(row["office"], partition): end + 1 for row in results for partition, end in enumerate(row["as_of"])},
        )

    def _schema(self) -> str:
        return queries.schema_of(self._definition.election, self._generation)

    def _show(self, now: Progress) -> None:
        folded, ledger = sum(now.folded.values()), sum(now.ledger.values())
        if self._folded_before is None:
            self._folded_before = folded
        rate = (folded - self._folded_before) / max(time.monotonic() - self._began, 0.1)
        left = f", {(ledger - folded) / rate / 60:.0f} min left" if rate and ledger > folded else ""
        line = (
            f"folded {folded:,} of {ledger:,} records ({rate:,.0f}/s{left}), "
            f"recorded {sum(now.recorded.values()):,} of {sum(now.derived.values()):,} messages"
        )
        if sys.stderr.isatty():
            print(f"\r{line:<100}", end="", file=sys.stderr, flush=True)
        else:
            complain(line)

    async def _hand_over(self, supervisor: Supervisor) -> None:
        joined = await _within(JOIN_SECONDS_MAX, self._ordinary_workers_joined)
        if not joined:
            complain(
                "no ordinary tabulator and roll-up have joined. Start them without REKAP_GENERATION. Until then the workers of "
                "this process count (Ctrl-C ends them)"
            )
            stop = stop_signal()
            while not stop.done() and not await self._ordinary_workers_joined():
                await asyncio.sleep(POLL_SECONDS)
        await supervisor.stop(*WORKERS)
        if await _within(JOIN_SECONDS_MAX, self._api_serves):
            print_lines(f"{self._url} serves generation {self._generation}")
        else:
            complain(f"{self._url} does not answer from generation {self._generation}: look at its log")

    async def _ordinary_workers_joined(self) -> bool:
        """Whether each group has a member besides our own worker."""
        groups = [group_of(self._definition.election, role, self._generation) for role in ("tabulator", "rollup")]
        admin = admin_client(self._settings)
        await admin.start()
        try:
            return all([await group_members(admin, group) > 1 for group in groups])
        finally:
            await admin.close()

    async def _api_serves(self) -> bool:
        with suppress(httpx.HTTPError, ValueError):
            async with client_for(self._url, seconds_max=5) as client:
                health = (await client.get(f"{self._url}/v1/health")).json()
                return bool(health.get("generation") == self._generation)
        return False


async def next_generation(settings: Settings, definition: Definition, current: int) -> int:
    """The generation that an interrupted call of the same code was filling; otherwise one that was never begun, because
    messages that were published under other rules would remain. Raises KafkaError, OSError."""
    made_by = f"{definition.hash} {hash_of_code('projections', 'schemas', 'proofs')}"
    admin = admin_client(settings)
    await admin.start()
    try:
        topics = set(await admin.list_topics())
    finally:
        await admin.close()
    name = f"{definition.election.mode.value}.{definition.election.id}"
    for number in itertools.count(current + 1):
        mark = settings.state_directory / name / f"generation-{number}" / "made-by"
        if topics_of(definition.election, number).subtotals not in topics:
            mark.parent.mkdir(parents=True, exist_ok=True)
            replace_file(mark, [made_by.encode()], mode=0o666)
            return number
        with suppress(FileNotFoundError):
            if mark.read_text() == made_by:
                return number
        print_lines(f"generation {number} was begun by another version or on another machine, and is left as it is")
    raise AssertionError("numbers have no end")


async def drop_generation(settings: Settings, definition: Definition, generation: int) -> None:
    """Delete topics, read model and states of a generation that is not served. Raises RebuildError."""
    election = definition.election
    current = await current_generation(settings, election, definition.hash)
    if generation >= current:
        raise RebuildError(f"generation {generation} cannot be dropped: {current} is served, and only older ones can")
    topics = topics_of(election, generation)
    admin = admin_client(settings)
    await admin.start()
    try:
        existing = set(await admin.list_topics()) & {topics.subtotals, topics.results}
        if existing:
            await admin.delete_topics(sorted(existing))
    finally:
        await admin.close()
    connection = await connected(settings)
    try:
        # The program makes this name, which is quoted; DROP takes no parameters.
        await connection.execute(f'DROP SCHEMA IF EXISTS "{queries.schema_of(election, generation)}" CASCADE')
    finally:
        await connection.close()
    name = f"{election.mode.value}.{election.id}"
    shutil.rmtree(settings.state_directory / name / f"generation-{generation}", ignore_errors=True)


async def _within(seconds: float, question: Callable[[], Awaitable[bool]]) -> bool:
    ends = time.monotonic() + seconds
    while not (answer := await question()) and time.monotonic() < ends:
        await asyncio.sleep(POLL_SECONDS)
    return answer
