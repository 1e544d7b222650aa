"""A file that is read in pieces is the same text as the whole file, wherever the pieces end, and in bounded memory."""

from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.package import sources, tables, texts
from runtime.package.errors import UnreadablePackageError
from runtime.package.problem_list import FileProblems
from runtime.package.reading import shaped_rows
from runtime.package.sources import open_source
from runtime.package.texts import PackageTexts

ROWS_MAX = 1_000
contents = st.lists(
    st.sampled_from([b"a", b'"', b",", b"\n", b"\r", b"\r\n", b"\n\n", "é".encode(), "語".encode(), b"\xef\xbb\xbf"]),
    max_size=30,
).map(b"".join)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("package")


@pytest.fixture(scope="module", params=["directory", "zip"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def _package(directory: Path, kind: str, content: bytes) -> Path:
    (directory / "folder").mkdir(exist_ok=True)
    (directory / "folder/areas.csv").write_bytes(content)
    if kind == "directory":
        return directory / "folder"
    with zipfile.ZipFile(directory / "package.zip", "w") as packed:
        packed.write(directory / "folder/areas.csv", "areas.csv")
    return directory / "package.zip"


def _pieces(package: Path) -> tuple[list[str], list[str]]:
    problems = FileProblems()
    found = list(PackageTexts(open_source(package), problems).pieces("areas.csv", ROWS_MAX))
    return found, list(map(str, problems.listed()))


def _whole(package: Path) -> tuple[str | None, list[str]]:
    problems = FileProblems()
    return PackageTexts(open_source(package), problems).read("areas.csv", ROWS_MAX), list(map(str, problems.listed()))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(content=contents, length=st.integers(1, 9))
def test_the_pieces_are_the_text_of_whole_lines(
    directory: Path, kind: str, monkeypatch: pytest.MonkeyPatch, content: bytes, length: int
) -> None:
    package = _package(directory, kind, content)
    monkeypatch.setattr(sources, "PIECE_BYTES", length)
    found, problems = _pieces(package)
    text, expected = _whole(package)
    assert problems == expected
    if text is None:
        return
    assert "".join(found) == text
    assert list(tables._bounded_lines(found)) == text.splitlines(keepends=True)


def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PIECE_BYTES", 8)
    for wrong, words in ((b"\xff", "byte 0xff is not UTF-8"), (b"\x07", "control character U+0007")):
        found, (problem,) = _pieces(_package(tmp_path, kind, b"line 1\nline 2\nline 3 " + wrong + b"\nline 4\n"))
        assert "".join(found) == "line 1\nline 2\n"
        assert problem.startswith("areas.csv:3: ")
        assert words in problem


def test_a_line_without_an_end_and_too_many_lines_are_refused(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "PIECE_BYTES", 1_000)
    monkeypatch.setattr(texts, "LINE_BYTES_MAX", 5_000)
    found, (problem,) = _pieces(_package(tmp_path, kind, b"short\n" + b"x" * 100_000))
    assert (found, problem) == (["short\n"], "areas.csv:2: the line has more than 5,000 bytes")
    with pytest.raises(UnreadablePackageError, match=r"areas.csv has 1,\d\d\d lines; a table has at most 1,000 rows"):
        _pieces(_package(tmp_path, kind, b"x\n" * 5_000))


def test_memory_does_not_grow_with_the_table(tmp_path: Path) -> None:
    """A table of 12 MB, with letters that take two bytes each in memory."""
    package = tmp_path / "package"
    package.mkdir()
    line = "{},A,TPS 語 {},0" + "0" * 80 + "\n"
    with (package / "stations.csv").open("w", encoding="utf-8") as file:
        file.write("code,area,name,registered_voters\n")
        file.writelines(line.format(number, number) for number in range(100_000))

    def codes() -> Iterator[str]:
        return shaped_rows(package, "stations", ("code",), lambda _, cells: cells[0])

    tracemalloc.start()
    try:
        assert sum(1 for _ in codes()) == 100_000
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000
