"""Electorates: which station votes in which contest, and what is expected of an area."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from projections.definition.compiled import Definition
from projections.definition.electorates import Denominator, Electorates, together
from schemas.definition.package import DistrictPart
from tests.support.small_election import elsewhere, small_package

DEFINITION = Definition.of(small_package())
ELECTORATES, BALLOTS, STATIONS, TREE = DEFINITION.electorates, DEFINITION.ballots, DEFINITION.stations, DEFINITION.tree


def codes(areas: Iterable[int], definition: Definition = DEFINITION) -> list[str]:
    return [definition.tree.codes[area] for area in areas]


def test_an_electoral_district_may_cut_across_provinces() -> None:
    number = BALLOTS.contest_number["council-b"]
    stations = [code for n, code in enumerate(STATIONS.codes) if number in ELECTORATES.contests_of_station(n)]
    assert stations == ["1.2.1-1", "1.2.1-2", "1.2.2-1", "1.2.2-2", "2.1.1-1", "2.1.1-2"]
    assert TREE.codes[BALLOTS.contests[number].root_area] == "N"
    assert ELECTORATES.denominators[number, TREE.number["2"]] == Denominator(2, 201 + 202)


def test_the_total_of_a_contest_is_that_of_the_smallest_area_that_holds_its_electorate() -> None:
    number = BALLOTS.contest_number["council-a"]
    assert TREE.codes[BALLOTS.contests[number].root_area] == "1.1"
    assert (number, TREE.number["2"]) not in ELECTORATES.denominators


def test_the_smallest_area_holds_all_parts_of_an_electorate() -> None:
    """Whichever part comes first."""
    electorates = Electorates(STATIONS, tuple(map(frozenset, (("1.2", "2.1.1"), ("1.1", "1.2.1-1"), ("2.1.2-2",)))))
    assert codes(map(electorates.smallest_area, range(3))) == ["N", "1", "2.1.2"]


def test_each_station_votes_once_in_each_office() -> None:
    for station in range(len(STATIONS.codes)):
        contests = [BALLOTS.contests[number] for number in ELECTORATES.contests_of_station(station)]
        assert sorted(contest.office_number for contest in contests) == [0, 1]


def test_the_slots_of_a_partition_are_numbered_without_gap() -> None:
    electorates = Definition.of(small_package()).electorates
    slots: dict[int, list[int]] = {}
    for station in range(len(STATIONS.codes)):
        for contest in electorates.contests_of_station(station):
            partition = STATIONS.partition(station)
            slots.setdefault(partition, []).append(electorates.slot(station, contest))
    assert sum(electorates.slots_of_partition) == 2 * len(STATIONS.codes)
    for number, count in enumerate(electorates.slots_of_partition):
        assert sorted(slots.get(number, [])) == list(range(count))


def test_a_station_has_no_slot_for_a_contest_that_its_voters_do_not_vote_in() -> None:
    station = STATIONS.number["1.2.1-2"]
    for contest in BALLOTS.contests:
        is_held = contest.id in {"president", "council-b"}
        expected = ELECTORATES.slot(station, contest.number) if is_held else None
        assert ELECTORATES.slot_if_held(station, contest.number) == expected


def test_contests_are_in_the_order_of_the_package_whatever_their_stations() -> None:
    package = small_package()
    parts = [part for part in package.districts if part.area != "2.1.1"]
    split = [
        DistrictPart(district=district, name=district.upper(), area=station)
        for district, station in (("c", "2.1.1-1"), ("b", "2.1.1-2"))
    ]
    definition = Definition.of(replace(package, districts=(*parts, *split)))
    number = definition.ballots.contest_number
    in_order = tuple(number[contest] for contest in ("president", "council-b", "council-c"))
    assert definition.electorates.contests_in(definition.tree.number["2.1.1"]) == in_order


def test_the_contests_of_a_station_are_numbered_in_the_order_of_the_package() -> None:
    """A set with 0 and 8 has 8 first."""
    parts = [frozenset({"N"}), *[frozenset({"1.1"})] * 7, frozenset({"2.1.1-1"})]
    found = Electorates(STATIONS, tuple(parts)).contests_of_station(STATIONS.number["2.1.1-1"])
    assert list(found.items()) == [(0, 0), (8, 1)]


def test_the_text_of_electorates_does_not_grow_with_what_is_looked_up() -> None:
    electorates = Electorates(STATIONS, (frozenset({"N"}),))
    before = repr(electorates)
    electorates.contests_of_station(0)
    assert repr(electorates) == before


def test_single_stations_may_belong_to_an_electorate() -> None:
    package = small_package()
    parts = [part for part in package.districts if part.area != "2.1.1"]
    split = [
        DistrictPart(district=district, name=district.upper(), area=station)
        for district, station in (("b", "2.1.1-1"), ("c", "2.1.1-2"))
    ]
    definition = Definition.of(replace(package, districts=(*parts, *split)))
    for station, contest in (("2.1.1-1", "council-b"), ("2.1.1-2", "council-c"), ("2.1.2-1", "council-c")):
        number = definition.stations.number[station]
        assert definition.electorates.contests_of_station(number) == {
            definition.ballots.contest_number["president"]: 0,
            definition.ballots.contest_number[contest]: 1,
        }
    assert codes([definition.ballots.contest("council-c").root_area], definition) == ["2"]


def test_an_area_has_the_contests_that_are_voted_on_anywhere_in_it() -> None:
    def contests(area: str) -> list[str]:
        return [BALLOTS.contests[number].id for number in ELECTORATES.contests_in(TREE.number[area])]

    assert contests("N") == ["president", "council-a", "council-b", "council-c"]
    assert contests("2.1") == ["president", "council-b", "council-c"]
    assert contests("2.1.1") == ["president", "council-b"]
    assert ELECTORATES.contests_in(-7) == ()


def test_what_is_expected_of_an_area_is_the_sum_of_its_stations() -> None:
    definition = Definition.of(elsewhere(small_package()))
    number, area = definition.ballots.contest_number["president"], definition.tree.number
    assert definition.electorates.denominators[number, area["1.1.1"]] == Denominator(2, 202, 1)
    assert definition.electorates.denominators[number, area["2.2"]] == Denominator(4, 0, 4)
    assert definition.electorates.denominators[number, area["N"]] == Denominator(16, 6 * 202, 10)
    assert together([]) == Denominator(0, 0, 0)
    assert together([Denominator(1, 5), Denominator(2, 6, 1)]) == Denominator(3, 11, 1)
