"""Boxes around shapes, also across the 180th meridian."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.maps.shapes import LONGITUDE_MAX, Box, Shape

_CIRCLE = 2 * LONGITUDE_MAX


def box_of(shape: Shape) -> Box:
    """The box around a shape (RFC 7946, 5). A shape on both sides of the 180th meridian has the narrow box across it."""
    found = box_around([shape])
    assert found is not None, "a shape has a part"
    return found


def box_around(shapes: Iterable[Shape]) -> Box | None:
    """The box around all of them; None where there is none.

    Parts lie on a circle of longitudes. The box leaves out the widest gap between them, so a nation on both sides of the 180th
    meridian does not get a box around the world.
    """
    parts = [polygon[0] for shape in shapes for polygon in shape]
    if not parts:
        return None
    spans = sorted((min(x for x, _ in ring), max(x for x, _ in ring)) for ring in parts)
    south = min(y for ring in parts for _, y in ring)
    north = max(y for ring in parts for _, y in ring)
    west, east = spans[0][0], max(end for _, end in spans)
    widest = west + _CIRCLE - east
    reached = spans[0][1]
    for begin, end in spans[1:]:
        if begin - reached > widest:
            widest, west, east = begin - reached, begin, reached
        reached = max(reached, end)
    return west, south, east, north


def width(box: Box) -> int:
    west, _, east, _ = box
    return east - west if west <= east else east - west + _CIRCLE


def east_of(longitude: int, west: int) -> int:
    """How far a longitude lies east of the western side of a box."""
    return longitude - west if longitude >= west else longitude - west + _CIRCLE
