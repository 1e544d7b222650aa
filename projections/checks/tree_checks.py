"""The levels, the areas as one tree, and the stations as its leaves."""

from __future__ import annotations

import difflib

from projections.checks.lookups import AREA, PackageCheck, did_you_mean, listed


def check_levels(check: PackageCheck) -> None:
    for number, level in enumerate(check.level_ids):
        if check.level_number[level] != number:
            check.election(f"levels.{number}.id", f"level {level!r} is given twice")
    shard = check.package.election.shard_level
    areas_levels = check.level_ids[:-1]
    if shard == check.level_ids[-1]:
        check.election(
            "shard_level",
            f"{shard!r} is the level of the stations; the shard level is one of the areas: {listed(areas_levels)}",
        )
    elif shard not in check.level_number:
        near = difflib.get_close_matches(shard, areas_levels, 1)
        check.election("shard_level", f"{shard!r} is not a level of this election{did_you_mean(near)}")


def check_areas(check: PackageCheck) -> None:
    areas = check.package.areas
    root: str | None = None
    for row, area in enumerate(areas):
        if check.area_row[area.code] != row:
            check.found.add("areas", row, "code", f"area {area.code!r} is given twice")
            continue
        level = check.level_number.get(area.level)
        if level is None:
            sentence = f"{area.level!r} is not a level of this election{check.near_level(area.level)}"
            check.found.add("areas", row, "level", sentence)
        elif level == len(check.level_ids) - 1:
            sentence = f"{area.level!r} is the level of the stations, which belong in stations.csv"
            check.found.add("areas", row, "level", sentence)
        if area.parent is not None and area.parent not in check.area_row:
            check.found.add("areas", row, "parent", check.unknown(area.parent, AREA, check.area_row))
        elif row in check.cyclic:
            check.found.add("areas", row, "parent", f"the area lies in itself: {' in '.join(check.cyclic[row])}")
        elif area.parent is None and level == 0:
            if root is not None:
                sentence = f"{area.code!r} is a second root beside {root!r}; only one area has no parent"
                check.found.add("areas", row, "parent", sentence)
            root = root or area.code
        elif level is not None:
            _parent_level(check, row, area.parent, level)
    if root is None:
        sentence = f"there is no root: one area of level {check.level_ids[0]!r} that has no parent"
        check.found.add("areas", None, None, sentence)


def _parent_level(check: PackageCheck, row: int, parent: str | None, level: int) -> None:
    if level == 0:
        sentence = f"an area of the first level, {check.level_ids[0]!r}, is the root and has no parent"
        check.found.add("areas", row, "parent", sentence)
        return
    expected = check.level_ids[level - 1]
    if parent is None:
        sentence = f"an area of level {check.level_ids[level]!r} must name the {expected!r} it lies in"
        check.found.add("areas", row, "parent", sentence)
        return
    actual = check.package.areas[check.area_row[parent]].level
    if actual != expected and actual in check.level_number:
        sentence = (
            f"{parent!r} is of level {actual!r}; an area of level {check.level_ids[level]!r} "
            f"must lie in one of level {expected!r}"
        )
        check.found.add("areas", row, "parent", sentence)


def check_stations(check: PackageCheck) -> None:
    lowest = check.level_ids[-2]
    if not check.package.stations:
        check.found.add("stations", None, None, "there is no station")
    for row, station in enumerate(check.package.stations):
        if check.station_row[station.code] != row:
            check.found.add("stations", row, "code", f"station {station.code!r} is given twice")
        if station.code in check.area_row:
            check.found.add("stations", row, "code", f"{station.code!r} is also the code of an area")
        area_row = check.area_row.get(station.area)
        if area_row is None:
            check.found.add("stations", row, "area", check.unknown(station.area, AREA, check.area_row))
        elif (level := check.package.areas[area_row].level) != lowest and level in check.level_number:
            sentence = f"{station.area!r} is of level {level!r}; a station lies in an area of level {lowest!r}"
            check.found.add("stations", row, "area", sentence)
        men, women = station.registered_men, station.registered_women
        if men is not None and women is not None and men + women != station.registered_voters:
            stated = "empty" if station.registered_voters is None else station.registered_voters
            sentence = f"is {stated}, but {men} men + {women} women = {men + women}"
            check.found.add("stations", row, "registered_voters", sentence)
