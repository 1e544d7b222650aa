"""Small islands are left out, and no area and no border is."""

from __future__ import annotations

from projections.maps.specks import without_specks
from schemas.maps.shapes import right_handed
from tests.support.small_maps import square


def test_islands_and_holes_below_the_size_are_left_out() -> None:
    large, small = square(0, 0, 100), square(200, 0, 5)
    with_holes = right_handed((large, square(10, 10, 5), square(30, 30, 40)))
    assert without_specks([(with_holes, (small,)), None], 10) == [((with_holes[0], with_holes[2]),), None]


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
