"""The patches of rows, by examples. (tests/properties/test_row_patches.py tries whatever rows there may be.)"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from schemas.served.row_patches import applied, difference

ROW = {
    "area": "1",
    "margin": 3,
    "leaders": ["01"],
    "counted": {"total": 5, "voters": None, "votes": {"01": 4, "02": 1}},
}


@pytest.mark.parametrize(
    ("after", "patch"),
    [
        (ROW, {}),
        (ROW | {"margin": 4}, {"margin": 4}),
        (ROW | {"margin": None}, {"margin": None}),
        (ROW | {"margin": True}, {"margin": True}),
        (ROW | {"leaders": ["02", "01"]}, {"leaders": ["02", "01"]}),
        (ROW | {"tied": []}, {"tied": []}),
        (ROW | {"tied": None}, {"tied": None}),
        (ROW | {"counted": None}, {"counted": None}),
        (ROW | {"margin": {"votes": 3}}, {"margin": {"votes": 3}}),
        (
            ROW | {"counted": {"total": 6, "voters": None, "votes": {"01": 4, "02": 2}}},
            {"counted": {"total": 6, "votes": {"02": 2}}},
        ),
        (
            ROW | {"counted": {"total": 5, "voters": None, "votes": {"02": 1}}},
            {"counted": {"votes": {"=": {"02": 1}}}},
        ),
    ],
)
def test_a_patch_has_what_changed_and_makes_the_newer_row(after: dict[str, Any], patch: dict[str, Any]) -> None:
    assert difference(ROW, after) == patch
    made = applied(ROW, patch)
    assert made == after
    assert repr(made) == repr(after), "1 is not true"


@pytest.mark.parametrize(("old", "new"), [(1, True), (False, 0), ([1], [True]), ([{"votes": 0}], [{"votes": False}])])
def test_a_number_and_a_truth_value_that_python_takes_as_equal_are_a_change(old: object, new: object) -> None:
    assert repr(difference({"value": old}, {"value": new})) == repr({"value": new})


def test_a_copy_of_a_row_has_no_changes() -> None:
    assert difference(ROW, deepcopy(ROW)) == {}


def test_a_row_that_lost_a_member_has_no_patch() -> None:
    assert difference(ROW, {"area": "1"}) is None


def test_applying_a_patch_leaves_the_older_row_as_it_was() -> None:
    counted: dict[str, Any] = {"votes": {"01": 4}}
    applied({"counted": counted}, {"counted": {"votes": {"01": 5}}})
    assert counted == {"votes": {"01": 4}}
