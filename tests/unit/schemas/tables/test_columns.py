"""Columns by their kind, and the names of a table's columns."""

from __future__ import annotations

import pytest

from schemas.tables.columns import CodeMeaning, Column, Kind, Meaning, Table, amount, code, count, day, text

MEANING = Meaning("Name", "Nama")


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        (code("x", "Name", "Nama"), Kind.CODE),
        (text("x", "Name", "Nama"), Kind.TEXT),
        (amount("x", "Name", "Nama"), Kind.AMOUNT),
        (day("x", "Name", "Nama"), Kind.DAY),
    ],
)
def test_a_column_has_no_unit_and_no_codes_and_must_have_a_value(column: Column, kind: Kind) -> None:
    assert column == Column("x", kind, MEANING, unit=None, codes=(), nullable=False)


def test_a_count_names_what_it_counts() -> None:
    assert count("x", "votes", "Name", "Nama") == Column("x", Kind.COUNT, MEANING, unit="votes")


@pytest.mark.parametrize(
    "column",
    [
        code("x", "Name", "Nama", nullable=True),
        text("x", "Name", "Nama", nullable=True),
        count("x", None, "Name", "Nama", nullable=True),
        amount("x", "Name", "Nama", nullable=True),
        day("x", "Name", "Nama", nullable=True),
    ],
)
def test_a_column_may_have_no_value(column: Column) -> None:
    assert column.nullable


def test_a_code_keeps_its_list() -> None:
    codes = (CodeMeaning("a", MEANING),)
    assert code("x", "Name", "Nama", codes=codes).codes == codes


def test_a_table_names_its_columns_in_order_and_equals_itself_alone() -> None:
    columns = (text("b", "", ""), text("a", "", ""))
    table = Table("t", "1.0.0", MEANING, columns, ("b",))
    assert table.column_names == ("b", "a")
    assert table != Table("t", "1.0.0", MEANING, columns, ("b",))
