"""The rows of the register are what the package states."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.definition.compiled import Definition
from projections.tables.register_rows import (
    OTHER_TABLES,
    PACKAGE_TABLES,
    STATION_CELLS,
    package_rows,
    station_shaper,
)
from schemas.definition.package import RuleSetting, Severity, Station
from schemas.definition.rows import LocalText
from schemas.tables.columns import Table
from schemas.tables.register import REGISTER_TABLES, RULES, STATIONS, TABLES_WITH_PROFILES, TEXTS
from tests.support.small_election import elsewhere, small_package

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


def _cells(station: Station) -> list[str]:
    values = station.model_dump()
    return ["" if values[name] is None else str(values[name]) for name in STATION_CELLS]


def test_a_station_is_a_row_with_its_values_and_the_path_and_the_partition_of_its_area() -> None:
    package = elsewhere(PACKAGE)
    men = package.stations[1].model_copy(update={"registered_men": 99, "registered_women": 103})
    package = replace(package, stations=(package.stations[0], men, *package.stations[2:]))
    definition = Definition.of(package)
    shape = station_shaper(definition)
    for number, station in enumerate(package.stations):
        row = dict(zip(STATIONS.column_names, shape(number, _cells(station)), strict=True))
        assert row == {
            "station": station.code,
            **station.model_dump(exclude={"code"}),
            "path": f"N/{station.area[0]}/{station.area[:3]}/{station.area}",
            "partition": definition.stations.partition(number),
        }


@pytest.mark.parametrize(
    ("number", "column", "cell"),
    [
        (0, 0, "9.9.9-9"),
        (0, 1, "1.1.2"),
        (0, 2, "many"),
        (0, 4, "202"),
        (0, 4, ""),
        (0, 3, "1" * 20),
        (0, 4, "٢٠١"),  # the same number in other digits, which the package's schema refuses
        (16, 0, "1.1.1-1"),
    ],
)
def test_a_station_that_is_another_one_meanwhile_is_refused(number: int, column: int, cell: str) -> None:
    cells = _cells(PACKAGE.stations[0])
    cells[column] = cell
    with pytest.raises(ValueError, match=r"row|count"):
        station_shaper(DEFINITION)(number, cells)


def test_a_count_has_up_to_nineteen_digits() -> None:
    cells = _cells(PACKAGE.stations[0])
    cells[2] = "1" * 19
    row = dict(zip(STATIONS.column_names, station_shaper(DEFINITION)(0, cells), strict=True))
    assert row["registered_men"] == 1_111_111_111_111_111_111


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
    assert {table.name for table in REGISTER_TABLES} == {
        table.name for table in PACKAGE_TABLES
    } | OTHER_TABLES.keys() | {"stations"} | {table.name for table in TABLES_WITH_PROFILES}
