"""A file is replaced whole or not at all, and a new one is never written over another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.files.atomic_write import create_file, replace_file, sync_directory, written_beside


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def _names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_a_file_is_replaced_by_all_pieces(path: Path) -> None:
    path.write_bytes(b"old")
    assert replace_file(path, [b"new", b"er"], mode=0o600) == 5
    assert path.read_bytes() == b"newer"
    assert _names(path) == ["file"]


def test_a_file_has_its_mode_from_the_first_byte_on(path: Path) -> None:
    before = os.umask(0)
    try:
        with written_beside(path, [b"secret"], mode=0o600) as part:
            assert part.stat().st_mode & 0o777 == 0o600
    finally:
        os.umask(before)


def test_an_error_leaves_the_old_file_and_nothing_beside_it(path: Path) -> None:
    path.write_bytes(b"old")

    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        replace_file(path, pieces(), mode=0o600)
    assert path.read_bytes() == b"old"
    assert _names(path) == ["file"]


def test_a_file_beside_that_nobody_renames_is_deleted(path: Path) -> None:
    with written_beside(path, [b"new"], mode=0o600) as part:
        assert part.read_bytes() == b"new"
        assert part.parent == path.parent
    assert _names(path) == []


def test_a_file_that_is_there_is_never_written_over(path: Path) -> None:
    create_file(path, b"first", mode=0o600)
    with pytest.raises(FileExistsError):
        create_file(path, b"second", mode=0o600)
    assert path.read_bytes() == b"first"


def test_a_link_is_not_written_through(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))
    with pytest.raises(FileExistsError):
        create_file(path, b"secret", mode=0o600)
    assert _names(path) == ["file"]


def test_a_new_file_that_cannot_be_written_leaves_none(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="the disk is full"):
        create_file(path, b"half", mode=0o600)
    assert _names(path) == []


def test_a_directory_is_synced_through_a_descriptor_that_is_closed(path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    sync_directory(path.parent)
    assert not before or len(os.listdir("/proc/self/fd")) == before
