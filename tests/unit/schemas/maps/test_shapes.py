"""Shapes as whole numbers."""

from __future__ import annotations

from schemas.maps.shapes import right_handed, twice_area

RING = ((0, 0), (4, 0), (4, 2), (0, 2))


def test_the_area_of_a_ring_is_positive_counter_clockwise() -> None:
    assert (twice_area(RING), twice_area(RING[::-1])) == (16, -16)


def test_rings_are_turned_as_rfc_7946_requires() -> None:
    hole = ((1, 1), (2, 1), (2, 2))
    assert right_handed((RING[::-1], hole)) == (RING, hole[::-1])
    assert right_handed((RING, hole[::-1])) == (RING, hole[::-1])
