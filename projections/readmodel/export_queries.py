"""The SQL with which the bulk files read the read model (consumers/exporter/cut.py)."""

from __future__ import annotations

STANDINGS_OF_CONTEST = """
SELECT standing.contest, standing.rank, standing.state, standing.contribution, standing.partition, standing."offset",
       record.version, record.received_us, encode(record.event, 'hex')
FROM station_result AS standing
LEFT JOIN record ON record.partition = standing.partition AND record."offset" = standing."offset"
WHERE standing.contest = $1
ORDER BY standing.rank
"""
"""The stations of a contest that have a record, in the order of StationOrder, each with the record of the form at `offset`.
Takes a contest. projections/tables/standings.py reads the rows, which COPY writes as text."""

MEMORY = "SET LOCAL work_mem = '64MB'"
"""For the join and the sort of the statement above. At a quarter, those of a nation are written to files; at four times, one
statement of the exporter may take a gigabyte of the machine of the database."""
