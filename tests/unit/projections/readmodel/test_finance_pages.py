"""A page of finance reports: the lines of those that pass, and where the next page begins."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import orjson
import pytest

from projections.definition.compiled import Definition
from projections.readmodel import finance_pages
from projections.readmodel.finance_pages import cursor_of, finance_lines, finance_page, position_in
from projections.readmodel.finance_queries import Position
from projections.shown.finance import finance_head
from schemas.definition.package import PARTITIONS_MAX
from schemas.ledger.events import VERSION_MAX
from schemas.served.cursors import cursor_text, cursor_values
from tests.support.small_finance import finance_package, finance_report

DEFINITION = Definition.of(finance_package())


def _row(number: int, *, passes: bool = True) -> dict[str, Any]:
    return {
        "account": "parties/P1/1",
        "report": "LADK",
        "version": number,
        "partition": 0,
        "offset": number,
        "event": "ab" * 32 if passes else None,
        "state": "counted",
        "findings": b"[]",
        "payload": orjson.dumps(finance_report(version=number)),
        "received_us": 1,
    }


@pytest.mark.parametrize(
    ("rows", "limit", "shown", "last"),
    [
        ([], 5, [], None),
        ([_row(1), _row(2)], 5, [1, 2], None),
        ([_row(1), _row(2)], 1, [1], 1),
        ([_row(1), _row(2)], 2, [1, 2], None),
        ([_row(1, passes=False), _row(2), _row(3)], 1, [2], 2),
        ([_row(1), _row(2, passes=False), _row(3), _row(4, passes=False)], 5, [1, 3], 4),
    ],
)
def test_a_page_ends_at_its_limit_or_after_what_was_examined(
    rows: list[dict[str, Any]], limit: int, shown: list[int], last: int | None
) -> None:
    with patch.object(finance_pages, "EXAMINED_MAX", 4):
        lines, after = finance_lines(DEFINITION, rows, limit)
    assert [line["version"] for line in lines] == shown
    assert after == (None if last is None else Position("parties/P1/1", "LADK", last, 0, last))


def test_the_cursor_of_a_page_has_the_last_report() -> None:
    after = Position("parties/P1/1", "LADK", 1, 0, 7)
    assert cursor_values(finance_page([], after)["next"]) == [*after]
    assert finance_page([], None) == {"reports": [], "next": None}
    assert finance_head(DEFINITION, {("-finance", 1): 4}) == {
        "as_of": {"0": -1, "1": 4, "2": -1},
        "currency": "IDR",
        "decimals": 0,
    }


@pytest.mark.parametrize(
    "position",
    [Position("parties/P1/1", "LADK", 0, 0, 0), Position("", "", VERSION_MAX, PARTITIONS_MAX - 1, 2**62 - 1)],
)
def test_a_cursor_names_the_report_after_which_the_page_begins(position: Position) -> None:
    assert position_in(cursor_of(position)) == position


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["a", "b", 1, 2],
        ["a", "b", "1", 2, 3],
        [1, "b", 1, 2, 3],
        ["a\x00", "b", 1, 2, 3],
        ["a", "b\x00", 1, 2, 3],
        ["a", "b", -1, 2, 3],
        ["a", "b", VERSION_MAX + 1, 2, 3],
        ["a", "b", 1, -1, 3],
        ["a", "b", 1, PARTITIONS_MAX, 3],
        ["a", "b", 1, 2, -1],
        ["a", "b", 1, 2, 2**62],  # no ledger has such an offset, and a bigint holds it
    ],
)
def test_a_cursor_of_another_list_names_no_report(values: list[object]) -> None:
    assert position_in(cursor_text(values)) is None
