"""Maps in an archive: as the API reads them, linked from the archive before, and left out where they have a mistake."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from api.maps.map_files import MapFiles
from projections.definition.compiled import Definition
from projections.maps.plan import MapKind
from rekap.archive import maps as module
from rekap.archive.cut_writer import CutWriter, PreviousCut
from rekap.archive.maps import write_maps
from rekap.archive.moment import ArchivedMoment
from runtime.package.writing import write_package
from schemas.canonical import sha256_hex
from schemas.maps.files import MapFormat, Resolution
from tests.support.small_election import small_package
from tests.support.small_maps import write_village_map

DEFINITION = Definition.of(small_package())
FOLDER = "v1/files"


@pytest.fixture
def moment(tmp_path: Path) -> ArchivedMoment:
    write_package(small_package(), tmp_path / "package")
    return cast(ArchivedMoment, SimpleNamespace(definition=DEFINITION, package=tmp_path / "package"))


def _cut(directory: Path, previous: CutWriter | None = None) -> CutWriter:
    directory.mkdir()
    before = None
    if previous is not None:
        before = PreviousCut(previous.directory, {entry["name"]: entry for entry in previous.entries})
    return CutWriter(directory, before)


def test_the_api_reads_the_maps_of_an_archive(moment: ArchivedMoment, tmp_path: Path) -> None:
    write_village_map(moment.package)
    cut = _cut(tmp_path / "a")
    built = write_maps(moment, cut, FOLDER)
    assert built is not None
    for entry in cut.entries:
        content = (cut.directory / entry["name"]).read_bytes()
        assert (len(content), sha256_hex(content)) == (entry["bytes"], entry["sha256"])

    async def served() -> None:
        files = MapFiles(cut.directory / FOLDER)
        newest = await files.newest()
        assert newest.digest == built.index["digest"]
        assert len((await files.loaded(newest, MapKind.LEVEL, "village", Resolution.LOW)).features) == 8
        file = newest.file(MapKind.LEVEL, "province", Resolution.HIGH, MapFormat.GEOJSON)
        plain = newest.directory / file["name"]
        assert gzip.decompress(plain.with_name(f"{plain.name}.gz").read_bytes()) == plain.read_bytes()

    asyncio.run(served())


def test_the_same_maps_are_linked_and_not_built_again(
    moment: ArchivedMoment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_village_map(moment.package)
    first = _cut(tmp_path / "a")
    before = write_maps(moment, first, FOLDER)
    monkeypatch.delattr(module, "build_maps")
    second = _cut(tmp_path / "b", first)
    after = write_maps(moment, second, FOLDER)
    assert before is not None
    assert after is not None
    assert after.index == before.index
    assert {entry["name"]: entry for entry in second.entries} == {entry["name"]: entry for entry in first.entries}
    assert all(path.samefile(before.directory / path.name) for path in after.directory.iterdir())


def test_maps_are_copied_where_there_are_no_hard_links(
    moment: ArchivedMoment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError

    write_village_map(moment.package)
    first = _cut(tmp_path / "a")
    before = write_maps(moment, first, FOLDER)
    monkeypatch.setattr("rekap.archive.cut_writer.os.link", refused)
    second = _cut(tmp_path / "b", first)
    after = write_maps(moment, second, FOLDER)
    assert before is not None
    assert after is not None
    assert {path.name: path.read_bytes() for path in after.directory.iterdir()} == {
        path.name: path.read_bytes() for path in before.directory.iterdir()
    }


def test_maps_with_a_mistake_are_left_out_and_a_package_without_maps_has_none(
    moment: ArchivedMoment, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cut = _cut(tmp_path / "a")
    assert write_maps(moment, cut, FOLDER) is None
    (write_village_map(moment.package)).write_text("{")
    assert write_maps(moment, cut, FOLDER) is None
    assert "maps-refused" in caplog.text
    assert cut.entries == []
