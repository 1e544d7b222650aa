"""The SQL that reads campaign finance reports: a page of the list, and all of a cut."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

EXAMINED_MAX = 500
"""Reports that are examined for one page. At half, a page with a rare filter has fewer reports, and a reader sends more
requests; at double, a page of the longest reports is 6 MB from the database."""

REPORT_COLUMNS = 'account, report, version, partition, "offset"'


class Position(NamedTuple):
    """A report in the order of the list."""

    account: str
    report: str
    version: int
    partition: int
    offset: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Position:
        """The position of a row with the columns of `reports`."""
        return cls(*(row[name] for name in cls._fields))


class FinanceFilters(NamedTuple):
    """Which reports are listed; None is all."""

    account: str | None = None
    area: str | None = None
    party: str | None = None
    contest: str | None = None
    report: str | None = None
    state: str | None = None
    """None for reports that count or are held, which are all but those that a later version has superseded."""
    with_history: bool = False
    """Whether superseded reports are listed too, where no state is asked for."""
    rule: str | None = None
    """Rule that each listed report breaks."""
    since_us: int | None = None
    """The earliest time of receipt, in microseconds since 1970."""
    after: Position | None = None
    """The last report that was examined for the page before."""


def columns_in_order(filters: FinanceFilters) -> list[str]:
    """The filters by which an index is read in the order of the list. The kind of report is one of them only within an
    account: nothing has the reports of a kind in order, and to look for a rare kind would read all reports."""
    names = ("account", "area", "party", "contest", *(() if filters.account is None else ("report",)))
    return [name for name in names if getattr(filters, name) is not None]


def reports(filters: FinanceFilters) -> tuple[str, list[object]]:
    """The statement that examines EXAMINED_MAX reports in the order of the list, and its arguments. The columns of a report
    that does not pass the filters are null. The text is constant, and values are arguments."""
    arguments: list[object] = []

    def given(value: object) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    conditions = ["true"]
    for name in columns_in_order(filters):
        conditions.append(f"{name} = {given(getattr(filters, name))}")
    if filters.after is not None:
        conditions.append(f"({REPORT_COLUMNS}) > ({', '.join(map(given, filters.after))})")
    wanted = []
    if filters.report is not None and filters.account is None:
        wanted.append(f"seen.report = {given(filters.report)}")
    if filters.state is not None:
        wanted.append(f"state = {given(filters.state)}")
    elif not filters.with_history:
        wanted.append("state <> 'superseded'")
    if filters.rule is not None:
        wanted.append(f"findings::jsonb @> jsonb_build_array(jsonb_build_object('rule', {given(filters.rule)}::text))")
    if filters.since_us is not None:
        wanted.append(f"received_us >= {given(filters.since_us)}")
    passes = "".join(f" AND {each}" for each in wanted)
    statement = f"""
        SELECT seen.*, found.event, found.state, found.findings, found.payload, found.received_us
        FROM (
            SELECT {REPORT_COLUMNS} FROM finance_report WHERE {" AND ".join(conditions)}
            ORDER BY {REPORT_COLUMNS} LIMIT {EXAMINED_MAX}
        ) AS seen LEFT JOIN LATERAL (
            SELECT encode(event, 'hex') AS event, state, findings, payload, received_us FROM record
            WHERE record.partition = seen.partition AND record."offset" = seen."offset"{passes} OFFSET 0
        ) AS found ON true
        ORDER BY {", ".join(f"seen.{each.strip()}" for each in REPORT_COLUMNS.split(","))}
    """  # noqa: S608  # all of it is constant
    return statement, arguments


COUNTING_KINDS = """
SELECT DISTINCT report FROM finance_report JOIN record USING (partition, "offset")
WHERE account = $1 AND state IN ('counted', 'flagged')
"""
"""Kinds of which a report of an account counts."""

ALL_REPORTS = """
SELECT seen.account, seen.report, seen.version, seen.partition, seen."offset", encode(record.event, 'hex'), record.state,
       record.findings, record.payload, record.received_us
FROM finance_report AS seen JOIN record ON record.partition = seen.partition AND record."offset" = seen."offset"
ORDER BY seen.account, seen.report, seen.version, seen.partition, seen."offset"
"""
"""All reports of the read model, in the order of the list, with the columns of `reports`."""
