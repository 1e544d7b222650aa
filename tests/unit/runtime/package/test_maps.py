"""Reading the maps of a package: a sentence for each fault, which names file, feature and area; and bounds."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from runtime.package import maps
from runtime.package.errors import PackageError, UnreadablePackageError
from runtime.package.maps import load_maps, maps_stamp, read_maps
from schemas.maps.shapes import GRID, twice_area
from tests.support.small_maps import VILLAGES, collection, feature, positions, square, village_shapes, write_village_map

AREAS = {"province": ["1", "2"], "village": list(VILLAGES)}
SQUARE = positions(square(0, 0, GRID))
POLYGON = {"type": "Polygon", "coordinates": [SQUARE]}


def _write(directory: Path, content: bytes, level: str = "province") -> None:
    (directory / "maps").mkdir(exist_ok=True)
    (directory / "maps" / f"{level}.geojson").write_bytes(content)


def _sentences(directory: Path) -> list[str]:
    return [str(problem) for problem in read_maps(directory, AREAS).problems]


FEATURE = b'{"type": "FeatureCollection", "features": [{"type": "Feature", "id": "1", "geometry": %b}]}'


def _province(**more: Any) -> dict[str, Any]:
    return {"type": "Feature", "id": "1", "properties": {}, "geometry": POLYGON, **more}


def _of_feature(directory: Path, given: dict[str, Any]) -> list[str]:
    _write(directory, collection([given, feature("2", None)]))
    return _sentences(directory)


def test_shapes_come_as_whole_numbers_each_area_or_none(tmp_path: Path) -> None:
    shapes = village_shapes()
    write_village_map(tmp_path, {code: shapes[code] for code in VILLAGES[:-1]})
    reading = read_maps(tmp_path, AREAS)
    assert (reading.problems, reading.warnings) == ((), ())
    (village,) = reading.maps
    assert (village.level, village.file) == ("village", "maps/village.geojson")
    assert dict(village.shapes) == {**shapes, VILLAGES[-1]: None}
    assert village.feature["1.2.1"] == 3


def test_a_package_without_maps_has_none(tmp_path: Path) -> None:
    assert read_maps(tmp_path, AREAS).maps == ()
    assert load_maps(tmp_path, AREAS) == ()
    assert maps_stamp(tmp_path, AREAS) == (None, None)


def test_maps_of_a_zip_are_read_too(tmp_path: Path) -> None:
    write_village_map(tmp_path)
    packed = tmp_path / "package.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small/election.json", "{}")
        archive.write(tmp_path / "maps" / "village.geojson", "small/maps/village.geojson")
    assert load_maps(packed, AREAS) == load_maps(tmp_path, AREAS)
    assert len(maps_stamp(packed, AREAS)) == 1


def test_the_direction_of_rings_is_mended(tmp_path: Path) -> None:
    hole = positions(square(GRID // 4, GRID // 4, GRID // 4))
    rings = {"type": "Polygon", "coordinates": [SQUARE[::-1], hole]}
    _write(tmp_path, collection([_province(geometry=rings), feature("2", None)]))
    (read,) = load_maps(tmp_path, AREAS)
    shape = read.shapes["1"]
    assert shape is not None
    assert [twice_area(ring) > 0 for ring in shape[0]] == [True, False]


def test_heights_points_that_repeat_and_parts_below_the_grid_are_left_out(tmp_path: Path) -> None:
    with_heights = [[x, y, 7.5] for x, y in SQUARE]
    tiny = [[5, 5], [5.000001, 5], [5, 5.000001], [5, 5]]
    geometry = {
        "type": "MultiPolygon",
        "coordinates": [[[with_heights[0], *with_heights], tiny], [tiny]],
    }
    _write(tmp_path, collection([_province(geometry=geometry), feature("2", None)]))
    (read,) = load_maps(tmp_path, AREAS)
    assert read.shapes["1"] == ((square(0, 0, GRID),),)


def test_an_area_is_named_by_the_id_or_the_code_of_its_feature(tmp_path: Path) -> None:
    _write(
        tmp_path,
        collection([_province(id=None, properties={"code": "1"}), _province(id="2", properties={"code": "2"})]),
    )
    (read,) = load_maps(tmp_path, AREAS)
    assert list(read.shapes) == ["1", "2"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (_province(id="3"), "feature 1 (3): is not an area of the level 'province'"),
        (_province(id=None), "feature 1: names no area; its `id`, or the property `code`, is the code of an area"),
        (_province(id=1), "feature 1: names its area 1; the code of an area is a text in quotes"),
        (_province(id="x" * 65), "the code of an area is a text in quotes"),
        (_province(id="a\x1b[2J"), "which no area is called"),
        (_province(properties={"code": "2"}), "feature 1: has the id '1' and the property `code` '2'"),
        (_province(geometry={"type": "Point", "coordinates": [1, 2]}), "feature 1 (1): has a geometry of type 'Point'"),
        (_province(geometry=[]), "has a geometry of type None"),
        (_province(geometry={"type": "MultiPolygon", "coordinates": 7}), "has a geometry of type 'MultiPolygon'"),
        (_province(geometry={"type": "MultiPolygon", "coordinates": []}), "has no part that is larger than"),
        (_province(geometry={"type": "Polygon", "coordinates": []}), "feature 1 (1): has no list of rings"),
        (
            _province(geometry={"type": "Polygon", "coordinates": [SQUARE[:3]]}),
            "ring 1: has fewer than four positions (RFC 7946, 3.1.6)",
        ),
        (
            _province(geometry={"type": "MultiPolygon", "coordinates": [[SQUARE], [SQUARE[:-1]]]}),
            "polygon 2, ring 1: is not closed",
        ),
        (
            _province(geometry={"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, "1"], [0, 0]]]}),
            "ring 1, position 3: expected [longitude, latitude], got [1, '1']",
        ),
        (
            _province(geometry={"type": "Polygon", "coordinates": [[[0, 0], [True, 0], [1, 1], [0, 0]]]}),
            "ring 1, position 2: expected [longitude, latitude]",
        ),
        (
            _province(geometry={"type": "Polygon", "coordinates": [[[-7, 110], [-7, 111], [-8, 110], [-7, 110]]]}),
            "ring 1, position 1: [-7, 110] is not within longitude ±180 and latitude ±90; longitude comes first",
        ),
        (
            _province(geometry={"type": "Polygon", "coordinates": [[[181, 0], [1, 0], [1, 1], [181, 0]]]}),
            "position 1: [181, 0] is not within longitude ±180 and latitude ±90",
        ),
        (
            _province(geometry={"type": "Polygon", "coordinates": [[[0, 0], [1e-7, 0], [0, 1e-7], [0, 0]]]}),
            "has no part that is larger than a square metre",
        ),
    ],
)  # fmt: skip
def test_each_fault_of_a_feature_is_named(tmp_path: Path, given: dict[str, Any], sentence: str) -> None:
    found = _of_feature(tmp_path, given)
    assert any(each.startswith("maps/province.geojson: feature 1") and sentence in each for each in found), found
    assert read_maps(tmp_path, AREAS).maps == ()


def test_an_area_without_a_feature_and_one_with_two_are_named(tmp_path: Path) -> None:
    _write(tmp_path, collection([_province(), _province()]))
    assert _sentences(tmp_path) == [
        "maps/province.geojson: feature 2 (1): is the same area as feature 1",
        "maps/province.geojson: area '2' has no feature; where no border is known, give it one with the geometry null",
    ]


def test_a_likely_code_is_suggested(tmp_path: Path) -> None:
    _write(tmp_path, collection([feature("1.1.1O", None)]), "village")
    assert "did you mean '1.1.1'?" in _sentences(tmp_path)[0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"{", "is not valid JSON"),
        (b"[]", "is not a FeatureCollection of GeoJSON (RFC 7946, 3.3)"),
        (b'{"type": "FeatureCollection"}', "has no list `features`"),
        (b'{"type": "FeatureCollection", "features": [{}]}', "feature 1: is not a Feature of GeoJSON"),
        (collection([], crs={"properties": {"name": "EPSG:23830"}}), "names another reference system than WGS 84"),
    ],
)
def test_a_file_that_is_not_a_map_is_named(tmp_path: Path, content: bytes, sentence: str) -> None:
    _write(tmp_path, content)
    (found,) = _sentences(tmp_path)
    assert found.startswith(f"maps/province.geojson: {sentence}")
    with pytest.raises(PackageError, match="province"):
        load_maps(tmp_path, AREAS)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b'{"type": %b}', "is not a FeatureCollection of GeoJSON"),
        (b'{"type": "FeatureCollection", "crs": %b}', "names another reference system than WGS 84: [[[["),
        (b'{"type": "FeatureCollection", "features": %b}', "feature 1: is not a Feature of GeoJSON"),
        (b'{"type": "FeatureCollection", "features": [{"type": "Feature", "id": %b}]}', "names its area [[[["),
        (FEATURE % b"%b", "has a geometry of type None"),
        (FEATURE % b'{"type": %b}', "has a geometry of type [[[["),
        (FEATURE % b'{"type": "Polygon", "coordinates": %b}', "ring 1: has fewer than four positions"),
        (FEATURE % b'{"type": "Polygon", "coordinates": [[%b, 1, 1, 1]]}', "expected [longitude, latitude], got [[[["),
        (
            FEATURE % b'{"type": "Polygon", "coordinates": [[[%b, 1], 1, 1, 1]]}',
            "expected [longitude, latitude], got [[[[",
        ),
    ],
)
def test_what_is_nested_as_deep_as_json_can_be_is_named_too(tmp_path: Path, text: bytes, sentence: str) -> None:
    _write(tmp_path, text % (b"[" * 1_000 + b"]" * 1_000))
    assert any(sentence in each for each in _sentences(tmp_path))


def test_the_reference_system_may_be_named_where_it_is_wgs_84(tmp_path: Path) -> None:
    name = "urn:ogc:def:crs:OGC:1.3:CRS84"
    _write(
        tmp_path,
        collection([feature("1", None), feature("2", None)], crs={"type": "name", "properties": {"name": name}}),
    )
    assert _sentences(tmp_path) == []


def test_bounds_are_checked_before_a_file_is_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, collection([_province(), feature("2", None)]))
    for name, value, sentence in (
        ("FILE_BYTES_MAX", 50, "bytes; a map has at most 50"),
        ("MAPS_BYTES_MAX", 50, "bytes, more than 50"),
        ("BRACKETS_MAX", 5, "positions, rings and polygons; a map has at most 5"),
        ("FEATURES_MAX", 1, "objects; a map has at most 1 features"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(maps, name, value)
            patch.setattr("runtime.package.maps.orjson.loads", None)  # what would be parsed fails
            (found,) = _sentences(tmp_path)
            assert sentence in found


def test_features_are_counted_also_where_objects_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "FEATURES_MAX", 2)
    _write(tmp_path, orjson.dumps({"type": "FeatureCollection", "features": [None, None, None]}))
    assert "has 3 features; a map has at most 2" in _sentences(tmp_path)[0]


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, collection([]))
    monkeypatch.setattr(maps, "FILE_BYTES_MAX", 10)
    monkeypatch.setattr("runtime.package.sources.DirectorySource.size", lambda *_: 1)
    assert "has more than 10 bytes" in _sentences(tmp_path)[0]


def test_other_files_of_the_folder_are_warned_of(tmp_path: Path) -> None:
    _write(tmp_path, b"{}", "provinse")
    (tmp_path / "maps" / "old").mkdir()
    (warning,) = read_maps(tmp_path, AREAS).warnings
    assert str(warning) == (
        "maps/provinse.geojson: is not the map of a level of areas and was ignored; did you mean 'maps/province.geojson'?"
    )


def test_a_link_in_place_of_the_folder_or_a_file_is_refused(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    write_village_map_to = elsewhere / "maps"
    write_village_map_to.mkdir(parents=True)
    package = tmp_path / "package"
    package.mkdir()
    (package / "maps").symlink_to(write_village_map_to)
    with pytest.raises(UnreadablePackageError, match="is a link"):
        read_maps(package, AREAS)
    (package / "maps").unlink()
    (package / "maps").mkdir()
    (package / "maps" / "province.geojson").symlink_to("/etc/passwd")
    with pytest.raises(UnreadablePackageError, match="is a link"):
        read_maps(package, AREAS)
