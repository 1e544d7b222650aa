"""The statements that store rows. What they store is tested with PostgreSQL: tests/integration/test_recorder.py."""

from __future__ import annotations

import re

import pytest

from projections.readmodel.recording import AREA_TALLY, OFFICE_TALLY, RECORDER_LOCK, STATION_RESULT, Upsert


@pytest.mark.parametrize(
    ("upsert", "table", "key", "changes"),
    [
        (
            STATION_RESULT,
            "station_result",
            "contest, rank",
            {"station", "partition", "offset", "through", "state", "contribution"},
        ),
        (AREA_TALLY, "area_tally", "area, contest", {"tally"}),
        (OFFICE_TALLY, "office_tally", "area, office", {"tally"}),
    ],
)
def test_rows_replace_those_of_the_same_key(upsert: Upsert, table: str, key: str, changes: set[str]) -> None:
    move = upsert.statement
    assert upsert.stage == (f"CREATE TEMPORARY TABLE IF NOT EXISTS staged_{table} (LIKE {table}) ON COMMIT DELETE ROWS")
    inserted, selected = re.findall(rf"INSERT INTO {table} \((.*?)\) SELECT (.*?) FROM", move)[0]
    assert inserted == selected
    assert inserted.replace('"', "").split(", ") == list(upsert.columns)
    assert f"FROM staged_{table} ON CONFLICT ({key}) DO UPDATE SET" in move
    assert set(re.findall(r'"(\w+)" = excluded\."\1"', move)) == changes


def test_recorders_of_any_release_take_the_same_lock() -> None:
    assert int.from_bytes(b"RECO", "big") == RECORDER_LOCK
