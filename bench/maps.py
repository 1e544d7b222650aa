"""Maps of a nation: what checking, building and answering them takes, and how large they are.

    python bench/maps.py [--districts 7277] [--points 32]

38 provinces, 514 regencies and 7,277 districts as in Indonesia, with made-up borders: districts are cells of a square in the
order of a Hilbert curve, so that each regency and province is one piece. The corners are moved, and each side is a broken line
of `--points` pieces, bent at random on each scale as coasts and rivers are, and the same line for both neighbours. Only
districts have borders in the package.

Each step is a process of its own, of which CPU seconds and the largest memory are printed. Ratios below 1 are within the aim:

    provinces in the resolution `low`, compressed      150 kB
    memory of a process                                500 MB
    a map with results, which is made once in 2 s      2 s of CPU, which is all of a core

Exit code 0: all are within the aims. 1: some are not.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.maps.answers import FRESH_SECONDS
from api.maps.map_answer import AskedMap, Counted, map_bytes
from api.maps.map_files import LoadedMap
from api.maps.routes import FEATURES_MAX
from consumers.exporter.map_files import LOW_BYTES_MAX, build_maps, read_sources
from projections.area.tally import HEAD, empty_tally
from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from projections.maps.plan import MapKind
from projections.maps.results import MapResults
from projections.maps.texts import Feature, feature_list, read_topojson
from projections.shown.published import Moment
from rekap.elections.demo_maps import WEST, WIDTH, cell_of
from rekap.elections.shaped import ListedStation, shaped_keys, shaped_package
from runtime.files.key_files import public_row
from runtime.package.maps import map_file
from runtime.package.reading import load_package
from runtime.package.writing import write_package
from schemas.maps.shapes import GRID, Point, Shape, right_handed

PROVINCES, REGENCIES, DISTRICTS = 38, 514, 7_277
LEVELS = ("nation", "province", "regency", "district")
SOUTH = -23 * GRID
MEMORY_MB_MAX = 500
BEND = 0.12
"""How far the middle of a line is moved, as a part of its length. At double, lines cross themselves."""
ANSWERS = (
    ("province", "geojson"),
    ("province", "svg"),
    ("regency", "geojson"),
    ("regency", "topojson"),
    ("regency", "svg"),
    ("regency", "png"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--districts", type=int, default=DISTRICTS)
    parser.add_argument("--points", type=int, default=32, help="pieces of a side of a district; a power of 2")
    parser.add_argument("--step", choices=[*STEPS], help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step is not None:
        print(orjson.dumps(measured(partial(STEPS[arguments.step], arguments.place))).decode())
        return 0
    with tempfile.TemporaryDirectory(prefix="rekap-maps-") as name:
        return run(Path(name), arguments.districts, arguments.points)


def run(directory: Path, districts: int, points: int) -> int:
    positions = write_nation(directory, districts, points)
    size = (directory / "election" / map_file(LEVELS[-1])).stat().st_size
    print(f"{districts:,} districts with {positions:,} positions, {size / 1e6:.1f} MB of GeoJSON")
    ratios = []
    for step in STEPS:
        options = ("--step", step, "--place", str(directory))
        process = subprocess.run(
            [sys.executable, __file__, *options], stdout=subprocess.PIPE, check=True, timeout=3_600
        )
        found = orjson.loads(process.stdout)
        ratios.append(found["memory_mb"] / MEMORY_MB_MAX)
        print(f"{step:8} {found['cpu_s']:6.1f} s of CPU, {found['memory_mb']:5.0f} MB, ratio {ratios[-1]:.2f}")
        for line, ratio in found["lines"]:
            print(f"         {line}" + ("" if ratio is None else f", ratio {ratio:.2f}"))
            ratios += [] if ratio is None else [ratio]
    return int(max(ratios) > 1)


# ── the nation ───────────────────────────────────────────────────────────────────────────────────────────────────────


def write_nation(directory: Path, districts: int, points: int) -> int:
    """Write the package; gives the positions of its borders."""
    stations = [ListedStation(_names(number, districts), "", 300) for number in range(districts)]
    package = shaped_package("maps-of-a-nation", LEVELS, stations, ["president"], [])
    keys = shaped_keys(package.areas, LEVELS[1])
    package = replace(package, keys=tuple(public_row(Ed25519PrivateKey.generate(), *each) for each in keys))
    write_package(package, directory / "election")
    areas = [area for area in package.areas if area.level == LEVELS[-1]]
    shapes = list(nation_shapes(len(areas), points))
    file = directory / "election" / map_file(LEVELS[-1])
    file.parent.mkdir()
    features = feature_list((Feature(area.code, {"name": area.name}) for area in areas), shapes)
    file.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": features}))
    return sum(len(ring) for shape in shapes for polygon in shape for ring in polygon)


def _names(district: int, districts: int) -> tuple[str, ...]:
    regency = district * min(REGENCIES, districts) // districts
    province = regency * min(PROVINCES, districts) // min(REGENCIES, districts)
    return f"Province {province + 1}", f"Regency {regency + 1}", f"District {district + 1}"


def nation_shapes(count: int, points: int) -> Iterator[Shape]:
    """The shapes of `count` districts that follow each other on the curve."""
    order = 0
    while 4**order < count:
        order += 1
    cell = WIDTH // 2**order
    for number in range(count):
        x, y = cell_of(order, number)
        corners = ((x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1))
        border: list[Point] = []
        for corner, following in zip(corners, (*corners[1:], corners[0]), strict=True):
            line = _side(min(corner, following), max(corner, following), cell, points)
            border += line[:-1] if corner < following else line[:0:-1]
        yield (right_handed((tuple(border),)),)


@cache
def _side(corner: Point, following: Point, cell: int, points: int) -> list[Point]:
    """The broken line between two corners, both included."""
    chance = random.Random(f"{corner}{following}")
    line = [_moved(corner, cell), _moved(following, cell)]
    while len(line) <= points:
        bent: list[Point] = []
        for (x, y), (end_x, end_y) in pairwise(line):
            by = chance.uniform(-BEND, BEND)
            bent += [(x, y), (round((x + end_x) / 2 - (end_y - y) * by), round((y + end_y) / 2 + (end_x - x) * by))]
        line = [*bent, line[-1]]
    return line


def _moved(corner: Point, cell: int) -> Point:
    chance = random.Random(f"{corner}")
    dx, dy = (round(chance.uniform(-cell / 6, cell / 6)) for _ in range(2))
    return WEST + corner[0] * cell + dx, SOUTH + corner[1] * cell + dy


# ── the steps ────────────────────────────────────────────────────────────────────────────────────────────────────────

Lines = list[tuple[str, float | None]]
"""What a step prints, each with its ratio."""


def measured(step: Callable[[], Lines]) -> dict[str, Any]:
    began = time.process_time()
    lines = step()
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"cpu_s": time.process_time() - began, "memory_mb": memory_mb, "lines": lines}


def check(directory: Path) -> Lines:
    """Read and check the borders, as `rekap election check` does."""
    read_sources(_definition(directory), directory / "election")
    return []


def build(directory: Path) -> Lines:
    """The same, and write all files, as the exporter does where the maps of the package have changed."""
    definition = _definition(directory)
    target = directory / "maps"
    target.mkdir()
    index = build_maps(definition, read_sources(definition, directory / "election"), target, lambda *_: None)
    lines: Lines = []
    for each in (each for each in index["maps"] if each["kind"] == MapKind.LEVEL):
        sizes = {file["name"].removeprefix(f"level.{each['of']}."): file["gzip_bytes"] for file in each["files"]}
        shown = ", ".join(f"{name} {size / 1e3:,.0f} kB" for name, size in sizes.items())
        is_aimed_at = each["of"] == LEVELS[1]
        ratio = max(sizes["low.geojson"], sizes["low.topojson"]) / LOW_BYTES_MAX if is_aimed_at else None
        lines.append((f"{each['of']}, compressed: {shown}", ratio))
    return lines


def answer(directory: Path) -> Lines:
    """Maps with results and pictures, as the API makes them of the files."""
    definition = _definition(directory)
    office = definition.ballots.offices[0]
    tallies = {}
    for number, code in enumerate(definition.tree.codes):
        tally = empty_tally(2)
        tally[HEAD : HEAD + 2] = [1 + number % 7, 4]  # for one of two, so both colours are drawn
        tallies["president", code] = tally
    moment = Moment({office.id: (0,) * definition.partitions}, {}, tallies, {})
    lines: Lines = []
    for level, format in ANSWERS:
        features, topology = read_topojson((directory / f"maps/level.{level}.low.topojson").read_bytes())
        loaded = LoadedMap(features, topology, {feature.id: number for number, feature in enumerate(features)})
        numbers = range(min(len(features), FEATURES_MAX))
        asked = AskedMap(MapKind.LEVEL, level, "0" * 64, format, loaded, numbers)
        results = MapResults(definition, office, [features[number].id for number in numbers], {})
        counted = Counted(results, moment)
        map_bytes(definition, asked, counted)  # the first one imports
        began = time.process_time()
        body = map_bytes(definition, asked, counted)
        seconds = time.process_time() - began
        line = f"{level}.{format} with results: {seconds * 1e3:.0f} ms, {len(body) / 1e3:,.0f} kB"
        lines.append((line, seconds / FRESH_SECONDS))
    return lines


STEPS: dict[str, Callable[[Path], Lines]] = {"check": check, "build": build, "answer": answer}


def _definition(directory: Path) -> Definition:
    return Definition.of(load_package(directory / "election", problems))


if __name__ == "__main__":
    sys.exit(main())
