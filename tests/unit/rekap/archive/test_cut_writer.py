"""The lists of an archive name each file, and what is the same as before is the same file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import orjson

from rekap.archive.cut_writer import FILES, MANIFEST, SUMS, CutWriter, PreviousCut
from tests.support.archives import listed


def _written(directory: Path, contents: dict[str, bytes], previous: PreviousCut | None = None) -> PreviousCut:
    directory.mkdir()
    files = CutWriter(directory, previous)
    files.part = "log"
    for name, content in contents.items():
        files.add(name, content, "text/plain", answers=f"/v1/{name}")
    files.finish({"cut": directory.name}, {"log": "The log"})
    return PreviousCut(directory, {entry["name"]: entry for entry in listed(directory)})


def test_each_file_is_listed_with_size_and_hash(tmp_path: Path) -> None:
    _written(tmp_path / "a", {"one": b"1", "folder/two": b"22"})
    two = {
        "name": "folder/two", "bytes": 2, "sha256": hashlib.sha256(b"22").hexdigest(), "media_type": "text/plain",
        "part": "log", "answers": "/v1/folder/two",
    }  # fmt: skip
    assert listed(tmp_path / "a")[1] == two
    manifest = orjson.loads((tmp_path / "a" / MANIFEST).read_bytes())
    lines = (tmp_path / "a" / FILES).read_bytes()
    assert manifest["parts"] == [{"part": "log", "title": "The log", "files": 2, "bytes": 3}]
    assert manifest["files"] == {
        "name": FILES, "files": 2, "bytes": len(lines), "sha256": hashlib.sha256(lines).hexdigest()
    }  # fmt: skip
    names = [line.split("  ")[1] for line in (tmp_path / "a" / SUMS).read_text().splitlines()]
    assert names == ["one", "folder/two", FILES, MANIFEST]


def test_what_is_the_same_as_before_is_the_same_file_and_what_is_not_is_another(tmp_path: Path) -> None:
    before = _written(tmp_path / "a", {"same": b"1", "changed": b"2"})
    _written(tmp_path / "b", {"same": b"1", "changed": b"3"}, before)
    assert os.path.samefile(tmp_path / "a/same", tmp_path / "b/same")
    assert not os.path.samefile(tmp_path / "a/changed", tmp_path / "b/changed")
    assert (tmp_path / "a/changed").read_bytes() == b"2"


def test_a_file_that_the_cut_before_has_lost_is_written_again(tmp_path: Path) -> None:
    before = _written(tmp_path / "a", {"same": b"1"})
    (tmp_path / "a/same").unlink()
    _written(tmp_path / "b", {"same": b"1"}, before)
    assert (tmp_path / "b/same").read_bytes() == b"1"


def test_a_file_that_never_changes_is_taken_from_the_cut_before_by_its_name(tmp_path: Path) -> None:
    before = _written(tmp_path / "a", {"tile": b"1"})
    (tmp_path / "b").mkdir()
    files = CutWriter(tmp_path / "b", before)
    assert files.add_same("tile")
    assert not files.add_same("another")
    assert [(entry["name"], entry["bytes"]) for entry in files.entries] == [("tile", 1)]
    (tmp_path / "a/tile").unlink()
    (tmp_path / "c").mkdir()
    assert not CutWriter(tmp_path / "c", before).add_same("tile")
