"""The data dictionary: a row for each column, and for each code of a column with a fixed list."""

from __future__ import annotations

from schemas.tables.dictionary import CODES, COLUMNS, DICTIONARY_TABLES, code_rows, column_rows
from schemas.tables.finance import FINANCE_TABLES
from schemas.tables.results import RESULT_TABLES

TABLES = (*RESULT_TABLES, *FINANCE_TABLES, *DICTIONARY_TABLES)


def test_the_dictionary_has_each_column_and_each_code() -> None:
    columns = [dict(zip(COLUMNS.column_names, row, strict=True)) for row in column_rows(TABLES)]
    assert len(columns) == sum(len(table.columns) for table in TABLES)
    votes = next(each for each in columns if (each["table"], each["column"]) == ("station-votes", "votes"))
    assert votes == {
        "table": "station-votes",
        "schema_version": "1.0.0",
        "column": "votes",
        "type": "count",
        "unit": "votes",
        "nullable": "no",
        "key": "no",
        "meaning_en": "Votes for the choice on the form",
        "meaning_id": "Suara pilihan ini pada formulir",
    }
    by_name = {(each["table"], each["column"]): (each["nullable"], each["key"]) for each in columns}
    assert by_name["station-counts", "voters"] == ("yes", "no")
    assert by_name["station-counts", "station"] == ("no", "yes")
    codes = [dict(zip(CODES.column_names, row, strict=True)) for row in code_rows(TABLES)]
    states = {each["code"] for each in codes if (each["table"], each["column"]) == ("station-counts", "state")}
    assert states == {"counted", "flagged", "held", "annulled", "waiting"}


def test_a_code_has_its_meaning_in_both_languages() -> None:
    assert next(code_rows(TABLES)) == (
        "station-counts",
        "state",
        "counted",
        "The form counts and breaks no rule",
        "Formulir dihitung tanpa temuan",
    )
