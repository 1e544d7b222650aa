"""Small islands are left out, and no area and no border is."""

from __future__ import annotations

import pytest

from projections.maps.specks import without_specks
from schemas.maps.shapes import Ring, right_handed
from tests.support.small_maps import square


def test_islands_and_holes_below_the_size_are_left_out() -> None:
    large, small = square(0, 0, 100), square(200, 0, 5)
    with_holes = right_handed((large, square(10, 10, 5), square(30, 30, 40)))
    assert without_specks([(with_holes, (small,)), None], 10) == [((with_holes[0], with_holes[2]),), None]


@pytest.mark.parametrize(("side", "is_left_out"), [(8, True), (9, True), (10, False), (12, False)])
def test_what_is_as_large_as_a_square_of_the_side_stays(side: int, is_left_out: bool) -> None:
    large, island, hole = square(0, 0, 100), square(200, 0, side), square(40, 40, side)
    polygon = right_handed((large, hole))
    shape = (polygon, (island,))
    assert without_specks([shape], 10) == [((polygon[:1],) if is_left_out else shape)]


def test_the_largest_part_of_an_area_stays_however_small() -> None:
    tiny, tinier = square(0, 0, 3), square(10, 0, 2)
    assert without_specks([((tinier,), (tiny,))], 1_000) == [((tiny,),)]


def test_what_has_a_border_with_another_area_stays() -> None:
    enclave, beside = square(10, 10, 5), square(100, 0, 5)
    around = right_handed((square(0, 0, 100), enclave))
    with_spit = ((square(300, 0, 50),), (beside,))
    neighbour = (((105, 0), (110, 0), (110, 5), (105, 5)),)
    shapes = [(around,), ((enclave,),), with_spit, (neighbour,)]
    assert without_specks(shapes, 50) == shapes
    assert without_specks(shapes[:3], 50) == [*shapes[:2], ((square(300, 0, 50),),)], (
        "without the neighbour it is a speck"
    )


@pytest.mark.parametrize(
    "neighbour",
    [
        ((90, 0), (100, 0), (100, 5), (90, 5)),  # in the west, where the islet's border leads back to its first point
        ((105, 0), (110, 0), (110, 5), (105, 5)),  # in the east
        ((100, 5), (102, 5), (102, 10), (100, 10)),  # in the north
        ((100, -5), (102, -5), (102, 0), (100, 0)),  # in the south
    ],
)
def test_an_islet_stays_on_whichever_side_its_neighbour_is(neighbour: Ring) -> None:
    with_islet = ((square(300, 0, 50),), (square(100, 0, 5),))
    shapes = [with_islet, ((neighbour,),)]
    assert without_specks(shapes, 50) == shapes
