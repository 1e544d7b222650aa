"""The made-up borders of the demo: a coverage, in which what belongs together is in one piece."""

from __future__ import annotations

import shapely

from projections.definition.compiled import Definition
from projections.maps.plan import planned_maps
from rekap.elections.demo import demo_package, key_slots
from rekap.elections.demo_maps import LEVEL, demo_shapes
from runtime.maps.coverage import geometries_of, joined


def test_all_districts_of_indonesia_are_a_coverage() -> None:
    geometries = geometries_of(demo_shapes(7_266))
    assert shapely.is_valid(geometries).all()
    assert shapely.coverage_is_valid(geometries)
    west, south, east, north = shapely.total_bounds(geometries)
    assert -180e5 < west < east < 180e5
    assert -90e5 < south < north < 90e5


def test_provinces_and_electoral_districts_are_one_piece_each() -> None:
    keys = {slot: bytes([number % 256, number // 256] * 16) for number, slot in enumerate(key_slots())}
    definition = Definition.of(demo_package(stations=20_000, public_keys=keys))
    plans = {(plan.kind.value, plan.of): plan for plan in planned_maps(definition, {LEVEL})}
    province, dpr = plans["level", "province"], plans["contests", "dpr"]
    codes = [feature.id for feature in plans["level", LEVEL].features]
    number = {code: index for index, code in enumerate(codes)}
    geometries = geometries_of(demo_shapes(len(codes)))
    for plan, expected in ((province, 38), (dpr, 89)):
        groups = [[number[code] for code in members] for members in plan.members]
        found = joined(geometries, groups)
        assert len(found) == expected
        assert all(shapely.get_num_geometries(each) == 1 for each in found)
