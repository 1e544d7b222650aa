"""The SQL with which the recorder writes the read model: its lock, rows, watermarks, positions and stopped offices.

consumers/recorder/transaction.py executes it. No statement names a schema, because the search path of each connection is the
schema of one election.
"""

from __future__ import annotations

from typing import NamedTuple

LIST_INDEXES = (
    'CREATE INDEX IF NOT EXISTS record_event_at ON record (event, partition, "offset")',
    'CREATE INDEX IF NOT EXISTS record_history ON record (station, "offset", partition) WHERE station IS NOT NULL',
    """CREATE INDEX IF NOT EXISTS record_station_received ON record (station, received_us, partition, "offset")
       WHERE station IS NOT NULL""",
    'CREATE INDEX IF NOT EXISTS record_received ON record (received_us, partition, "offset")',
    'CREATE INDEX IF NOT EXISTS record_shard ON record (shard, received_us, partition, "offset") WHERE shard IS NOT NULL',
    'CREATE INDEX IF NOT EXISTS record_key ON record (key, received_us, partition, "offset")',
    'CREATE INDEX IF NOT EXISTS record_contest ON record (contest, received_us, partition, "offset") WHERE contest IS NOT NULL',
    # Nearly all records are reports, which are found in record_received.
    """CREATE INDEX IF NOT EXISTS record_type ON record (type, received_us, partition, "offset")
       WHERE type <> 'result.reported'""",
    "CREATE INDEX IF NOT EXISTS station_result_state ON station_result (contest, state, rank)",
)
"""Indexes that lists of events and stations need, and that make each write dearer. In a read model that is not served yet, the
recorder makes them at the end: sorting costs 4 µs a record."""

ANALYZE = "ANALYZE record, station_result, area_tally, office_tally, finance_report"

BECOME_RECORDER = "SELECT pg_try_advisory_lock($1, hashtext($2))"
"""Takes RECORDER_LOCK and the schema's name. Returns true to the recorder that may write. The lock ends with its connection."""

HAS_RECORDER = """
SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = $1 AND objid = (hashtext($2)::bigint & 4294967295)::oid
)
"""
"""Whether a recorder holds the lock of BECOME_RECORDER; takes the same parameters."""

RECORDER_LOCK = 0x5245434F
"""The letters RECO in ASCII. Any number would do that no other lock in this database has."""

CONSTANT_COLUMNS = (
    "partition", "offset", "version", "received_us", "event", "leaf", "office", "type", "key", "station", "contest",
    "area", "shard", "payload",
)  # fmt: skip
"""Columns of `record` that never change."""

RECORD_COLUMNS = (*CONSTANT_COLUMNS, "state", "findings")
"""Columns that COPY writes, because records are only ever added."""

FINANCE_COLUMNS = ("partition", "offset", "account", "report", "version", "area", "party", "contest")
"""Columns of `finance_report` that COPY writes."""

CHANGE_STATES = """
UPDATE record SET state = given.state, findings = given.findings
FROM unnest($1::int[], $2::bigint[], $3::text[], $4::text[]) AS given (partition, "offset", state, findings)
WHERE record.partition = given.partition AND record."offset" = given."offset"
"""
"""Changes records that an earlier transaction has written."""


class Upsert(NamedTuple):
    """Rows that are new or replace others. COPY writes them into a temporary table of the session, which costs less than
    parameters, and a statement moves them from the temporary table into their own table."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def staged(self) -> str:
        return f"staged_{self.table}"

    @property
    def stage(self) -> str:
        """The statement that makes the temporary table, once a session. The table is empty after each transaction."""
        return f"CREATE TEMPORARY TABLE IF NOT EXISTS {self.staged} (LIKE {self.table}) ON COMMIT DELETE ROWS"

    @property
    def statement(self) -> str:
        columns = ", ".join(f'"{column}"' for column in self.columns)
        changes = ", ".join(f'"{each}" = excluded."{each}"' for each in self.columns if each not in self.key)
        return (
            f"INSERT INTO {self.table} ({columns}) SELECT {columns} FROM {self.staged} "  # noqa: S608  # our own names
            f"ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {changes}"
        )


STATION_RESULT = Upsert(
    "station_result",
    ("contest", "rank"),
    ("station", "contest", "rank", "partition", "offset", "through", "state", "contribution"),
)
AREA_TALLY = Upsert("area_tally", ("area", "contest"), ("contest", "area", "tally"))
OFFICE_TALLY = Upsert("office_tally", ("area", "office"), ("office", "area", "tally"))
UPSERTS = (STATION_RESULT, AREA_TALLY, OFFICE_TALLY)

UPSERT_BLOCK_WATERMARKS = """
INSERT INTO block_watermark (office, partition, through)
SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[])
ON CONFLICT (office, partition) DO UPDATE SET through = excluded.through
"""

UPSERT_RESULT_WATERMARK = """
INSERT INTO result_watermark (office, as_of) VALUES ($1, $2::bigint[])
ON CONFLICT (office) DO UPDATE SET as_of = excluded.as_of
"""

STOP_OFFICE = """
INSERT INTO office_stop (office, topic, partition, next_offset, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (office, topic, partition) DO UPDATE SET reason = excluded.reason
"""
"""An office that is stopped already keeps the first offset that is not stored."""

RESUME_OFFICE = "DELETE FROM office_stop WHERE office = $1"

INSERT_POSITION = """
INSERT INTO topic_position (topic, partition, next_offset) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING
"""

MOVE_POSITION = """
UPDATE topic_position SET next_offset = $4 WHERE topic = $1 AND partition = $2 AND next_offset = $3
"""
"""Takes topic, partition, the offset that the position must have, and the new one. Changes no row if another recorder has moved
the position."""

ADD_SET_ASIDE = """
INSERT INTO set_aside (topic, partition, reason, messages, first, last) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (topic, partition, reason) DO UPDATE
SET messages = set_aside.messages + excluded.messages, first = least(set_aside.first, excluded.first),
    last = greatest(set_aside.last, excluded.last), newest_at = now()
"""
