"""Whether the colours differ, also by people who lack one kind of cone.

Colours are turned into those that such a person sees by the matrices of Machado, Oliveira and Fernandes, "A
Physiologically-based Model for Simulation of Color Vision Deficiency" (IEEE TVCG 15(6), 2009), for severity 1.0, and compared
by CIE76 in CIELAB, in which a difference of 2.3 is just noticeable.
"""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from projections.maps.palette import (
    LOOK_HELD,
    LOOK_NOT_COUNTED,
    LOOK_OTHERS,
    LOOK_TIED,
    LOOKS,
    MARK,
    MUTED,
    NOT_COUNTED,
    TIED,
    look_of,
)

SEEN = {
    "all cones": np.eye(3),
    "no L cones": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "no M cones": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "no S cones": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
DIFFERENCE_MIN = 15.0
"""Six times what is just noticeable."""


def _lab(colour: str, seen: np.ndarray) -> np.ndarray:
    rgb = np.array([int(colour[begin : begin + 2], 16) / 255 for begin in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(seen @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def _difference(one: str, other: str, seen: np.ndarray) -> float:
    return float(np.linalg.norm(_lab(one, seen) - _lab(other, seen)))


@pytest.mark.parametrize("eyes", SEEN)
def test_each_two_colours_of_a_map_differ_for_all_eyes(eyes: str) -> None:
    for one, other in itertools.combinations((*MUTED, NOT_COUNTED, TIED), 2):
        assert _difference(one, other, SEEN[eyes]) >= DIFFERENCE_MIN, (one, other)


def test_colours_are_written_as_svg_has_them() -> None:
    assert all(re.fullmatch("#[0-9A-F]{6}", colour) for colour in (*MUTED, NOT_COUNTED, TIED, MARK))


def test_the_measure_finds_colours_that_only_some_can_distinguish() -> None:
    wine, grey = "#882255", "#555555"
    assert _difference(wine, grey, SEEN["all cones"]) > 40
    assert _difference(wine, grey, SEEN["no M cones"]) < 2


def test_each_choice_has_a_look_of_its_own_while_there_are_looks() -> None:
    looks = [look_of(number) for number in range(len(LOOKS) + 2)]
    assert len(set(looks[: len(LOOKS)])) == len(LOOKS) == 27
    assert looks[len(LOOKS) :] == [LOOK_OTHERS, LOOK_OTHERS]
    assert not {LOOK_HELD, LOOK_NOT_COUNTED, LOOK_TIED, LOOK_OTHERS} & set(LOOKS)
