"""The tree of Indonesian areas: nation, province, regency (kabupaten, kota), district (kecamatan)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from schemas.definition.package import Area

ROOT = "ID"


@dataclass(frozen=True, slots=True)
class Tree:
    """All areas, each after the one it lies in, and the children of each in the order of their codes."""

    areas: tuple[Area, ...]
    children: Mapping[str, tuple[Area, ...]]

    @property
    def provinces(self) -> tuple[Area, ...]:
        return self.children[ROOT]


def read_tree() -> Tree:
    text = files("rekap.elections.indonesia").joinpath("areas.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    areas = tuple(Area.model_validate({**row, "parent": row["parent"] or None}) for row in rows)
    children: dict[str, list[Area]] = {area.code: [] for area in areas}
    for area in areas:
        if area.parent is not None:
            children[area.parent].append(area)
    return Tree(areas, {code: tuple(below) for code, below in children.items()})
