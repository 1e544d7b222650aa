"""The SQL that reads tallies, results of stations, watermarks and positions from the read model, and the name of its schema.

Records of the ledger are read by event_queries.py, numbers of keys by key_number_queries.py. recording.py has what the recorder
writes. No statement names a schema, because the search path of each connection is the schema of one election.
"""

from __future__ import annotations

from schemas.definition.package import Election


def schema_of(election: Election, generation: int = 1) -> str:
    """The schema of an election's tables in this generation (runtime/kafka/generations.py). It has up to 58 characters and the
    generation; PostgreSQL takes 63."""
    name = f"{election.mode.value}_{election.id}"
    return name if generation == 1 else f"{name}.{generation}"


POSITIONS = "SELECT topic, partition, next_offset FROM topic_position"

OFFICE_STOPS = "SELECT office, topic, partition, next_offset, reason FROM office_stop ORDER BY office"

STOPPED_OFFICES = "SELECT DISTINCT office, reason FROM office_stop ORDER BY office"

SET_ASIDE = """
SELECT topic, partition, reason, messages, first, last FROM set_aside
WHERE newest_at > now() - make_interval(secs => $1) ORDER BY newest_at DESC
"""
"""Messages that were set aside within the last seconds. Takes their number."""

BLOCK_WATERMARKS = "SELECT office, partition, through FROM block_watermark"

NEWEST_LEAF = """
SELECT "offset", leaf FROM record WHERE partition = $1 AND leaf IS NOT NULL ORDER BY "offset" DESC LIMIT 1
"""

RESULT_WATERMARKS = "SELECT office, as_of FROM result_watermark"

WATERMARKS = """
SELECT office, NULL::int[] AS partitions, as_of AS offsets FROM result_watermark
UNION ALL
SELECT office, array_agg(partition), array_agg(through) FROM block_watermark GROUP BY office
"""
"""Both tables of watermarks at one moment: `partitions` is null for the cut of an office's results, which has all of them."""

TALLIES_AND_WATERMARKS = """
SELECT NULL AS contest, office, NULL AS area, NULL::int[] AS partitions, as_of AS offsets, NULL AS tally
FROM result_watermark
UNION ALL
SELECT NULL, office, NULL, array_agg(partition), array_agg(through), NULL FROM block_watermark GROUP BY office
UNION ALL
SELECT given.contest, NULL, given.area, NULL, NULL, found.tally
FROM unnest($1::text[], $2::text[]) AS given (contest, area) CROSS JOIN LATERAL (
    SELECT tally FROM area_tally WHERE area_tally.area = given.area AND area_tally.contest = given.contest OFFSET 0
) AS found
UNION ALL
SELECT NULL, office, area, NULL, NULL, tally FROM office_tally WHERE area = ANY ($3::text[])
"""
"""Tallies and the watermarks they are as of. Takes contests, an area for each contest, and the areas whose sums by party are
wanted. One statement sees one moment, so it needs no transaction: an answer is one question to PostgreSQL and not six, and
under attack each question waits for several turns of the event loop (docs/attacks.md)."""

ALL_TALLIES = "SELECT contest, area, tally FROM area_tally"

ALL_OFFICE_TALLIES = "SELECT office, area, tally FROM office_tally"

HELD_RESULTS = """
SELECT result.station, result.contest, result.state, result.partition, result."offset", result.through,
       encode(record.event, 'hex') AS event, record.version, record.findings
FROM station_result AS result LEFT JOIN LATERAL (
    SELECT event, version, findings FROM record
    WHERE record.partition = result.partition AND record."offset" = result."offset" OFFSET 0
) AS record ON true
WHERE result.contest = ANY ($1::text[]) AND result.state = 'held'
LIMIT $2
"""
"""Takes contests, and how many rows at most."""

_RESULTS_WITH_RECORDS = """
SELECT page.station, page.contest, page.rank, page.state, page.partition, page."offset", encode(record.event, 'hex') AS event,
       record.version, record.received_us, page.contribution
FROM ({page}) AS page LEFT JOIN LATERAL (
    SELECT event, version, received_us FROM record
    WHERE record.partition = page.partition AND record."offset" = page."offset" OFFSET 0
) AS record ON true
ORDER BY page.contest, page.rank
"""
"""The rows of `station_result` that `page` selects, each with its record. OFFSET 0 has each record read by its key, whatever
the planner estimates of the tables."""

STATION_RESULTS = _RESULTS_WITH_RECORDS.format(
    page="SELECT * FROM station_result WHERE contest = ANY ($1::text[]) AND rank = $2"
)
"""Takes the station's contests and its rank."""

PLAN_FOR_THESE_VALUES = "SET LOCAL plan_cache_mode = force_custom_plan"
"""Executed before a list of events or stations is read, because the number of rows depends on the values and one plan for all
values would be slow."""

_STATIONS = """
    SELECT * FROM station_result
    WHERE contest = $1 AND rank >= $2 AND rank < $3{more}
    ORDER BY rank
    LIMIT $4
"""
STATIONS_OF_AREA = _RESULTS_WITH_RECORDS.format(page=_STATIONS.format(more=""))
"""Takes a contest, the first rank, the rank after the last, and how many."""
STATIONS_IN_STATE = _RESULTS_WITH_RECORDS.format(page=_STATIONS.format(more=" AND state = $5"))
"""Takes the parameters of STATIONS_OF_AREA, and a state."""

NEWEST_RECEIVED = "SELECT max(received_us) FROM record WHERE received_us > 0 AND received_us <= $1"
"""Takes the present time in microseconds since 1970. A record with a later time of receipt is left out, because it would hide
that no new record comes."""
