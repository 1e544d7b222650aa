"""Reads what health depends on, from Kafka, PostgreSQL, the log's files and this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from api.health.decision import DatabaseReading, Ends, KafkaReading, Reading, answer_of
from api.health.peers import Peers
from api.roles import ALL_ROLES, ApiRole
from projections.definition.compiled import Definition
from projections.loghead import queries as loghead
from projections.readmodel import queries, recording
from proofs.tiles import CHECKPOINT
from runtime.error_words import in_words
from runtime.kafka.clients import admin_client, plain_consumer, stop_consumer
from runtime.kafka.generations import Alarms
from runtime.kafka.groups import group_members
from runtime.kafka.seals import Seals
from runtime.kafka.set_aside import ALARM_SECONDS, SetAside, SetAsideMessages, believed_offsets
from runtime.kafka.stopped_offices import stopped_offices
from runtime.kafka.topic_watch import TopicWatch
from runtime.kafka.topics import group_of, topics_of
from runtime.settings import Settings
from schemas.served.logs import folder_of

READ_SECONDS_MAX = 3
"""Limit for reading Kafka, and for reading PostgreSQL. At half, a busy database is called unreachable; at double, a prober with
a timeout of ten seconds gets no answer where both hang."""
KEPT_SECONDS = 1.0
"""How long an answer is given again. At 0, readers of `/v1/health` could make Kafka and PostgreSQL busy."""
CATCH_UP_POLL_SECONDS = 0.5


class HealthProbe:
    def __init__(
        self,
        settings: Settings,
        definition: Definition,
        roles: Collection[ApiRole] = ALL_ROLES,
        generations: Alarms | None = None,
    ) -> None:
        self._roles = roles
        self._generations = generations or Alarms()
        self._peers = Peers(settings.peers)
        self._settings = settings
        self._definition = definition
        self._seals = Seals(settings.workers_key, definition.hash)
        self._topic_names = topics_of(definition.election, settings.generation)
        self._committed = SetAside(is_quiet=True)
        """Committed offsets that no worker wrote."""
        self._consumer: AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None
        self._ends: Ends | None = None
        """The last that was read."""
        self._topics = TopicWatch(settings, definition.election, settings.generation)
        self._watching: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._answer: dict[str, Any] = {}
        self._answered_at = float("-inf")

    async def start(self) -> None:
        self._watching = asyncio.create_task(self._topics.run())

    async def stop(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        if self._consumer is not None:
            await stop_consumer(self._consumer)
        if self._admin is not None:
            await self._admin.close()
        await self._peers.close()

    async def answer(self, state: Any) -> dict[str, Any]:
        """The answer of `/v1/health`, for the state of the app; at most KEPT_SECONDS old."""
        async with self._lock:
            if time.monotonic() - self._answered_at > KEPT_SECONDS:
                self._answer = answer_of(await self.read(state), self._about())
                self._answered_at = time.monotonic()
            return self._answer

    def _about(self) -> dict[str, Any]:
        return {
            "election": self._definition.election.id,
            "mode": self._definition.election.mode.value,
            "definition": self._definition.hash,
            "generation": self._settings.generation,
        }

    async def read(self, state: Any) -> Reading:
        kafka, database = await self._kafka(), await self._database(state.pool)
        live = state.live
        return Reading(
            now=time.time(),
            kafka=kafka,
            ends=self._ends,
            database=database,
            checkpoint_ages_s=self._checkpoint_ages_s(),
            heartbeat_s=self._settings.heartbeat_s,
            roles=self._roles,
            live=None if live is None else live.stage(),
            peers=await self._peers.read(),
            set_aside=[*(() if live is None else live.aside.by_reason()), *self._committed.by_reason()],
            topics=self._topics.sentences(),
            generations=self._generations.sentences(),
            refusing=state.limits.refusals.current(),
        )

    # -- Kafka -----------------------------------------------------------------------------------------------------

    async def _kafka(self) -> KafkaReading | str:
        try:
            async with asyncio.timeout(READ_SECONDS_MAX):
                return await self._read_kafka()
        except (KafkaError, TimeoutError, OSError) as error:
            return in_words(error)

    async def _read_kafka(self) -> KafkaReading:
        consumer, admin = await self._connect()
        election, generation = self._definition.election, self._settings.generation
        topics = self._topic_names
        ledger, subtotals = topics.ledger_partitions(self._definition.partitions), topics.subtotals_partitions()
        results = topics.results_partition()
        ends = await consumer.end_offsets([*ledger, *subtotals, results])
        self._ends = Ends(
            sum(ends[partition] for partition in ledger),
            sum(ends[partition] for partition in [*subtotals, results]),
        )
        tabulated = await self._tabulated(admin)
        rolled_up = await admin.list_consumer_group_offsets(group_of(election, "rollup", generation))
        return KafkaReading(
            ledger_ends={each.partition: ends[each] for each in ledger},
            subtotals_ends={each.partition: ends[each] for each in subtotals},
            tabulated={each.partition: tabulated[each] for each in ledger if each in tabulated},
            rolled_up={each.partition: rolled_up[each].offset for each in subtotals if each in rolled_up},
            tabulators=await group_members(admin, group_of(election, "tabulator", generation)),
            rollups=await group_members(admin, group_of(election, "rollup", generation)),
            stopped_offices=await stopped_offices(admin, self._settings, election, self._seals, self._committed),
        )

    async def _connect(self) -> tuple[AIOKafkaConsumer, AIOKafkaAdminClient]:
        if self._consumer is None:
            consumer = plain_consumer(self._settings)
            await consumer.start()
            self._consumer = consumer
        if self._admin is None:
            admin = admin_client(self._settings)
            await admin.start()
            self._admin = admin
        return self._consumer, self._admin

    async def _tabulated(self, admin: AIOKafkaAdminClient) -> dict[TopicPartition, tuple[int, str]]:
        """Offset up to which blocks are published, as a worker committed it with its note, by ledger partition."""
        group = group_of(self._definition.election, "tabulator", self._settings.generation)
        committed = await admin.list_consumer_group_offsets(group)
        self._committed = SetAside(is_quiet=True)
        with_notes = {partition: (each.offset, each.metadata or "") for partition, each in committed.items()}
        return believed_offsets(self._seals, group, with_notes, self._committed)

    # -- PostgreSQL and files --------------------------------------------------------------------------------------

    async def _database(self, pool: Any) -> DatabaseReading | str:
        try:
            async with asyncio.timeout(READ_SECONDS_MAX):
                return await self._read_database(pool)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, OSError) as error:
            return in_words(error)

    async def _read_database(self, pool: Any) -> DatabaseReading:
        schema = queries.schema_of(self._definition.election, self._settings.generation)
        positions = await pool.fetch(queries.POSITIONS)
        newest_us = await pool.fetchval(queries.NEWEST_RECEIVED, int(time.time() * 1_000_000))
        stopped = await pool.fetch(queries.STOPPED_OFFICES)
        return DatabaseReading(
            recorded=sum(row["next_offset"] for row in positions),
            has_recorder=bool(await pool.fetchval(recording.HAS_RECORDER, recording.RECORDER_LOCK, schema)),
            stopped_offices=[(row["office"], row["reason"]) for row in stopped],
            signed=await self._signed(pool),
            newest_received_us=newest_us,
            set_aside=[SetAsideMessages(*row) for row in await pool.fetch(queries.SET_ASIDE, ALARM_SECONDS)],
        )

    async def _signed(self, pool: Any) -> int:
        schema = loghead.schema_of(self._definition.election)
        exists = await pool.fetchval("SELECT to_regclass($1)", f'"{schema}".log_head')
        signed = await pool.fetchval(f'SELECT sum(size) FROM "{schema}".log_head') if exists else None  # noqa: S608  # our own name
        return int(signed or 0)

    def _checkpoint_ages_s(self) -> list[float]:
        ages = []
        for partition in range(self._definition.partitions):
            path = self._settings.log_directory / folder_of(self._definition.election, partition) / CHECKPOINT
            with suppress(OSError):  # no checkpoint yet, or the files are on another machine
                ages.append(time.time() - path.stat().st_mtime)
        return ages

    # -- catching up -----------------------------------------------------------------------------------------------

    async def wait_to_catch_up(self, pool: Any) -> None:
        """Wait until all that is in the ledger now is in the read model. Raises what Kafka and PostgreSQL raise."""
        consumer, admin = await self._connect()
        ledger = self._topic_names.ledger_partitions(self._definition.partitions)
        ends = await consumer.end_offsets(ledger)
        while True:
            tabulated = await self._tabulated(admin)
            if all(tabulated.get(partition, (0, ""))[0] >= ends[partition] for partition in ledger):
                break
            await asyncio.sleep(CATCH_UP_POLL_SECONDS)
        derived = self._topic_names.derived_partitions()
        ends = await consumer.end_offsets(derived)
        while True:
            recorded = {
                (row["topic"], row["partition"]): row["next_offset"] for row in await pool.fetch(queries.POSITIONS)
            }
            if all(recorded.get((each.topic, each.partition), 0) >= ends[each] for each in derived):
                return
            await asyncio.sleep(CATCH_UP_POLL_SECONDS)
