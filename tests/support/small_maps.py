"""Borders for the small election: each village a square of a tenth of a degree, the villages of a district beside each
other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from schemas.maps.shapes import GRID, Point, Shape

SIDE = GRID // 10
VILLAGES = ("1.1.1", "1.1.2", "1.2.1", "1.2.2", "2.1.1", "2.1.2", "2.2.1", "2.2.2")
WEST, SOUTH = 110 * GRID, -8 * GRID


def square(x: int, y: int, side: int = SIDE) -> tuple[Point, ...]:
    """Counter-clockwise, with a point in the middle of its lower and upper side."""
    middle = x + side // 2
    return (x, y), (middle, y), (x + side, y), (x + side, y + side), (middle, y + side), (x, y + side)


def village_shapes() -> dict[str, Shape]:
    """Two rows: the villages of province 1 above, those of province 2 below."""
    return {
        code: ((square(WEST + number % 4 * SIDE, SOUTH + (1 - number // 4) * SIDE),),)
        for number, code in enumerate(VILLAGES)
    }


def positions(ring: Iterable[Point]) -> list[list[float]]:
    closed = [*ring]
    return [[x / GRID, y / GRID] for x, y in [*closed, closed[0]]]


def feature(code: str, shape: Shape | None, **more: Any) -> dict[str, Any]:
    coordinates = [] if shape is None else [[positions(ring) for ring in polygon] for polygon in shape]
    geometry = None if shape is None else {"type": "MultiPolygon", "coordinates": coordinates}
    return {"type": "Feature", "id": code, "properties": {}, "geometry": geometry, **more}


def collection(features: Iterable[dict[str, Any]], **more: Any) -> bytes:
    return orjson.dumps({"type": "FeatureCollection", "features": [*features], **more})


def write_village_map(package: Path, shapes: dict[str, Shape | None] | None = None) -> Path:
    """`maps/village.geojson` of the package in this directory; villages that are left out have no border."""
    path = package / "maps" / "village.geojson"
    path.parent.mkdir(exist_ok=True)
    found = village_shapes() if shapes is None else shapes
    path.write_bytes(collection(feature(code, found.get(code)) for code in VILLAGES))
    return path
