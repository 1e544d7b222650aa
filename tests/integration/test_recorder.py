"""The recorder on a real Kafka and PostgreSQL: stopped at any statement, it continues as if it had not been."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib.resources import files
from typing import Any

import asyncpg
import orjson
import pytest

from consumers.recorder import batches, transaction
from consumers.recorder.transaction import RecorderError, make_list_indexes
from consumers.recorder.worker import Recorder
from projections.definition.compiled import Definition
from projections.readmodel import queries, recording
from projections.readmodel.rows import Batch
from runtime.kafka.clients import ordered_producer
from runtime.kafka.seals import Seals
from runtime.kafka.topics import topics_of
from runtime.kafka.wanted_topics import create_topics
from runtime.settings import Settings, read_settings
from schemas.derived.blocks import BlockRange
from tests.conftest import Parts
from tests.support.ledger import MemoryLedger
from tests.support.nights import play
from tests.support.published_nights import Message, published
from tests.support.small_election import reported, small_package
from tests.support.stacks import eventually

TABLES = ("record", "station_result", "area_tally", "office_tally", "block_watermark", "result_watermark")
INDEXES = {
    "record_event_at",
    "record_history",
    "record_station_received",
    "station_result_state",
    "record_received",
    "record_shard",
    "record_key",
    "record_contest",
    "record_type",
}
CONTESTS = {"1.1": "council-a", "1.2": "council-b", "2.2": "council-c"}


def _night() -> list[tuple[Any, ...]]:
    """Each station for the first time, then corrections, repeated forms, reviews, an annulment and forged records."""
    stations = [station.code for station in small_package().stations]
    first = [("report", reported(station, (number, 2, 3))) for number, station in enumerate(stations)]
    second = [("report", reported(station, (number, 7, 7), version=2)) for number, station in enumerate(stations[::2])]
    wrong = [("report", reported(station, version=3, VA=500)) for station in stations[:4]]
    return [
        *first,
        *second,
        ("again", 3),
        *wrong,
        ("review", len(first) + len(second), "accepted"),
        ("review", len(first) + len(second) + 1, "rejected"),
        ("annul", stations[5], 1),
        *(("forge", reported(stations[0], (9, 9, 9), version=9), how) for how in ("key", "scope", "bytes", "station")),
    ]


class OwnElection:
    """An election of its own: what is published of it, and the tables that a recorder fills from that."""

    def __init__(self, settings: Settings, definition: Definition) -> None:
        self.settings = settings
        self.definition = definition
        self.schema = queries.schema_of(definition.election, settings.generation)

    async def publish(self, messages: list[Message]) -> None:
        topics = topics_of(self.definition.election, self.settings.generation)
        seals = Seals(self.settings.workers_key, self.definition.hash)
        producer = ordered_producer(self.settings)
        await producer.start()
        try:
            for number, (topic, value) in enumerate(messages):
                if topic == "results":
                    name, partition = topics.results_partition()
                else:
                    name, partition = topics.subtotals_partition_of(BlockRange.from_bytes(value).office)
                key = str(number).encode()
                headers = seals.headers(name, partition, key, value)
                await producer.send_and_wait(name, value, key=key, partition=partition, headers=headers)
        finally:
            await producer.stop()
        self.messages = len(messages)

    async def append(self, ledger: MemoryLedger) -> None:
        """Into Kafka, where the recorder looks whether its read model is of this ledger."""
        producer = ordered_producer(self.settings)
        await producer.start()
        try:
            for partition, values in enumerate(ledger.partitions):
                for value in values:
                    await producer.send_and_wait(topics_of(self.definition.election).ledger, value, partition=partition)
        finally:
            await producer.stop()

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Any]:
        connection = await asyncpg.connect(self.settings.database, server_settings={"search_path": f'"{self.schema}"'})
        try:
            yield connection
        finally:
            await connection.close()

    async def positions(self) -> int:
        async with self.database() as connection:
            try:
                return int(await connection.fetchval("SELECT coalesce(sum(next_offset), 0) FROM topic_position"))
            except asyncpg.UndefinedTableError:
                return 0

    async def tables(self) -> dict[str, list[tuple[Any, ...]]]:
        async with self.database() as connection:
            return {
                table: sorted((tuple(row) for row in await connection.fetch(f"SELECT * FROM {table}")), key=str)  # noqa: S608
                for table in TABLES
            }

    async def indexes(self) -> set[str]:
        async with self.database() as connection:
            rows = await connection.fetch("SELECT indexname FROM pg_indexes WHERE schemaname = $1", self.schema)
        return {row["indexname"] for row in rows} & INDEXES

    async def forget(self) -> None:
        async with self.database() as connection:
            await connection.execute(f'DROP SCHEMA IF EXISTS "{self.schema}" CASCADE')

    async def stopped(self) -> list[tuple[str, str]]:
        async with self.database() as connection:
            return [tuple(row) for row in await connection.fetch(queries.STOPPED_OFFICES)]

    async def record(self, *, until_none_is_stopped: bool = False) -> None:
        """Until all is recorded. Raises what the recorder raises before."""
        stop = asyncio.Event()
        recording = asyncio.create_task(Recorder(self.settings, self.definition).run(stop))

        async def done() -> bool:
            if recording.done():
                return True
            return await self.positions() == self.messages and not (until_none_is_stopped and await self.stopped())

        await eventually(done)
        stop.set()
        await recording


async def _own_election(parts: Parts, name: str, *, generation: int = 1) -> OwnElection:
    package = small_package()
    package = replace(package, election=package.election.model_copy(update={"id": name}))
    definition = Definition.of(package)
    settings = replace(read_settings(parts), generation=generation, record_ms=50)
    await create_topics(settings, definition.election, generation)
    return OwnElection(settings, definition)


async def _ledger(own: OwnElection) -> MemoryLedger:
    package = small_package()
    ledger = MemoryLedger(
        replace(package, election=package.election.model_copy(update={"id": own.definition.election.id}))
    )
    play(ledger, _night())
    await own.append(ledger)
    return ledger


class Failing:
    """A connection that is lost at a statement of its transactions."""

    def __init__(self, connection: Any, statements: list[str], at: int) -> None:
        self._connection = connection
        self._statements = statements
        self._at = at

    def _count(self, what: str) -> None:
        self._statements.append(what)
        if len(self._statements) == self._at:
            raise ConnectionResetError("as if the process had been killed here")

    async def execute(self, statement: str, *arguments: object) -> Any:
        self._count(statement)
        return await self._connection.execute(statement, *arguments)

    async def copy_records_to_table(self, table: str, **options: Any) -> Any:
        self._count(table)
        return await self._connection.copy_records_to_table(table, **options)


async def test_a_recorder_that_stops_at_any_statement_continues_as_if_it_had_not(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = await _own_election(parts, "recorder-stopped")
    ledger = await _ledger(own)
    # Published twice, in blocks cut differently, as by a tabulator that did not know that it had been replaced.
    await own.publish(published(ledger, range(0, 99, 2), range(0, 99, 3)))
    await own.record()
    expected = await own.tables()
    assert len(expected["record"]) == sum(map(len, ledger.partitions))

    write = transaction.write
    statements: list[str] = []
    at = 0

    async def failing_write(connection: Any, rows: Any) -> None:
        await write(Failing(connection, statements, at), rows)

    monkeypatch.setattr(batches, "BATCH_MESSAGES_MAX", 9)
    monkeypatch.setattr(transaction, "write", failing_write)
    await own.forget()
    await own.record()
    assert await own.tables() == expected, "in small batches, each read ahead of the one before"
    assert any(each == recording.CHANGE_STATES for each in statements), "some record changes its state in a later batch"
    at, stopped = 1, 0
    while True:
        await own.forget()
        statements.clear()
        try:
            await own.record()
            break  # it has fewer statements
        except ConnectionResetError:
            stopped += 1
        assert await own.positions() < own.messages
        await own.record()
        assert await own.tables() == expected, f"stopped at statement {at}"
        at += 5
    assert stopped > 5


async def test_one_that_was_overtaken_writes_nothing(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    own = await _own_election(parts, "recorder-overtaken")
    await own.publish(published(await _ledger(own), range(0, 99, 2)))
    monkeypatch.setattr(batches, "BATCH_MESSAGES_MAX", 9)
    write, seen = transaction.write, []

    async def write_and_be_overtaken(connection: Any, rows: Any) -> None:
        seen.append(rows)
        await write(connection, rows)
        if len(seen) == 1:
            await connection.execute("UPDATE topic_position SET next_offset = next_offset + 1")

    monkeypatch.setattr(transaction, "write", write_and_be_overtaken)
    with pytest.raises(RecorderError, match="another recorder has written"):
        await own.record()
    assert len(seen) == 1
    assert len((await own.tables())["record"]) == len(seen[0].records)


async def test_a_missing_block_stops_its_office_alone_after_what_came_before(
    parts: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = await _own_election(parts, "recorder-gap")
    messages = [message for message in published(await _ledger(own), range(0, 99, 2)) if message[0] == "subtotals"]
    of_office = [str(BlockRange.from_bytes(value).office) for _, value in messages]
    president = [number for number, office in enumerate(of_office) if office == "president"]
    missing = president[3]
    await own.publish(messages[:missing] + messages[missing + 1 :])
    monkeypatch.setattr(batches, "BATCH_MESSAGES_MAX", 1)
    await own.record()
    before, gap = (BlockRange.from_bytes(messages[president[index]][1]) for index in (2, 3))
    assert before.partition == gap.partition
    watermarks = {row[:2]: row[2] for row in (await own.tables())["block_watermark"]}
    assert watermarks["president", before.partition] == before.through
    for office, (_, value) in zip(of_office, messages, strict=True):
        if office != "president":
            head = BlockRange.from_bytes(value)
            assert watermarks[office, head.partition] >= head.through, "the others are recorded"
    [(office, reason)] = await own.stopped()
    assert office == "president"
    assert "the blocks between are missing" in reason


BUGS = {
    "a block": (Batch, "add_block"),
    "a result": (Batch, "add_result"),
    "rows": (batches, "rows_of"),
    "the database": (transaction, "write"),
}


@pytest.mark.parametrize("bug", BUGS)
async def test_an_office_that_meets_a_bug_stops_alone_and_a_recorder_without_it_stores_what_is_missing(
    parts: Parts, monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    own = await _own_election(parts, f"recorder-bug-{list(BUGS).index(bug)}")
    await own.publish(published(await _ledger(own), range(0, 99, 2)))
    await own.record()
    expected = await own.tables()
    monkeypatch.setattr(batches, "BATCH_MESSAGES_MAX", 7)
    where, name = BUGS[bug]
    honest = getattr(where, name)
    honestly = 0 if bug == "a result" else 1  # of which that night has one
    met = 0

    def meets(condition: bool) -> None:
        nonlocal met
        met += condition
        if condition and met > honestly:
            raise OverflowError("an injected fault")

    def add_faulty(self: Any, value: bytes, *offset: int) -> None:
        meets(orjson.loads(value.split(b"\n")[0])["office"] == "president")
        honest(self, value, *offset)

    def rows_faulty(batch: Any) -> Any:
        meets(any(office == "president" for office, _ in batch.moved_blocks))
        return honest(batch)

    async def write_faulty(connection: Any, rows: Any) -> None:
        if "president" in rows.blocks[0]:
            nonlocal met
            met += 1
            if met > honestly:
                # As PostgreSQL raises it, in the middle of the transaction.
                await connection.execute("SELECT 'no number'::bigint")
        await honest(connection, rows)

    faulty = {"rows_of": rows_faulty, "write": write_faulty}.get(name, add_faulty)
    await own.forget()
    with monkeypatch.context() as injected:
        injected.setattr(where, name, faulty)
        await own.record()
    [(office, reason)] = await own.stopped()
    assert office == "president"
    assert "an injected fault" in reason or "no number" in reason
    found = await own.tables()
    others = {table: [row for row in rows if "president" not in row] for table, rows in found.items()}
    assert others["block_watermark"] == [row for row in expected["block_watermark"] if "president" not in row]
    assert others["record"] == [row for row in expected["record"] if "president" not in row]
    assert found["record"] != expected["record"] or bug == "a result"

    await own.record(until_none_is_stopped=True)
    assert await own.tables() == expected
    assert await own.stopped() == []


async def test_indexes_of_lists_are_made_at_the_end_of_what_is_served(parts: Parts) -> None:
    served = await _own_election(parts, "recorder-indexes")
    messages = published(await _ledger(served), range(0, 99, 2))
    await served.publish(messages)
    await served.record()
    assert await served.indexes() == INDEXES

    unserved = await _own_election(parts, "recorder-indexes", generation=2)
    await unserved.publish(messages)
    await unserved.record()
    assert await unserved.indexes() == set()
    async with unserved.database() as connection:
        await make_list_indexes(connection)
        await make_list_indexes(connection)
    assert await unserved.indexes() == INDEXES
    assert await unserved.tables() == await served.tables()


async def test_a_read_model_of_before_is_written_anew(parts: Parts) -> None:
    own = await _own_election(parts, "recorder-migrated")
    await own.publish(published(await _ledger(own), range(0, 99, 2)))
    await own.record()
    expected = await own.tables()
    migrations = files("projections.readmodel").joinpath("migrations")
    before = sorted(each.name for each in migrations.iterdir() if each.name < "0006")
    await own.forget()
    async with own.database() as connection:
        await connection.execute(f'CREATE SCHEMA "{own.schema}"')
        await connection.execute("CREATE TABLE migration (name text PRIMARY KEY, applied_at timestamptz DEFAULT now())")
        for name in before:
            await connection.execute(migrations.joinpath(name).read_text())
            await connection.execute("INSERT INTO migration (name) VALUES ($1)", name)
        await connection.execute("INSERT INTO topic_position VALUES ('results', 0, 99)")
        await connection.execute("INSERT INTO block_watermark VALUES ('president', 0, 99)")
        await connection.execute("INSERT INTO area_tally VALUES ('president', 'N', '[9]')")
    await own.record()
    assert await own.tables() == expected


async def test_a_renamed_column_leaves_the_rows_as_they_are(parts: Parts) -> None:
    own = await _own_election(parts, "recorder-renamed")
    messages = published(await _ledger(own), range(0, 99, 2))
    await own.publish(messages)
    await own.record()
    expected = await own.tables()
    async with own.database() as connection:
        await connection.execute("ALTER TABLE station_result RENAME COLUMN rank TO place")
        await connection.execute("DELETE FROM migration WHERE name = '0008-rank.sql'")
        # A row that no recorder would write: it is still there if no table was emptied.
        await connection.execute("INSERT INTO area_tally VALUES ('president', 'nowhere', '[9]')")
    await own.record()
    assert await own.positions() == len(messages)
    async with own.database() as connection:
        assert await connection.execute("DELETE FROM area_tally WHERE area = 'nowhere'") == "DELETE 1"
    assert await own.tables() == expected
