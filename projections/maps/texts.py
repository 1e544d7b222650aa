"""Maps as the text of a GeoJSON or TopoJSON file: whole numbers in, decimal degrees out, without a float in between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import orjson

from projections.maps.extent import box_around, box_of
from projections.maps.topology import Arc, ShapeArcs, Topology, shape_of
from schemas.maps.shapes import GRID, Box, Ring, Shape

_DIGITS = len(str(GRID)) - 1
OBJECT = "areas"
"""Name of the one object of each TopoJSON file."""


class Feature(NamedTuple):
    """What is known of an area of a map besides its shape."""

    id: str
    properties: Mapping[str, Any]


def degrees(number: int) -> str:
    """A number of grid units as decimal degrees, such as -7.88001, without zeros at the end."""
    whole, part = divmod(abs(number), GRID)
    decimals = f"{part:0{_DIGITS}}".rstrip("0")
    sign = "-" if number < 0 else ""
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def box_text(box: Box) -> bytes:
    return b"[%b]" % ",".join(map(degrees, box)).encode()


def geometry_text(shape: Shape | None) -> bytes:
    """The geometry of a GeoJSON feature."""
    if shape is None:
        return b"null"
    polygons = ["[" + ",".join(map(_ring_text, polygon)) + "]" for polygon in shape]
    if len(polygons) == 1:
        return f'{{"type":"Polygon","coordinates":{polygons[0]}}}'.encode()
    return f'{{"type":"MultiPolygon","coordinates":[{",".join(polygons)}]}}'.encode()


def geojson(features: Sequence[Feature], topology: Topology) -> dict[str, Any]:
    """The members of a FeatureCollection (RFC 7946), to be written by orjson. An area without a shape is a feature without a
    geometry (3.2), so no id is lost."""
    shapes = [None if arcs is None else shape_of(topology.arcs, arcs) for arcs in topology.shapes]
    box = box_around(shape for shape in shapes if shape is not None)
    return {
        "type": "FeatureCollection",
        **({} if box is None else {"bbox": orjson.Fragment(box_text(box))}),
        "features": feature_list(features, shapes),
    }


def feature_list(features: Iterable[Feature], shapes: Iterable[Shape | None]) -> list[dict[str, Any]]:
    return [
        {
            "type": "Feature",
            "id": feature.id,
            **({} if shape is None else {"bbox": orjson.Fragment(box_text(box_of(shape)))}),
            "properties": feature.properties,
            "geometry": orjson.Fragment(geometry_text(shape)),
        }
        for feature, shape in zip(features, shapes, strict=True)
    ]


def topojson(features: Sequence[Feature], topology: Topology) -> dict[str, Any]:
    """The members of a TopoJSON 1.0 topology with one object."""
    scale = orjson.Fragment(f"0.{'0' * (_DIGITS - 1)}1".encode())
    return {
        "type": "Topology",
        "transform": {"scale": [scale, scale], "translate": [0, 0]},
        "objects": {
            OBJECT: {
                "type": "GeometryCollection",
                "geometries": [
                    {"id": feature.id, "properties": feature.properties, **_geometry(arcs)}
                    for feature, arcs in zip(features, topology.shapes, strict=True)
                ],
            }
        },
        "arcs": [_deltas(arc) for arc in topology.arcs],
    }


def read_topojson(text: bytes) -> tuple[list[Feature], Topology]:
    """Features and topology of a text that `topojson` made."""
    found = orjson.loads(text)
    arcs = tuple(_absolute(arc) for arc in found["arcs"])
    geometries = found["objects"][OBJECT]["geometries"]
    features = [Feature(each["id"], each["properties"]) for each in geometries]
    return features, Topology(arcs, tuple(map(_arcs, geometries)))


def _ring_text(ring: Ring) -> str:
    return "[" + ",".join(f"[{degrees(x)},{degrees(y)}]" for x, y in (*ring, ring[0])) + "]"


def _geometry(arcs: ShapeArcs | None) -> dict[str, Any]:
    if arcs is None:
        return {"type": None}
    return {"type": "Polygon", "arcs": arcs[0]} if len(arcs) == 1 else {"type": "MultiPolygon", "arcs": arcs}


def _arcs(geometry: Mapping[str, Any]) -> ShapeArcs | None:
    if geometry["type"] is None:
        return None
    polygons = [geometry["arcs"]] if geometry["type"] == "Polygon" else geometry["arcs"]
    return tuple(tuple(tuple(ring) for ring in polygon) for polygon in polygons)


def _deltas(arc: Arc) -> list[tuple[int, int]]:
    return [arc[0], *((nx - x, ny - y) for (x, y), (nx, ny) in pairwise(arc))]


def _absolute(deltas: Iterable[Sequence[int]]) -> Arc:
    x = y = 0
    points = []
    for dx, dy in deltas:
        x, y = x + dx, y + dy
        points.append((x, y))
    return tuple(points)
