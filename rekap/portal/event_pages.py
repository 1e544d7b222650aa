"""A page of the log by filters, from SQLite: the same pages as projections/readmodel/event_queries.py has of PostgreSQL.

One index is read in its order, or for an area the index ranges of each of its shard areas, EXAMINED_MAX records at most. The
other filters are applied to these records, so a page costs the same whatever the filters are.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from projections.readmodel.event_queries import EXAMINED_MAX, SHARDS_MAX, EventFilters

Position = tuple[int, int, int]
"""(received_us, partition, offset)"""


def event_page(
    connection: sqlite3.Connection, filters: EventFilters, *, newest_first: bool, limit: int
) -> tuple[list[Position], Position | None]:
    """The records of a page, and the record that the next page begins after; None on the last page. Raises sqlite3.Error."""
    order, before = ("DESC", "<") if newest_first else ("ASC", ">")
    wanted: dict[str, Any] = {
        name: value for name in ("station", "key", "type", "contest") if (value := getattr(filters, name)) is not None
    }
    shards = filters.shards
    ranges: list[tuple[str, list[Any]]]
    if found := next((name for name in ("station", "key") if name in wanted), None):
        ranges = [(f"{found} = ?", [wanted.pop(found)])]
    elif shards is not None and len(shards) <= SHARDS_MAX:
        ranges, shards = [("shard = ?", [shard]) for shard in shards], None
    elif wanted.get("type") not in (None, "result.reported"):
        ranges = [("type = ?", [wanted.pop("type")])]
    elif "contest" in wanted:
        ranges = [("contest = ?", [wanted.pop("contest")])]
    else:
        ranges = [("true", [])]
    common: list[tuple[str, list[Any]]] = []
    if filters.from_us is not None:
        common.append(("received_us >= ?", [filters.from_us]))
    if filters.to_us is not None:
        common.append(("received_us < ?", [filters.to_us]))
    if filters.after is not None:
        common.append((f'(received_us, partition, "offset") {before} (?, ?, ?)', [*filters.after]))
    has_more_filters = bool(wanted) or shards is not None or filters.areas is not None
    examined = max(1, EXAMINED_MAX // max(1, len(ranges)))
    each = examined if has_more_filters else min(examined, limit + 1)
    seen: list[dict[str, Any]] = []
    ends: list[Position] = []
    for condition, arguments in ranges:
        conditions = [(condition, arguments), *common]
        rows = connection.execute(
            'SELECT received_us, partition, "offset", station, key, type, contest, shard, area FROM record '  # noqa: S608  # constants
            f"WHERE {' AND '.join(text for text, _ in conditions)} "
            f'ORDER BY received_us {order}, partition {order}, "offset" {order} LIMIT ?',
            [*(value for _, values in conditions for value in values), each],
        ).fetchall()
        seen += rows
        if len(rows) == each:
            ends.append(_position(rows[-1]))
    # What lies beyond the end of a range that was not read to its end may lack records of that range.
    end = None if not ends else max(ends) if newest_first else min(ends)
    page = [
        _position(row)
        for row in seen
        if all(row[name] == value for name, value in wanted.items())
        and (shards is None or row["shard"] in shards)
        and (filters.areas is None or row["area"] in filters.areas)
    ]
    if end is not None:
        page = [position for position in page if (position >= end if newest_first else position <= end)]
    page.sort(reverse=newest_first)
    return page[:limit], page[limit - 1] if len(page) > limit else end


def _position(row: dict[str, Any]) -> Position:
    return row["received_us"], row["partition"], row["offset"]
