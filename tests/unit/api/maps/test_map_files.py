"""The maps that the API finds on the disk: read once, replaced by corrected ones, and bounded in memory."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from api.maps import map_files
from api.maps.map_files import LOOKED_AT_SECONDS, MapFiles, MapSet, gone
from api.problems import Problem
from consumers.exporter.map_directories import MapDirectories
from projections.definition.compiled import Definition
from projections.maps.plan import MapKind
from runtime.files.files_below import NotAFileError, descriptor_below
from schemas.maps.files import MapFormat, Resolution
from tests.support.small_election import small_package
from tests.support.small_maps import VILLAGES, village_shapes, write_village_map

DEFINITION = Definition.of(small_package())


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _build(directory: Path) -> MapDirectories:
    package, files = directory / "package", directory / "files"
    package.mkdir()
    files.mkdir()
    write_village_map(package)
    directories = MapDirectories(files, DEFINITION, package)
    directories.current(lambda *_: None)
    return directories


async def test_an_election_without_maps_answers_that_it_has_none(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="No maps"):
        await MapFiles(tmp_path).newest()
    (tmp_path / "maps.json").write_text('{"directory": "../elsewhere", "digest": "d", "maps": []}')
    with pytest.raises(Problem, match="No maps"):
        await MapFiles(tmp_path).newest()


async def test_corrected_maps_are_seen_and_those_before_are_kept_until_then(tmp_path: Path) -> None:
    directories, clock = _build(tmp_path), Clock()
    files = MapFiles(tmp_path / "files", clock)
    first = await files.newest()
    loaded = await files.loaded(first, MapKind.LEVEL, "village", Resolution.LOW)
    assert [feature.id for feature in loaded.features] == list(VILLAGES)
    assert await files.loaded(first, MapKind.LEVEL, "village", Resolution.LOW) is loaded

    write_village_map(tmp_path / "package", {**village_shapes(), "1.1.1": None})
    directories.current(lambda *_: None)
    assert await files.newest() is first, "the index is not read for each request"
    clock.now += LOOKED_AT_SECONDS
    await files.newest()
    assert files._looking is not None
    await files._looking
    second = await files.newest()
    assert second.digest != first.digest
    again = await files.loaded(second, MapKind.LEVEL, "village", Resolution.LOW)
    assert again.topology.shapes[0] is None

    (tmp_path / "files" / "maps.json").unlink()
    clock.now += LOOKED_AT_SECONDS
    await files.newest()
    await files._looking
    with pytest.raises(Problem, match="No maps"):
        await files.newest()


async def test_a_map_that_is_not_there_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _build(tmp_path)
    files = MapFiles(tmp_path / "files")
    maps = await files.newest()
    with pytest.raises(Problem, match="There is no map of 'street'"):
        maps.file(MapKind.LEVEL, "street", Resolution.LOW, MapFormat.GEOJSON)
    monkeypatch.setattr(map_files, "JOINED_BYTES_MAX", 100)
    with pytest.raises(Problem, match="bytes, and of maps over 100 no parts and no results are sent"):
        maps.joinable(MapKind.LEVEL, "village", Resolution.LOW)
    with pytest.raises(Problem, match="Map too large"):
        await files.loaded(maps, MapKind.LEVEL, "village", Resolution.LOW)


async def test_the_maps_in_memory_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _build(tmp_path)
    files = MapFiles(tmp_path / "files")
    maps = await files.newest()
    size = maps.file(MapKind.LEVEL, "village", Resolution.LOW, MapFormat.TOPOJSON)["bytes"]
    monkeypatch.setattr(map_files, "KEPT_BYTES_MAX", size)
    first = await files.loaded(maps, MapKind.LEVEL, "village", Resolution.LOW)
    await files.loaded(maps, MapKind.LEVEL, "nation", Resolution.LOW)
    assert await files.loaded(maps, MapKind.LEVEL, "village", Resolution.LOW) is not first


async def test_files_that_were_deleted_meanwhile_are_asked_for_again(tmp_path: Path) -> None:
    _build(tmp_path)
    files = MapFiles(tmp_path / "files")
    maps = await files.newest()
    for path in maps.directory.iterdir():
        path.unlink()
    with pytest.raises(Problem, match="corrected ones"):
        await files.loaded(maps, MapKind.LEVEL, "village", Resolution.LOW)
    assert gone().headers == {"Retry-After": "5"}


async def test_features_are_numbered_in_the_order_of_the_map(tmp_path: Path) -> None:
    _build(tmp_path)
    files = MapFiles(tmp_path / "files")
    maps = await files.newest()
    loaded = await files.loaded(maps, MapKind.LEVEL, "village", Resolution.LOW)
    ids = [feature.id for feature in loaded.features]
    assert loaded.numbers_of([ids[2], "no area", ids[0]]) == [0, 2]
    assert (maps.features(MapKind.LEVEL, "village"), maps.features(MapKind.LEVEL, "street")) == (len(ids), 0)


async def test_nothing_below_the_directory_is_opened_through_a_link_or_waited_for(tmp_path: Path) -> None:
    """The directory may be an archive, which a stranger has filled."""
    _build(tmp_path)
    archive, village = tmp_path / "archive", ("village", Resolution.LOW)
    (archive / "open-data").mkdir(parents=True)
    (tmp_path / "files").rename(archive / "open-data" / "maps-kept")
    index = json.loads((archive / "open-data/maps-kept/maps.json").read_text())
    there = archive / "open-data/maps-kept" / index["directory"]

    async def served() -> MapSet:
        return await MapFiles(archive, folder="open-data").newest()

    (archive / "open-data" / index["directory"]).symlink_to(there)
    (archive / "open-data/maps.json").write_text(json.dumps(index))
    maps = await served()
    with pytest.raises(Problem, match="corrected ones"):
        await MapFiles(archive, folder="open-data").loaded(maps, MapKind.LEVEL, *village)
    file = maps.file(MapKind.LEVEL, *village, MapFormat.TOPOJSON)
    with pytest.raises(NotAFileError, match="link"):
        descriptor_below(maps.root, maps.path_of(file["name"]))

    (archive / "open-data" / index["directory"]).unlink()
    there.rename(archive / "open-data" / index["directory"])
    files = MapFiles(archive, folder="open-data")
    assert len((await files.loaded(await files.newest(), MapKind.LEVEL, *village)).features) == len(VILLAGES)
    path = archive / "open-data" / index["directory"] / file["name"]
    path.write_text("{")
    with pytest.raises(Problem, match="is not a map"):
        await MapFiles(archive, folder="open-data").loaded(maps, MapKind.LEVEL, *village)
    for hostile in ("pipe", "link"):
        (archive / "open-data/maps.json").unlink()
        if hostile == "pipe":
            os.mkfifo(archive / "open-data/maps.json")
        else:
            (archive / "open-data/maps.json").symlink_to(tmp_path / "maps.json")
            (tmp_path / "maps.json").write_text(json.dumps(index))
        with pytest.raises(Problem, match="No maps"):
            await served()


@pytest.mark.parametrize(
    ("field", "text"),
    [("name", "../key.pem"), ("media_type", "text/html\r\nSet-Cookie: a=b"), ("sha256", "0"), ("gzip_sha256", "\r\n")],
)
async def test_an_index_with_texts_that_no_header_field_may_have_is_not_served(
    tmp_path: Path, field: str, text: str
) -> None:
    _build(tmp_path)
    index = json.loads((tmp_path / "files/maps.json").read_text())
    index["maps"][0]["files"][0][field] = text
    (tmp_path / "files/maps.json").write_text(json.dumps(index))
    with pytest.raises(Problem, match="No maps"):
        await MapFiles(tmp_path / "files").newest()
