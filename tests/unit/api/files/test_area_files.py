"""Files of one area are made a few at a time, have a bound, and leave nothing behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from api.answers import rendering
from api.answers.rendering import Renderings
from api.errors import ListsBusyError
from api.files import area_files
from api.files.area_files import AreaTable, _check_length, _Wanted
from api.problems import Problem
from projections.definition.compiled import Definition
from runtime.tables.table_files import Format
from schemas.tables.results import AREA_VOTES
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
ROW = ("president", "president", "nation", "N", "Nation", "01", "Pair 1", None, 7)
ABOUT = {"mode": "rehearsal"}


async def test_a_table_is_the_file_and_nothing_is_left() -> None:
    renderings = Renderings()
    made = await renderings.table(AREA_VOTES, lambda: [[ROW], [ROW]], ABOUT, Format.CSV)
    assert made.splitlines()[1:] == [b"president,president,nation,N,Nation,01,Pair 1,,7"] * 2
    parquet = await renderings.table(AREA_VOTES, lambda: [[ROW]], ABOUT, Format.PARQUET)
    assert parquet[:4] == parquet[-4:] == b"PAR1"
    assert [each.name for each in renderings._directory.iterdir() if not each.name.startswith(".rekap")] == []


async def test_what_fails_leaves_nothing_and_gives_its_turn_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "WAITING_MAX", 1)
    renderings = Renderings()

    def broken() -> Iterator[Any]:
        yield [ROW]
        raise ValueError("broken")

    for _ in range(3):
        with pytest.raises(ValueError, match="broken"):
            await renderings.table(AREA_VOTES, broken, ABOUT, Format.XLSX)
    assert [each.name for each in renderings._directory.iterdir() if not each.name.startswith(".rekap")] == []


async def test_more_than_can_wait_are_refused_at_once() -> None:
    renderings, go, made_at_once = Renderings(), threading.Event(), []

    def rows() -> Iterator[Any]:
        made_at_once.append(1)
        go.wait(10)
        yield [ROW]

    wanted = [
        asyncio.create_task(renderings.table(AREA_VOTES, rows, ABOUT, Format.NDJSON))
        for _ in range(rendering.WAITING_MAX)
    ]
    while len(made_at_once) < rendering.RENDERINGS_MAX:
        await asyncio.sleep(0.01)
    with pytest.raises(ListsBusyError):
        await renderings.table(AREA_VOTES, rows, ABOUT, Format.NDJSON)
    assert len(made_at_once) == rendering.RENDERINGS_MAX
    go.set()
    assert len(await asyncio.gather(*wanted)) == rendering.WAITING_MAX


@pytest.mark.parametrize(
    ("table", "area", "stations", "rows", "bulk"),
    [
        (AreaTable.STATION_COUNTS, "N", 15, 100, "president.station.station-counts.csv"),
        (AreaTable.STATION_VOTES, "N", 16, 47, "president.station.station-votes.csv"),
        (AreaTable.AREA_VOTES, "1", 0, 8, "president.district.area-votes.csv"),
        (AreaTable.AREA_COUNTS, "1.1.1", 0, 0, "president.village.area-counts.csv"),
    ],
)
def test_a_file_that_would_be_too_long_names_the_bulk_file(
    monkeypatch: pytest.MonkeyPatch, table: AreaTable, area: str, stations: int, rows: int, bulk: str
) -> None:
    monkeypatch.setattr(area_files, "STATIONS_MAX", stations)
    monkeypatch.setattr(area_files, "ROWS_MAX", rows)
    office = DEFINITION.ballots.office("president")
    contests = [DEFINITION.ballots.contest("president")]
    wanted = _Wanted(DEFINITION.tree.number[area], office, contests, table, Format.CSV)
    with pytest.raises(Problem) as refused:
        _check_length(DEFINITION, wanted)
    assert bulk in refused.value.body["detail"]
    monkeypatch.setattr(area_files, "STATIONS_MAX", stations + 1)
    monkeypatch.setattr(area_files, "ROWS_MAX", rows + 1)
    _check_length(DEFINITION, wanted)
