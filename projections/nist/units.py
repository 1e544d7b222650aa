"""Reporting units of NIST SP 1500-100: areas, electoral districts and stations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

from projections.definition.ballots import OfficeEntry
from projections.definition.compiled import Definition
from projections.nist.numbers import UnitFacts
from schemas.definition.package import DistrictPart
from schemas.nist.objects import (
    TOTAL,
    Object,
    area_id,
    code_identifier,
    district_id,
    identified,
    made,
    station_id,
    text,
)

STATION_TYPE = "polling-place"
_LISTED = frozenset(
    (
        "borough", "city", "city-council", "congressional", "country", "county", "county-council", "judicial",
        "municipality", "precinct", "school", "special", "state", "state-house", "state-senate", "town", "township",
        "utility", "village", "ward", "water",
    )
)  # fmt: skip
"""Values of ReportingUnitType that a level of areas can be named by."""
_ALSO_NAMED = {"nation": "country", "province": "state", "provinsi": "state", "desa": "village"}


@cache
def unit_type(level: str) -> tuple[str, str | None]:
    """ReportingUnitType of an area at this level, and OtherType where the standard does not list the level. The id of the level
    decides, because a package states nothing else of what a level is in the terms of the standard."""
    type = _ALSO_NAMED.get(level, level)
    return (type, None) if type in _LISTED else ("other", level)


def areas_of(definition: Definition, office: OfficeEntry, deepest_level: int) -> list[int]:
    """The areas down to this level in which the office is voted on, in the order of the package."""
    wanted = set(office.contests)
    return [
        area
        for area, level in enumerate(definition.tree.level)
        if level <= deepest_level and not wanted.isdisjoint(definition.electorates.contests_in(area))
    ]


def stations_of(
    definition: Definition, office: OfficeEntry, by_rank: Sequence[int], area: int | None = None
) -> Iterator[int]:
    """The stations that vote in a contest of the office, in the order of their ranks; with an area, those that lie directly in
    it."""
    order, wanted = definition.stations.order, set(office.contests)
    within = definition.tree.root if area is None else area
    for rank in range(order.first[within], order.end[within]):
        station = by_rank[rank]
        if area is not None and definition.stations.area[station] != area:
            break  # those of an area come before those of the areas in it
        if not wanted.isdisjoint(definition.electorates.contests_of_station(station)):
            yield station


def area_unit(definition: Definition, area: int, facts: UnitFacts | None, composing: Sequence[str] | None) -> Object:
    tree = definition.tree
    code, level = tree.codes[area], tree.level_ids[tree.level[area]]
    type, other = unit_type(level)
    return _unit(area_id(code), code, tree.names[area], type, other, facts, composing)


def station_unit(definition: Definition, station: int, facts: UnitFacts) -> Object:
    stations = definition.stations
    code = stations.codes[station]
    name = stations.names[station]
    return _unit(station_id(code), code, name, STATION_TYPE, None, facts, None)


def district_unit(definition: Definition, parts: Sequence[DistrictPart], units: Mapping[str, str]) -> Object:
    """An electoral district. Its areas are named where all of them are among `units` (code → id), because a list of some of
    them would be another district."""
    first = parts[0]
    composing = [units[part.area] for part in parts if part.area in units]
    return identified(
        "ReportingUnit",
        district_id(first.district),
        ComposingGpUnitIds=composing if len(composing) == len(parts) else None,
        ExternalIdentifier=[code_identifier(first.district)],
        Name=text(first.name),
        IsDistricted=True,
        Type="other",
        OtherType="electoral-district",
    )


def districts_by_id(parts: Iterable[DistrictPart]) -> dict[str, list[DistrictPart]]:
    found: dict[str, list[DistrictPart]] = {}
    for part in parts:
        found.setdefault(part.district, []).append(part)
    return found


def _unit(
    id: str,
    code: str,
    name: str | None,
    type: str,
    other: str | None,
    facts: UnitFacts | None,
    composing: Sequence[str] | None,
) -> Object:
    numbers = (
        {}
        if facts is None
        else {
            "CountStatus": [made("CountStatus", Status=facts.count_status, Type=TOTAL)],
            "SubUnitsReported": facts.counted,
            "TotalSubUnits": facts.expected,
        }
    )
    return identified(
        "ReportingUnit",
        id,
        ComposingGpUnitIds=composing or None,
        ExternalIdentifier=[code_identifier(code)],
        Name=None if name is None else text(name),
        **numbers,
        Type=type,
        OtherType=other,
        VotersParticipated=None if facts is None else facts.voters,
        VotersRegistered=None if facts is None else facts.registered_voters,
    )
