"""The maps of an election as files: mended, joined and simplified once, and read from the disk ever after.

    maps.json                                      the index: what each map is of, its files with size and hash
    level.province.low.geojson                     the areas of a level, in the resolution `low`
    level.province.low.geojson.gz                  the same, as it is sent to a client that accepts gzip
    contests.dpr.high.topojson                     the electoral districts of an office

A map in the resolution `high` has each point that the package has. In `medium` and `low`, details are left out that are smaller
than a 2,500th and a 500th of the map's longer side, about a pixel of a large and two of a small screen.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import shapely

from projections.definition.compiled import Definition
from projections.maps.extent import box_around, width
from projections.maps.plan import Drawn, MapPlan, level_codes, map_head, planned_maps, with_drawn
from projections.maps.specks import without_specks
from projections.maps.texts import Feature, box_text, geojson, topojson
from projections.maps.topology import topology
from runtime.files.atomic_write import create_file, sync_directory
from runtime.files.state_files import hash_of_code
from runtime.maps.checks import map_problems
from runtime.maps.coverage import Geometries, geometries_of, joined, mended, shapes_of, simplified
from runtime.package.errors import PackageError
from runtime.package.maps import LevelMap, load_maps
from schemas.maps.files import INDEX, MapFormat, Resolution
from schemas.maps.shapes import Shape

FILE_MODE = 0o644
DETAILS: Mapping[Resolution, int | None] = {Resolution.LOW: 500, Resolution.MEDIUM: 2_500, Resolution.HIGH: None}
"""How many of the smallest details a map is long; None for all that the package has."""
LOW_BYTES_MAX = 150_000
"""Limit for a map in the resolution `low`, compressed, where leaving out larger details can reach it."""
COARSENINGS_MAX = 3
"""Each leaves out details of twice the size, up to a sixtieth of the map's length. A map of thousands of areas that is not
small then keeps its details, because to lose them would gain nothing."""
GZIP_LEVEL = 6
"""Level of gzip. At 9, a map takes three times as long to compress and is 2 % smaller."""
_CODE = ("projections.maps", "schemas.maps", "runtime.maps", "consumers.exporter.map_files")
"""What decides the content of the files."""

Report = Callable[[str, int, int], None]
"""Name of a step, how much of it is done, and of how much. What it raises ends the work."""


@dataclass(frozen=True, slots=True)
class BuiltMaps:
    """The files of maps in a directory."""

    directory: Path
    index: dict[str, Any]


class MapSources(NamedTuple):
    """The checked maps of a package."""

    levels: tuple[LevelMap, ...]
    digest: str
    """Digest of all that the files are made of: borders, names of areas, contests, and code."""


def read_sources(definition: Definition, package: Path) -> MapSources:
    """Raises PackageError with everything that is wrong with the maps."""
    levels = load_maps(package, level_codes(definition))
    if problems := map_problems(levels):
        raise PackageError(problems)
    made_of = [definition.hash, {each.file: each.sha256 for each in levels}, hash_of_code(*_CODE), shapely.geos_version]
    digest = hashlib.sha256(orjson.dumps(made_of, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return MapSources(levels, digest)


def built_maps(definition: Definition, package: Path, directory: Path, report: Report) -> BuiltMaps | None:
    """The maps of a package in a new directory; None where the package has none. Raises PackageError, OSError."""
    sources = read_sources(definition, package)
    if not sources.levels:
        return None
    directory.mkdir()
    return BuiltMaps(directory, build_maps(definition, sources, directory, report))


def build_maps(definition: Definition, sources: MapSources, directory: Path, report: Report) -> dict[str, Any]:
    """Write the files into an empty directory; gives the index. Raises OSError."""
    return _Builder(definition, sources, directory, report).build()


class _Builder:
    def __init__(self, definition: Definition, sources: MapSources, directory: Path, report: Report) -> None:
        self._definition = definition
        self._sources = sources
        self._levels = {each.level: each for each in sources.levels}
        self._directory = directory
        self._report = report
        self._mended: dict[str, tuple[dict[str, int], Geometries]] = {}
        """Level → the number of each area that is drawn, and the geometries by these numbers."""

    def build(self) -> dict[str, Any]:
        plans = planned_maps(self._definition, self._levels.keys())
        maps = []
        for number, plan in enumerate(plans, start=1):
            maps.append(self._build(plan))
            self._report("maps", number, len(plans))
        index = {
            "digest": self._sources.digest,
            "definition": self._definition.hash,
            "sources": {each.file: each.sha256 for each in self._sources.levels},
            "maps": maps,
        }
        text = orjson.dumps(index, option=orjson.OPT_INDENT_2)
        create_file(self._directory / INDEX, text, mode=FILE_MODE)
        sync_directory(self._directory)
        read: dict[str, Any] = orjson.loads(text)
        return read

    def _build(self, plan: MapPlan) -> dict[str, Any]:
        numbers, geometries = self._base(plan.base)
        groups = [[numbers[code] for code in members if code in numbers] for members in plan.members]
        features = [
            with_drawn(feature, len(members), len(group), is_exact=exact)
            for feature, members, group, exact in zip(plan.features, plan.members, groups, plan.is_exact, strict=True)
        ]
        if plan.base == plan.of:
            whole = [geometries[group[0]] if group else None for group in groups]
            shapes = shapes_of(shapely.MultiPolygon() if each is None else each for each in whole)
        else:
            shapes = shapes_of(joined(geometries, groups))
        box = box_around(shape for shape in shapes if shape is not None)
        return {
            "kind": plan.kind.value,
            "of": plan.of,
            "joined_from": None if plan.base == plan.of else plan.base,
            "features": len(features),
            "not_drawn": [each.id for each in features if each.properties["drawn"] != Drawn.WHOLE],
            "bbox": None if box is None else orjson.Fragment(box_text(box)),
            "files": [file for resolution in Resolution for file in self._files(plan, features, shapes, resolution)],
        }

    def _base(self, level: str) -> tuple[dict[str, int], Geometries]:
        """The areas of a level as a coverage. An area that vanishes when overlaps are mended counts as not drawn."""
        found = self._mended.get(level)
        if found is None:
            shapes = {code: shape for code, shape in self._levels[level].shapes.items() if shape is not None}
            geometries = mended(geometries_of(shapes.values()))
            numbers = {code: number for number, code in enumerate(shapes) if not geometries[number].is_empty}
            found = self._mended[level] = numbers, geometries
        return found

    def _files(
        self, plan: MapPlan, features: Sequence[Feature], shapes: Sequence[Shape | None], resolution: Resolution
    ) -> list[dict[str, Any]]:
        side = self._side(shapes, resolution)
        texts = self._texts(features, shapes, side)
        if resolution is Resolution.LOW and not _is_small(texts):
            for coarser in (side * 2**step for step in range(1, COARSENINGS_MAX + 1)):
                found = self._texts(features, shapes, coarser)
                if _is_small(found):
                    side, texts = coarser, found
                    break
        return [self._write(plan, resolution, side, format, text) for format, text in texts.items()]

    def _side(self, shapes: Sequence[Shape | None], resolution: Resolution) -> int:
        """The side of the smallest square that stays, in units; 0 where everything stays."""
        box, details = box_around(shape for shape in shapes if shape is not None), DETAILS[resolution]
        if box is None or details is None:
            return 0
        return max(1, max(width(box), box[3] - box[1]) // details)

    def _texts(self, features: Sequence[Feature], shapes: Sequence[Shape | None], side: int) -> dict[MapFormat, bytes]:
        arcs = topology(_simpler(shapes, side) if side else shapes)
        about = map_head(self._definition, self._sources.digest)
        return {
            MapFormat.GEOJSON: orjson.dumps({**geojson(features, arcs), **about}),
            MapFormat.TOPOJSON: orjson.dumps({**topojson(features, arcs), **about}),
        }

    def _write(
        self, plan: MapPlan, resolution: Resolution, side: int, format: MapFormat, text: bytes
    ) -> dict[str, Any]:
        name = f"{plan.stem}.{resolution}.{format}"
        packed = _compressed(text)
        create_file(self._directory / name, text, mode=FILE_MODE)
        create_file(self._directory / f"{name}.gz", packed, mode=FILE_MODE)
        return {
            "name": name,
            "resolution": resolution.value,
            "format": format.value,
            "media_type": format.media_type,
            "smallest_detail": side,
            "bytes": len(text),
            "sha256": hashlib.sha256(text).hexdigest(),
            "gzip_bytes": len(packed),
            "gzip_sha256": hashlib.sha256(packed).hexdigest(),
        }


def _simpler(shapes: Sequence[Shape | None], side: int) -> list[Shape | None]:
    kept = without_specks(shapes, side)
    drawn = [number for number, shape in enumerate(kept) if shape is not None]
    geometries = simplified(geometries_of(shape for shape in kept if shape is not None), side)
    found: list[Shape | None] = [None] * len(kept)
    for number, shape in zip(drawn, shapes_of(geometries), strict=True):
        found[number] = shape
    return found


def _is_small(texts: Mapping[MapFormat, bytes]) -> bool:
    return all(len(_compressed(text)) <= LOW_BYTES_MAX for text in texts.values())


def _compressed(text: bytes) -> bytes:
    """gzip without a time, so that the same map is the same bytes."""
    return gzip.compress(text, GZIP_LEVEL, mtime=0)
