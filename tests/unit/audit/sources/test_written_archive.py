"""An archive that `rekap archive` has written: what its lists must be for the audit to read it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import orjson
import pytest

from audit.findings import AuditError, GivenError
from audit.sources import written_archive
from audit.sources.written_archive import WrittenArchive, archive_in
from rekap.archive.cut_writer import FILES, MANIFEST, SUMS, CutWriter
from tests.support.archives import damage, list_again


def _archive(directory: Path) -> Path:
    directory.mkdir()
    files = CutWriter(directory, None)
    files.add("v1/areas/34.json", b"{}", "application/json", answers="/v1/areas/34")
    files.add("package.zip", b"zip", "application/zip")
    files.finish({"cut": "c"}, {})
    return directory


def _found(directory: Path) -> list[str]:
    return [str(each) for each in WrittenArchive(archive_in(directory)).check(lambda *_: None)]


def test_an_archive_that_is_whole_has_no_finding_and_names_its_answers(tmp_path: Path) -> None:
    written = WrittenArchive(archive_in(_archive(tmp_path / "a")))
    assert written.check(lambda *_: None) == []
    assert written.answers == {"v1/areas/34": "v1/areas/34.json"}
    assert (written.cut, written.others(), written.note()) == ("c", [], None)


def test_several_damaged_files_are_all_named(tmp_path: Path) -> None:
    directory = _archive(tmp_path / "a")
    damage(directory / "package.zip")
    (directory / "v1/areas/34.json").unlink()
    missing, damaged = _found(directory)
    assert missing == "v1/areas/34.json: is missing"
    assert damaged.startswith("package.zip: has the SHA-256 ")
    (directory / "package.zip").write_bytes(b"longer")
    assert _found(directory)[1] == "package.zip: has 6 bytes, and the archive's list has 3"


def test_the_list_for_sha256sum_has_to_agree_with_the_other_one(tmp_path: Path) -> None:
    directory = _archive(tmp_path / "a")
    lines = (directory / SUMS).read_text().splitlines()
    (directory / SUMS).write_text("\n".join(lines[1:]) + "\n")
    assert [each.split(":")[0] for each in _found(directory)] == ["v1/areas/34.json"]
    (directory / SUMS).unlink()
    assert _found(directory) == [f"{SUMS}: is missing"]


def test_the_newest_of_several_archives_is_read_and_nothing_is_written_into_it(tmp_path: Path) -> None:
    _archive(tmp_path / "a")
    (tmp_path / "latest").symlink_to("a")
    archive = archive_in(tmp_path)
    assert (archive.directory, archive.is_fixed) == (tmp_path / "latest", True)
    archive.keep("pins.json", b"{}")
    assert not (tmp_path / "a/pins.json").exists()
    (tmp_path / "b").mkdir()
    assert not archive_in(tmp_path / "b").is_fixed


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        (MANIFEST, b"{", "is not the manifest of an archive"),
        (MANIFEST, orjson.dumps({"cut": "c", "files": {"bytes": "3", "sha256": ""}}), "is not the manifest"),
        (MANIFEST, None, "manifest.json is missing"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, content: bytes | None, sentence: str
) -> None:
    directory = _archive(tmp_path / "a")
    (directory / name).unlink()
    if content is not None:
        (directory / name).write_bytes(content)
    with pytest.raises(GivenError, match=sentence):
        WrittenArchive(archive_in(directory))


def test_a_list_that_names_no_file_is_damaged_or_not_one_of_an_archive(tmp_path: Path) -> None:
    directory = _archive(tmp_path / "a")
    lines = (directory / FILES).read_bytes()
    (directory / FILES).write_bytes(b"nothing\n" + lines)
    assert [each.split(":")[0] for each in _found(directory)] == [FILES]
    (directory / FILES).write_bytes(lines)
    (directory / FILES).write_bytes(b"[]\n")
    manifest = orjson.loads((directory / MANIFEST).read_bytes())
    manifest["files"] |= {"bytes": 3, "sha256": hashlib.sha256(b"[]\n").hexdigest()}
    (directory / MANIFEST).write_bytes(orjson.dumps(manifest))
    with pytest.raises(GivenError, match="line 1, does not name a file"):
        WrittenArchive(archive_in(directory))


def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path: Path) -> None:
    directory = _archive(tmp_path / "a")
    (tmp_path / "key").write_bytes(b"zip")
    lines = (directory / FILES).read_bytes().replace(b'"package.zip"', b'"../key"')
    (directory / FILES).write_bytes(lines)
    (directory / "package.zip").rename(directory / "key")
    list_again(directory)
    with pytest.raises(AuditError, match="leads out of the archive"):
        _found(directory)


@pytest.mark.parametrize("name", ["package.zip", MANIFEST, FILES, SUMS, "v1/areas/34.json", "v1"])
@pytest.mark.parametrize("kind", ["link", "pipe", "device"])
def test_nothing_in_an_archive_is_waited_for_or_read_elsewhere(tmp_path: Path, name: str, kind: str) -> None:
    directory = _archive(tmp_path / "a")
    (directory / name).rename(tmp_path / "moved")
    if kind == "pipe":
        os.mkfifo(directory / name)
    else:
        (directory / name).symlink_to(tmp_path / "moved" if kind == "link" else "/dev/zero")
    with pytest.raises(AuditError, match=r"is a link or no file|is not a regular file"):
        _found(directory)


def test_a_list_that_names_the_directory_itself_or_more_files_than_any_archive_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = _archive(tmp_path / "a")
    lines = (directory / FILES).read_bytes() + orjson.dumps({"name": "", "bytes": 0, "sha256": ""}) + b"\n"
    (directory / FILES).write_bytes(lines)
    manifest = {"cut": "c", "files": {"bytes": len(lines), "sha256": hashlib.sha256(lines).hexdigest()}}
    (directory / MANIFEST).write_bytes(orjson.dumps(manifest))
    with pytest.raises(AuditError, match="not the name of a file"):
        _found(directory)
    monkeypatch.setattr(written_archive, "FILES_MAX", 1)
    with pytest.raises(GivenError, match="names more than 1 files"):
        WrittenArchive(archive_in(directory))
