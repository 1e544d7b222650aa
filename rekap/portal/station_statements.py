"""The statements by which lists of stations read the read model, each with its form in SQLite.

Lists are made by the code of the API (api/readmodel/station_list.py, api/readmodel/read_model.py), which gives a statement of
PostgreSQL and its parameters to a connection. The connection of an archive knows these statements and no others.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from projections.readmodel import queries, station_queries

Rows = list[dict[str, Any]]
Statement = Callable[[sqlite3.Connection, Sequence[Any]], Rows]
Ask = Callable[[Callable[[sqlite3.Connection], Rows]], Awaitable[Rows]]

_RESULTS = """
SELECT page.station, page.contest, page.rank, page.state, page.partition, page."offset",
       CASE WHEN form.event IS NOT NULL THEN lower(hex(form.event)) END AS event, form.version, form.received_us,
       page.contribution
FROM station_result AS page
LEFT JOIN record AS form ON form.partition = page.partition AND form."offset" = page."offset"
WHERE page.contest = ? AND page.rank >= ? AND page.rank < ?{more}
ORDER BY page.rank LIMIT ?
"""
_LISTED = """
SELECT page.station, page.contest, page.rank, page.state, page.partition, page."offset", page.contribution, page.through,
       CASE WHEN form.event IS NOT NULL THEN lower(hex(form.event)) END AS event, form.version, form.received_us, form.findings,
       changed.received_us AS changed_us
FROM station_result AS page
LEFT JOIN record AS form ON form.partition = page.partition AND form."offset" = page."offset"
LEFT JOIN record AS changed ON changed.partition = page.partition AND changed."offset" = page.through
WHERE page.contest = ? AND {more} ORDER BY page.rank
"""


def _in_ranks(connection: sqlite3.Connection, arguments: Sequence[Any]) -> Rows:
    return connection.execute(_LISTED.format(more="page.rank >= ? AND page.rank < ?"), arguments).fetchall()


def _in_states(connection: sqlite3.Connection, arguments: Sequence[Any]) -> Rows:
    contest, first, end, states, limit = arguments
    statement = _LISTED.format(more="page.state = ? AND page.rank >= ? AND page.rank < ?") + " LIMIT ?"
    found: Rows = []
    for state in states:
        found += connection.execute(statement, (contest, state, first, end, limit)).fetchall()
    return sorted(found, key=lambda row: int(row["rank"]))[:limit]


def _changed_by(connection: sqlite3.Connection, arguments: Sequence[Any]) -> Rows:
    contest, ranks, offsets = arguments
    statement = _LISTED.format(more="page.rank = ? AND page.through = ?")
    found: Rows = []
    for pair in zip(ranks, offsets, strict=True):
        found += connection.execute(statement, (contest, *pair)).fetchall()
    return sorted(found, key=lambda row: int(row["rank"]))


def _of_area(connection: sqlite3.Connection, arguments: Sequence[Any]) -> Rows:
    return connection.execute(_RESULTS.format(more=""), arguments).fetchall()


def _in_state(connection: sqlite3.Connection, arguments: Sequence[Any]) -> Rows:
    contest, first, end, limit, state = arguments
    return connection.execute(
        _RESULTS.format(more=" AND page.state = ?"), (contest, first, end, state, limit)
    ).fetchall()


def _records_in_order(*, of_contest: bool, newest_first: bool) -> Statement:
    order, behind = ("DESC", "<") if newest_first else ("ASC", ">")
    which = "contest = ?" if of_contest else "? IS NOT NULL"
    statement = f"""
        SELECT received_us, partition, "offset", station FROM record
        WHERE received_us >= ? AND (received_us, partition, "offset") {behind} (?, ?, ?) AND {which}
        ORDER BY received_us {order}, partition {order}, "offset" {order} LIMIT ?
    """  # noqa: S608  # all of it is constant

    def read(connection: sqlite3.Connection, arguments: Sequence[Any]) -> Rows:
        *bounds, limit, contest = arguments
        return connection.execute(statement, (*bounds, contest, limit)).fetchall()

    return read


STATEMENTS: Mapping[str, Statement] = {
    queries.STATIONS_OF_AREA: _of_area,
    queries.STATIONS_IN_STATE: _in_state,
    station_queries.IN_RANKS: _in_ranks,
    station_queries.IN_STATES: _in_states,
    station_queries.CHANGED_BY: _changed_by,
    **{
        station_queries.records_in_order(of_contest=of_contest, newest_first=newest_first): _records_in_order(
            of_contest=of_contest, newest_first=newest_first
        )
        for of_contest in (True, False)
        for newest_first in (True, False)
    },
}
"""Statements of the archive by statement of PostgreSQL."""


class ArchivedConnection:
    """What a list asks, in place of a connection of PostgreSQL in a transaction."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def execute(self, statement: str) -> None:
        assert statement == queries.PLAN_FOR_THESE_VALUES, f"an archive has no {statement}"

    async def fetch(self, statement: str, *arguments: Any) -> Rows:
        found = STATEMENTS[statement]
        return await self._ask(lambda connection: found(connection, arguments))
