"""The SQL of the read model: every statement, with its parameters and rows.

Written by consumers/recorder/transaction.py, read by api/. Names have no schema: the connection's search path is the
election's.
"""

from __future__ import annotations

from typing import NamedTuple

from projections.shown.answer_parts import HISTORY_BYTES_MAX
from schemas.definition.package import Election


def schema_of(election: Election, generation: int = 1) -> str:
    """The schema that an election's tables of this generation live in (runtime/kafka/generations.py); up to 58 characters and
    the generation, PostgreSQL takes 63."""
    name = f"{election.mode.value}_{election.id}"
    return name if generation == 1 else f"{name}.{generation}"


# ── written ──────────────────────────────────────────────────────────────────────────────────────────────────────────

LIST_INDEXES = (
    'CREATE INDEX IF NOT EXISTS record_event_at ON record (event, partition, "offset")',
    'CREATE INDEX IF NOT EXISTS record_history ON record (station, "offset", partition) WHERE station IS NOT NULL',
    """CREATE INDEX IF NOT EXISTS record_station_received ON record (station, received_us, partition, "offset")
       WHERE station IS NOT NULL""",
    'CREATE INDEX IF NOT EXISTS record_received ON record (received_us, partition, "offset")',
    'CREATE INDEX IF NOT EXISTS record_shard ON record (shard, received_us, partition, "offset") WHERE shard IS NOT NULL',
    'CREATE INDEX IF NOT EXISTS record_key ON record (key, received_us, partition, "offset")',
    'CREATE INDEX IF NOT EXISTS record_contest ON record (contest, received_us, partition, "offset") WHERE contest IS NOT NULL',
    # Nearly all records are reports: those are found in record_received.
    """CREATE INDEX IF NOT EXISTS record_type ON record (type, received_us, partition, "offset")
       WHERE type <> 'result.reported'""",
    "CREATE INDEX IF NOT EXISTS station_result_state ON station_result (contest, state, place)",
)
"""Indexes that lists of events and stations need, and that make each write dearer. In a read model that is not served yet they
are made at the end, sorted, for 4 µs a record."""

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
"""Whether a recorder holds that lock; takes the same parameters."""

RECORDER_LOCK = 0x5245434F
""""RECO" in ASCII: any number that no other lock in this database has."""

CONSTANT_COLUMNS = (
    "partition", "offset", "version", "received_us", "event", "leaf", "office", "type", "key", "station", "contest",
    "area", "shard", "payload",
)  # fmt: skip
"""Columns of `record` that never change."""

RECORD_COLUMNS = (*CONSTANT_COLUMNS, "state", "findings")
"""For COPY: records are only ever added."""

CHANGE_STATES = """
UPDATE record SET state = given.state, findings = given.findings
FROM unnest($1::int[], $2::bigint[], $3::text[], $4::text[]) AS given (partition, "offset", state, findings)
WHERE record.partition = given.partition AND record."offset" = given."offset"
"""
"""For records that an earlier transaction has written."""


class Upsert(NamedTuple):
    """Rows that are new or replace others. COPY writes them into a table of the session, which costs less than parameters, and
    a statement moves them from there into their own table."""

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
    ("contest", "place"),
    ("station", "contest", "place", "partition", "offset", "through", "state", "contribution"),
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
"""An office that is stopped already keeps the offset from which it is not stored."""

OFFICE_GOES_ON = "DELETE FROM office_stop WHERE office = $1"

INSERT_POSITION = """
INSERT INTO topic_position (topic, partition, next_offset) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING
"""

MOVE_POSITION = """
UPDATE topic_position SET next_offset = $4 WHERE topic = $1 AND partition = $2 AND next_offset = $3
"""
"""Moves nothing where another recorder has moved the position."""

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

TALLIES = """
SELECT given.contest, given.area, found.tally
FROM unnest($1::text[], $2::text[]) AS given (contest, area) CROSS JOIN LATERAL (
    SELECT tally FROM area_tally WHERE area_tally.area = given.area AND area_tally.contest = given.contest OFFSET 0
) AS found
"""
"""Takes contests and for each an area."""

OFFICE_TALLIES_OF_AREA = "SELECT office, area, tally FROM office_tally WHERE area = $1"

ALL_TALLIES = "SELECT contest, area, tally FROM area_tally"

ALL_OFFICE_TALLIES = "SELECT office, area, tally FROM office_tally"

_STANDING = """
SELECT page.station, page.contest, page.state, page."offset", encode(record.event, 'hex') AS event, record.version,
       page.contribution
FROM ({page}) AS page LEFT JOIN LATERAL (
    SELECT event, version FROM record WHERE record.partition = page.partition AND record."offset" = page."offset" OFFSET 0
) AS record ON true
ORDER BY page.contest, page.place
"""
"""The standings that `page` selects, with their records. (OFFSET 0: each record is read by its key, whatever the planner
estimates of the tables.)"""

STATION_RESULTS = _STANDING.format(page="SELECT * FROM station_result WHERE contest = ANY ($1::text[]) AND place = $2")
"""Takes the station's contests and its rank (column `place`)."""

_EVENT = """
SELECT record.partition, record."offset", encode(record.event, 'hex') AS event, record.leaf, record.type, record.key,
       record.station, record.area, record.contest, record.version, record.received_us, record.payload, record.state,
       record.findings
FROM record
"""

STATION_HISTORY = f"""
SELECT partition, "offset", event, leaf, type, key, station, area, contest, version, received_us, state, bytes,
       CASE WHEN bytes_through - bytes < {HISTORY_BYTES_MAX} THEN payload END AS payload,
       CASE WHEN bytes_through - bytes < {HISTORY_BYTES_MAX} THEN findings END AS findings
FROM (
    SELECT first.*, sum(bytes) OVER (ORDER BY "offset", partition) AS bytes_through
    FROM (
        SELECT found.*, coalesce(octet_length(payload), 0) + octet_length(findings) AS bytes
        FROM ({_EVENT} WHERE record.station = $1 AND (record."offset", record.partition) > ($2, $3)
              ORDER BY record."offset", record.partition LIMIT $4) AS found
    ) AS first
) AS page
ORDER BY "offset", partition
"""  # noqa: S608  # our own number
"""Takes a station, the offset and the partition of the last record of the page before, and how many. Records that begin after
the page is full (answer_parts.history_page) come without their long columns."""

ONE_EVENT = f"""
{_EVENT}
WHERE record.partition = $1 AND record."offset" = $2
"""

PLAN_FOR_THESE_VALUES = "SET LOCAL plan_cache_mode = force_custom_plan"
"""Before `events`: the number of rows depends on the values, so that one plan for all values would be slow."""

EXAMINED_MAX = 5_000
"""Records that are examined for one page. At half, a page with a rare filter is emptier and takes more requests; at double,
it costs 80 ms of a database whose memory has none of them."""
SHARDS_MAX = 100
"""Shard areas of which the first records are merged. At half, a page of a province is found in time among those of the nation,
where only one of 30 is its own; at double, each of them gives half as many."""


class EventFilters(NamedTuple):
    """Which records of the log are listed; None is all."""

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

    All text here is constant; values are arguments. One index is read in its order (for an area, the index ranges of each of
    its shard areas, which are merged), EXAMINED_MAX records at most. The other filters are applied to these records. So a page
    costs the same whatever the filters are and however many records there are, and may have fewer than `limit` though more
    follow. Each row has as `seen_us`, `seen_partition`, `seen_offset` the last record that was examined, null where that was
    the end; there is at least one row, which is null but for these where no record was found.
    """
    arguments: list[object] = []

    def given(value: object) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    order, before, until = ("DESC", "<", ">=") if newest_first else ("ASC", ">", "<=")

    def in_order_of(table: str) -> str:
        return f'{table}received_us {order}, {table}partition {order}, {table}"offset" {order}'

    in_order = in_order_of("")
    equal = {
        name: value for name in ("station", "key", "type", "contest") if (value := getattr(filters, name)) is not None
    }
    conditions = ["true"]
    if filters.from_us is not None:
        conditions.append(f"received_us >= {given(filters.from_us)}")
    if filters.to_us is not None:
        conditions.append(f"received_us < {given(filters.to_us)}")
    if filters.after is not None:
        received_us, partition, offset = map(given, filters.after)
        conditions.append(f'(received_us, partition, "offset") {before} ({received_us}, {partition}, {offset})')
    shards = filters.shards
    source = "(SELECT) AS all_of_it"
    ranges = 1
    if found := next((name for name in ("station", "key") if name in equal), None):
        conditions.append(f"{found} = {given(equal.pop(found))}")
    elif shards is not None and len(shards) <= SHARDS_MAX:
        source, ranges, shards = f"unnest({given(shards)}::text[]) AS asked (shard)", len(shards), None
        conditions.append("shard = asked.shard")
    elif equal.get("type") not in (None, "result.reported"):
        conditions.append(f"type = {given(equal.pop('type'))} AND type <> 'result.reported'")  # as its index has it
    elif "contest" in equal:
        conditions.append(f"contest = {given(equal.pop('contest'))}")
    wanted = [f"{name} = {given(value)}" for name, value in equal.items()]
    if shards is not None:
        wanted.append(f"shard = ANY ({given(shards)}::text[])")
    if filters.areas is not None:
        wanted.append(f"area = ANY ({given(filters.areas)}::text[])")
    examined = max(1, EXAMINED_MAX // max(1, ranges))
    each = given(examined if wanted else min(examined, limit + 1))
    columns = ", station, key, type, contest, shard, area" if wanted else ""
    statement = f"""
        WITH seen AS MATERIALIZED (
            SELECT first.* FROM {source} CROSS JOIN LATERAL (
                SELECT received_us, partition, "offset", row_number() OVER (ORDER BY {in_order}) AS nth{columns}
                FROM record WHERE {" AND ".join(conditions)} ORDER BY {in_order} LIMIT {each}
            ) AS first
        ), bound AS MATERIALIZED (
            SELECT received_us, partition, "offset" FROM seen WHERE nth = {each} ORDER BY {in_order} LIMIT 1
        ), page AS MATERIALIZED (
            SELECT seen.received_us, seen.partition, seen."offset" FROM seen LEFT JOIN bound ON true
            WHERE {" AND ".join(wanted) or "true"} AND (
                bound.partition IS NULL OR (seen.received_us, seen.partition, seen."offset") {until}
                (bound.received_us, bound.partition, bound."offset")
            )
            ORDER BY {in_order_of("seen.")}
            LIMIT {given(limit + 1)}
        )
        SELECT bound.received_us AS seen_us, bound.partition AS seen_partition, bound."offset" AS seen_offset, event.*
        FROM (SELECT) AS one LEFT JOIN bound ON true LEFT JOIN (
            SELECT found.* FROM page CROSS JOIN LATERAL (
                {_EVENT} WHERE record.partition = page.partition AND record."offset" = page."offset" OFFSET 0
            ) AS found
        ) AS event ON true
        ORDER BY {in_order_of("event.")}
    """  # noqa: S608  # all of it is constant
    return statement, arguments


_STATIONS = """
    SELECT * FROM station_result
    WHERE contest = $1 AND place >= $2 AND place < $3{more}
    ORDER BY place
    LIMIT $4
"""
STATIONS_OF_AREA = _STANDING.format(page=_STATIONS.format(more=""))
"""Takes a contest, the first rank (column `place`), the rank after the last, and how many."""
STATIONS_IN_STATE = _STANDING.format(page=_STATIONS.format(more=" AND state = $5"))
"""The same, and a state."""

RECORDS_OF_EVENT_MAX = 100
"""Records of one event that are shown or examined. The first that was not refused is among them unless a hundred forged copies
were written before it; then a retry is a second record, which counts once."""

RECORDS_OF_EVENTS = f"""
SELECT asked.event, found.*
FROM unnest($1::text[]) AS asked (event) CROSS JOIN LATERAL (
    SELECT record.partition, record."offset", record.type, record.station, record.contest, record.version, record.state,
           record.findings
    FROM record
    WHERE record.event = decode(asked.event, 'hex')
    ORDER BY record.partition, record."offset"
    LIMIT {RECORDS_OF_EVENT_MAX}
) AS found
ORDER BY found.partition, found."offset"
"""  # noqa: S608  # our own number
"""The records of some events, in the ledger's order: the genesis is in every partition, and a repeated event has several
records. The LIMIT has each event read by the index; for many at once the planner would read whole tables."""

KEY_RECORDS_MAX = 1_000
"""The newest records of a key among which its highest number is looked up: a whole batch may have come in any order."""
NEWEST_OF_KEY = """
SELECT encode(event, 'hex') AS event, (payload::json ->> 'seq')::bigint AS seq
FROM (
    SELECT event, payload FROM record
    WHERE key = $1 AND payload IS NOT NULL AND findings !~ '"rule": *"(E[1-4]|K[1-3])"'
    ORDER BY received_us DESC, partition DESC, "offset" DESC LIMIT $2
) AS newest
ORDER BY seq DESC LIMIT 1
"""
"""Takes a key and KEY_RECORDS_MAX. Only events that the key itself has signed: records written past the gateways can name the
key too, and are refused."""

EVENTS_OF_NUMBER_MAX = 10
"""Events of one number of a key that are shown; two prove that it was used twice."""
NUMBERS_OF_KEYS = f"""
WITH numbered AS MATERIALIZED (
    SELECT key, (payload::json ->> 'seq')::bigint AS seq, event, decode(payload::json ->> 'prev', 'hex') AS prev,
           min(ARRAY[partition, "offset"]) AS place
    FROM record
    WHERE payload IS NOT NULL AND findings !~ '"rule": *"(M0|E[1-4]|K[1-3])"'
    GROUP BY 1, 2, 3, 4
),
gap AS (
    SELECT key, below, seq
    FROM (
        SELECT key, seq, lag(seq) OVER (PARTITION BY key ORDER BY seq) AS below
        FROM (SELECT DISTINCT key, seq FROM numbered) AS used
    ) AS steps
    WHERE seq > coalesce(below, -1) + 1
),
above_gap AS MATERIALIZED (
    SELECT gap.*, numbered.event, numbered.prev, numbered.place, named.seq AS named
    FROM gap JOIN numbered USING (key, seq)
    LEFT JOIN numbered AS named ON named.key = gap.key AND named.event = numbered.prev
),
used_twice AS (SELECT key, seq, count(*) AS uses FROM numbered GROUP BY key, seq HAVING count(*) > 1),
wrong AS (
    SELECT key, seq, event, prev, place FROM numbered WHERE seq = 0 AND prev IS NOT NULL
    UNION ALL
    SELECT key, seq, event, prev, place FROM above_gap WHERE named IS NOT NULL AND named IS DISTINCT FROM below AND seq > 0
    UNION ALL
    SELECT key, seq, event, prev, place FROM numbered
    WHERE EXISTS (SELECT FROM numbered AS before WHERE before.key = numbered.key AND before.seq = numbered.seq - 1)
        AND NOT EXISTS (
            SELECT FROM numbered AS before
            WHERE before.key = numbered.key AND before.seq = numbered.seq - 1 AND before.event = numbered.prev
        )
),
found AS (
    SELECT 'used twice' AS kind, key, seq AS first, seq AS last,
           array_agg(encode(event, 'hex') ORDER BY place, event) AS events,
           array_agg(place[1] || '/' || place[2] ORDER BY place, event) AS places, NULL AS names
    FROM (
        SELECT numbered.*, row_number() OVER (PARTITION BY key, seq ORDER BY place, event) AS use
        FROM numbered JOIN used_twice USING (key, seq)
    ) AS uses
    WHERE use <= {EVENTS_OF_NUMBER_MAX}
    GROUP BY key, seq
    UNION ALL
    SELECT 'wrong prev', key, seq, seq, ARRAY[encode(event, 'hex')], ARRAY[place[1] || '/' || place[2]], encode(prev, 'hex')
    FROM wrong
    UNION ALL
    SELECT * FROM (
        SELECT DISTINCT ON (key, seq)
            CASE WHEN prev IS NULL THEN 'new start' WHEN named = below THEN 'declared gap' ELSE 'hole' END AS kind,
            key, coalesce(below, -1) + 1, seq - 1, ARRAY[encode(event, 'hex')], ARRAY[place[1] || '/' || place[2]],
            encode(prev, 'hex')
        FROM above_gap
        -- Where several events have the number, one that names what is missing comes first.
        ORDER BY key, seq, prev IS NULL, named IS NOT DISTINCT FROM below, place
    ) AS gaps
)
SELECT kind, key, first, last, events, places, names, total
FROM (
    SELECT *, count(*) OVER (PARTITION BY kind) AS total, row_number() OVER (PARTITION BY kind ORDER BY key, first) AS number
    FROM found
) AS counted
WHERE number <= $1
ORDER BY array_position(ARRAY['used twice', 'wrong prev', 'hole', 'new start', 'declared gap'], kind), number
"""  # noqa: S608  # our own number
"""Where, over all partitions, the numbers of a key's events (`seq`, `prev`) are not one after another. Takes how many of each
kind are listed; each row has the total of its kind. As in NEWEST_OF_KEY, only events that the key itself has signed. A new
start has no `prev`, as where an outbox was lost; in a declared gap `prev` is the event with the next lower number that
exists."""

NEWEST_RECEIVED = "SELECT max(received_us) FROM record WHERE received_us > 0 AND received_us <= $1"
"""Takes the present time. A record with a later time of receipt is left out, because it would hide that no new record comes."""
