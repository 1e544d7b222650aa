"""Leaving out parts that are too small to be seen: a nation has thousands of islands, and each costs a file three points."""

from __future__ import annotations

from collections.abc import Sequence

from projections.maps.topology import shared_edges
from schemas.maps.shapes import Point, Polygon, Ring, Shape, twice_area


def without_specks(shapes: Sequence[Shape | None], side: int) -> list[Shape | None]:
    """The shapes without islands and holes that are smaller than a square of this side, in units. The largest part of each
    shape stays, and so does what has a border with another area, so that no area and no border is lost."""
    shared = shared_edges(shapes)
    return [None if shape is None else _without(shape, 2 * side * side, shared) for shape in shapes]


def _without(shape: Shape, twice_min: int, shared: set[tuple[Point, Point]]) -> Shape:
    largest = max(shape, key=lambda polygon: twice_area(polygon[0]))
    kept = [polygon for polygon in shape if polygon is largest or not _is_speck(polygon[0], twice_min, shared)]
    return tuple(_filled(polygon, twice_min, shared) for polygon in kept)


def _filled(polygon: Polygon, twice_min: int, shared: set[tuple[Point, Point]]) -> Polygon:
    return (polygon[0], *(hole for hole in polygon[1:] if not _is_speck(hole, twice_min, shared)))


def _is_speck(ring: Ring, twice_min: int, shared: set[tuple[Point, Point]]) -> bool:
    if abs(twice_area(ring)) >= twice_min:
        return False
    return not any(
        ((one, other) if one < other else (other, one)) in shared
        for one, other in zip(ring, (*ring[1:], ring[0]), strict=True)
    )
