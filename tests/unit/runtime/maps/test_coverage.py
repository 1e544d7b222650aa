"""Areas side by side stay side by side: mended, joined, and simplified."""

from __future__ import annotations

from collections import Counter

import orjson
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.maps.topology import topology
from rekap.elections.demo_maps import demo_shapes
from runtime.maps.coverage import geometries_of, joined, mended, polygons_of, shapes_of, simplified
from schemas.maps.shapes import GRID, Shape, right_handed
from tests.support.shared_data import DIY_2019, needs_diy_2019
from tests.support.small_maps import square, village_shapes


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(1, 400_000))
def test_simplified_neighbours_keep_one_border(count: int, side: int) -> None:
    """Whatever is left out, no two areas overlap, no gap opens between them, and none vanishes."""
    shapes = list(demo_shapes(count))
    before = geometries_of(shapes)
    after = simplified(before, side)
    assert shapely.is_valid(after).all()
    assert shapely.coverage_is_valid(after)
    found = shapes_of(after)
    assert None not in found
    points = {point for shape in shapes for polygon in shape for ring in polygon for point in ring}
    kept = {point for shape in found if shape for polygon in shape for ring in polygon for point in ring}
    assert kept <= points, "points are left out and not moved"
    assert _neighbours(found) == _neighbours(shapes), "neighbours stay neighbours"


def _neighbours(shapes: list[Shape | None] | list[Shape]) -> set[tuple[int, int]]:
    users: dict[int, list[int]] = {}
    for number, shape in enumerate(topology(shapes).shapes):
        for arc in (arc for polygon in shape or () for ring in polygon for arc in ring):
            users.setdefault(max(arc, ~arc), []).append(number)
    return {(pair[0], pair[1]) for pair in users.values() if len(pair) == 2}


def test_shapes_go_through_shapely_unchanged() -> None:
    shapes = [*village_shapes().values(), (right_handed((square(0, 0, 90), square(30, 30, 30))), (square(200, 0, 9),))]
    back = shapes_of(geometries_of(shapes))
    assert [_rings(shape) for shape in back] == [_rings(shape) for shape in shapes]


def _rings(shape: Shape | None) -> list[list[tuple[tuple[int, int], ...]]]:
    assert shape is not None
    return [[ring[ring.index(min(ring)) :] + ring[: ring.index(min(ring))] for ring in polygon] for polygon in shape]


def test_overlaps_and_gaps_of_neighbours_are_mended() -> None:
    left, right = square(0, 0, 10_000), square(9_990, 0, 10_000)
    beside = ((19_990, 0), (30_000, 0), (30_000, 10_000), (19_990, 10_000), (20_020, 5_000))
    found = mended(geometries_of([((left,),), ((right,),), ((beside,),)]))
    assert shapely.coverage_is_valid(found)
    assert _neighbours(shapes_of(found)) == {(0, 1), (1, 2)}
    assert shapely.union_all(found).area == 30_000 * 10_000


def test_an_area_that_others_cover_wholly_becomes_empty() -> None:
    found = mended(geometries_of([((square(0, 0, 1_000),),), ((square(0, 0, 1_000),),)]))
    assert sorted(shapes_of(found), key=lambda shape: shape is None)[1] is None


def test_joined_areas_have_no_border_within() -> None:
    geometries = geometries_of(village_shapes().values())
    both, nothing = joined(geometries, [[0, 1], []])
    (shape, empty) = shapes_of([both, nothing])
    assert (empty, len(shape or ())) == (None, 1)
    assert both.area == geometries[0].area + geometries[1].area


def test_what_has_no_area_is_left_out_of_a_polygon_that_is_made_valid() -> None:
    spike = ((0, 0), (GRID, 0), (GRID, GRID), (2 * GRID, 2 * GRID), (GRID, GRID), (0, GRID))
    (found,) = polygons_of(geometries_of([((spike,),)]))
    assert found.geom_type in ("Polygon", "MultiPolygon")
    assert found.area == GRID * GRID


@needs_diy_2019
@pytest.mark.parametrize(("name", "areas"), [("regencies", 5), ("districts", 78), ("villages", 438)])
def test_real_borders_become_a_coverage_and_change_little(name: str, areas: int) -> None:
    features = orjson.loads((DIY_2019 / "geojson" / f"{name}.geojson").read_bytes())["features"]
    given_shapes = shapely.transform(
        [shapely.geometry.shape(each["geometry"]) for each in features], lambda each: (each * GRID).round()
    )
    assert len(given_shapes) == areas
    assert not shapely.coverage_is_valid(given_shapes), "neighbours were drawn apart"
    found = mended(given_shapes)
    assert shapely.is_valid(found).all()
    assert shapely.coverage_is_valid(found)
    assert (abs(shapely.area(found) - shapely.area(given_shapes)) / shapely.area(given_shapes)).max() < 0.1
    users = Counter(arc for shape in topology(shapes_of(found)).shapes for p in shape or () for r in p for arc in r)
    assert max(users.values()) == 1, "an arc is walked once in each direction"
