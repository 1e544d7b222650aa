"""Which maps an election has, and what their shapes consist of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.definition.compiled import Definition
from projections.maps.plan import MapKind, areas_within, level_codes, map_head, planned_maps, with_drawn
from projections.maps.texts import Feature
from schemas.definition.package import Contest, DistrictPart
from tests.support.small_election import small_package
from tests.support.small_maps import VILLAGES

DEFINITION = Definition.of(small_package())


def test_levels_without_borders_are_joined_from_the_next_level_below_that_has_them() -> None:
    plans = planned_maps(DEFINITION, {"province", "village"})
    assert [(each.kind, each.of, each.base, each.stem) for each in plans] == [
        ("level", "nation", "province", "level.nation"),
        ("level", "province", "province", "level.province"),
        ("level", "district", "village", "level.district"),
        ("level", "village", "village", "level.village"),
        ("contests", "president", "province", "contests.president"),
        ("contests", "council", "village", "contests.council"),
    ]
    nation, province, district, *_ = plans
    assert nation.members == (("1", "2"),)
    assert province.members == (("1",), ("2",))
    assert district.members[0] == ("1.1.1", "1.1.2")
    assert all(all(plan.is_exact) for plan in plans)
    assert dict(district.features[0].properties) == {
        "code": "1.1",
        "name": "District 1.1",
        "level": "district",
        "parent": "1",
    }
    assert [each.properties["parent"] for each in (*nation.features, *province.features)] == [None, "N", "N"]


def test_electoral_districts_are_joined_from_areas_of_several_levels() -> None:
    council = planned_maps(DEFINITION, {"village"})[-1]
    assert council.members == (VILLAGES[:2], VILLAGES[2:5], VILLAGES[5:])
    assert [feature.id for feature in council.features] == ["council-a", "council-b", "council-c"]
    assert dict(council.features[0].properties) == {
        "contest": "council-a",
        "office": "council",
        "electorate": "a",
        "name": None,
        "seats": 3,
    }


def test_the_areas_of_a_contest_are_in_the_order_of_their_codes() -> None:
    """An electorate is a set, whose order would be another one in each process."""
    package = small_package()
    all_villages = Definition.of(
        replace(
            package,
            districts=(*package.districts, *(DistrictPart(district="all", name="All", area=each) for each in VILLAGES)),
            contests=(*package.contests, Contest(id="mayor", office="mayor", electorate="all")),
            offices=(*package.offices, package.offices[0].model_copy(update={"id": "mayor"})),
        )
    )
    assert planned_maps(all_villages, {"village"})[-1].members == (VILLAGES,)


@pytest.mark.parametrize(
    ("drawn", "bases"),
    [
        (("nation", "province", "village"), ["nation", "village"]),
        (
            ("district", "village"),
            ["district", "village"],
        ),  # one contest of the council has villages and a whole district
        (("nation", "district"), ["nation", "district"]),
    ],
)
def test_contests_are_drawn_from_the_highest_level_that_all_their_areas_have(
    drawn: tuple[str, ...], bases: list[str]
) -> None:
    assert [plan.base for plan in planned_maps(DEFINITION, drawn) if plan.kind is MapKind.CONTESTS] == bases


def test_an_office_without_contests_has_an_empty_map_of_the_highest_level() -> None:
    package = small_package()
    more = replace(package, offices=(*package.offices, package.offices[0].model_copy(update={"id": "mayor"})))
    mayor = planned_maps(Definition.of(more), {"nation", "village"})[-1]
    assert (mayor.of, mayor.base, mayor.features, mayor.members, mayor.is_exact) == ("mayor", "nation", (), (), ())


def test_a_contest_has_the_name_of_the_package() -> None:
    package = small_package()
    named = replace(
        package,
        contests=tuple(
            each.model_copy(update={"name": package.offices[0].name}) if each.id == "president" else each
            for each in package.contests
        ),
    )
    president = planned_maps(Definition.of(named), {"village"})[-2]
    assert president.features[0].properties["name"] == {"id": "Presiden", "en": "President"}


def test_an_electorate_below_the_borders_is_not_exact() -> None:
    council = planned_maps(DEFINITION, {"district"})[-1]
    assert council.base == "district"
    assert council.members == (("1.1",), ("1.2",), ("2.2",))
    assert council.is_exact == (True, False, False)


def test_an_electorate_of_stations_is_not_exact() -> None:
    package = small_package()
    of_stations = Definition.of(
        replace(
            package,
            districts=(*package.districts, DistrictPart(district="s", name="S", area="2.2.2-1")),
            contests=(*package.contests, Contest(id="mayor", office="mayor", electorate="s")),
            offices=(*package.offices, package.offices[0].model_copy(update={"id": "mayor"})),
        )
    )
    mayor = planned_maps(of_stations, {"village"})[-1]
    assert (mayor.kind, mayor.of, mayor.members, mayor.is_exact) == (MapKind.CONTESTS, "mayor", ((),), (False,))


def test_an_election_without_borders_has_no_maps_and_none_of_levels_below_them() -> None:
    assert planned_maps(DEFINITION, ()) == []
    assert [plan.of for plan in planned_maps(DEFINITION, {"province"})] == [
        "nation",
        "province",
        "president",
        "council",
    ]


def test_codes_are_those_of_each_level_of_areas() -> None:
    codes = level_codes(DEFINITION)
    assert list(codes) == ["nation", "province", "district", "village"]
    assert codes["province"] == ["1", "2"]


def test_a_feature_states_how_much_of_it_is_drawn() -> None:
    feature = Feature("a", {"name": "A"})
    found = [
        with_drawn(feature, members, drawn, is_exact=exact).properties
        for members, drawn, exact in ((2, 2, True), (2, 1, True), (2, 2, False), (2, 0, True), (0, 0, False))
    ]
    assert [each["drawn"] for each in found] == ["whole", "in-part", "in-part", "not", "not"]
    assert found[0]["name"] == "A"


def test_a_map_states_what_it_is_of() -> None:
    package = small_package()
    definition = Definition.of(replace(package, election=package.election.model_copy(update={"source": "BIG"})))
    assert map_head(definition, "d") == {
        "election": "small",
        "title": {"id": "Pemilu kecil", "en": "Small election"},
        "mode": "rehearsal",
        "definition": definition.hash,
        "maps": "d",
        "licence": "CC0-1.0",
        "source": "BIG",
    }


def test_the_areas_of_a_level_in_an_area_are_listed_up_to_a_bound() -> None:
    tree = DEFINITION.tree
    root = tree.root
    villages = [code for code, level in zip(tree.codes, tree.level, strict=True) if tree.level_ids[level] == "village"]
    assert sorted(areas_within(tree, "village", root, 100)) == sorted(villages)
    assert len(areas_within(tree, "village", root, 3)) == 3
    assert sorted(areas_within(tree, "village", tree.number["1.1"], 100)) == ["1.1.1", "1.1.2"]
    assert areas_within(tree, "nation", root, 100) == [tree.codes[root]]
    assert areas_within(tree, "province", tree.number["1.1"], 100) == []
