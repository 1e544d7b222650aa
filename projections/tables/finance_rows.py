"""Rows of the tables of campaign finance, from reports as they are listed (projections/shown/finance.py)."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from projections.definition.compiled import Definition
from projections.shown.finance import finance_line, finance_settings
from schemas.tables.columns import Table
from schemas.tables.finance import FINANCE_LINES, FINANCE_REPORTS

Row = tuple[str | int | None, ...]
COPIED = ("account", "report", "version", "partition", "offset", "event", "state", "findings", "payload", "received_us")
"""Columns of finance_queries.ALL_REPORTS."""
_NUMBERS = frozenset({"version", "partition", "offset", "received_us"})


def copied_lines(definition: Definition, copied: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Reports from the CSV that COPY writes of finance_queries.ALL_REPORTS."""
    for cells in csv.reader(copied, strict=True):
        row = dict(zip(COPIED, cells, strict=True))
        yield finance_line(definition, {name: int(cell) if name in _NUMBERS else cell for name, cell in row.items()})


def finance_rows(definition: Definition, table: Table, lines: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    """The rows of a table of schemas/tables/finance.py."""
    settings = finance_settings(definition)
    for line in lines:
        account = [
            line[name] for name in ("account", "party", "contest", "choice", "area", "report", "version", "state")
        ]
        if table is FINANCE_LINES:
            yield from _line_rows(line, account)
            continue
        assert table is FINANCE_REPORTS, f"{table.name} is not a table of finance"
        yield (
            line["event"],
            *account,
            " ".join(line["rules"]) or None,
            *(line[name] for name in ("begins", "ends", "submitted", "due")),
            settings.currency,
            settings.decimals,
            *(line[name] for name in ("opening", "income_total", "spending_total", "closing", "closing_calculated")),
            line["opinion"],
            line["document"]["sha256"],
            line["document"]["url"],
            *(line[name] for name in ("partition", "offset", "received_at")),
        )


def _line_rows(line: Mapping[str, Any], account: list[Any]) -> Iterator[Row]:
    sides = itertools.chain(*([(side, each) for each in line[side]] for side in ("income", "spending")))
    for number, (side, each) in enumerate(sides, start=1):
        yield (
            line["event"],
            number,
            *account,
            side,
            each["kind"],
            each["amount"],
            each.get("donors"),
            each.get("largest"),
        )
