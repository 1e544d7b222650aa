"""The compiled package: who belongs where, and what is waited for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from projections.definition.compiled import NO_PARTY, Definition, Denominator, partition_of, together
from schemas.definition.package import DistrictPart
from tests.support.ledger import private_key
from tests.support.small_election import elsewhere, small_package

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


# ── the tree ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def codes(areas: Iterable[int], definition: Definition = DEFINITION) -> list[str]:
    return [definition.area_codes[area] for area in areas]


def test_each_area_knows_those_above_it_and_those_directly_in_it() -> None:
    number = DEFINITION.area_number
    assert codes(DEFINITION.lineage[number["1.2.1"]]) == ["1.2.1", "1.2", "1", "N"]
    assert codes(DEFINITION.children[number["1"]]) == ["1.1", "1.2"]
    assert DEFINITION.children[number["1.2.1"]] == ()
    assert codes([DEFINITION.root]) == ["N"]
    assert DEFINITION.area_parent[DEFINITION.root] == -1


def test_an_area_has_one_area_at_the_shard_level_and_counts_in_those_up_to_it() -> None:
    number = DEFINITION.area_number
    assert DEFINITION.shard_level == 2
    assert [DEFINITION.area_shard[number[code]] for code in ("N", "1")] == [-1, -1]
    assert codes(DEFINITION.area_shard[number[code]] for code in ("1.2", "1.2.1")) == ["1.2", "1.2"]
    assert codes(DEFINITION.counting_areas[number["1.2.1"]]) == ["1.2.1", "1.2"]
    assert codes(DEFINITION.counting_areas[number["1.2"]]) == ["1.2"]
    assert DEFINITION.counting_areas[number["1"]] == ()
    assert codes(DEFINITION.shard_partition) == ["1.1", "1.2", "2.1", "2.2"]


def test_the_records_of_a_station_have_the_key_and_the_partition_of_its_shard_area() -> None:
    station = DEFINITION.station_number["2.1.2-1"]
    assert DEFINITION.shard_code_of_station(station) == "2.1"
    assert DEFINITION.partition_of_station(station) == partition_of("2.1", 3)
    assert DEFINITION.station_code(station) == "2.1.2-1"


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
    definition = Definition(moved)
    order = definition.station_order
    ranked = sorted(range(len(definition.station_codes)), key=lambda station: order.rank[station])
    assert [definition.station_codes[station] for station in ranked] == [
        *(f"{a}.{b}.{c}-{d}" for a, b in ("11", "12", "21") for c in "12" for d in "12"),
        *("2.2.2-2", "2.2.1-1", "2.2.1-2", "2.2.2-1"),
    ]
    for area, code in enumerate(definition.area_codes):
        inside = {n for n, at in enumerate(definition.station_area) if area in definition.lineage[at]}
        assert set(ranked[order.first[area] : order.end[area]]) == inside, code


def test_the_slots_of_a_partition_are_numbered_without_gap() -> None:
    slots: dict[int, list[int]] = {}
    for station in range(len(DEFINITION.station_codes)):
        for contest in DEFINITION.contests_of_station(station):
            partition = DEFINITION.partition_of_station(station)
            slots.setdefault(partition, []).append(DEFINITION.slot(station, contest))
    for number, count in enumerate(DEFINITION.slots_of_partition):
        assert sorted(slots.get(number, [])) == list(range(count))


# ── contests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_single_stations_may_belong_to_an_electorate() -> None:
    package = small_package()
    parts = [part for part in package.districts if part.area != "2.1.1"]
    split = [
        DistrictPart(district=district, name=district.upper(), area=station)
        for district, station in (("b", "2.1.1-1"), ("c", "2.1.1-2"))
    ]
    definition = Definition(replace(package, districts=(*parts, *split)))
    for station, contest in (("2.1.1-1", "council-b"), ("2.1.1-2", "council-c"), ("2.1.2-1", "council-c")):
        number = definition.station_number[station]
        assert definition.contests_of_station(number) == {
            definition.contest_number["president"]: 0,
            definition.contest_number[contest]: 1,
        }
    assert codes([definition.contests[definition.contest_number["council-c"]].root_area], definition) == ["2"]


def test_an_area_has_the_contests_that_are_voted_on_anywhere_in_it() -> None:
    def contests(area: str) -> list[str]:
        return [DEFINITION.contests[number].id for number in DEFINITION.contests_in(DEFINITION.area_number[area])]

    assert contests("N") == ["president", "council-a", "council-b", "council-c"]
    assert contests("2.1") == ["president", "council-b", "council-c"]
    assert contests("2.1.1") == ["president", "council-b"]
    assert DEFINITION.contests_in(-7) == ()


def test_a_ballot_is_in_the_order_of_the_choices_and_each_has_the_line_of_its_party() -> None:
    package = elsewhere(small_package())
    definition = Definition(replace(package, choices=package.choices[::-1]))
    contest = definition.contests[definition.contest_number["council-a"]]
    office = definition.offices[contest.office_number]
    assert contest.choices == ("P1-0", "P1-1", "P2-0", "P2-1")
    assert [choice.id for choice in contest.ballot] == list(contest.choices)
    assert contest.choice_index == {"P1-0": 0, "P1-1": 1, "P2-0": 2, "P2-1": 3}
    assert contest.choices_of_party == {"P1": ("P1-0", "P1-1"), "P2": ("P2-0",)}
    assert (office.lines, office.parties) == (("P1", "P2", NO_PARTY), ("P1", "P2"))
    assert contest.choice_line == (0, 0, 1, 2)
    assert (contest.votes_per_ballot, contest.counts_blank, contest.leading_places) == (2, False, 2)
    president = definition.contests[definition.contest_number["president"]]
    assert (president.votes_per_ballot, president.counts_blank, president.leading_places) == (1, True, 1)


def test_of_seats_that_parties_share_one_choice_leads() -> None:
    contest = DEFINITION.contests[DEFINITION.contest_number["council-a"]]
    assert (contest.contest.seats, contest.leading_places) == (3, 1)
    assert DEFINITION.offices[contest.office_number].lines == ("P1", "P2"), "each choice has a party"


def test_what_is_expected_of_an_area_is_the_sum_of_its_stations() -> None:
    definition = Definition(elsewhere(small_package()))
    number, area = definition.contest_number["president"], definition.area_number
    assert definition.denominators[number, area["1.1.1"]] == Denominator(2, 202, 1)
    assert definition.denominators[number, area["2.2"]] == Denominator(4, 0, 4)
    assert definition.denominators[number, area["N"]] == Denominator(16, 6 * 202, 10)
    assert together([]) == Denominator(0, 0, 0)
    assert together([Denominator(1, 5), Denominator(2, 6, 1)]) == Denominator(3, 11, 1)


def test_the_size_of_a_published_tally_grows_with_the_names_of_its_choices() -> None:
    sizes = dict(zip((str(contest.id) for contest in DEFINITION.contests), DEFINITION.tally_bytes, strict=True))
    assert sizes["president"] == 2_000 + 4 * 3 * (2 + 15)
    assert sizes["council-a"] == 2_000 + 4 * 4 * (4 + 15)


def test_a_key_is_known_by_its_id_with_its_bytes() -> None:
    row = small_package().keys[0]
    entry = DEFINITION.keys[row.key_id]
    assert (entry.key_id, entry.role, entry.scope) == (row.key_id, "authority", "N")
    assert entry.public_key == private_key("authority").public_key().public_bytes_raw()
