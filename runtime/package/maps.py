"""Reading the maps of a package: for a level of areas the file `maps/LEVEL.geojson` (RFC 7946), one feature for each area.

Maps do not affect the count and are not part of the definition hash, as profiles are not, so that a corrected border needs no
new election. A feature names its area by its `id`, or by the property `code`; an area of which no border is known has a
feature with the geometry null. What needs the geometry of several points or areas is in runtime/maps/checks.py.

Sizes are checked before bytes are read, and the number of positions before the text is parsed: every position, ring and polygon
begins with a bracket, so the brackets of a file bound what is made of it.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson

from runtime.package.errors import PackageError
from runtime.package.problem_list import FileProblems
from runtime.package.shape_sentences import did_you_mean
from runtime.package.sources import Source, open_source
from runtime.package.stamps import Stamp, stamp_of
from schemas.definition.problems import PackageProblem
from schemas.maps.shapes import GRID, LATITUDE_MAX, LONGITUDE_MAX, Point, Polygon, Ring, Shape, right_handed
from schemas.texts import written

FOLDER = "maps"
FILE_BYTES_MAX = 32 * 1024 * 1024
"""Limit for one file. 7,266 districts with 100 positions each are 17 MB. At double, parsing a file takes 1 GB of memory."""
MAPS_BYTES_MAX = 64 * 1024 * 1024
"""Limit for all maps of a package."""
BRACKETS_MAX = 1_500_000
"""Limit for the positions, rings and polygons of a file together. At double, the exporter needs 1 GB for it."""
FEATURES_MAX = 100_000
"""Limit for the features of a file. Indonesia has 83,000 villages."""
FEATURE_CODE_CHARACTERS_MAX = 64
SUGGESTIONS_MAX = 20
"""Features, the first ones, for whose unknown code a likely one is suggested, at 0.2 s each for a nation's villages."""
_WGS_84 = ("CRS84", "EPSG::4326", "EPSG:4326")


@dataclass(frozen=True, slots=True)
class LevelMap:
    """The shapes of a level's areas, in the order of the file."""

    level: str
    file: str
    sha256: str
    shapes: Mapping[str, Shape | None]
    """Code of the area → its shape; None where the file states that there is none."""
    feature: Mapping[str, int]
    """Code of the area → number of its feature, from 1."""


@dataclass(frozen=True, slots=True)
class MapReading:
    maps: tuple[LevelMap, ...]
    """Maps of the levels of which there is a file, from the root down. Empty where there are problems."""
    problems: tuple[PackageProblem, ...]
    warnings: tuple[PackageProblem, ...]


class _Fault(Exception):
    """What is wrong with a feature, as a sentence."""


def map_file(level: str) -> str:
    return f"{FOLDER}/{level}.geojson"


def feature_words(feature: int, code: str) -> str:
    """How a sentence names a feature of a file."""
    return f"feature {feature:,} ({code})"


def read_maps(path: Path, areas: Mapping[str, Sequence[str]]) -> MapReading:
    """The maps of the package in a directory or zip. `areas` has for each level of areas its codes. Raises
    UnreadablePackageError, also where a file is over a limit."""
    source, problems = open_source(path), FileProblems()
    source.names()  # refuses links in place of the folder
    wanted = {map_file(level): level for level in areas}
    names = source.names_in(FOLDER)
    for name in names:
        if name not in wanted:
            near = difflib.get_close_matches(name, wanted.keys() - set(names), 1)
            problems.warn(name, None, f"is not the map of a level of areas and was ignored{did_you_mean(near)}")
    sizes = {name: source.size(name) for name in wanted if name in names}
    for name, size in sizes.items():
        if size > FILE_BYTES_MAX:
            problems.add(name, None, None, f"has {size:,} bytes; a map has at most {FILE_BYTES_MAX:,}")
    if (total := sum(sizes.values())) > MAPS_BYTES_MAX:
        problems.add(next(iter(sizes)), None, None, f"all maps have {total:,} bytes, more than {MAPS_BYTES_MAX:,}")
    found: list[LevelMap] = []
    if not problems.listed():
        for name in sizes:
            level = wanted[name]
            if (read := _read_map(source, name, level, areas[level], problems)) is not None:
                found.append(read)
    listed = problems.listed()
    return MapReading(() if listed else tuple(found), listed, tuple(problems.warnings))


def maps_stamp(path: Path, levels: Iterable[str]) -> Stamp:
    return stamp_of(path, map(map_file, levels))


def load_maps(path: Path, areas: Mapping[str, Sequence[str]]) -> tuple[LevelMap, ...]:
    """The maps of a package. Raises PackageError with all problems at once."""
    reading = read_maps(path, areas)
    if reading.problems:
        raise PackageError(reading.problems)
    return reading.maps


def _read_map(source: Source, name: str, level: str, codes: Sequence[str], problems: FileProblems) -> LevelMap | None:
    data = source.read(name, FILE_BYTES_MAX + 1)
    try:
        features = _features(data)
    except _Fault as fault:
        problems.add(name, None, None, str(fault))
        return None
    known = set(codes)
    shapes: dict[str, Shape | None] = {}
    numbers: dict[str, int] = {}
    for number, feature in enumerate(features, start=1):
        code = None
        try:
            code = _code(feature)
            if code not in known:
                near = did_you_mean(difflib.get_close_matches(code, known, 1)) if number <= SUGGESTIONS_MAX else ""
                raise _Fault(f"is not an area of the level {level!r}{near}")
            if code in shapes:
                raise _Fault(f"is the same area as feature {numbers[code]:,}")
            numbers[code], shapes[code] = number, None
            shapes[code] = _shape(feature.get("geometry"))
        except _Fault as fault:
            words = f"feature {number:,}" if code is None else feature_words(number, code)
            problems.add(name, None, None, f"{words}: {fault}")
    for code in codes:
        if code not in shapes:
            words = f"area {code!r} has no feature; where no border is known, give it one with the geometry null"
            problems.add(name, None, None, words)
    return LevelMap(level, name, hashlib.sha256(data).hexdigest(), shapes, numbers)


def _features(data: bytes) -> list[dict[str, Any]]:
    """The features of a file, which are objects. Raises _Fault."""
    if len(data) > FILE_BYTES_MAX:
        raise _Fault(f"has more than {FILE_BYTES_MAX:,} bytes")
    if (brackets := data.count(b"[")) > BRACKETS_MAX:
        raise _Fault(f"has {brackets:,} positions, rings and polygons; a map has at most {BRACKETS_MAX:,}")
    if (objects := data.count(b"{")) > 4 * FEATURES_MAX:
        raise _Fault(f"has {objects:,} objects; a map has at most {FEATURES_MAX:,} features")
    try:
        collection = orjson.loads(data)
    except ValueError as error:
        raise _Fault(f"is not valid JSON: {error}") from None
    if not isinstance(collection, dict) or collection.get("type") != "FeatureCollection":
        raise _Fault("is not a FeatureCollection of GeoJSON (RFC 7946, 3.3)")
    if "crs" in collection and not any(each in written(collection["crs"]) for each in _WGS_84):
        raise _Fault(f"names another reference system than WGS 84: {written(collection['crs'])[:100]}")
    features = collection.get("features")
    if not isinstance(features, list):
        raise _Fault("has no list `features`")
    if len(features) > FEATURES_MAX:
        raise _Fault(f"has {len(features):,} features; a map has at most {FEATURES_MAX:,}")
    for number, feature in enumerate(features, start=1):
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise _Fault(f"feature {number:,}: is not a Feature of GeoJSON (RFC 7946, 3.2)")
    return features


def _code(feature: Mapping[str, Any]) -> str:
    properties = feature.get("properties")
    given = [feature.get("id"), properties.get("code") if isinstance(properties, dict) else None]
    codes = [each for each in given if each is not None]
    if not codes:
        raise _Fault("names no area; its `id`, or the property `code`, is the code of an area")
    for each in codes:
        if not isinstance(each, str) or len(each) > FEATURE_CODE_CHARACTERS_MAX:
            raise _Fault(f"names its area {written(each)[:80]}; the code of an area is a text in quotes")
    if codes[0] != codes[-1]:
        raise _Fault(f"has the id {written(codes[0])} and the property `code` {written(codes[-1])}")
    code: str = codes[0]
    if not code.isprintable():
        raise _Fault(f"names its area {written(code)}, which no area is called")
    return code


def _shape(geometry: Any) -> Shape | None:
    if geometry is None:
        return None
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    coordinates = geometry.get("coordinates") if isinstance(geometry, dict) else None
    match kind:
        case "Polygon":
            polygons = [coordinates]
        case "MultiPolygon" if isinstance(coordinates, list):
            polygons = coordinates
        case _:
            words = written(kind)[:80]
            raise _Fault(f"has a geometry of type {words}; the border of an area is a Polygon, a MultiPolygon or null")
    found = [
        polygon
        for number, each in enumerate(polygons, start=1)
        if (polygon := _polygon(each, f"polygon {number:,}, " if len(polygons) > 1 else "")) is not None
    ]
    if not found:
        raise _Fault("has no part that is larger than a square metre; where no border is known, its geometry is null")
    return tuple(found)


def _polygon(rings: Any, words: str) -> Polygon | None:
    """None for a polygon that vanishes on the grid."""
    if not isinstance(rings, list) or not rings:
        raise _Fault(f"{words}has no list of rings")
    found = [_ring(ring, f"{words}ring {number:,}") for number, ring in enumerate(rings, start=1)]
    if found[0] is None:
        return None
    return right_handed(tuple(ring for ring in found if ring is not None))


def _ring(positions: Any, words: str) -> Ring | None:
    """None for a ring that vanishes on the grid."""
    if not isinstance(positions, list) or len(positions) < 4:
        raise _Fault(f"{words}: has fewer than four positions (RFC 7946, 3.1.6)")
    points = list(_points(positions, words))
    if points[0] != points[-1]:
        raise _Fault(f"{words}: is not closed; its last position is that of the first (RFC 7946, 3.1.6)")
    ring = tuple(before for before, after in pairwise(points) if before != after)
    return ring if len(set(ring)) > 2 else None


def _points(positions: Sequence[Any], words: str) -> Iterator[Point]:
    for number, position in enumerate(positions, start=1):
        if (
            not isinstance(position, list)
            or not 2 <= len(position) <= 3
            or not all(isinstance(each, int | float) and not isinstance(each, bool) for each in position)
        ):
            raise _Fault(f"{words}, position {number:,}: expected [longitude, latitude], got {written(position)[:60]}")
        longitude, latitude = position[:2]
        if not (abs(longitude) <= 180 and abs(latitude) <= 90):
            hint = "; longitude comes first" if abs(longitude) <= 90 and abs(latitude) <= 180 else ""
            raise _Fault(
                f"{words}, position {number:,}: [{longitude}, {latitude}] is not within longitude ±180 and latitude ±90{hint}"
            )
        yield (
            max(-LONGITUDE_MAX, min(LONGITUDE_MAX, round(longitude * GRID))),
            max(-LATITUDE_MAX, min(LATITUDE_MAX, round(latitude * GRID))),
        )
