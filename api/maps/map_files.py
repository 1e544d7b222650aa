"""The maps that the exporter has built, as the API finds them on the disk.

A map never changes under its digest, so what is read is kept while the digest is the same. Nothing is simplified here and no
library for geometry is imported.
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from api.files.cut_files import is_fit
from api.problems import Problem
from projections.maps.plan import MapKind
from projections.maps.texts import Feature, read_topojson
from projections.maps.topology import Topology
from runtime.files.files_below import open_below
from schemas.codes import SHA256_PATTERN
from schemas.maps.files import DIRECTORY_PREFIX, INDEX, MapFormat, Resolution

LOOKED_AT_SECONDS = 5.0
"""The index is looked at again after this time. At double, a corrected border is waited for twice as long; at half, nothing is
gained, because caches keep a map for minutes."""
INDEX_BYTES_MAX = 16 * 1024 * 1024
"""Limit for the index. It names each area without a border: 100,000 of them are 6 MB."""
JOINED_BYTES_MAX = 8 * 1024 * 1024
"""Limit for a map of which parts are sent, or which is joined with results, as TopoJSON. In memory it takes 15 times as
much."""
KEPT_BYTES_MAX = 12 * 1024 * 1024
"""Limit for all maps that are kept in memory, as TopoJSON. At half, a nation's districts push out all others."""


@dataclass(frozen=True, slots=True)
class MapSet:
    """All maps of one digest."""

    root: Path
    """Directory below which nothing is opened through a link."""
    folder: str
    """The directory of the maps, relative to the root."""
    index: Mapping[str, Any]

    @property
    def directory(self) -> Path:
        return self.root / self.folder

    def path_of(self, name: str) -> str:
        """Path of a file below the root."""
        return f"{self.folder}/{name}"

    @property
    def digest(self) -> str:
        return str(self.index["digest"])

    def entry(self, kind: MapKind, of: str) -> Mapping[str, Any] | None:
        return next((each for each in self.index["maps"] if (each["kind"], each["of"]) == (kind, of)), None)

    def file(self, kind: MapKind, of: str, resolution: Resolution, format: MapFormat) -> Mapping[str, Any]:
        """Raises Problem where there is no such map."""
        entry = self.entry(kind, of)
        if entry is None:
            raise Problem(404, "No such map", f"There is no map of {of!r}; GET /v1/maps lists them.")
        return next(each for each in entry["files"] if (each["resolution"], each["format"]) == (resolution, format))

    def features(self, kind: MapKind, of: str) -> int:
        """How many features a map has; 0 for a map that is not there."""
        entry = self.entry(kind, of)
        return 0 if entry is None else int(entry["features"])

    def joinable(self, kind: MapKind, of: str, resolution: Resolution) -> Mapping[str, Any]:
        """The file of a map that may be loaded. Raises Problem."""
        file = self.file(kind, of, resolution, MapFormat.TOPOJSON)
        if file["bytes"] > JOINED_BYTES_MAX:
            raise Problem(
                422,
                "Map too large",
                f"In the resolution {resolution} this map has {file['bytes']:,} bytes, and of maps over {JOINED_BYTES_MAX:,} "
                "no parts and no results are sent. Ask for a lower resolution, or for the whole map without results.",
                field="query.resolution",
            )
        return file


class LoadedMap(NamedTuple):
    features: list[Feature]
    topology: Topology
    number: Mapping[str, int]
    """Id of a feature → its number."""

    def numbers_of(self, ids: Iterable[str]) -> list[int]:
        """The numbers of those of these features that the map has, in the order of the map."""
        return sorted(self.number[each] for each in ids if each in self.number)


class MapFiles:
    """One event loop owns it."""

    def __init__(self, directory: Path, clock: Callable[[], float] = time.monotonic, *, folder: str = "") -> None:
        """The index and its maps are in `folder` of `directory`. Only `directory` itself may be a link, because what is below
        it may be of strangers."""
        self._directory = directory
        self._prefix = f"{folder}/" if folder else ""
        self._clock = clock
        self._set: MapSet | None = None
        self._stamp: tuple[int, int] | None = None
        self._looked_at = -LOOKED_AT_SECONDS
        self._looking: asyncio.Task[None] | None = None
        self._loaded: OrderedDict[tuple[str, str], tuple[LoadedMap, int]] = OrderedDict()
        """(digest, name of a file) → the map, and its bytes."""

    async def newest(self) -> MapSet:
        """Raises Problem where there are no maps."""
        if self._looking is None and self._clock() - self._looked_at >= LOOKED_AT_SECONDS:
            self._looked_at = self._clock()
            self._looking = asyncio.create_task(self._look())
        if self._set is None and self._looking is not None:
            await asyncio.shield(self._looking)
        if self._set is None:
            raise Problem(
                404,
                "No maps",
                "The election package has no maps, or the exporter has not built them yet, which takes it seconds to minutes.",
            )
        return self._set

    async def loaded(self, maps: MapSet, kind: MapKind, of: str, resolution: Resolution) -> LoadedMap:
        """A map in memory. One is loaded at a time (api/maps/answers.py). Raises Problem."""
        file = maps.joinable(kind, of, resolution)
        key = maps.digest, str(file["name"])
        kept = self._loaded.get(key)
        if kept is not None:
            self._loaded.move_to_end(key)
            return kept[0]
        try:
            found = await asyncio.to_thread(_load, maps, str(file["name"]))
        except OSError:
            raise gone() from None
        except (ValueError, LookupError, TypeError):
            raise Problem(503, "Map unreadable", f"The file {file['name']} of this server is not a map.") from None
        self._loaded[key] = found, int(file["bytes"])
        while sum(size for _, size in self._loaded.values()) > KEPT_BYTES_MAX:
            self._loaded.popitem(last=False)
        return found

    async def _look(self) -> None:
        try:
            stamp, found = await asyncio.to_thread(self._read)
            if stamp != self._stamp:
                self._stamp, self._set = stamp, found
        finally:
            self._looking = None

    def _read(self) -> tuple[tuple[int, int] | None, MapSet | None]:
        """The index, where it is another one than before; None where there is none."""
        try:
            with open_below(self._directory, f"{self._prefix}{INDEX}") as file:
                status = os.fstat(file.fileno())
                stamp = status.st_mtime_ns, status.st_size
                if stamp == self._stamp:
                    return stamp, self._set
                index = orjson.loads(file.read(INDEX_BYTES_MAX))
            name = str(index["directory"])
            if not name.startswith(DIRECTORY_PREFIX) or "/" in name:
                return stamp, None
            return stamp, MapSet(self._directory, f"{self._prefix}{name}", index) if _is_fit(index) else None
        except (OSError, ValueError, LookupError, TypeError):
            return None, None


def gone() -> Problem:
    return Problem(
        503, "Try again", "The maps have just been replaced by corrected ones.", retry_after_s=int(LOOKED_AT_SECONDS)
    )


def _is_fit(index: Mapping[str, Any]) -> bool:
    """Whether the texts of an index may be written into the header fields of answers. Raises LookupError, TypeError."""
    return all(
        is_fit(file) and re.fullmatch(SHA256_PATTERN, file["gzip_sha256"])
        for entry in index["maps"]
        for file in entry["files"]
    )


def _load(maps: MapSet, name: str) -> LoadedMap:
    with open_below(maps.root, maps.path_of(name)) as file:
        features, topology = read_topojson(file.read(JOINED_BYTES_MAX))
    return LoadedMap(features, topology, {feature.id: number for number, feature in enumerate(features)})
