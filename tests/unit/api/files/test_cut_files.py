"""Bulk files of a directory that a stranger may have filled, as the archives of a portal are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.files.cut_files import CutFiles
from api.problems import Problem
from runtime.files.files_below import NotAFileError, open_below

CUT = "20290214T130000Z-00000001"
ENTRY: dict[str, Any] = {"name": "a.csv", "sha256": "0" * 64, "media_type": "text/csv; charset=utf-8; header=present"}
BELOW = "v1/files"


def _files(root: Path, **changed: Any) -> CutFiles:
    """A cut with one file, in a folder below the directory."""
    cut = root / BELOW / CUT
    cut.mkdir(parents=True)
    (root / BELOW / "latest.json").write_bytes(orjson.dumps({"cut": CUT}))
    manifest = {"election": "small", "files": [ENTRY], "documents": [], **changed}
    (cut / "manifest.json").write_bytes(orjson.dumps(manifest))
    (cut / "a.csv").write_text("area")
    return CutFiles(root, BELOW)


async def test_a_file_of_the_newest_cut_is_opened(tmp_path: Path) -> None:
    files = _files(tmp_path)
    newest = await files.newest()
    assert (newest.name, await files.names()) == (CUT, [CUT])
    with open_below(tmp_path, files.path_of(newest, "a.csv")) as file:
        assert file.read() == b"area"
    assert CutFiles(tmp_path / BELOW).path_of(newest, "a.csv") == f"{CUT}/a.csv"


@pytest.mark.parametrize("link", [f"{BELOW}/{CUT}/a.csv", f"{BELOW}/{CUT}", BELOW, "v1"])
async def test_no_file_is_served_through_a_link(tmp_path: Path, link: str) -> None:
    root = tmp_path / "archive"
    files = _files(root)
    newest = await files.newest()
    (root / link).rename(tmp_path / "elsewhere")
    (root / link).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotAFileError):
        open_below(root, files.path_of(newest, "a.csv"))


@pytest.mark.parametrize("name", ["latest.json", f"{CUT}/manifest.json"])
async def test_a_pipe_in_place_of_a_manifest_is_not_waited_for(tmp_path: Path, name: str) -> None:
    files = _files(tmp_path)
    (tmp_path / BELOW / name).unlink()
    os.mkfifo(tmp_path / BELOW / name)
    with pytest.raises(Problem):
        await files.newest()


@pytest.mark.parametrize(
    "changed",
    [
        {"election": "small\r\nSet-Cookie: a=b"},
        {"election": 'small"; filename="a.html'},
        {"election": None},
        {"files": [{**ENTRY, "media_type": "text/csv\r\n\r\nHTTP/1.1 200 OK"}]},
        {"files": [{**ENTRY, "media_type": 1}]},
        {"files": [{**ENTRY, "sha256": "zz"}]},
        {"files": [{**ENTRY, "name": "../a.csv"}]},
        {"files": [{**ENTRY, "name": "a\r\nb"}]},
        {"files": [{"name": "a.csv"}]},
        {"files": ["a.csv"]},
        {"files": None},
        {"documents": {"a": 1}},
    ],
)
async def test_no_manifest_writes_into_the_head_of_an_answer(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(Problem, match="There is no cut"):
        await _files(tmp_path, **changed).newest()
