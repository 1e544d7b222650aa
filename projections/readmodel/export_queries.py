"""The SQL with which the bulk files read the read model (consumers/exporter/cut.py)."""

from __future__ import annotations

STANDINGS_OF_CONTEST = """
SELECT standing.contest, standing.rank, standing.state, standing.contribution, standing.partition, standing."offset",
       record.version, record.received_us, encode(record.event, 'hex'),
       standing.through IS DISTINCT FROM standing."offset" OR several.station IS NOT NULL
FROM station_result AS standing
LEFT JOIN record ON record.partition = standing.partition AND record."offset" = standing."offset"
LEFT JOIN (
    SELECT station FROM record WHERE contest = $1 AND station IS NOT NULL GROUP BY station HAVING count(*) > 1
) AS several ON several.station = standing.station
WHERE standing.contest = $1
ORDER BY standing.rank
"""
"""The stations of a contest that have a record, in the order of StationOrder, each with the record of the form at `offset`, and
whether it has a history. Takes a contest. projections/tables/standings.py reads the rows, which COPY writes as text."""

HISTORIES_OF_CONTEST = """
SELECT $1, record.station, record.partition, record."offset", record.received_us, encode(record.event, 'hex'), record.key,
       record.findings ~ '"rule": *"Q[12]"', encode(convert_to(record.payload, 'UTF8'), 'hex')
FROM (
    SELECT station FROM station_result WHERE contest = $1 AND through IS DISTINCT FROM "offset"
    UNION
    SELECT station FROM record WHERE contest = $1 AND station IS NOT NULL GROUP BY station HAVING count(*) > 1
) AS several JOIN record ON record.station = several.station AND (record.contest = $1 OR $2)
WHERE record.payload IS NOT NULL AND record.findings !~ '"rule": *"(M0|E[1-7]|K[1-4]|S[12]|L1|R3|N[23])"'
ORDER BY record.station, record."offset"
"""
"""The events of the stations that have a history in a contest: more than one record, or a standing that another event than
their form's has changed last. Takes a contest, and whether rules compare the contests of a station, so that the events of all
of them are needed. Events that the fold has refused are left out, by the rules of fold/admission.py, and by those of one event
too many (L1) and of what is unknown (R3, N2, N3). A form that a reviewer rejected (R1) is refused too, and is not left out.
projections/tables/histories.py reads the rows, which COPY writes as text."""

MEMORY = "SET LOCAL work_mem = '64MB'"
"""Memory for the join and the sort of the statement above. At a quarter, those of a nation are written to files; at four times,
one statement of the exporter may take a gigabyte of the machine of the database."""
