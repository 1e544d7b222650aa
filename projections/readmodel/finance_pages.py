"""A page of campaign finance reports, from the rows that were examined for it (finance_queries.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from projections.definition.compiled import Definition
from projections.readmodel.finance_queries import EXAMINED_MAX, Position
from projections.shown.finance import finance_line
from schemas.definition.package import PARTITIONS_MAX
from schemas.ledger.events import VERSION_MAX
from schemas.served.cursors import cursor_text, cursor_values

OFFSETS_END = 2**62
"""No ledger has such an offset, and a bigint holds it."""


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
    return lines, Position.of(last)


def finance_page(lines: Sequence[Mapping[str, Any]], after: Position | None) -> dict[str, Any]:
    return {"reports": lines, "next": None if after is None else cursor_of(after)}


def cursor_of(after: Position) -> str:
    """The cursor of the page that begins after a report."""
    return cursor_text(list(after))


def position_in(cursor: str) -> Position | None:
    """The report in a cursor, with values that PostgreSQL can compare; None where the text is not a cursor of this list."""
    match cursor_values(cursor):
        case [str(account), str(report), int(version), int(partition), int(offset)] if (
            "\x00" not in account + report
            and 0 <= version <= VERSION_MAX
            and 0 <= partition < PARTITIONS_MAX
            and 0 <= offset < OFFSETS_END
        ):
            return Position(account, report, version, partition, offset)
    return None
