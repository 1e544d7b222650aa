"""The compiled package: who belongs where, and what is waited for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.definition.compiled import Definition, Denominator, partition_of
from tests.support.small_election import small_package

DEFINITION = Definition(small_package())


@pytest.mark.parametrize(("code", "partition"), [("123456789", 0xCBF43926 % 12), ("", 0)])
def test_a_partition_is_the_crc_32_of_the_shard_area(code: str, partition: int) -> None:
    """0xCBF43926 is the check value of CRC-32/ISO-HDLC in the catalogue of parametrised CRC algorithms."""
    assert partition_of(code, 12) == partition


def test_an_electoral_district_may_cut_across_provinces() -> None:
    number = DEFINITION.contest_number["council-b"]
    stations = [code for n, code in enumerate(DEFINITION.station_codes) if number in DEFINITION.contests_of_station(n)]
    assert stations == ["1.2.1-1", "1.2.1-2", "1.2.2-1", "1.2.2-2", "2.1.1-1", "2.1.1-2"]
    assert DEFINITION.area_codes[DEFINITION.contests[number].root_area] == "N"
    assert DEFINITION.denominators[number, DEFINITION.area_number["2"]] == Denominator(2, 201 + 202)


def test_a_contest_stands_in_the_smallest_area_that_holds_its_electorate() -> None:
    number = DEFINITION.contest_number["council-a"]
    assert DEFINITION.area_codes[DEFINITION.contests[number].root_area] == "1.1"
    assert (number, DEFINITION.area_number["2"]) not in DEFINITION.denominators


def test_each_station_votes_once_in_each_office() -> None:
    for station in range(len(DEFINITION.station_codes)):
        contests = [DEFINITION.contests[number] for number in DEFINITION.contests_of_station(station)]
        assert sorted(contest.office_number for contest in contests) == [0, 1]


def test_a_scope_holds_what_lies_in_it() -> None:
    station = DEFINITION.station_number["1.2.1-1"]
    held = {
        scope for scope in (*DEFINITION.area_codes, *DEFINITION.station_codes) if DEFINITION.in_scope(scope, station)
    }
    assert held == {"N", "1", "1.2", "1.2.1", "1.2.1-1"}


def test_the_order_of_rows_says_nothing_to_the_definition_hash() -> None:
    package = small_package()
    turned = replace(package, areas=package.areas[::-1], stations=package.stations[::-1], keys=package.keys[::-1])
    assert turned.definition_hash() == package.definition_hash()
    fewer = replace(package, stations=package.stations[:-1])
    assert fewer.definition_hash() != package.definition_hash()
