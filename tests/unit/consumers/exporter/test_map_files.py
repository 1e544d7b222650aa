"""The files of maps: joined levels and districts, resolutions, sizes, and what is done where the package changes."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from consumers.exporter import map_files
from consumers.exporter.map_directories import MapDirectories
from consumers.exporter.map_files import LOW_BYTES_MAX, build_maps, read_sources
from projections.definition.compiled import Definition
from projections.maps.texts import read_topojson
from projections.maps.topology import shape_of
from rekap.elections.demo_maps import demo_shapes
from rekap.elections.importers.kawalpemilu_2019 import read
from rekap.elections.importers.kawalpemilu_2019_maps import write_maps
from runtime.maps.coverage import geometries_of
from runtime.package.errors import PackageError
from runtime.package.writing import write_package
from tests.support.shared_data import DIY_2019, needs_diy_2019
from tests.support.small_election import small_package
from tests.support.small_maps import SIDE, VILLAGES, square, village_shapes, write_village_map

DEFINITION = Definition.of(small_package())


def _nothing(step: str, done: int, total: int) -> None: ...


def _built(definition: Definition, package: Path, directory: Path) -> dict[str, Any]:
    directory.mkdir()
    return build_maps(definition, read_sources(definition, package), directory, _nothing)


def _areas(directory: Path, name: str) -> dict[str, float]:
    """By id, the area of each shape of a TopoJSON file, in squares of SIDE."""
    features, topology = read_topojson((directory / name).read_bytes())
    found = {}
    for feature, arcs in zip(features, topology.shapes, strict=True):
        shape = None if arcs is None else shape_of(topology.arcs, arcs)
        found[feature.id] = 0.0 if shape is None else float(geometries_of([shape])[0].area) / SIDE**2
    return found


def test_levels_and_districts_are_joined_and_no_id_is_lost(tmp_path: Path) -> None:
    shapes = village_shapes()
    write_village_map(tmp_path, {code: shapes[code] for code in VILLAGES[:-1]})
    index = _built(DEFINITION, tmp_path, tmp_path / "built")
    assert json.loads((tmp_path / "built" / "maps.json").read_bytes()) == index
    assert [(each["kind"], each["of"], each["joined_from"], each["features"]) for each in index["maps"]] == [
        ("level", "nation", "village", 1),
        ("level", "province", "village", 2),
        ("level", "district", "village", 4),
        ("level", "village", None, 8),
        ("contests", "president", "village", 1),
        ("contests", "council", "village", 3),
    ]
    assert [each["not_drawn"] for each in index["maps"]] == [
        ["N"], ["2"], ["2.2"], ["2.2.2"], ["president"], ["council-c"]
    ]  # fmt: skip
    assert index["maps"][0]["bbox"] == [110, -8, 110.4, -7.8]
    built = tmp_path / "built"
    assert _areas(built, "level.district.high.topojson") == {"1.1": 2, "1.2": 2, "2.1": 2, "2.2": 1}
    assert _areas(built, "contests.council.high.topojson") == {"council-a": 2, "council-b": 3, "council-c": 2}
    village = json.loads((built / "level.village.low.geojson").read_bytes())
    assert [each["id"] for each in village["features"]] == list(VILLAGES)
    assert [each["properties"]["drawn"] for each in village["features"]] == ["whole"] * 7 + ["not"]
    assert (village["licence"], village["maps"]) == ("CC0-1.0", index["digest"])


def test_each_file_is_as_the_index_states(tmp_path: Path) -> None:
    write_village_map(tmp_path)
    index = _built(DEFINITION, tmp_path, tmp_path / "built")
    names = set()
    for each in index["maps"]:
        for file in each["files"]:
            text = (tmp_path / "built" / file["name"]).read_bytes()
            packed = (tmp_path / "built" / f"{file['name']}.gz").read_bytes()
            assert gzip.decompress(packed) == text
            assert (len(text), hashlib.sha256(text).hexdigest()) == (file["bytes"], file["sha256"])
            assert (len(packed), hashlib.sha256(packed).hexdigest()) == (file["gzip_bytes"], file["gzip_sha256"])
            names |= {file["name"], f"{file['name']}.gz"}
    assert names | {"maps.json"} == {path.name for path in (tmp_path / "built").iterdir()}
    again = _built(DEFINITION, tmp_path, tmp_path / "again")
    assert again == index, "the same package gives the same bytes"


def test_each_fault_of_geometry_refuses_all_maps(tmp_path: Path) -> None:
    write_village_map(tmp_path, {**village_shapes(), "1.1.1": village_shapes()["1.1.2"]})
    with pytest.raises(
        PackageError, match=r"feature 1 \(1\.1\.1\): 100 % of the smaller area lie under feature 2 \(1\.1\.2\)"
    ):
        read_sources(DEFINITION, tmp_path)


def test_a_map_is_made_coarser_until_it_is_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_village_map(tmp_path, dict(zip(VILLAGES, demo_shapes(len(VILLAGES)), strict=True)))
    before = _built(DEFINITION, tmp_path, tmp_path / "before")["maps"][3]["files"][0]
    assert before["gzip_bytes"] <= LOW_BYTES_MAX
    monkeypatch.setattr(map_files, "LOW_BYTES_MAX", before["gzip_bytes"] - 1)
    after = _built(DEFINITION, tmp_path, tmp_path / "after")["maps"][3]["files"]
    assert after[0]["smallest_detail"] > before["smallest_detail"]
    assert after[0]["gzip_bytes"] < before["gzip_bytes"]
    monkeypatch.setattr(map_files, "LOW_BYTES_MAX", 1)
    coarsest = _built(DEFINITION, tmp_path, tmp_path / "coarsest")["maps"][3]["files"]
    assert coarsest[0] == before, "what cannot be small keeps its details"


@needs_diy_2019
def test_real_borders_keep_one_border_in_each_resolution(tmp_path: Path) -> None:
    package = read(DIY_2019, arithmetic="soft").package("kpu")
    write_package(package, tmp_path)
    assert write_maps(DIY_2019, package, tmp_path) == 3
    index = _built(Definition.of(package), tmp_path, tmp_path / "built")
    assert [(each["of"], each["features"], each["not_drawn"]) for each in index["maps"]] == [
        ("province", 1, []), ("regency", 5, []), ("district", 78, []), ("village", 438, []), ("president", 1, []),
    ]  # fmt: skip
    for each in index["maps"]:
        for file in each["files"]:
            assert file["resolution"] != "low" or file["gzip_bytes"] <= LOW_BYTES_MAX
            if file["format"] == "topojson":
                _, topology = read_topojson((tmp_path / "built" / file["name"]).read_bytes())
                shapes = geometries_of(shape_of(topology.arcs, arcs) for arcs in topology.shapes if arcs is not None)
                assert shapely.is_valid(shapes).all()
                assert shapely.coverage_is_valid(shapes)


def test_maps_are_built_once_and_again_where_the_package_has_changed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    package, files = tmp_path / "package", tmp_path / "files"
    package.mkdir()
    files.mkdir()
    directories = MapDirectories(files, DEFINITION, package)
    assert directories.current(_nothing) is None
    write_village_map(package)
    first = directories.current(_nothing)
    assert first is not None
    assert json.loads((files / "maps.json").read_bytes()) == {"directory": first.directory.name, **first.index}
    assert directories.current(_nothing) is first
    assert MapDirectories(files, DEFINITION, package).current(_nothing) == first, "after a start they are there"

    write_village_map(package, {**village_shapes(), "1.1.1": ((square(0, 0, 7),),), "1.1.2": ((square(0, 0, 7),),)})
    assert directories.current(_nothing) is first, "maps with a mistake are refused, and those before stay"
    assert "maps/village.geojson: feature 1 (1.1.1): 100 % of the smaller area" in caplog.text

    write_village_map(package, {"1.1.1": village_shapes()["1.1.1"]})
    second = directories.current(_nothing)
    assert second is not None
    assert first.directory.is_dir(), "a reader may have read the index before"
    write_village_map(package, {})
    directories.current(_nothing)
    assert (first.directory.is_dir(), second.directory.is_dir()) == (False, True)

    (package / "maps" / "village.geojson").unlink()
    assert directories.current(_nothing) is None
    assert not (files / "maps.json").exists()


def test_maps_that_are_not_finished_are_not_seen(tmp_path: Path) -> None:
    def stopped(step: str, done: int, total: int) -> None:
        raise InterruptedError

    write_village_map(tmp_path)
    files = tmp_path / "files"
    files.mkdir()
    directories = MapDirectories(files, DEFINITION, tmp_path)
    with pytest.raises(InterruptedError):
        directories.current(stopped)
    assert list(files.iterdir()) == []
    assert directories.current(_nothing) is not None
