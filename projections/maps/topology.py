"""The borders of a map as arcs. A border between two neighbours is one arc that both refer to, so it is stored once and both
sides are the same.

The arcs are those of TopoJSON 1.0: a ring is a list of arcs that follow each other, and ~n is arc n walked backwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from schemas.maps.shapes import Point, Ring, Shape

Arc = tuple[Point, ...]
RingArcs = tuple[int, ...]
ShapeArcs = tuple[tuple[RingArcs, ...], ...]
"""The polygons of a shape, the rings of each, and the arcs of each ring."""


class Topology(NamedTuple):
    arcs: tuple[Arc, ...]
    shapes: tuple[ShapeArcs | None, ...]
    """One for each shape that was given; None where there is none."""


def topology(shapes: Sequence[Shape | None]) -> Topology:
    """The arcs of these shapes, in the order in which the shapes use them."""
    junctions = _junctions(shapes)
    arcs: list[Arc] = []
    number: dict[Arc, int] = {}

    def numbered(arc: Arc) -> int:
        found = number.get(arc)
        if found is None:
            found = len(arcs)
            arcs.append(arc)
            number[arc] = found
            number.setdefault(arc[::-1], ~found)
        return found

    found = tuple(
        None
        if shape is None
        else tuple(tuple(tuple(map(numbered, _cut(ring, junctions))) for ring in polygon) for polygon in shape)
        for shape in shapes
    )
    return Topology(tuple(arcs), found)


def shape_of(arcs: Sequence[Arc], shape: ShapeArcs) -> Shape:
    """The shape that refers to these arcs."""
    return tuple(tuple(_ring(arcs, ring) for ring in polygon) for polygon in shape)


def part_of(whole: Topology, wanted: Iterable[int]) -> Topology:
    """The topology of some of the shapes, by their numbers, with the arcs that they use."""
    arcs: list[Arc] = []
    new: dict[int, int] = {}

    def renumbered(arc: int) -> int:
        own = ~arc if arc < 0 else arc
        found = new.get(own)
        if found is None:
            found = new[own] = len(arcs)
            arcs.append(whole.arcs[own])
        return ~found if arc < 0 else found

    shapes = tuple(
        None if shape is None else tuple(tuple(tuple(map(renumbered, ring)) for ring in polygon) for polygon in shape)
        for shape in (whole.shapes[number] for number in wanted)
    )
    return Topology(tuple(arcs), shapes)


def shared_edges(shapes: Iterable[Shape | None]) -> set[tuple[Point, Point]]:
    """The edges that two rings have, each as its lower and its higher point."""
    seen: set[tuple[Point, Point]] = set()
    shared: set[tuple[Point, Point]] = set()
    for ring in _rings(shapes):
        for one, other in zip(ring, (*ring[1:], ring[0]), strict=True):
            edge = (one, other) if one < other else (other, one)
            (shared if edge in seen else seen).add(edge)
    return shared


def _junctions(shapes: Iterable[Shape | None]) -> set[Point]:
    """Points at which a border ends: two rings that meet there come from, or go to, different points."""
    neighbours: dict[Point, tuple[Point, Point]] = {}
    junctions: set[Point] = set()
    for ring in _rings(shapes):
        for before, point, after in zip((ring[-1], *ring[:-1]), ring, (*ring[1:], ring[0]), strict=True):
            pair = (before, after) if before < after else (after, before)
            if neighbours.setdefault(point, pair) != pair:
                junctions.add(point)
    return junctions


def _cut(ring: Ring, junctions: set[Point]) -> list[Arc]:
    """The ring as arcs from junction to junction; as one closed arc, from its lowest point, where no border ends."""
    ends = [index for index, point in enumerate(ring) if point in junctions]
    if not ends:
        ends = [ring.index(min(ring))]
    turned = ring[ends[0] :] + ring[: ends[0] + 1]
    cuts = [end - ends[0] for end in ends] + [len(ring)]
    return [turned[begin : end + 1] for begin, end in pairwise(cuts)]


def _ring(arcs: Sequence[Arc], ring: RingArcs) -> Ring:
    points: list[Point] = []
    for arc in ring:
        points += arcs[~arc][:0:-1] if arc < 0 else arcs[arc][:-1]
    return tuple(points)


def _rings(shapes: Iterable[Shape | None]) -> Iterable[Ring]:
    return (ring for shape in shapes if shape is not None for polygon in shape for ring in polygon)
