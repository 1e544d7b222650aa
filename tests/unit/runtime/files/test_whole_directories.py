"""A directory is there whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from runtime.files.whole_directories import (
    delete_directory,
    delete_unfinished,
    publish_directory,
    unfinished_directories,
)


def _names(directory: Path) -> list[str]:
    return sorted(each.name for each in directory.iterdir())


def test_a_cut_has_its_name_once_it_is_finished(tmp_path: Path) -> None:
    with unfinished_directories(tmp_path, "cut") as (files, copy):
        (files / "areas").mkdir()
        (files / "areas/1.json").write_text("{}")
        (copy / "rows").write_text("")
        assert _names(tmp_path) == [".cut", ".cut.copy"]
        publish_directory(files, tmp_path / "cut")
    assert _names(tmp_path) == ["cut"]
    assert (tmp_path / "cut/areas/1.json").read_text() == "{}"


def test_a_cut_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with unfinished_directories(tmp_path, "cut") as (files, _):
            (files / "1.json").write_text("{}")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _names(tmp_path) == []


def test_a_directory_has_lost_its_name_before_its_first_file_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut/1.json").write_text("{}")
    seen = []

    def killed(path: Path) -> None:
        seen.append(path.name)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            delete_directory(tmp_path / "cut")
    assert seen == _names(tmp_path) == [".cut.old"]
    delete_unfinished(tmp_path)
    assert _names(tmp_path) == []


def test_a_directory_is_deleted_with_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "cut/areas").mkdir(parents=True)
    shutil.copy(__file__, tmp_path / "cut/areas/1.json")
    delete_directory(tmp_path / "cut")
    assert _names(tmp_path) == []
