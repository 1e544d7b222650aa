"""Faults that only geometry shows, each with file, feature and area."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from runtime.maps import checks
from runtime.maps.checks import map_problems
from runtime.package.maps import LevelMap
from schemas.definition.problems import PROBLEMS_MAX
from schemas.maps.shapes import GRID, Shape, right_handed
from tests.support.small_maps import SIDE, square, village_shapes


def _sentences(shapes: Mapping[str, Shape | None]) -> list[str]:
    numbers = {code: number for number, code in enumerate(shapes, start=1)}
    return [str(each) for each in map_problems([LevelMap("village", "maps/village.geojson", "", shapes, numbers)])]


def test_areas_beside_each_other_have_no_fault() -> None:
    assert _sentences({**village_shapes(), "none": None}) == []


def test_a_border_that_crosses_itself_is_named_with_its_place() -> None:
    bow = ((0, 0), (GRID, GRID), (GRID, 0), (0, GRID))
    assert _sentences({"1": ((bow,),)}) == [
        "maps/village.geojson: feature 1 (1): its border is not valid: self-intersection near [0.50000, 0.50000]"
    ]


def test_parts_of_one_area_that_lie_over_each_other_are_named() -> None:
    (found,) = _sentences({"1": ((square(0, 0, GRID),), (square(GRID // 4, 0, GRID),))})
    assert found.startswith("maps/village.geojson: feature 1 (1): its border is not valid")


def test_a_spit_that_touches_itself_on_the_grid_is_mended_in_silence() -> None:
    with_spit = ((0, 0), (GRID, 0), (GRID, GRID), (GRID + 500, GRID + 500), (GRID, GRID), (0, GRID))
    assert _sentences({"1": ((with_spit,),)}) == []


def test_an_area_over_another_one_is_named_with_both() -> None:
    over = ((square(SIDE // 2, 0),),)
    assert _sentences({"1": ((square(0, 0),),), "2": over}) == [
        "maps/village.geojson: feature 1 (1): 50 % of the smaller area lie under feature 2 (2) too, near [0.07500, 0.05000]"
    ]


@pytest.mark.parametrize(("percent", "faults"), [(10, 0), (11, 1)])
def test_an_overlap_is_a_fault_over_the_tolerance_only(percent: int, faults: int) -> None:
    over = ((square(SIDE - SIDE * percent // 100, 0),),)
    assert len(_sentences({"1": ((square(0, 0),),), "2": over})) == faults


def test_an_area_in_the_hole_of_another_one_is_not_over_it() -> None:
    inner = square(100, 100, 100)
    assert _sentences({"1": (right_handed((square(0, 0, 1_000), inner)),), "2": ((inner,),)}) == []


def test_areas_that_all_lie_over_each_other_are_not_compared_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PAIRS_OF_FEATURE_MAX", 2)
    shapes: dict[str, Shape | None] = {str(number): ((square(0, 0),),) for number in range(100)}
    (found,) = _sentences(shapes)
    assert "pairs of areas lie over each other, more than a map can have" in found


def test_problems_are_bounded() -> None:
    shapes: dict[str, Shape | None] = {str(number): ((square(0, 0),),) for number in range(60)}
    assert len(_sentences(shapes)) == PROBLEMS_MAX
