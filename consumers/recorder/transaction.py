"""Step 2 of the recorder: rows, watermarks and positions, written in one transaction for each batch."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import asyncpg
from aiokafka import TopicPartition

from consumers.errors import WorkerError
from consumers.recorder.batches import OfficeStop, PreparedBatch, stop_office
from projections.readmodel import recording
from projections.readmodel.rows import Rows
from runtime import metrics
from runtime.logs import log_line

logger = logging.getLogger("rekap.recorder")

INDEX_SECONDS_MAX = 3_600
"""Limit for making one index of a read model that was filled without it; for a nation each takes some seconds."""
OF_ROWS = (AssertionError, ValueError, TypeError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""Errors of rows that cannot be written. Other errors are of a database that is away or full."""


class RecorderError(WorkerError):
    """The recorder must stop, because something does not fit; the message names it."""


class RowWriter:
    """Writes batches over one connection, which holds the recorder's lock."""

    def __init__(self, connection: Any, stopped: dict[str, OfficeStop]) -> None:
        """`stopped` is added to; the reader skips the offices in it."""
        self._connection = connection
        self._stopped = stopped
        self._positions: dict[TopicPartition, int] = {}
        self._tried_again: Mapping[str, Mapping[TopicPartition, int]] = {}

    def begin(
        self, positions: Mapping[TopicPartition, int], tried_again: Mapping[str, Mapping[TopicPartition, int]]
    ) -> None:
        """`positions` are the database's. `tried_again` has the offices that an earlier recorder stopped, each until it has
        caught up with the positions that the others had then."""
        self._positions, self._tried_again = dict(positions), dict(tried_again)

    async def record(self, prepared: PreparedBatch) -> None:
        """Write a batch. Raises RecorderError, and what PostgreSQL raises."""
        for office, stop in prepared.stops.items():
            self._stopped.setdefault(office, stop)
        rows = {office: each for office, each in prepared.rows.items() if office not in self._stopped}
        after = {each: max(self._positions[each], end) for each, end in prepared.after.items()}
        try:
            async with self._connection.transaction():
                await self._move(after)
                await write(self._connection, Rows.joined(rows.values()))
                await self._note(prepared)
        except OF_ROWS as error:
            logger.warning(
                log_line("rows-refused", error=f"{type(error).__name__}: {error}", then="each office by itself")
            )
            async with self._connection.transaction():
                await self._move(after)
                for office, each in rows.items():
                    await self._write_alone(office, each, prepared.began)
                await self._note(prepared)
        # After this line a crash loses nothing of the batch, and does not write it again.
        self._positions.update(after)
        metrics.RECORDER_TRANSACTIONS.inc()
        metrics.RECORDER_MESSAGES.inc(prepared.messages)
        metrics.RECORDER_BATCH.observe(prepared.messages)

    async def _move(self, after: Mapping[TopicPartition, int]) -> None:
        """Move the positions from where this recorder left them. Raises RecorderError where another one moved them."""
        for topic_partition, end in after.items():
            topic, partition = topic_partition
            moved = await self._connection.execute(
                recording.MOVE_POSITION, topic, partition, self._positions[topic_partition], end
            )
            if moved != "UPDATE 1":
                raise RecorderError(f"another recorder has written {topic}/{partition}; this one stops")

    async def _write_alone(self, office: str, rows: Rows, began: dict[TopicPartition, int]) -> None:
        try:
            async with self._connection.transaction():
                await write(self._connection, rows)
        except OF_ROWS as error:
            self._stopped[office] = stop_office(office, error, "writing its rows", began)
        # Rows that the office left in these tables would be written with the next office's.
        for upsert in recording.UPSERTS:
            await self._connection.execute(f"TRUNCATE {upsert.staged}")

    async def _note(self, prepared: PreparedBatch) -> None:
        """Note which messages are not stored, in the transaction of the batch, so that positions never pass a message that is
        neither stored nor noted."""
        for each in prepared.set_aside:
            await self._connection.execute(recording.ADD_SET_ASIDE, *each)
        for office, stop in self._stopped.items():
            for (topic, partition), offset in stop.positions.items():
                await self._connection.execute(recording.STOP_OFFICE, office, topic, partition, offset, stop.reason)
        still = {}
        for office, ends in self._tried_again.items():
            if office in self._stopped:
                continue
            if all(prepared.read[each] >= end for each, end in ends.items()):
                await self._connection.execute(recording.RESUME_OFFICE, office)
                logger.info(log_line("office-resumed", office=office))
            else:
                still[office] = ends
        self._tried_again = still


async def write(connection: Any, rows: Rows) -> None:
    """Write the rows of a batch and its watermarks, in the transaction that the connection is in."""
    if rows.records:
        await connection.copy_records_to_table("record", records=rows.records, columns=recording.RECORD_COLUMNS)
    if rows.finance:
        await connection.copy_records_to_table(
            "finance_report", records=rows.finance, columns=recording.FINANCE_COLUMNS
        )
    if count := len(rows.states[0]):
        done = await connection.execute(recording.CHANGE_STATES, *rows.states)
        assert done == f"UPDATE {count}", f"the states of {count} recorded records have changed, but: {done}"
    for upsert, new in (
        (recording.STATION_RESULT, rows.stations),
        (recording.AREA_TALLY, rows.tallies),
        (recording.OFFICE_TALLY, rows.office_tallies),
    ):
        if new:
            await connection.copy_records_to_table(upsert.staged, records=new, columns=upsert.columns)
            await connection.execute(upsert.statement)
    if rows.blocks[0]:
        await connection.execute(recording.UPSERT_BLOCK_WATERMARKS, *rows.blocks)
    for office, as_of in rows.results:
        await connection.execute(recording.UPSERT_RESULT_WATERMARK, office, list(as_of))


async def make_list_indexes(connection: Any) -> None:
    """Make the indexes that are missing. Writers wait for each while it is made, readers do not; after a crash the next call
    makes the rest."""
    for statement in (*recording.LIST_INDEXES, recording.ANALYZE):
        await connection.execute(statement, timeout=INDEX_SECONDS_MAX)
