"""The maps of a package for the commands: checked, and made into files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from projections.maps.plan import level_codes
from rekap.errors import UnusableError
from rekap.exit_codes import ExitCode
from rekap.progress import shown_progress
from rekap.terminal import complain, print_lines
from runtime.package.maps import LevelMap, read_maps
from runtime.package.reading import load_package


def checked_maps(path: Path, definition: Definition) -> Sequence[LevelMap]:
    """The maps of a package whose definition has been checked. Prints everything that is wrong with them and exits where there
    is something. Raises UnreadablePackageError."""
    reading = read_maps(path, level_codes(definition))
    for warning in reading.warnings:
        complain(f"Note: {warning}")
    faults = reading.problems
    if reading.maps:
        from runtime.maps.checks import map_problems  # shapely takes 0.2 s to import, and most packages have no maps

        faults = tuple(map_problems(reading.maps))
    for fault in faults:
        complain(str(fault))
    if faults:
        raise SystemExit(ExitCode.BAD_OUTCOME)
    return reading.maps


def maps_summary(maps: Sequence[LevelMap]) -> str:
    """Empty for a package without maps."""
    return ", ".join(map(_drawn, maps))


def _drawn(read: LevelMap) -> str:
    drawn = sum(shape is not None for shape in read.shapes.values())
    return f"{drawn:,} {read.level}" + (f" of {len(read.shapes):,}" if drawn < len(read.shapes) else "")


def make_maps(path: Path, target: Path) -> None:
    """Write the files of the maps of a package into a directory, and print what they are. Raises PackageError with everything
    that is wrong with the package or its maps, UnusableError."""
    from consumers.exporter.map_files import build_maps, read_sources  # shapely takes 0.2 s to import

    definition = Definition.of(load_package(path, problems))
    sources = read_sources(definition, path)
    if not sources.levels:
        raise UnusableError(f"{path} has no maps; they are the files maps/LEVEL.geojson of a package")
    try:
        target.mkdir(parents=True, exist_ok=True)
        with shown_progress() as report:
            index = build_maps(definition, sources, target, report)
    except OSError as error:
        raise UnusableError(f"{error.filename or target} cannot be written: {error.strerror}") from None
    for each in index["maps"]:
        sizes = ", ".join(
            f"{file['resolution']} {file['gzip_bytes']:,}" for file in each["files"] if file["format"] == "topojson"
        )
        print_lines(f"{each['kind']} {each['of']}: {each['features']:,} shapes, bytes as compressed TopoJSON: {sizes}")
