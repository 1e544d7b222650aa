"""Which maps an election has: one for each level of areas and one of the contests of each office, and of which areas each shape
consists.

A level without borders of its own has those of the areas below, joined. The electoral districts of an office are areas, joined.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from projections.definition.ballots import ContestEntry, OfficeEntry
from projections.definition.compiled import Definition
from projections.definition.tree import AreaTree
from projections.maps.texts import Feature


class MapKind(StrEnum):
    LEVEL = "level"
    """The areas of a level."""
    CONTESTS = "contests"
    """The electorates of the contests of an office."""


class Drawn(StrEnum):
    """How much of an area a map shows."""

    WHOLE = "whole"
    IN_PART = "in-part"
    """No border is known of some of the areas that it consists of."""
    NOT = "not"


class MapPlan(NamedTuple):
    kind: MapKind
    of: str
    """Id of the level, or of the office."""
    base: str
    """The level whose borders are joined; the level itself where it has borders of its own."""
    features: tuple[Feature, ...]
    members: tuple[tuple[str, ...], ...]
    """Areas of the base level that each feature consists of; empty where it consists of no such areas."""
    is_exact: tuple[bool, ...]
    """Whether each feature consists of these areas and nothing else."""

    @property
    def stem(self) -> str:
        """The names of its files begin with this."""
        return f"{self.kind}.{self.of}"


def planned_maps(definition: Definition, drawn_levels: Collection[str]) -> list[MapPlan]:
    """The maps of an election whose package has the borders of these levels: levels from the root down, then offices. None of a
    level that lies below all of them."""
    if not drawn_levels:
        return []
    tree = definition.tree
    drawn = [number for number, level in enumerate(tree.level_ids) if level in drawn_levels]
    levels = [
        _of_level(definition, level, next(each for each in drawn if each >= level)) for level in range(drawn[-1] + 1)
    ]
    return levels + [_of_office(definition, office, drawn) for office in definition.ballots.offices]


def level_codes(definition: Definition) -> dict[str, list[str]]:
    """The codes of the areas of each level, without the level of the stations."""
    tree = definition.tree
    codes: dict[str, list[str]] = {level: [] for level in tree.level_ids[:-1]}
    for code, level in zip(tree.codes, tree.level, strict=True):
        codes[tree.level_ids[level]].append(code)
    return codes


def areas_within(tree: AreaTree, level: str, area: int, most: int) -> list[str]:
    """The codes of the areas of a level in an area, at any depth; at most so many, because a nation has 100,000."""
    wanted = tree.level_ids.index(level)
    found: list[str] = []
    open_areas = [area]
    while open_areas and len(found) < most:
        each = open_areas.pop()
        if tree.level[each] == wanted:
            found.append(tree.codes[each])
        elif tree.level[each] < wanted:
            open_areas += tree.children[each]
    return found


def map_head(definition: Definition, digest: str) -> dict[str, Any]:
    """What each map states of itself; `digest` is that of all maps of the election."""
    election = definition.election
    return {
        "election": election.id,
        "title": election.title.root,
        "mode": election.mode.value,
        "definition": definition.hash,
        "maps": digest,
        "licence": election.licence,
        "source": election.source,
    }


def with_drawn(feature: Feature, members: int, drawn: int, *, is_exact: bool) -> Feature:
    """The feature with the property `drawn`. It consists of `members` areas, and the borders of `drawn` of them are known."""
    how = Drawn.NOT if not drawn else Drawn.WHOLE if is_exact and drawn == members else Drawn.IN_PART
    return feature._replace(properties={**feature.properties, "drawn": how.value})


def _of_level(definition: Definition, level: int, base: int) -> MapPlan:
    tree = definition.tree
    areas = [area for area, of in enumerate(tree.level) if of == level]
    below = _below(definition, base)
    return MapPlan(
        MapKind.LEVEL,
        tree.level_ids[level],
        tree.level_ids[base],
        tuple(Feature(tree.codes[area], area_properties(definition, area)) for area in areas),
        tuple(below.get(area, ()) for area in areas),
        (True,) * len(areas),
    )


def _of_office(definition: Definition, office: OfficeEntry, drawn: list[int]) -> MapPlan:
    """The map of an office on the highest level with borders of which all its electorates consist; where there is none, on the
    lowest one with borders."""
    tree = definition.tree
    contests = [definition.ballots.contests[number] for number in office.contests]
    parts = [definition.electorates.parts[contest.number] for contest in contests]
    lowest = max(
        (
            tree.level[tree.number[code]] if code in tree.number else len(tree.level_ids)
            for each in parts
            for code in each
        ),
        default=0,
    )
    base = next((level for level in drawn if level >= lowest), drawn[-1])
    below = _below(definition, base)
    return MapPlan(
        MapKind.CONTESTS,
        office.id,
        tree.level_ids[base],
        tuple(Feature(contest.id, contest_properties(contest)) for contest in contests),
        tuple(
            tuple(code for part in sorted(each) if part in tree.number for code in below.get(tree.number[part], ()))
            for each in parts
        ),
        tuple(all(part in tree.number and tree.level[tree.number[part]] <= base for part in each) for each in parts),
    )


def area_properties(definition: Definition, area: int) -> Mapping[str, Any]:
    tree = definition.tree
    parent = tree.parent[area]
    return {
        "code": tree.codes[area],
        "name": tree.names[area],
        "level": tree.level_ids[tree.level[area]],
        "parent": None if parent < 0 else tree.codes[parent],
    }


def contest_properties(contest: ContestEntry) -> Mapping[str, Any]:
    name = contest.contest.name
    return {
        "contest": contest.id,
        "office": contest.office,
        "electorate": contest.contest.electorate,
        "name": None if name is None else name.root,
        "seats": contest.contest.seats,
    }


def _below(definition: Definition, level: int) -> dict[int, tuple[str, ...]]:
    """The areas of a level that each area at or above it contains."""
    tree = definition.tree
    found: dict[int, list[str]] = {}
    for area, of in enumerate(tree.level):
        if of == level:
            for above in tree.lineage[area]:
                found.setdefault(above, []).append(tree.codes[area])
    return {area: tuple(codes) for area, codes in found.items()}
