"""The directory of published cuts: a cut is there whole or not at all, the same file is kept once, and old cuts go."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from api.answers.content_codings import compressed
from rekap.publish.cut_files import CutFiles

LONG = b'{"area":"34"}' * 100


def files_in(directory: Path, keep: int = 3) -> CutFiles:
    files = CutFiles(directory, keep)
    files.begin()
    return files


def test_a_cut_is_written_with_its_gzip_forms_and_named(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    assert files.newest() == ""
    assert files.write("001-a", [("election", b"{}"), ("parts/2/areas/34", LONG)]) == 2 + len(LONG) + len(
        compressed(LONG)
    )
    cut = tmp_path / "v1/cuts/001-a"
    assert sorted(str(each.relative_to(cut)) for each in cut.rglob("*") if each.is_file()) == [
        "election.json",
        "parts/2/areas/34.json",
        "parts/2/areas/34.json.gz",
    ]
    assert (cut / "parts/2/areas/34.json").read_bytes() == LONG
    assert gzip.decompress((cut / "parts/2/areas/34.json.gz").read_bytes()) == LONG
    assert files.newest() == ""
    files.point({"cut": "001-a"})
    assert files.newest() == "001-a"
    assert orjson.loads((tmp_path / "v1/latest.json").read_bytes()) == {"cut": "001-a"}
    assert files.write("001-a", iter(())) == 0  # is there


def test_every_user_may_read(tmp_path: Path) -> None:
    mask = os.umask(0o022)
    try:
        files = files_in(tmp_path / "new")
        files.write("001-a", [("areas/34", LONG)])
        files.point({"cut": "001-a"})
    finally:
        os.umask(mask)
    for path in (tmp_path / "new").rglob("*"):
        assert path.stat().st_mode & 0o004, path


def test_what_is_the_same_in_the_next_cut_is_the_same_file(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    files.write("001-a", [("contests/x", LONG), ("contests/y", b"{}")])
    other = LONG + b"1"
    assert files.write("002-b", [("contests/x", LONG), ("contests/y", b"[]"), ("contests/z", other)]) > 0
    cuts = tmp_path / "v1/cuts"
    for name in ("contests/x.json", "contests/x.json.gz"):
        assert (cuts / "001-a" / name).samefile(cuts / "002-b" / name)
    assert (cuts / "001-a/contests/y.json").read_bytes() == b"{}"
    assert (cuts / "002-b/contests/y.json").read_bytes() == b"[]"


def test_a_file_that_was_deleted_is_written_again(tmp_path: Path) -> None:
    files = files_in(tmp_path)
    files.write("001-a", [("contests/x", LONG)])
    (tmp_path / "v1/cuts/001-a/contests/x.json.gz").unlink()
    files.write("002-b", [("contests/x", LONG)])
    assert (tmp_path / "v1/cuts/002-b/contests/x.json").read_bytes() == LONG
    assert (tmp_path / "v1/cuts/002-b/contests/x.json.gz").read_bytes() == compressed(LONG)


def test_a_cut_that_fails_leaves_nothing(tmp_path: Path) -> None:
    files = files_in(tmp_path)

    def failing() -> Iterator[tuple[str, bytes]]:
        yield "contests/x", LONG
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        files.write("001-a", failing())
    assert list((tmp_path / "v1/cuts").iterdir()) == []
    assert files.write("001-a", [("contests/x", LONG)]) > 0


def test_a_process_that_was_killed_leaves_no_half_cut(tmp_path: Path) -> None:
    cuts = tmp_path / "v1/cuts"
    (cuts / ".001-a/contests").mkdir(parents=True)
    (cuts / ".001-a/contests/x.json").write_bytes(b"{")
    (tmp_path / "v1/.latest.json.0123.part").write_bytes(b"{")
    files = files_in(tmp_path)
    assert list(cuts.iterdir()) == []
    assert not list((tmp_path / "v1").glob(".latest*"))
    assert files.write("001-a", [("contests/x", LONG)]) > 0


def test_old_cuts_are_deleted_and_never_the_named_one(tmp_path: Path) -> None:
    files = files_in(tmp_path, keep=2)
    for number in range(6):
        files.write(f"{number:03}-a", [("contests/x", LONG + b"%d" % number)])
        os.utime(tmp_path / f"v1/cuts/{number:03}-a", (number, number))
        if number == 1:
            files.point({"cut": "001-a"})
    assert files.prune() == 3
    assert sorted(each.name for each in (tmp_path / "v1/cuts").iterdir()) == ["001-a", "004-a", "005-a"]
    files.point({"cut": "005-a"})
    assert files.prune() == 1
    assert files.prune() == 0


@pytest.mark.parametrize("latest", [b"", b"{}", b"[]", b'{"cut":"../../etc"}', b'{"cut":".001-a"}', b'{"cut":"999-z"}'])
def test_a_pointer_to_nothing_is_none(tmp_path: Path, latest: bytes) -> None:
    files = files_in(tmp_path)
    (tmp_path / "v1/latest.json").write_bytes(latest)
    assert files.newest() == ""
