"""Borders of the demo's areas, all made up: a nation whose districts lie on a curve in the order of their codes.

A Hilbert curve passes each cell of a square and stays near itself, so the districts of a regency, and the regencies of a
province, are neighbours and make one piece. The corners of the cells are moved, and their sides bent, by the same amount for
both neighbours, so that the borders look drawn by hand and are still shared. Only districts have borders in the package; the
levels above and the electoral districts are joined from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import orjson

from projections.maps.texts import Feature, feature_list
from runtime.files.atomic_write import replace_file
from runtime.package.maps import map_file
from schemas.definition.package import ElectionPackage
from schemas.maps.shapes import GRID, Point, Shape, right_handed

LEVEL = "district"
WEST, SOUTH = 95 * GRID, -11 * GRID
"""South-western corner of the map, about where Indonesia begins, with borders that nobody takes for Indonesia's."""
WIDTH = 46 * GRID
BLOCKS = 2
"""Squares beside each other."""
BENDS = 3
"""Points of a side between its corners."""


def write_demo_maps(package: ElectionPackage, directory: Path) -> None:
    """Write `maps/district.geojson` of the demo's package into its directory."""
    target = directory / map_file(LEVEL)
    target.parent.mkdir(exist_ok=True)
    areas = [area for area in package.areas if area.level == LEVEL]
    features = (Feature(area.code, {"name": area.name}) for area in areas)
    collection = {"type": "FeatureCollection", "features": feature_list(features, demo_shapes(len(areas)))}
    replace_file(target, [orjson.dumps(collection), b"\n"], mode=0o666)


def demo_shapes(count: int) -> Iterator[Shape]:
    """The shapes of `count` areas that follow each other on the curve."""
    order = 0
    while BLOCKS * 4**order < count:
        order += 1
    side = 2**order
    cell = WIDTH // (BLOCKS * side)
    for number in range(count):
        block, within = divmod(number, side * side)
        x, y = cell_of(order, within)
        yield (right_handed((tuple(_border(x + block * side, y, cell)),)),)


def cell_of(order: int, number: int) -> Point:
    """The cell with this number on a Hilbert curve that begins in the lower left and ends in the lower right corner."""
    x = y = 0
    for level in range(order):
        side = 2**level
        right = 1 & (number // 2)
        up = 1 & (number ^ right)
        if up == 0:
            if right == 1:
                x, y = side - 1 - x, side - 1 - y
            x, y = y, x
        x, y = x + side * right, y + side * up
        number //= 4
    return x, y


def _border(x: int, y: int, cell: int) -> Iterator[Point]:
    corners = ((x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1))
    for corner, following in zip(corners, (*corners[1:], corners[0]), strict=True):
        points = _side(min(corner, following), max(corner, following), cell)
        yield from points[:-1] if corner < following else points[:0:-1]


def _side(corner: Point, following: Point, cell: int) -> list[Point]:
    """The points from one corner of the cells to the next, both included; the same for both cells that have this side."""
    (x, y), (end_x, end_y) = _moved(corner, cell), _moved(following, cell)
    points = [(x, y)]
    for bend in range(1, BENDS + 1):
        dx, dy = _chance(f"{corner}/{following}/{bend}", cell // 12)
        points.append((x + (end_x - x) * bend // (BENDS + 1) + dx, y + (end_y - y) * bend // (BENDS + 1) + dy))
    return [*points, (end_x, end_y)]


def _moved(corner: Point, cell: int) -> Point:
    dx, dy = _chance(f"{corner}", cell // 5)
    return WEST + corner[0] * cell + dx, SOUTH + corner[1] * cell + dy


def _chance(what: str, most: int) -> Point:
    """Two numbers from -most to most, always the same for the same text."""
    digest = hashlib.sha256(what.encode()).digest()
    one, other = int.from_bytes(digest[:4]), int.from_bytes(digest[4:8])
    return one % (2 * most + 1) - most, other % (2 * most + 1) - most
