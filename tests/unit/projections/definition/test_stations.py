"""Stations: scope, ledger partition, and the order in which an area's are neighbours."""

from __future__ import annotations

from dataclasses import replace

from projections.definition.compiled import Definition
from projections.definition.tree import partition_of
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
STATIONS, TREE = DEFINITION.stations, DEFINITION.tree


def test_a_scope_holds_what_lies_in_it() -> None:
    station = STATIONS.number["1.2.1-1"]
    held = {scope for scope in (*TREE.codes, *STATIONS.codes) if STATIONS.in_scope(scope, station)}
    assert held == {"N", "1", "1.2", "1.2.1", "1.2.1-1"}


def test_the_records_of_a_station_have_the_key_and_the_partition_of_its_shard_area() -> None:
    station = STATIONS.number["2.1.2-1"]
    assert STATIONS.shard_code(station) == "2.1"
    assert STATIONS.partition(station) == partition_of("2.1", 3)
    assert STATIONS.code(station) == "2.1.2-1"


def test_stations_are_ordered_area_by_area_with_an_areas_own_first() -> None:
    package = small_package()
    # An area with stations of its own beside an area below it, rows and codes in another order than the tree's.
    moved = replace(
        package,
        stations=tuple(
            station.model_copy(update={"area": "2.2"}) if station.code == "2.2.2-2" else station
            for station in package.stations[::-1]
        ),
        areas=package.areas[::-1],
    )
    definition = Definition.of(moved)
    order = definition.stations.order
    assert [len(each) for each in order] == [len(package.stations), len(package.areas), len(package.areas)]
    ranked = sorted(range(len(definition.stations.codes)), key=lambda station: order.rank[station])
    assert [definition.stations.codes[station] for station in ranked] == [
        *(f"{a}.{b}.{c}-{d}" for a, b in ("11", "12", "21") for c in "12" for d in "12"),
        *("2.2.2-2", "2.2.1-1", "2.2.1-2", "2.2.2-1"),
    ]
    for area, code in enumerate(definition.tree.codes):
        inside = {n for n, at in enumerate(definition.stations.area) if area in definition.tree.lineage[at]}
        assert set(ranked[order.first[area] : order.end[area]]) == inside, code


def test_a_station_has_its_name_and_its_register_or_none() -> None:
    package = small_package()
    first = package.stations[0].model_copy(update={"name": None, "registered_voters": None})
    stations = Definition.of(replace(package, stations=(first, *package.stations[1:]))).stations
    assert (stations.names[:3], stations.registered[:3]) == ((None, "TPS 2", "TPS 1"), (None, 202, 201))


def test_no_station_lies_in_an_unknown_scope() -> None:
    assert not any(STATIONS.in_scope("3", station) for station in range(len(STATIONS.codes)))
