"""The directory of the bulk files: one exporter at a time, whole cuts only, and room for the newest."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from consumers.exporter.cut_directories import CutDirectories, FilesInUseError

NAMES = [f"2029021{day}T000000Z-00000000" for day in range(4, 8)]


def _publish(directories: CutDirectories, name: str, content: bytes = b"12345") -> None:
    with directories.unfinished(name) as (files, copy):
        (copy / "standings-0").write_bytes(b"x" * 100)
        (files / "a.csv").write_bytes(content)
        (files / "manifest.json").write_bytes(orjson.dumps({"files": [], "taken_at": name}))
        directories.publish(files, name, {"files": [], "taken_at": name})


def test_a_published_cut_is_whole_and_the_newest(tmp_path: Path) -> None:
    directories = CutDirectories(tmp_path / "files")
    with directories.held():
        assert directories.newest() is None
        for name in NAMES:
            _publish(directories, name)
            found = directories.newest()
            assert found is not None
            assert (found[0].name, found[1]["taken_at"]) == (name, name)
        assert [cut.name for cut in directories.cuts()] == NAMES
        assert sorted(each.name for each in directories.directory.iterdir()) == [".lock", *NAMES, "latest.json"]


def test_a_cut_that_was_not_published_leaves_nothing(tmp_path: Path) -> None:
    directories = CutDirectories(tmp_path)
    with directories.held():
        with directories.unfinished(NAMES[0]) as (files, _):
            (files / "a.csv").write_bytes(b"1")
        assert [each.name for each in tmp_path.iterdir()] == [".lock"]


def test_what_a_killed_exporter_left_is_deleted(tmp_path: Path) -> None:
    (tmp_path / f".{NAMES[0]}").mkdir()
    (tmp_path / f".{NAMES[0]}" / "a.csv").write_bytes(b"1")
    (tmp_path / ".latest.json.1234.part").write_bytes(b"{}")
    with CutDirectories(tmp_path).held():
        assert [each.name for each in tmp_path.iterdir()] == [".lock"]


def test_only_one_exporter_writes_into_a_directory(tmp_path: Path) -> None:
    with CutDirectories(tmp_path).held(), pytest.raises(FilesInUseError), CutDirectories(tmp_path).held():
        pass
    with CutDirectories(tmp_path).held():
        pass


def test_old_cuts_are_deleted_by_age_and_by_size_and_never_the_newest(tmp_path: Path) -> None:
    directories = CutDirectories(tmp_path)
    with directories.held():
        for name in NAMES:
            _publish(directories, name)
        each = sum(file.stat().st_size for file in (tmp_path / NAMES[0]).iterdir())
        assert directories.prune("0", 4 * each) == 4 * each
        assert directories.prune(NAMES[1], 4 * each) == 3 * each
        assert [cut.name for cut in directories.cuts()] == NAMES[1:]
        assert directories.prune("0", 2 * each) == 2 * each
        assert directories.prune("9", 0) == each
        assert [cut.name for cut in directories.cuts()] == NAMES[3:]


def test_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    directories = CutDirectories(tmp_path)
    with directories.held():
        _publish(directories, NAMES[0], b"x" * 1000)
        with directories.unfinished(NAMES[1]) as (files, _):
            (files / "a.csv").hardlink_to(tmp_path / NAMES[0] / "a.csv")
            directories.publish(files, NAMES[1], {"files": []})
        assert 1000 < directories.prune("0", 10_000) < 2000
