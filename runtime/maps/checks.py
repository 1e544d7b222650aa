"""What is wrong with the maps of a package that only geometry shows: borders that cross themselves, areas that overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import shapely

from runtime.maps.coverage import geometries_of, polygons_of
from runtime.package.maps import LevelMap, feature_words
from schemas.definition.problems import PROBLEMS_MAX, PackageProblem
from schemas.maps.shapes import GRID, twice_area

MENDED_PER_MILLE_MAX = 1
"""Largest change of an area, as a part of itself, when its border is made valid. Rounding to the grid makes a narrow spit touch
itself, which changes nothing of the area; a border that crosses itself changes a great deal of it."""
OVERLAP_PERCENT_MAX = 10
"""How much of the smaller of two areas may lie under the other one. Borders of neighbours that were drawn apart overlap by up
to 5 % of a small village (DI Yogyakarta, 2019); these overlaps are mended. At double, an area with a wrong code may go
unnoticed."""
PAIRS_OF_FEATURE_MAX = 50
"""Areas that may touch each area, on average. In a map it is six, because a map lies in a plane."""
AT_ONCE = 64
"""Areas whose neighbours are looked up at once. At most FEATURES_MAX pairs are found for each."""


def map_problems(maps: Sequence[LevelMap]) -> list[PackageProblem]:
    """The first PROBLEMS_MAX problems."""
    problems: list[PackageProblem] = []
    for each in maps:
        for words in _problems(each):
            problems.append(PackageProblem(each.file, None, None, words))
            if len(problems) == PROBLEMS_MAX:
                return problems
    return problems


def _problems(read: LevelMap) -> Iterator[str]:
    codes = [code for code, shape in read.shapes.items() if shape is not None]
    shapes = [shape for shape in read.shapes.values() if shape is not None]
    given = geometries_of(shapes)
    mended = polygons_of(given)
    is_wrong = False
    for code, shape, before, after in zip(codes, shapes, given, mended, strict=True):
        twice = sum(
            abs(twice_area(polygon[0])) - sum(abs(twice_area(hole)) for hole in polygon[1:]) for polygon in shape
        )
        if abs(2 * after.area - twice) * 1_000 > MENDED_PER_MILLE_MAX * abs(twice):
            is_wrong = True
            yield f"{feature_words(read.feature[code], code)}: its border is not valid{_where(before)}"
    if not is_wrong:
        yield from _overlaps(read, codes, mended)


def _overlaps(read: LevelMap, codes: Sequence[str], geometries: Any) -> Iterator[str]:
    tree = shapely.STRtree(geometries)
    areas = shapely.area(geometries)
    pairs = 0
    for begin in range(0, len(codes), AT_ONCE):
        of, others = tree.query(geometries[begin : begin + AT_ONCE])
        of = of + begin
        later = of < others
        of, others = of[later], others[later]
        pairs += len(of)
        if pairs > PAIRS_OF_FEATURE_MAX * len(codes) + 1_000:
            yield (
                f"{feature_words(read.feature[codes[begin]], codes[begin])}: up to this feature, {pairs:,} pairs of areas lie "
                "over each other, more than a map can have"
            )
            return
        shared = shapely.intersection(geometries[of], geometries[others])
        percents = 100 * shapely.area(shared) / np.minimum(areas[of], areas[others])
        for one, other, percent, both in zip(of, others, percents, shared, strict=True):
            if percent > OVERLAP_PERCENT_MAX:
                words = feature_words(read.feature[codes[other]], codes[other])
                yield (
                    f"{feature_words(read.feature[codes[one]], codes[one])}: {percent:.0f} % of the smaller area lie under "
                    f"{words} too, near {_position(both.representative_point())}"
                )


def _where(geometry: Any) -> str:
    """The fault of a geometry that is not valid, and its coordinates, as GEOS finds them."""
    reason, _, position = shapely.is_valid_reason(geometry).partition("[")
    if not position:
        return ": parts of it lie over each other"
    x, y = position.rstrip("]").split()[:2]
    return f": {reason.strip().lower()} near {_position(shapely.Point(float(x), float(y)))}"


def _position(point: Any) -> str:
    return f"[{point.x / GRID:.5f}, {point.y / GRID:.5f}]"
