"""Files that clients download: bounded, of all and of one address, and counted for as long as they are open."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.limits.open_files import OpenFiles, TooManyFilesError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(b"content")
    return tmp_path / "file"


def test_a_file_counts_until_it_is_closed_or_dropped(path: Path) -> None:
    files = OpenFiles()
    kept = [files.open("a", lambda: os.open(path, os.O_RDONLY)) for _ in range(2)]
    assert (kept[0].read(), len(files)) == (b"content", 2)
    kept[0].close()
    kept[0].close()
    assert (kept[0].closed, len(files)) == (True, 1)
    with pytest.warns(ResourceWarning):
        kept.clear()
    assert len(files) == 0


def test_one_address_does_not_have_all_of_them(path: Path) -> None:
    files = OpenFiles(total_max=3, of_address_max=2)

    def opened(address: str) -> object:
        return files.open(address, lambda: os.open(path, os.O_RDONLY))

    kept = [opened("a"), opened("a")]
    with pytest.raises(TooManyFilesError) as refused:
        opened("a")
    assert refused.value.of_address
    kept.append(opened("b"))
    with pytest.raises(TooManyFilesError) as refused:
        opened("c")
    assert not refused.value.of_address
    for each in kept:
        each.close()  # type: ignore[attr-defined]
    opened("a").close()  # type: ignore[attr-defined]


def test_a_file_that_is_not_there_counts_not(path: Path) -> None:
    files = OpenFiles()
    with pytest.raises(FileNotFoundError):
        files.open("a", lambda: os.open(path / "none" if path.is_dir() else path.with_name("none"), os.O_RDONLY))
    assert len(files) == 0
