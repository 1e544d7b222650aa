"""A page of campaign finance reports by filters, from SQLite: the same rows as projections/readmodel/finance_queries.py has of
PostgreSQL.

One index is read in its order, EXAMINED_MAX reports at most. The other filters are applied to these reports, so a page costs
the same whatever the filters are.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from projections.readmodel.finance_queries import EXAMINED_MAX, REPORT_COLUMNS, FinanceFilters, columns_in_order


def finance_page(connection: sqlite3.Connection, filters: FinanceFilters) -> list[dict[str, Any]]:
    """The reports that are examined for a page; what a report states is null where it does not pass the filters. Raises
    sqlite3.Error."""
    conditions, arguments = ["true"], list[Any]()
    for name in columns_in_order(filters):
        conditions.append(f"{name} = ?")
        arguments.append(getattr(filters, name))
    if filters.after is not None:
        conditions.append(f"({REPORT_COLUMNS}) > (?, ?, ?, ?, ?)")
        arguments += filters.after
    passes = ""
    if filters.report is not None and filters.account is None:
        passes += " AND seen.report = ?"
        arguments.append(filters.report)
    if filters.state is not None:
        passes += " AND found.state = ?"
        arguments.append(filters.state)
    elif not filters.with_history:
        passes += " AND found.state <> 'superseded'"
    if filters.rule is not None:
        passes += " AND EXISTS (SELECT 1 FROM json_each(found.findings) WHERE json_extract(value, '$.rule') = ?)"
        arguments.append(filters.rule)
    if filters.since_us is not None:
        passes += " AND found.received_us >= ?"
        arguments.append(filters.since_us)
    statement = f"""
        SELECT seen.*, CASE WHEN found.event IS NOT NULL THEN lower(hex(found.event)) END AS event, found.state, found.findings,
               found.payload, found.received_us
        FROM (
            SELECT {REPORT_COLUMNS} FROM finance_report WHERE {" AND ".join(conditions)}
            ORDER BY {REPORT_COLUMNS} LIMIT {EXAMINED_MAX}
        ) AS seen LEFT JOIN record AS found
            ON found.partition = seen.partition AND found."offset" = seen."offset"{passes}
        ORDER BY seen.account, seen.report, seen.version, seen.partition, seen."offset"
    """  # noqa: S608  # all of it is constant
    return connection.execute(statement, arguments).fetchall()


COUNTING_KINDS = """
SELECT DISTINCT finance_report.report FROM finance_report JOIN record USING (partition, "offset")
WHERE finance_report.account = ? AND record.state IN ('counted', 'flagged')
"""
"""Kinds of which a report of an account counts."""
