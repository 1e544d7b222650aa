"""Maps as GeoJSON and TopoJSON texts."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from projections.maps.texts import Feature, degrees, geojson, geometry_text, read_topojson, topojson
from projections.maps.topology import shape_of, topology
from schemas.maps.shapes import GRID, right_handed, twice_area
from tests.support.small_maps import square, village_shapes

SHAPES = [*village_shapes().values(), None]
FEATURES = [Feature(f"a{number}", {"name": f"Area {number}"}) for number in range(len(SHAPES))]


@given(st.integers(-180 * GRID, 180 * GRID))
def test_degrees_are_exact(number: int) -> None:
    text = degrees(number)
    assert Fraction(text) == Fraction(number, GRID)
    assert not text.endswith((".", "-0"))
    assert "." not in text or not text.endswith("0")


def _written(members: dict[str, Any]) -> Any:
    return orjson.loads(orjson.dumps(members))


def test_geojson_has_each_area_also_one_without_a_border() -> None:
    found = _written(geojson(FEATURES, topology(SHAPES)))
    assert found["type"] == "FeatureCollection"
    assert found["bbox"] == [110, -8, 110.4, -7.8]
    assert [each["id"] for each in found["features"]] == [feature.id for feature in FEATURES]
    first, *_, last = found["features"]
    assert (first["bbox"], first["properties"]) == ([110, -7.9, 110.1, -7.8], {"name": "Area 0"})
    assert (last["geometry"], "bbox" in last) == (None, False)
    ring = first["geometry"]["coordinates"][0]
    assert ring[0] == ring[-1]
    assert len(ring) == 7
    assert twice_area(tuple((round(x * GRID), round(y * GRID)) for x, y in ring[:-1])) > 0, "RFC 7946, 3.1.6"


PAIR = topology([((square(0, 0, 10),),), ((square(10, 0, 10),), (square(-40, 0, 10),)), None])


def test_geojson_is_written_whole() -> None:
    west = b"[[0.0001,0],[0.0001,0.0001],[0.00005,0.0001],[0,0.0001],[0,0],[0.00005,0],[0.0001,0]]"
    east = b"[[0.0001,0],[0.00015,0],[0.0002,0],[0.0002,0.0001],[0.00015,0.0001],[0.0001,0.0001],[0.0001,0]]"
    islet = b"[[-0.0004,0],[-0.00035,0],[-0.0003,0],[-0.0003,0.0001],[-0.00035,0.0001],[-0.0004,0.0001],[-0.0004,0]]"
    assert orjson.dumps(geojson(FEATURES[:3], PAIR)) == (
        b'{"type":"FeatureCollection","bbox":[-0.0004,0,0.0002,0.0001],"features":['
        b'{"type":"Feature","id":"a0","bbox":[0,0,0.0001,0.0001],"properties":{"name":"Area 0"},'
        b'"geometry":{"type":"Polygon","coordinates":[%b]}},'
        b'{"type":"Feature","id":"a1","bbox":[-0.0004,0,0.0002,0.0001],"properties":{"name":"Area 1"},'
        b'"geometry":{"type":"MultiPolygon","coordinates":[[%b],[%b]]}},'
        b'{"type":"Feature","id":"a2","properties":{"name":"Area 2"},"geometry":null}]}' % (west, east, islet)
    )


def test_topojson_is_written_whole() -> None:
    assert _written(topojson(FEATURES[:3], PAIR)) == {
        "type": "Topology",
        "transform": {"scale": [0.00001, 0.00001], "translate": [0, 0]},
        "objects": {
            "areas": {
                "type": "GeometryCollection",
                "geometries": [
                    {"id": "a0", "properties": {"name": "Area 0"}, "type": "Polygon", "arcs": [[0, 1]]},
                    {"id": "a1", "properties": {"name": "Area 1"}, "type": "MultiPolygon", "arcs": [[[2, -1]], [[3]]]},
                    {"id": "a2", "properties": {"name": "Area 2"}, "type": None},
                ],
            }
        },
        "arcs": [
            [[10, 0], [0, 10]],
            [[10, 10], [-5, 0], [-5, 0], [0, -10], [5, 0], [5, 0]],
            [[10, 0], [5, 0], [5, 0], [0, 10], [-5, 0], [-5, 0]],
            [[-40, 0], [5, 0], [5, 0], [0, 10], [-5, 0], [-5, 0], [0, -10]],
        ],
    }


def test_a_map_without_any_border_has_no_box() -> None:
    found = _written(geojson(FEATURES[:1], topology([None])))
    assert "bbox" not in found


def test_several_parts_are_a_multi_polygon_and_holes_stay_holes() -> None:
    one = right_handed((square(0, 0, 300_000), square(100_000, 100_000, 100_000)))
    found = orjson.loads(geometry_text((one, (square(500_000, 0, 100_000),))))
    assert found["type"] == "MultiPolygon"
    assert [len(polygon) for polygon in found["coordinates"]] == [2, 1]
    assert found["coordinates"][1][0][0] == [5, 0]


def test_topojson_is_read_back_as_it_was() -> None:
    shapes = [*SHAPES, ((square(0, 0, 10),), (square(50, 50, 10),))]
    features = [*FEATURES, Feature("islands", {})]
    arcs = topology(shapes)
    assert read_topojson(orjson.dumps(topojson(features, arcs))) == (features, arcs)


def test_a_reader_of_topojson_finds_the_positions_of_the_geojson() -> None:
    """Decoded as the TopoJSON 1.0 specification has it, sections 2.1.2 to 2.1.4, by other code than ours."""
    arcs = topology(SHAPES)
    text = _written(topojson(FEATURES, arcs))
    scale, move = text["transform"]["scale"], text["transform"]["translate"]
    absolute = []
    for arc in text["arcs"]:
        x, y, points = 0, 0, []
        for dx, dy in arc:
            x, y = x + dx, y + dy
            points.append([x * scale[0] + move[0], y * scale[1] + move[1]])
        absolute.append(points)
    plain = _written(geojson(FEATURES, arcs))["features"]
    for geometry, feature in zip(text["objects"]["areas"]["geometries"], plain, strict=True):
        if geometry["type"] is None:
            assert feature["geometry"] is None
            continue
        ring: list[list[float]] = []
        for number in geometry["arcs"][0]:
            ring += (absolute[~number][::-1] if number < 0 else absolute[number])[bool(ring) :]
        expected = feature["geometry"]["coordinates"][0]
        assert [[round(x, 6), round(y, 6)] for x, y in ring] == expected


def test_the_shapes_of_read_arcs_are_the_shapes() -> None:
    _, found = read_topojson(orjson.dumps(topojson(FEATURES, topology(SHAPES))))
    areas = [abs(twice_area(shape_of(found.arcs, each)[0][0])) for each in found.shapes if each is not None]
    assert set(areas) == {2 * (GRID // 10) ** 2}
