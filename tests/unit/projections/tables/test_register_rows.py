"""The rows of the register are what the package states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.definition.compiled import Definition
from projections.tables.register_rows import OTHER_TABLES, PACKAGE_TABLES, package_rows
from schemas.definition.package import LocalText, RuleSetting, Severity
from schemas.tables.columns import Table
from schemas.tables.register import REGISTER_TABLES, RULES, TEXTS
from tests.support.small_election import small_package

PACKAGE = small_package(
    (
        RuleSetting(id="F3", severity=Severity.HARD, tolerance=2),
        RuleSetting(
            id="M1", severity=Severity.SOFT, offices=("president", "council"), parameters={"fields": ["VA"], "a": 1}
        ),
    )
)
PACKAGE = replace(
    PACKAGE,
    contests=(PACKAGE.contests[0].model_copy(update={"name": LocalText(id="Presiden RI")}), *PACKAGE.contests[1:]),
)
DEFINITION = Definition.of(PACKAGE)


@pytest.mark.parametrize("table", PACKAGE_TABLES, ids=lambda table: table.name)
def test_each_row_of_the_package_is_a_row_with_its_values(table: Table) -> None:
    given = PACKAGE.tables()[table.name]
    rows = [dict(zip(table.column_names, row, strict=True)) for row in package_rows(DEFINITION, table, given)]
    assert len(rows) == len(given)
    renamed = {"code": table.key[-1], "id": table.key[-1], "key_id": "key"}
    for row, source in zip(rows, given, strict=True):
        for field, value in source.model_dump(mode="json").items():
            shown = row[renamed.get(field, field)]
            assert shown == (next(iter(value.values())) if isinstance(value, dict) else value)


def test_a_station_has_the_path_and_the_partition_of_its_area() -> None:
    table = next(table for table in REGISTER_TABLES if table.name == "stations")
    rows = [
        dict(zip(table.column_names, row, strict=True)) for row in package_rows(DEFINITION, table, PACKAGE.stations)
    ]
    assert rows[0]["path"] == "N/1/1.1/1.1.1"
    assert [row["partition"] for row in rows] == [
        DEFINITION.stations.partition(number) for number in range(len(PACKAGE.stations))
    ]


def test_a_rule_of_some_offices_has_a_row_for_each() -> None:
    rows = [dict(zip(RULES.column_names, row, strict=True)) for row in OTHER_TABLES["rules"](DEFINITION)]
    assert [(row["rule"], row["office"], row["severity"], row["tolerance"]) for row in rows] == [
        ("F3", None, "hard", 2),
        ("M1", "president", "soft", 0),
        ("M1", "council", "soft", 0),
    ]
    assert [row["parameters"] for row in rows] == [None, *['{"a":1,"fields":["VA"]}'] * 2]


def test_names_have_a_row_for_each_language() -> None:
    rows = set(OTHER_TABLES[TEXTS.name](DEFINITION))
    assert ("election", "small", "id", "Pemilu kecil") in rows
    assert ("election", "small", "en", "Small election") in rows
    assert ("office", "council", "en", "Council") in rows
    assert ("contest", "president", "id", "Presiden RI") in rows
    assert {row[0] for row in rows} == {"election", "level", "office", "contest"}


def test_each_table_of_the_register_has_rows_from_somewhere() -> None:
    assert {table.name for table in REGISTER_TABLES} == {table.name for table in PACKAGE_TABLES} | OTHER_TABLES.keys()
