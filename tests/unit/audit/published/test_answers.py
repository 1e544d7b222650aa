"""What an audit asks a server for."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from audit.findings import AuditError
from audit.published.answers import CONTINUED_SECONDS_MAX, HALF, PUBLISHED, Published
from audit.sources.archive import Archive


class _Server:
    """Pages of a station's history, by path."""

    def __init__(self, pages: dict[str, Any]) -> None:
        self._pages = pages
        self.asked: list[str] = []

    def get(self, path: str) -> bytes | None:
        self.asked.append(path)
        return None if path not in self._pages else orjson.dumps(self._pages[path])


def _archive(directory: Path, server: _Server | None) -> Archive:
    return Archive(directory, server)  # type: ignore[arg-type]  # as much of a server as is used


def _page(reach: int, offsets: list[int], after: str | None) -> dict[str, Any]:
    history = [{"partition": 0, "offset": offset} for offset in offsets]
    return {"shard_as_of": {"president": {"0": reach}}, "history": history, "next": after}


def test_a_history_is_read_to_what_its_first_page_is_as_of(tmp_path: Path) -> None:
    """What came in while the pages were read is left out, and pages of nothing else are not asked for."""
    server = _Server(
        {
            "v1/stations/S": _page(5, [1, 2], "0/2"),
            "v1/stations/S?after=0/2": _page(8, [4, 5], "0/5"),
            "v1/stations/S?after=0/5": _page(9, [7, 8], "0/8"),
        }
    )
    answer = Published(_archive(tmp_path, server)).station("S")
    assert [entry["offset"] for entry in answer["history"]] == [1, 2, 4, 5]
    assert answer["shard_as_of"] == {"president": {"0": 5}}
    assert len(server.asked) == 3


@pytest.mark.parametrize("offsets", [[], [2], [1, 5]])
def test_a_page_that_does_not_continue_ends_the_audit(offsets: list[int], tmp_path: Path) -> None:
    pages = {"v1/stations/S": _page(5, [1, 2], "0/2"), "v1/stations/S?after=0/2": _page(8, offsets, "0/2")}
    with pytest.raises(AuditError, match="does not begin after 0/2"):
        Published(_archive(tmp_path, _Server(pages))).station("S")


ANSWERS = {"v1/a": {"n": 1}, "v1/b": {"n": 2}, "v1/c": {"n": 3}}


def test_an_audit_that_was_interrupted_asks_only_for_the_answers_that_are_missing(tmp_path: Path) -> None:
    first = Published(_archive(tmp_path, _Server(ANSWERS)))
    assert (first.ask("v1/a"), first.ask("v1/b")) == ({"n": 1}, {"n": 2})
    file = tmp_path / HALF
    file.write_bytes(file.read_bytes()[:-3])  # killed within the second line
    server = _Server(ANSWERS)
    again = Published(_archive(tmp_path, server), continues=True)
    assert [again.ask(path) for path in ANSWERS] == list(ANSWERS.values())
    assert (again.continued, server.asked) == (1, ["v1/b", "v1/c"])
    again.keep()
    offline = Published(_archive(tmp_path, None))
    assert [offline.ask(path) for path in ANSWERS] == list(ANSWERS.values())
    assert not file.exists()


def test_answers_of_an_interrupted_audit_are_not_taken_when_they_are_old_or_areas_are_chosen_anew(
    tmp_path: Path,
) -> None:
    for continues, age in ((True, CONTINUED_SECONDS_MAX + 1), (False, 0)):
        Published(_archive(tmp_path, _Server(ANSWERS))).ask("v1/a")
        written = time.time() - age
        os.utime(tmp_path / HALF, (written, written))
        server = _Server(ANSWERS)
        again = Published(_archive(tmp_path, server), continues=continues)
        assert again.ask("v1/a") == {"n": 1}
        assert (again.continued, server.asked) == (0, ["v1/a"])


def test_a_line_of_an_archive_that_is_not_an_answer_is_a_sentence(tmp_path: Path) -> None:
    for line in (b"nothing\n", b'{"path":1,"answer":{}}\n', b'{"answer":{}}\n'):
        (tmp_path / PUBLISHED).write_bytes(line)
        with pytest.raises(AuditError, match="not a file of kept answers"):
            Published(_archive(tmp_path, None))
