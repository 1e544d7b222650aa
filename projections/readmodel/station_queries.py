"""The SQL that lists results of stations by filters. Each statement reads an index in its order, and a bounded part of it."""

from __future__ import annotations

EXAMINED_MAX = 1_000
"""Stations, or records, that are examined for one page. At half, a page with a rare filter has fewer stations, and a reader
sends more requests. At double, the page costs 40 ms of a database that has none of the records in memory."""

_WITH_RECORDS = """
SELECT page.station, page.contest, page.rank, page.state, page.partition, page."offset", page.contribution, page.through,
       form.event, form.version, form.received_us, form.findings, changed.received_us AS changed_us
FROM ({page}) AS page LEFT JOIN LATERAL (
    SELECT encode(event, 'hex') AS event, version, received_us, findings FROM record
    WHERE record.partition = page.partition AND record."offset" = page."offset" OFFSET 0
) AS form ON true LEFT JOIN LATERAL (
    SELECT received_us FROM record WHERE record.partition = page.partition AND record."offset" = page.through OFFSET 0
) AS changed ON true
ORDER BY page.rank
"""
"""The rows of `station_result` that `page` selects, each with the record of its form and of the event that changed it last.
OFFSET 0 has each record read by its key, whatever the planner estimates of the tables."""

IN_RANKS = _WITH_RECORDS.format(
    page="SELECT * FROM station_result WHERE contest = $1 AND rank >= $2 AND rank < $3 ORDER BY rank"
)
"""Takes a contest, the first rank, and the rank after the last, EXAMINED_MAX apart at most."""

IN_STATES = _WITH_RECORDS.format(
    page="""
    SELECT found.* FROM unnest($4::text[]) AS asked (state) CROSS JOIN LATERAL (
        SELECT * FROM station_result
        WHERE contest = $1 AND state = asked.state AND rank >= $2 AND rank < $3
        ORDER BY rank
        LIMIT $5
    ) AS found
    ORDER BY found.rank
    LIMIT $5
"""
)
"""Takes the parameters of IN_RANKS, with ranks as far apart as there are, then states, and how many stations at most."""

CHANGED_BY = _WITH_RECORDS.format(
    page="""
    SELECT found.* FROM unnest($2::int[], $3::bigint[]) AS asked (rank, through) CROSS JOIN LATERAL (
        SELECT * FROM station_result
        WHERE contest = $1 AND rank = asked.rank AND through = asked.through OFFSET 0
    ) AS found
"""
)
"""The stations whose result an event has changed last. Takes a contest, and the ranks and offsets of events."""


def records_in_order(*, of_contest: bool, newest_first: bool) -> str:
    """The statement that lists records about stations in the order of their receipt: of one contest, or of all where rules
    compare contests, so that an event of one changes the result of another. Takes the earliest time, the record that the page
    begins after (received_us, partition, offset), how many, and the contest."""
    order, behind = ("DESC", "<") if newest_first else ("ASC", ">")
    which = "contest = $6" if of_contest else "$6::text IS NOT NULL"
    return f"""
        SELECT received_us, partition, "offset", station FROM record
        WHERE received_us >= $1 AND (received_us, partition, "offset") {behind} ($2, $3, $4) AND {which}
        ORDER BY received_us {order}, partition {order}, "offset" {order}
        LIMIT $5
    """  # noqa: S608  # all of it is constant
