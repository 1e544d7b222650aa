"""A page of campaign finance reports, from the rows that were examined for it (finance_queries.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.definition.compiled import Definition
from projections.readmodel.finance_queries import EXAMINED_MAX, Position
from projections.shown.finance import finance_line
from schemas.served.cursors import cursor_text


def finance_lines(
    definition: Definition, rows: Sequence[Mapping[str, Any]], limit: int
) -> tuple[list[dict[str, Any]], Position | None]:
    """The reports of a page, of the rows that were examined for it, and the report that the next page
    begins after; None on the last page."""
    lines: list[dict[str, Any]] = []
    last = None
    for row in rows:
        if len(lines) == limit:
            break
        last = row
        if row["event"] is not None:
            lines.append(finance_line(definition, row))
    if last is None or (last is rows[-1] and len(rows) < EXAMINED_MAX):
        return lines, None
    return lines, Position(*(last[name] for name in Position._fields))


def finance_page(lines: Sequence[Mapping[str, Any]], after: Position | None) -> dict[str, Any]:
    return {"reports": lines, "next": None if after is None else cursor_text(list(after))}
