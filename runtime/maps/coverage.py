"""Shapes of areas that lie side by side, with shapely: mended, joined and simplified.

The areas of a level are a *coverage*: no two overlap, and the border of two neighbours has the same points on both sides.
Files of authorities are not quite so, because neighbours were drawn apart. `mended` makes them a coverage once, and all else
keeps it: joining areas, and simplifying, which moves no point and removes the same points on both sides (Visvalingam and
Whyatt's algorithm, as GEOS has it for coverages since version 3.12).

shapely is imported where maps are checked and built, which are the command and the exporter. No process that takes
submissions or answers readers imports this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import shapely

from schemas.maps.shapes import Polygon, Ring, Shape, right_handed

Geometries = Any
"""An array of shapely's polygons."""

GAP_UNITS = 50
"""Gaps up to this width, about 50 m, that areas enclose are closed. At half, gaps of real files remain; at ten times, rivers
that separate islands are closed."""
CLEANINGS_MAX = 6
"""Files of real borders are a coverage after two."""


def geometries_of(shapes: Iterable[Shape]) -> Geometries:
    """The shapes as shapely's, one for each, also where a shape is not valid."""
    found = [shapely.MultiPolygon([(polygon[0], polygon[1:]) for polygon in shape]) for shape in shapes]
    return np.array(found, dtype=object)


def shapes_of(geometries: Iterable[Any]) -> list[Shape | None]:
    """Geometries with whole coordinates as shapes. None for one that has no area."""
    return [_shape_of(each) for each in geometries]


def polygons_of(geometries: Geometries) -> Geometries:
    """The geometries made valid, without the lines and points that remain of parts that have no area."""
    mended = shapely.make_valid(geometries, method="structure", keep_collapsed=False)
    return np.array([_polygonal(each) for each in mended], dtype=object)


def mended(geometries: Geometries) -> Geometries:
    """The geometries as a coverage on whole coordinates. An area that others cover wholly becomes empty."""
    found = polygons_of(geometries)
    for _ in range(CLEANINGS_MAX):
        if shapely.is_valid(found).all() and shapely.coverage_is_valid(found):
            break
        found = polygons_of(_rounded(shapely.coverage_clean(found, gap_width=GAP_UNITS)))
    return found


def joined(geometries: Geometries, groups: Sequence[Sequence[int]]) -> Geometries:
    """The geometries of each group of numbers, joined without the borders between them; an empty one for an empty group."""
    found = [
        shapely.coverage_union_all(geometries[list(group)]) if len(group) else shapely.MultiPolygon()
        for group in groups
    ]
    return polygons_of(_rounded(np.array(found, dtype=object)))


def simplified(geometries: Geometries, tolerance: int) -> Geometries:
    """The geometries with fewer points; `tolerance` is the side of a square, in units, of whose size a detail may be left out.
    Points stay where they are, neighbours keep one border, and none vanishes."""
    return shapely.coverage_simplify(geometries, tolerance)


def _rounded(geometries: Geometries) -> Geometries:
    return shapely.transform(geometries, np.round)


def _polygonal(geometry: Any) -> Any:
    if geometry.geom_type in ("Polygon", "MultiPolygon"):
        return geometry
    parts = [part for part in shapely.get_parts(geometry) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.MultiPolygon([one for part in parts for one in shapely.get_parts(part)])


def _shape_of(geometry: Any) -> Shape | None:
    polygons = [_polygon_of(part) for part in shapely.get_parts(geometry) if not part.is_empty]
    return tuple(polygons) or None


def _polygon_of(polygon: Any) -> Polygon:
    return right_handed((_ring_of(polygon.exterior), *map(_ring_of, polygon.interiors)))


def _ring_of(ring: Any) -> Ring:
    return tuple((int(x), int(y)) for x, y in shapely.get_coordinates(ring)[:-1])
