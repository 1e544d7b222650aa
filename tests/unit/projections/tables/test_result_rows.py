"""The rows of results are what the API answers, number by number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.shown.published import published_standing
from projections.shown.tallies import published_tally
from projections.tables import result_rows
from projections.tables.over_time import CountOverTime
from projections.tables.result_rows import Batch, TableOf, contest_rows, station_rows, stations_by_rank, tables_of
from projections.tables.standings import StationStanding, standings
from schemas.tables.columns import Table
from schemas.tables.results import AREA_COUNTS, AREA_VOTES, STATION_COUNTS, STATION_VOTES
from schemas.times import text_of_microseconds
from tests.support.small_election import elsewhere, small_package
from tests.support.standings import copied, made_standings, summed

SMALL = Definition.of(small_package())
ELSEWHERE = Definition.of(elsewhere(small_package()))
CASES = [
    pytest.param(definition, contest, id=f"{name} {contest.id}")
    for name, definition in (("small", SMALL), ("elsewhere", ELSEWHERE))
    for contest in definition.ballots.contests
]


def _batches(definition: Definition, contest: ContestEntry, made: list[StationStanding]) -> Iterator[Batch]:
    return contest_rows(definition, contest, iter(made), stations_by_rank(definition))


def _rows(definition: Definition, contest: ContestEntry, made: list[StationStanding]) -> dict[TableOf, list[Any]]:
    """All rows by table, each as a dictionary."""
    found: dict[TableOf, list[Any]] = {}
    for batch in _batches(definition, contest, made):
        for of, rows in batch.items():
            found.setdefault(of, []).extend(dict(zip(of.table.column_names, row, strict=True)) for row in rows)
    return found


def _of(rows: dict[TableOf, list[Any]], table: Table) -> list[Any]:
    return [row for of, rows in rows.items() if of.table is table for row in rows]


@pytest.mark.parametrize(("definition", "contest"), CASES)
@pytest.mark.parametrize("seed", range(3))
def test_each_area_has_the_numbers_of_the_api(definition: Definition, contest: ContestEntry, seed: int) -> None:
    made = made_standings(definition, contest, seed)
    tallies = summed(definition, contest, made)
    rows = _rows(definition, contest, made)
    votes: dict[str, dict[str, int]] = {}
    for row in _of(rows, AREA_VOTES):
        votes.setdefault(row["area"], {})[row["choice"]] = row["votes"]
    areas = [area for number, area in definition.electorates.denominators if number == contest.number]
    counts = _of(rows, AREA_COUNTS)
    assert sorted(row["area"] for row in counts) == sorted(definition.tree.codes[area] for area in areas)
    for row in counts:
        area = definition.tree.number[row["area"]]
        empty = [0] * (3 * (14 + len(contest.choices)) + 1)
        shown = published_tally(contest, area, tallies.get(area, empty), definition)
        numbers = {**shown["counted"]}
        assert numbers.pop("votes") == votes[row["area"]]
        not_stated = numbers.pop("not_stated")
        assert row == {
            "office": contest.office,
            "contest": contest.id,
            "level": definition.tree.level_ids[definition.tree.level[area]],
            "area": shown["area"],
            "area_name": definition.tree.names[area],
            "results_status": shown["results_status"],
            **{f"stations_{name}": number for name, number in shown["stations"].items()},
            "registered_voters_expected": shown["registered_voters_expected"],
            "registered_voters_expected_not_stated": shown["registered_voters_not_stated"],
            **numbers,
            **{f"{name}_not_stated": not_stated.get(name, 0) for name in numbers if name != "valid"},
        }


@pytest.mark.parametrize(("definition", "contest"), CASES)
def test_each_station_has_the_numbers_of_the_api(definition: Definition, contest: ContestEntry) -> None:
    made = made_standings(definition, contest, 1)
    rows = _rows(definition, contest, made)
    by_code = {
        definition.stations.codes[station]: next((each for each in made if each.rank == rank), None)
        for station, rank in enumerate(definition.stations.order.rank)
        if contest.number in definition.electorates.contests_of_station(station)
    }
    votes: dict[str, dict[str, int]] = {}
    for row in _of(rows, STATION_VOTES):
        votes.setdefault(row["station"], {})[row["choice"]] = row["votes"]
        assert row["party"] == next(each.party for each in contest.ballot if each.id == row["choice"])
    counts = _of(rows, STATION_COUNTS)
    assert [row["station"] for row in counts] == list(by_code)
    for row in counts:
        standing = by_code[row["station"]]
        shown = published_standing(contest, None if standing is None else standing._asdict())
        for name in ("contest", "state", "offset", "event", "version"):
            assert row[name] == shown[name]
        assert votes.get(row["station"]) == (shown["numbers"] and shown["numbers"]["votes"])
        for name in ("registered_voters", "voters", "valid", "valid_ballots", "invalid", "blank", "total"):
            assert row[name] == (None if shown["numbers"] is None else shown["numbers"][name])
        assert (row["partition"] is None) == (row["offset"] is None)
        received_us = None if standing is None else standing.received_us
        assert row["received_at"] == (None if received_us is None else text_of_microseconds(received_us))
        assert (
            row["area"] == definition.tree.codes[definition.stations.area[definition.stations.number[row["station"]]]]
        )


@pytest.mark.parametrize("area", ["N", "1.2", "2.1.1"])
def test_the_rows_of_the_stations_of_one_area_are_those_of_the_whole(area: str) -> None:
    contest, number = SMALL.ballots.contest("president"), SMALL.tree.number[area]
    order = SMALL.stations.order
    made = made_standings(SMALL, contest, 4)
    within = [each for each in made if order.first[number] <= each.rank < order.end[number]]
    found: dict[TableOf, list[Any]] = {}
    for batch in station_rows(SMALL, contest, number, iter(within), stations_by_rank(SMALL)):
        for of, rows in batch.items():
            found.setdefault(of, []).extend(rows)
    stations = {
        code
        for code, own in zip(SMALL.stations.codes, SMALL.stations.area, strict=True)
        if number in SMALL.tree.lineage[own]
    }
    whole: dict[TableOf, list[Any]] = {}
    for batch in _batches(SMALL, contest, made):
        for of, rows in batch.items():
            if of.table in (STATION_COUNTS, STATION_VOTES):
                whole.setdefault(of, []).extend(row for row in rows if row[2] in stations)
    assert found == {of: rows for of, rows in whole.items() if rows}


@pytest.mark.parametrize(
    ("rows_at_once", "stations"),
    [(1, [1] * 16), (2, [1] * 16), (3, [1] * 16), (5, [1] * 16), (6, [2] * 8), (15, [5, 5, 5, 1]), (60, [16])],
)
def test_a_batch_has_as_many_stations_as_its_rows_of_votes_permit(
    monkeypatch: pytest.MonkeyPatch, rows_at_once: int, stations: list[int]
) -> None:
    assert result_rows.ROWS_AT_ONCE == 10_000
    contest = SMALL.ballots.contest("president")
    made = made_standings(SMALL, contest, 2)
    whole = _rows(SMALL, contest, made)
    monkeypatch.setattr(result_rows, "ROWS_AT_ONCE", rows_at_once)
    of_batches = [len(batch.get(TableOf(STATION_COUNTS, "station"), ())) for batch in _batches(SMALL, contest, made)]
    assert [number for number in of_batches if number] == stations
    assert _rows(SMALL, contest, made) == whole


def test_of_a_contest_with_one_choice_a_batch_has_a_station_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    package = small_package()
    alone = Definition.of(replace(package, choices=package.choices[:1] + package.choices[3:]))
    monkeypatch.setattr(result_rows, "ROWS_AT_ONCE", 8)
    batches = list(_batches(alone, alone.ballots.contest("president"), []))
    assert [len(batch.get(TableOf(STATION_COUNTS, "station"), ())) for batch in batches] == [8, 8, 0]


def test_stations_directly_in_the_root_are_added_up_there() -> None:
    package = small_package()
    election = package.election.model_copy(update={"shard_level": "nation"})
    stations = tuple(station.model_copy(update={"area": "N"}) for station in package.stations)
    flat = Definition.of(
        replace(
            package, election=election, stations=stations, offices=package.offices[:1], contests=package.contests[:1],
            districts=(), choices=package.choices[:3],
        )
    )  # fmt: skip
    (row,) = _of(_rows(flat, flat.ballots.contest("president"), []), AREA_COUNTS)
    assert (row["area"], row["stations_expected"], row["registered_voters_expected"]) == ("N", 16, 16 * 200 + 24)


def test_a_rank_leads_back_to_its_station() -> None:
    package = small_package()
    definition = Definition.of(replace(package, stations=(*package.stations[3:], *package.stations[:3])))
    assert list(definition.stations.order.rank) == [*range(3, 16), 0, 1, 2]
    assert list(stations_by_rank(definition)) == [13, 14, 15, *range(13)]


COUNTED = StationStanding("president", 0, "counted", [1, *[0] * 13, 4, 0, 0], 0, 7, 1, None, "ab", False)


def test_a_result_without_a_time_of_receipt_counts_over_time_as_of_the_cut() -> None:
    cut_us = 1_865_000_000_000_000
    contest = SMALL.ballots.contest("president")
    count = CountOverTime(SMALL, contest, cut_us)
    list(contest_rows(SMALL, contest, iter([COUNTED]), stations_by_rank(SMALL), count))
    assert [row[0] for row, _ in count.rows()] == ["2029-02-05T15:34:00.000Z"] * 2


@pytest.mark.parametrize("votes", [[4, 0], [4, 0, 0, 0]])
def test_a_result_with_votes_of_another_ballot_has_no_rows(votes: list[int]) -> None:
    stray = COUNTED._replace(contribution=[1, *[0] * 13, *votes])
    with pytest.raises(ValueError, match="zip"):
        list(_batches(SMALL, SMALL.ballots.contest("president"), [stray]))


def test_a_result_of_no_station_of_the_contest_is_refused() -> None:
    contest = SMALL.ballots.contest("council-a")
    stray = StationStanding(contest.id, 15, "waiting", None, 0, None, None, None, None, False)
    with pytest.raises(ValueError, match="council-a: the read model has a result at rank 15"):
        list(_batches(SMALL, contest, [stray]))


def test_each_level_has_tables_of_its_own() -> None:
    assert [(of.table.name, of.level) for of in tables_of(SMALL)] == [
        ("station-counts", "station"),
        ("station-votes", "station"),
        *(
            (table, level)
            for level in ("nation", "province", "district", "village")
            for table in ("area-counts", "area-votes")
        ),
        ("counts-over-time", None),
        ("votes-over-time", None),
    ]


def test_the_copied_lines_are_the_standings() -> None:
    made = made_standings(SMALL, SMALL.ballots.contest("president"), 3)
    assert any(each.contribution is None for each in made)
    assert list(standings(copied(made))) == made
