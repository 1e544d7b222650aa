"""Shapes of areas as whole numbers: a position is longitude and latitude (WGS 84) in units of GRID a degree.

Whole numbers make the border of two neighbours the same on both sides, in every format and resolution, so that no rounding
can open a gap between them.
"""

from __future__ import annotations

GRID = 100_000
"""Units of a degree: a unit is 1.1 m at the equator. At a tenth, narrow areas of a city would close; at ten times, files have a
fifth more bytes for borders that nobody has surveyed so exactly."""
LONGITUDE_MAX, LATITUDE_MAX = 180 * GRID, 90 * GRID

Point = tuple[int, int]
"""Longitude and latitude."""
Ring = tuple[Point, ...]
"""Line around an area or a hole: at least three points, without the first one again at the end."""
Polygon = tuple[Ring, ...]
"""The outer ring, counter-clockwise, and then its holes, clockwise (RFC 7946, 3.1.6)."""
Shape = tuple[Polygon, ...]
"""One polygon for each separate part, such as an island."""
Box = tuple[int, int, int, int]
"""West, south, east, north. West is greater than east where the box crosses the 180th meridian (RFC 7946, 5.2)."""


def twice_area(ring: Ring) -> int:
    """Twice the area within a ring, in square units; negative for a clockwise ring."""
    return sum(x * ny - nx * y for (x, y), (nx, ny) in zip(ring, (*ring[1:], ring[0]), strict=True))


def right_handed(polygon: Polygon) -> Polygon:
    """The polygon with each ring in the direction that RFC 7946 requires."""
    return tuple(ring if (twice_area(ring) > 0) is (number == 0) else ring[::-1] for number, ring in enumerate(polygon))
