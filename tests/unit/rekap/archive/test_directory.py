"""The directory of archives: a reader sees a cut whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from rekap.archive.cut_writer import CutWriter
from rekap.archive.directory import LATEST, LATEST_FILE, ArchiveDirectory


def _publish(archives: ArchiveDirectory, name: str) -> None:
    with archives.unfinished(name) as (files, _):
        writer = CutWriter(files, archives.newest())
        writer.add("one", name.encode(), "text/plain")
        writer.finish({"cut": name}, {})
        archives.publish(files, name)


def _opened(directory: Path, keep: int = 2) -> ArchiveDirectory:
    archives = ArchiveDirectory(directory, keep)
    archives.begin()
    return archives


def test_the_newest_cut_is_named_and_old_ones_are_deleted(tmp_path: Path) -> None:
    archives = _opened(tmp_path)
    assert archives.newest() is None
    for name in ("20290214T130000Z-a", "20290214T130100Z-b", "20290214T130200Z-c"):
        _publish(archives, name)
    assert os.readlink(tmp_path / LATEST) == "cuts/20290214T130200Z-c"
    assert orjson.loads((tmp_path / LATEST_FILE).read_bytes()) == {"cut": "20290214T130200Z-c"}
    assert archives.prune() == 1
    assert sorted(each.name for each in archives.cuts.iterdir()) == ["20290214T130100Z-b", "20290214T130200Z-c"]
    newest = archives.newest()
    assert newest is not None
    assert list(newest.entries) == ["one"]


def test_a_cut_that_fails_leaves_nothing_and_the_one_before_stays_the_newest(tmp_path: Path) -> None:
    archives = _opened(tmp_path)
    _publish(archives, "20290214T130000Z-a")

    def fill_the_disk() -> None:
        with archives.unfinished("20290214T130100Z-b") as (files, _):
            CutWriter(files, None).add("one", b"1", "text/plain")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fill_the_disk()
    assert [each.name for each in archives.cuts.iterdir()] == ["20290214T130000Z-a"]
    assert os.readlink(tmp_path / LATEST) == "cuts/20290214T130000Z-a"


def test_what_a_killed_process_has_left_is_deleted_at_the_next_start(tmp_path: Path) -> None:
    _publish(_opened(tmp_path), "20290214T130000Z-a")
    (tmp_path / "cuts/.20290214T130100Z-b/v1").mkdir(parents=True)
    (tmp_path / ".latest.0123").symlink_to("cuts/nothing")
    archives = _opened(tmp_path)
    assert [each.name for each in archives.cuts.iterdir()] == ["20290214T130000Z-a"]
    assert not (tmp_path / ".latest.0123").is_symlink()
    assert archives.newest() is not None


def test_the_newest_cut_stays_also_where_only_others_would_be_kept(tmp_path: Path) -> None:
    archives = _opened(tmp_path, keep=1)
    _publish(archives, "20290214T130100Z-b")
    _publish(archives, "20290214T130000Z-a")  # a clock that was set back
    archives.prune()
    assert (tmp_path / LATEST / "one").read_bytes() == b"20290214T130000Z-a"
