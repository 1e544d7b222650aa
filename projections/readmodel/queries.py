"""The SQL of the read model: all statements in one place, each with what it takes and gives.

Written by consumers/recorder.py, read by api/. Names have no schema: the connection's search path is the election's.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.package import Election


def schema_of(election: Election, generation: int = 1) -> str:
    """The schema that an election's tables of this generation live in (runtime/generations.py); up to 58 characters and
    the generation, PostgreSQL takes 63."""
    name = f"{election.mode.value}_{election.id}"
    return name if generation == 1 else f"{name}.{generation}"


# ── written ──────────────────────────────────────────────────────────────────────────────────────────────────────────

LIST_INDEXES = (
    "CREATE INDEX IF NOT EXISTS record_event ON record (event)",
    "CREATE INDEX IF NOT EXISTS record_station ON record (station) WHERE station IS NOT NULL",
    'CREATE INDEX IF NOT EXISTS record_received ON record (received_us, partition, "offset")',
    'CREATE INDEX IF NOT EXISTS record_shard ON record (shard, received_us, partition, "offset") WHERE shard IS NOT NULL',
    'CREATE INDEX IF NOT EXISTS record_key ON record (key, received_us, partition, "offset")',
    'CREATE INDEX IF NOT EXISTS record_contest ON record (contest, received_us, partition, "offset") WHERE contest IS NOT NULL',
    # Nearly all records are reports: those are found in record_received.
    """CREATE INDEX IF NOT EXISTS record_type ON record (type, received_us, partition, "offset")
       WHERE type <> 'result.reported'""",
    """CREATE INDEX IF NOT EXISTS station_result_attention ON station_result (contest, state, station)
       WHERE state <> 'counted'""",
)
"""What lists of events and stations need, and whoever writes pays for: of a read model that nobody reads yet they are made
at the end, sorted, for 4 µs a result."""

ANALYZE = "ANALYZE record, station_result, area_tally, office_tally"

BECOME_RECORDER = "SELECT pg_try_advisory_lock($1, hashtext($2))"
"""Takes RECORDER_LOCK and the schema's name. True for the one that may write; the lock ends with its connection."""

HAS_RECORDER = """
SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND classid = $1 AND objid = (hashtext($2)::bigint & 4294967295)::oid
)
"""
"""Whether somebody holds that lock; takes the same."""

RECORDER_LOCK = 0x5245434F
""""RECO" in ASCII: any number that nobody else's locks in this database have."""

TOLD_COLUMNS = (
    "partition", "offset", "version", "received_us", "event", "leaf", "office", "type", "key", "station", "contest",
    "area", "shard", "payload",
)  # fmt: skip
"""Of a record, what never changes."""

RECORD_COLUMNS = (*TOLD_COLUMNS, "state", "findings")
"""For COPY: records are only ever added."""

CHANGE_STATES = """
UPDATE record SET state = given.state, findings = given.findings
FROM unnest($1::int[], $2::bigint[], $3::text[], $4::text[]) AS given (partition, "offset", state, findings)
WHERE record.partition = given.partition AND record."offset" = given."offset"
"""
"""Of records that an earlier transaction has written."""


class Upsert(NamedTuple):
    """Rows that are new or replace others. They come by COPY into a table of the session, which costs less than giving
    them as parameters, and from there into their own."""

    table: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    @property
    def staged(self) -> str:
        return f"staged_{self.table}"

    @property
    def stage(self) -> str:
        """The statement that makes the session's table, once; it is empty after each transaction."""
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
    ("area", "contest", "station"),
    ("station", "contest", "area", "partition", "offset", "through", "state", "contribution"),
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

OFFICE_STOPS = "SELECT office, topic, partition, next_offset, reason FROM office_stop ORDER BY office"

STOPPED_OFFICES = "SELECT DISTINCT office, reason FROM office_stop ORDER BY office"

STOP_OFFICE = """
INSERT INTO office_stop (office, topic, partition, next_offset, reason) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (office, topic, partition) DO UPDATE SET reason = excluded.reason
"""
"""Where it is stopped already, what is not stored of it begins where it did."""

OFFICE_GOES_ON = "DELETE FROM office_stop WHERE office = $1"

INSERT_POSITION = """
INSERT INTO topic_position (topic, partition, next_offset) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING
"""

MOVE_POSITION = """
UPDATE topic_position SET next_offset = $4 WHERE topic = $1 AND partition = $2 AND next_offset = $3
"""
"""Moves nothing where another recorder has been here."""

ADD_SET_ASIDE = """
INSERT INTO set_aside (topic, partition, reason, messages, first, last) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (topic, partition, reason) DO UPDATE
SET messages = set_aside.messages + excluded.messages, first = least(set_aside.first, excluded.first),
    last = greatest(set_aside.last, excluded.last), newest_at = now()
"""

# ── read ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

POSITIONS = "SELECT topic, partition, next_offset FROM topic_position"

SET_ASIDE = """
SELECT topic, partition, reason, messages, first, last FROM set_aside
WHERE newest_at > now() - make_interval(secs => $1) ORDER BY newest_at DESC
"""
"""Takes seconds."""

BLOCK_WATERMARKS = "SELECT office, partition, through FROM block_watermark"

NEWEST_LEAF = """
SELECT "offset", leaf FROM record WHERE partition = $1 AND leaf IS NOT NULL ORDER BY "offset" DESC LIMIT 1
"""

RESULT_WATERMARKS = "SELECT office, as_of FROM result_watermark"

TALLIES_OF_AREAS = "SELECT contest, area, tally FROM area_tally WHERE area = ANY ($1::text[])"

TALLIES_OF_CONTESTS = """
SELECT given.contest, given.area, area_tally.tally
FROM unnest($1::text[], $2::text[]) AS given (contest, area) JOIN area_tally USING (contest, area)
"""
"""Takes contests and for each an area."""

OFFICE_TALLIES_OF_AREAS = "SELECT office, area, tally FROM office_tally WHERE area = ANY ($1::text[])"

ALL_TALLIES = "SELECT contest, area, tally FROM area_tally"

ALL_OFFICE_TALLIES = "SELECT office, area, tally FROM office_tally"

_STANDING = """
SELECT page.station, page.contest, page.state, page."offset", encode(record.event, 'hex') AS event, record.version,
       page.contribution
FROM ({page}) AS page LEFT JOIN record USING (partition, "offset")
ORDER BY page.station
"""
"""Of the rows that are shown only: which they are, `page` says."""

STATION_RESULTS = _STANDING.format(page="SELECT * FROM station_result WHERE area = $1 AND station = $2")
"""Takes the station's area and the station."""

_EVENT = """
SELECT record.partition, record."offset", encode(record.event, 'hex') AS event, record.leaf, record.type, record.key,
       record.station, record.area, record.contest, record.version, record.received_us, record.payload, record.state,
       record.findings
FROM record
"""

STATION_HISTORY = f"""
{_EVENT}
WHERE record.station = $1
ORDER BY record."offset"
"""

ONE_EVENT = f"""
{_EVENT}
WHERE record.partition = $1 AND record."offset" = $2
"""

PLAN_FOR_THESE_VALUES = "SET LOCAL plan_cache_mode = force_custom_plan"
"""Before EVENTS: which index serves depends on how many rows an author or a contest has, so a plan for any value will
not do."""


class EventFilters(NamedTuple):
    """What of the log is listed; None: all."""

    shards: list[str] | None = None
    """Areas as in `record.shard`."""
    areas: list[str] | None = None
    """Areas as in `record.area`: needed below the shard level only."""
    station: str | None = None
    contest: str | None = None
    type: str | None = None
    key: str | None = None
    from_us: int | None = None
    """Time of receipt, in microseconds since 1970: from this on, and before `to_us`."""
    to_us: int | None = None
    after: tuple[int, int, int] | None = None
    """(received_us, partition, offset) of the last event of the page before."""


def events(filters: EventFilters, *, newest_first: bool, limit: int) -> tuple[str, list[object]]:
    """The statement that lists events in the order of their receipt, and its arguments.

    All text here is constant; values are arguments. A page costs what it shows and little more, at any depth: each
    filter has an index in this order. Of an area each shard area gives its first rows, and these are merged.
    """
    arguments: list[object] = []

    def given(value: object) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    order, sign = ("DESC", "<") if newest_first else ("ASC", ">")
    ordered = f'ORDER BY received_us {order}, partition {order}, "offset" {order} LIMIT {given(limit)}'
    wanted = []
    for column in ("station", "contest", "type", "key"):
        value = getattr(filters, column)
        if value is not None:
            wanted.append(f"{column} = {given(value)}")
    if filters.areas is not None:
        wanted.append(f"area = ANY ({given(filters.areas)}::text[])")
    if filters.from_us is not None:
        wanted.append(f"received_us >= {given(filters.from_us)}")
    if filters.to_us is not None:
        wanted.append(f"received_us < {given(filters.to_us)}")
    if filters.after is not None:
        received_us, partition, offset = map(given, filters.after)
        wanted.append(f'(received_us, partition, "offset") {sign} ({received_us}, {partition}, {offset})')
    keys = 'SELECT received_us, partition, "offset" FROM'
    if filters.shards is None:
        page = f"{keys} record WHERE {' AND '.join(wanted) or 'true'} {ordered}"
    else:
        shards = f"{given(filters.shards)}::text[]"
        if filters.station is not None or filters.key is not None:  # few rows of their own
            page = f"{keys} record WHERE {' AND '.join([*wanted, f'shard = ANY ({shards})'])} {ordered}"
        else:
            of_shard = f"{keys} record WHERE {' AND '.join(['shard = asked.shard', *wanted])} {ordered}"
            page = f"{keys} unnest({shards}) AS asked (shard) CROSS JOIN LATERAL ({of_shard}) AS found {ordered}"
    statement = f"""
        WITH page AS MATERIALIZED ({page})
        {_EVENT.replace("FROM record", 'FROM page JOIN record USING (partition, "offset")')}
        ORDER BY page.received_us {order}, page.partition {order}, page."offset" {order}
    """
    return statement, arguments


STATIONS_OF_AREAS = _STANDING.format(
    page="""
    SELECT * FROM station_result
    WHERE area = ANY ($1::text[]) AND contest = $2 AND ($3::text IS NULL OR state = $3) AND station > $4
    ORDER BY station
    LIMIT $5
"""
)
"""Takes areas that hold stations, a contest, a state or null, the station to go on after, and how many."""

RECORDS_OF_EVENTS = """
SELECT asked.event, found.*
FROM unnest($1::text[]) AS asked (event) CROSS JOIN LATERAL (
    SELECT record.partition, record."offset", record.type, record.station, record.contest, record.version, record.state,
           record.findings
    FROM record
    WHERE record.event = decode(asked.event, 'hex')
    OFFSET 0
) AS found
ORDER BY found.partition, found."offset"
"""
"""All places of some events, the first first: genesis stands in every partition, a repeated event more than once. (OFFSET 0:
each event by the index; for many at once the planner would read whole tables.)"""

NEWEST_RECEIVED = "SELECT max(received_us) FROM record WHERE received_us > 0 AND received_us <= $1"
"""Not of those that say to have come after now: one of them would hide for years that nothing new comes."""
