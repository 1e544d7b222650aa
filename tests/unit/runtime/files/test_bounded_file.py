"""A file is read up to its bound, and a longer or missing one is refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.files.bounded_file import read_bounded


def test_a_file_of_the_bound_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"12345")
    assert read_bounded(tmp_path / "key", 5, "a key file", ValueError) == b"12345"


def test_a_longer_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"123456")
    with pytest.raises(ValueError, match=r"/key has more than 5 bytes, so it is not a key file$"):
        read_bounded(tmp_path / "key", 5, "a key file", ValueError)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=r"/key cannot be read: No such file or directory$"):
        read_bounded(tmp_path / "key", 5, "a key file", LookupError)
