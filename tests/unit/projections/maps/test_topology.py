"""Borders as arcs: whatever the areas, each shape comes back, and a border of two areas is stored once."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from projections.maps.topology import Topology, part_of, shape_of, shared_edges, topology
from schemas.maps.shapes import Point, Ring, Shape, right_handed
from tests.support.small_maps import square


def _cells(owner: dict[Point, int], count: int) -> list[Shape | None]:
    """Shapes made of unit cells: for each owner the rings around its cells, traced with its cells on the left."""
    shapes: list[Shape | None] = []
    for number in range(count):
        edges: dict[Point, list[Point]] = {}
        for x, y in (cell for cell, own in owner.items() if own == number):
            for one, other, beside in (
                ((x, y), (x + 1, y), (x, y - 1)),
                ((x + 1, y), (x + 1, y + 1), (x + 1, y)),
                ((x + 1, y + 1), (x, y + 1), (x, y + 1)),
                ((x, y + 1), (x, y), (x - 1, y)),
            ):
                if owner.get(beside) != number:
                    edges.setdefault(one, []).append(other)
        rings = []
        while edges:
            start = min(edges)
            ring, at, before = [start], start, None
            while True:
                choices = edges[at]
                following = choices[0] if before is None or len(choices) == 1 else _left_most(before, at, choices)
                choices.remove(following)
                if not choices:
                    del edges[at]
                before, at = at, following
                if at == start:
                    break
                ring.append(at)
            rings.append(tuple(ring))
        shapes.append(tuple((ring,) for ring in rings) or None)
    return shapes


def _left_most(before: Point, at: Point, choices: list[Point]) -> Point:
    """Where two cells of a shape touch at a corner, turn left, so that no ring touches itself."""
    dx, dy = at[0] - before[0], at[1] - before[1]
    return max(choices, key=lambda each: dx * (each[1] - at[1]) - dy * (each[0] - at[0]))


def _turned(ring: Ring) -> Ring:
    start = ring.index(min(ring))
    return ring[start:] + ring[:start]


def _turned_shape(shape: Shape | None) -> Shape | None:
    return None if shape is None else tuple(tuple(map(_turned, polygon)) for polygon in shape)


@given(st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 5)), st.integers(0, 3), min_size=1))
def test_shapes_come_back_and_each_border_is_stored_once(owner: dict[Point, int]) -> None:
    shapes = _cells(owner, 4)
    found = topology(shapes)
    assert [_turned_shape(None if each is None else shape_of(found.arcs, each)) for each in found.shapes] == [
        _turned_shape(shape) for shape in shapes
    ]
    edges = Counter((min(pair), max(pair)) for arc in found.arcs for pair in itertools.pairwise(arc))
    assert set(edges.values()) <= {1}, "an edge is in one arc"
    used = {
        ~arc if arc < 0 else arc
        for shape in found.shapes
        if shape
        for polygon in shape
        for ring in polygon
        for arc in ring
    }
    assert used == set(range(len(found.arcs)))


@given(
    st.dictionaries(st.tuples(st.integers(0, 5), st.integers(0, 5)), st.integers(0, 3), min_size=1),
    st.lists(st.integers(0, 3), unique=True),
)
def test_a_part_has_the_shapes_and_the_arcs_that_they_use(owner: dict[Point, int], wanted: list[int]) -> None:
    whole = topology(_cells(owner, 4))
    part = part_of(whole, wanted)
    assert [None if each is None else shape_of(part.arcs, each) for each in part.shapes] == [
        None if (each := whole.shapes[number]) is None else shape_of(whole.arcs, each) for number in wanted
    ]
    used = {
        ~arc if arc < 0 else arc
        for shape in part.shapes
        if shape
        for polygon in shape
        for ring in polygon
        for arc in ring
    }
    assert used == set(range(len(part.arcs)))


def test_a_border_of_two_areas_is_one_arc_that_one_of_them_walks_backwards() -> None:
    found = topology([((square(0, 0, 10),),), ((square(10, 0, 10),),)])
    first, second = (shape[0][0] for shape in found.shapes if shape is not None)
    shared = {arc for arc in first if ~arc in second}
    assert len(shared) == 1
    assert set(found.arcs[shared.pop()]) == {(10, 0), (10, 10)}
    assert len(found.arcs) == 3


def test_an_area_within_another_one_is_its_hole_walked_backwards() -> None:
    inner = square(10, 10, 10)
    outer = right_handed((square(0, 0, 30), inner))
    found = topology([(outer,), ((inner,),), None])
    assert found.shapes == ((((0,), (1,)),), (((~1,),),), None)
    shapes = [shape_of(found.arcs, each) for each in found.shapes if each is not None]
    assert [_turned_shape(shape) for shape in shapes] == [_turned_shape((outer,)), _turned_shape(((inner,),))]


def test_the_arcs_are_in_the_order_in_which_the_shapes_use_them() -> None:
    """A closed arc begins at its lowest point, and other arcs where a border ends."""
    west, east = square(0, 0, 10), square(10, 0, 10)
    found = topology([((west,),), ((east,),), ((square(40, 0, 10)[3:] + square(40, 0, 10)[:3],),)])
    assert found.arcs == (
        ((10, 0), (10, 10)),
        ((10, 10), (5, 10), (0, 10), (0, 0), (5, 0), (10, 0)),
        ((10, 0), (15, 0), (20, 0), (20, 10), (15, 10), (10, 10)),
        ((40, 0), (45, 0), (50, 0), (50, 10), (45, 10), (40, 10), (40, 0)),
    )
    assert found.shapes == ((((0, 1),),), (((2, ~0),),), (((3,),),))
    assert part_of(found, range(3)) == found
    assert part_of(found, [1]) == Topology((found.arcs[2], found.arcs[0]), ((((0, ~1),),),))


def test_two_areas_with_the_same_border_have_the_same_arcs() -> None:
    """A city that is a district of its own."""
    city = ((square(0, 0, 10),),)
    found = topology([city, city, ((square(0, 0, 10)[::-1],),)])
    assert (len(found.arcs), found.shapes) == (1, ((((0,),),), (((0,),),), (((~0,),),)))


def test_shared_edges_are_those_of_two_rings() -> None:
    assert shared_edges([((square(0, 0, 10),),), None, ((square(10, 0, 10),),)]) == {((10, 0), (10, 10))}
