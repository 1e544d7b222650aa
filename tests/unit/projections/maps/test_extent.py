"""Boxes around shapes, also where they lie on both sides of the 180th meridian."""

from __future__ import annotations

import pytest

from projections.maps.extent import box_around, box_of, east_of, width
from schemas.maps.shapes import GRID
from tests.support.small_maps import square

DEGREE = GRID


def test_the_box_of_a_shape_is_the_least_that_holds_its_parts() -> None:
    shape = ((square(0, 0, 10),), (square(50, -20, 10),))
    assert box_of(shape) == (0, -20, 60, 10)
    assert box_around([shape, ((square(-5, 0, 1),),)]) == (-5, -20, 60, 10)
    assert box_around([]) is None


def test_a_nation_on_both_sides_of_the_180th_meridian_has_a_narrow_box() -> None:
    fiji = ((square(177 * DEGREE, 0, DEGREE),), (square(-180 * DEGREE, 0, DEGREE),))
    west, south, east, north = box_of(fiji)
    assert (west, east) == (177 * DEGREE, -179 * DEGREE)
    assert (south, north) == (0, DEGREE)
    assert width((west, south, east, north)) == 4 * DEGREE
    assert east_of(-180 * DEGREE, west) == 3 * DEGREE
    assert east_of(178 * DEGREE, west) == DEGREE


def test_a_part_within_the_span_of_another_opens_no_gap() -> None:
    shape = (
        (square(-100 * DEGREE, 0, 100 * DEGREE),),
        (square(-90 * DEGREE, 0, DEGREE),),
        (square(50 * DEGREE, 0, DEGREE),),
    )
    assert box_of(shape) == (-100 * DEGREE, 0, 51 * DEGREE, 100 * DEGREE)


@pytest.mark.parametrize(
    ("spans", "west_and_east"),
    [
        ([(-170, 1), (0, 1), (100, 1)], (0, -169)),  # the first gap is the widest
        ([(-170, 1), (-100, 1), (100, 1)], (100, -99)),  # the second one is
        ([(-100, 1), (0, 1), (79, 1)], (-100, 80)),  # the gap across the meridian is, by a degree
        ([(-100, 10), (80, 10)], (-100, 90)),  # two are equally wide; the box across the meridian is not taken
        ([(-100, 200), (-90, 1), (110, 1)], (-100, 111)),  # a short part within a long one opens no gap after it
    ],
)
def test_a_box_leaves_out_the_widest_gap(spans: list[tuple[int, int]], west_and_east: tuple[int, int]) -> None:
    """By the western side and the width of each part, in degrees."""
    box = box_of(tuple((square(west * DEGREE, 0, side * DEGREE),) for west, side in spans))
    assert (box[0] // DEGREE, box[2] // DEGREE) == west_and_east


@pytest.mark.parametrize(
    ("west", "east", "degrees"), [(110, 114, 4), (-3, 4, 7), (178, -179, 3), (180, -180, 0), (7, 7, 0)]
)
def test_the_width_of_a_box_is_measured_eastward(west: int, east: int, degrees: int) -> None:
    assert width((west * DEGREE, 0, east * DEGREE, DEGREE)) == degrees * DEGREE
