"""The maps of an archive, in the layout of REKAP_FILES_DIRECTORY (consumers/exporter/map_directories.py), from which a portal
serves them as the API does.

Maps do not affect the count, so a mistake in them leaves them out and keeps nothing else from being archived.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import orjson

from consumers.exporter.map_directories import directory_name, pointer
from consumers.exporter.map_files import BuiltMaps, MapSources, build_maps, read_sources
from rekap.archive.cut_writer import DIRECTORY_MODE, GZIP, JSON, CutWriter
from rekap.archive.moment import ArchivedMoment
from runtime.logs import log_line
from runtime.package.errors import PackageError
from schemas.canonical import sha256_hex
from schemas.maps.files import INDEX

logger = logging.getLogger("rekap.archive")


def write_maps(moment: ArchivedMoment, files: CutWriter, folder: str) -> BuiltMaps | None:
    """Write the maps of the package, or link those of the cut before where they are the same; None where there are none. Raises
    OSError."""
    try:
        sources = read_sources(moment.definition, moment.package)
    except PackageError as error:
        logger.warning(log_line("maps-refused", problem=str(error).split("\n", 1)[0]))
        return None
    if not sources.levels:
        return None
    name = directory_name(sources)
    directory = files.directory / folder / name
    index = _same(files, f"{folder}/{name}/") or _built(moment, sources, files, directory)
    files.add(f"{folder}/{INDEX}", pointer(name, index), JSON)
    return BuiltMaps(directory, index)


def _same(files: CutWriter, prefix: str) -> dict[str, Any] | None:
    """The index of the same maps in the cut before, which are linked; None where there are none."""
    before = files.previous
    if before is None or f"{prefix}{INDEX}" not in before.entries:
        return None
    for name, entry in before.entries.items():
        if name.startswith(prefix) and not files.add_same(name):
            files.add(name, (before.directory / name).read_bytes(), entry["media_type"])
    index: dict[str, Any] = orjson.loads((files.directory / f"{prefix}{INDEX}").read_bytes())
    return index


def _built(moment: ArchivedMoment, sources: MapSources, files: CutWriter, directory: Path) -> dict[str, Any]:
    directory.mkdir(DIRECTORY_MODE, parents=True)
    index = build_maps(moment.definition, sources, directory, no_report)
    folder = directory.relative_to(files.directory)
    for file in (file for each in index["maps"] for file in each["files"]):
        files.register(f"{folder}/{file['name']}", file["bytes"], file["sha256"], file["media_type"])
        files.register(f"{folder}/{file['name']}.gz", file["gzip_bytes"], file["gzip_sha256"], GZIP)
    content = (directory / INDEX).read_bytes()
    files.register(f"{folder}/{INDEX}", len(content), sha256_hex(content), JSON)
    return index


def no_report(step: str, done: int, total: int) -> None:
    pass
