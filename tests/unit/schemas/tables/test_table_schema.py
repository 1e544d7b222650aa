"""The Table Schema of the CSV files."""

from __future__ import annotations

from schemas.tables.finance import FINANCE_REPORTS
from schemas.tables.register import RULES
from schemas.tables.results import STATION_COUNTS
from schemas.tables.table_schema import table_schema


def test_the_table_schema_has_each_column_and_what_must_hold_of_it() -> None:
    schema = table_schema(STATION_COUNTS)
    fields = {field["name"]: field for field in schema["fields"]}
    assert tuple(fields) == STATION_COUNTS.column_names
    assert schema["primaryKey"] == ["contest", "station"]
    assert fields["voters"] == {
        "name": "voters",
        "type": "integer",
        "description": "People who voted on the form (people)",
        "constraints": {"minimum": 0},
    }
    assert fields["state"]["constraints"] == {
        "required": True,
        "enum": ["counted", "flagged", "held", "annulled", "waiting"],
    }
    assert (fields["received_at"]["type"], fields["received_at"]["format"]) == ("datetime", "any")
    assert fields["event"] == {
        "name": "event",
        "type": "string",
        "description": "Event id of the form: SHA-256 of the signed bytes",
    }
    assert schema["missingValues"] == [""], "an empty cell has no value"
    assert "primaryKey" not in table_schema(RULES)


def test_an_amount_may_be_below_0_and_a_day_is_a_date() -> None:
    fields = {field["name"]: field for field in table_schema(FINANCE_REPORTS)["fields"]}
    assert (fields["closing"]["type"], fields["closing"]["constraints"]) == ("integer", {"required": True})
    assert (fields["due"]["type"], "constraints" in fields["due"]) == ("date", False)
