"""The maps beside the cuts of the bulk files, made again where the package's maps have changed.

    maps.json                          the index of the newest maps, and the name of their directory
    maps-5f1c0a9e33d2b7c4/             the files (map_files.py)

A directory appears whole, by one rename, before `maps.json` names it. The maps before stay for a reader who has just read the
old index; those before them are deleted.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from consumers.exporter.map_files import FILE_MODE, BuiltMaps, MapSources, Report, build_maps, read_sources
from projections.definition.compiled import Definition
from projections.maps.plan import level_codes
from runtime import metrics
from runtime.files.atomic_write import replace_file, sync_directory
from runtime.files.whole_directories import delete_directory, publish_directory
from runtime.logs import log_line
from runtime.package.errors import PackageError
from runtime.package.maps import maps_stamp
from runtime.package.stamps import Stamp
from schemas.maps.files import DIRECTORY_PREFIX, INDEX

logger = logging.getLogger("rekap.exporter")

DIGEST_CHARACTERS = 16


def directory_name(sources: MapSources) -> str:
    return f"{DIRECTORY_PREFIX}{sources.digest[:DIGEST_CHARACTERS]}"


def pointer(name: str, index: Mapping[str, Any]) -> bytes:
    """Content of the `maps.json` that names this directory."""
    return orjson.dumps({"directory": name, **index})


class MapDirectories:
    """One exporter owns the directory (CutDirectories.held)."""

    def __init__(self, directory: Path, definition: Definition, package: Path) -> None:
        self._directory = directory
        self._definition = definition
        self._package = package
        self._stamp: Stamp | None = None
        self._built: BuiltMaps | None = None

    def current(self, report: Report) -> BuiltMaps | None:
        """The maps of the package, built if there are none of it yet; None for a package without maps. Maps with a mistake are
        refused with a line in the log, and the maps before stay. Raises OSError, and what `report` raises."""
        stamp = maps_stamp(self._package, level_codes(self._definition))
        if stamp != self._stamp:
            try:
                self._built = self._of_package(report)
                metrics.EXPORTER_MAPS_REFUSED.set(0)
            except PackageError as error:
                metrics.EXPORTER_MAPS_REFUSED.set(1)
                logger.warning(log_line("maps-refused", problem=str(error).split("\n", 1)[0]))
            self._stamp = stamp
        return self._built

    def _of_package(self, report: Report) -> BuiltMaps | None:
        sources = read_sources(self._definition, self._package)
        if not sources.levels:
            (self._directory / INDEX).unlink(missing_ok=True)
            return None
        name = directory_name(sources)
        built = self._directory / name
        if not built.is_dir():
            unfinished = self._directory / f".{name}"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(0o755)
            try:
                build_maps(self._definition, sources, unfinished, report)
                publish_directory(unfinished, built)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
        index = orjson.loads((built / INDEX).read_bytes())
        before = self._newest_name()
        replace_file(self._directory / INDEX, [pointer(name, index)], mode=FILE_MODE)
        sync_directory(self._directory)
        self._prune({name, before})
        logger.info(log_line("maps-built", directory=name, maps=len(index["maps"])))
        return BuiltMaps(built, index)

    def _newest_name(self) -> str:
        try:
            return str(orjson.loads((self._directory / INDEX).read_bytes())["directory"])
        except (OSError, ValueError, LookupError, TypeError):
            return ""

    def _prune(self, kept: set[str]) -> None:
        """Delete the maps that are not among these."""
        for each in self._directory.glob(f"{DIRECTORY_PREFIX}*"):
            if each.name not in kept:
                delete_directory(each)
