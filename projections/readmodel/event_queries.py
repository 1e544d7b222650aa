"""The SQL that reads records of the ledger as events: one event, the history of a station, and lists by filters."""

from __future__ import annotations

from typing import NamedTuple

from projections.shown.answer_parts import HISTORY_BYTES_MAX

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
"""Takes a station, the offset and the partition of the last record of the page before, and how many records. Records that begin
after the page is full (answer_parts.history_page) have null in their long columns."""

ONE_EVENT = f"""
{_EVENT}
WHERE record.partition = $1 AND record."offset" = $2
"""

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
"""The records of some events, in the ledger's order. An event can have several records: the genesis is in every partition, and
an event may be repeated. The LIMIT has each event read by the index; without it, the planner would read the whole table for
many events."""

EXAMINED_MAX = 5_000
"""Records that are examined for one page. At half, a page with a rare filter has fewer events, and a reader sends more
requests. At double, the page costs 80 ms of a database that has none of the records in memory."""
SHARDS_MAX = 100
"""Shard areas of which the first records are merged. At half, more areas are looked up among all records of the nation by time,
of which a province has one in 30. At double, half as many records of each shard area are examined."""


class EventFilters(NamedTuple):
    """Which records are listed; None is all."""

    shards: list[str] | None = None
    """Areas as in `record.shard`."""
    areas: list[str] | None = None
    """Areas as in `record.area`, which are needed below the shard level only."""
    station: str | None = None
    contest: str | None = None
    type: str | None = None
    key: str | None = None
    from_us: int | None = None
    """The earliest time of receipt, in microseconds since 1970."""
    to_us: int | None = None
    """The time before which a record was received, in microseconds since 1970."""
    after: tuple[int, int, int] | None = None
    """(received_us, partition, offset) of the last event of the page before."""


def events(filters: EventFilters, *, newest_first: bool, limit: int) -> tuple[str, list[object]]:
    """The statement that lists events in the order of their receipt, and its arguments.

    The text of the statement is constant, and values are arguments. PostgreSQL reads one index in its order (for an area, the
    index ranges of each of its shard areas, which are merged), EXAMINED_MAX records at most, and applies the other filters to
    these records. So a page costs the same whatever the filters are and however many records the table has, and may have fewer
    than `limit` events though more follow. `seen_us`, `seen_partition` and `seen_offset` of each row name the last record that
    was examined, and are null if all records of the index ranges were examined. At least one row is returned: if no record was
    found, all its other columns are null.
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
