"""The tables of results state for each sum how many stations it lacks."""

from __future__ import annotations

from schemas.tables.columns import Kind
from schemas.tables.results import AREA_COUNTS, RESULT_TABLES, RESULTS_STATUS, STATES, STATION_COUNTS

FORM_NUMBERS = ["registered_voters", "voters", "valid", "valid_ballots", "invalid", "blank", "total"]
ALWAYS_STATED = {"valid"}
"""The sum of the votes, which each form has."""


def test_a_station_and_an_area_have_the_same_numbers_in_one_order() -> None:
    of_station = [column for column in STATION_COUNTS.columns if column.name in FORM_NUMBERS]
    of_area = [column for column in AREA_COUNTS.columns if column.name in FORM_NUMBERS]
    assert [column.name for column in of_station] == [column.name for column in of_area] == FORM_NUMBERS
    assert all(column.nullable and column.kind is Kind.COUNT for column in (*of_station, *of_area))
    assert all(one.unit == other.unit for one, other in zip(of_station, of_area, strict=True))


def test_each_sum_of_numbers_that_a_form_may_leave_out_has_the_number_of_stations_that_do() -> None:
    columns = {column.name: column for column in AREA_COUNTS.columns}
    expected = {f"{name}_not_stated" for name in FORM_NUMBERS if name not in ALWAYS_STATED}
    assert {name for name in columns if name.endswith("_not_stated")} == expected | {
        "registered_voters_expected_not_stated"
    }
    for name in expected:
        assert columns[name].unit == "stations"
        assert not columns[name].nullable


def test_each_code_is_explained_in_both_languages() -> None:
    for codes in (STATES, RESULTS_STATUS):
        assert all(code.meaning.en and code.meaning.id for code in codes)
    assert len({table.name for table in RESULT_TABLES}) == len(RESULT_TABLES)
