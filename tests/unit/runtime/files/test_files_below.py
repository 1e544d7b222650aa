"""Files below a directory of strangers: nothing is read through a link, and nothing is waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runtime.files.files_below import NotAFileError, open_below


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "key.pem").write_text("secret")
    directory = tmp_path / "archive"
    (directory / "log/0").mkdir(parents=True)
    (directory / "log/0/checkpoint").write_text("note")
    return directory


def test_a_regular_file_is_opened_also_where_the_directory_itself_is_a_link(directory: Path) -> None:
    link = directory.with_name("link")
    link.symlink_to(directory)
    for each in (directory, link):
        with open_below(each, "log/0/checkpoint") as file:
            assert file.read() == b"note"


@pytest.mark.parametrize(
    ("link", "to", "path"),
    [
        ("key", "../key.pem", "key"),
        ("log/1", "..", "log/1/key.pem"),
        ("logs", "log", "logs/0/checkpoint"),
        ("loop", "loop", "loop"),
        ("zero", "/dev/zero", "zero"),
    ],
)
def test_no_link_is_followed_wherever_it_leads(directory: Path, link: str, to: str, path: str) -> None:
    (directory / link).symlink_to(to)
    with pytest.raises(NotAFileError) as refused:
        open_below(directory, path)
    assert refused.value.strerror == "is a link, or behind one"


@pytest.mark.parametrize("path", ["../key.pem", "log/../../key.pem", "/etc/passwd", "", ".", ".."])
def test_no_path_leads_out_of_the_directory(directory: Path, path: str) -> None:
    with pytest.raises(NotAFileError, match="is not a path below its directory"):
        open_below(directory, path)


def test_a_pipe_is_not_waited_for_and_a_directory_is_not_a_file(directory: Path) -> None:
    os.mkfifo(directory / "pipe")
    for path in ("pipe", "log"):
        with pytest.raises(NotAFileError, match="is not a regular file"):
            open_below(directory, path)


def test_what_is_missing_is_missing_and_what_may_not_be_read_is_an_error(directory: Path) -> None:
    for path in ("none", "none/none"):
        with pytest.raises(FileNotFoundError) as missing:
            open_below(directory, path)
        assert not isinstance(missing.value, NotAFileError)
    with pytest.raises(NotADirectoryError):
        open_below(directory, "log/0/checkpoint/below")


def test_no_descriptor_is_left_open(directory: Path) -> None:
    (directory / "key").symlink_to("../key.pem")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("log/0/checkpoint", "key", "none", "log/none/none", "log"):
        try:
            open_below(directory, path).close()
        except OSError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before
