"""What an audit asks a server for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from audit.report.findings import AuditError
from audit.run import Published


class _Server:
    """Pages of a station's history, by path."""

    is_live = True

    def __init__(self, pages: dict[str, Any]) -> None:
        self._pages = pages
        self.asked: list[str] = []

    def newest(self, path: str) -> bytes | None:
        self.asked.append(path)
        return None if path not in self._pages else orjson.dumps(self._pages[path])


def _page(reach: int, offsets: list[int], after: str | None) -> dict[str, Any]:
    history = [{"partition": 0, "offset": offset} for offset in offsets]
    return {"shard_as_of": {"president": {"0": reach}}, "history": history, "next": after}


def test_a_history_is_read_to_what_its_first_page_is_as_of() -> None:
    """What came in while the pages were read is left out, and pages of nothing else are not asked for."""
    server = _Server(
        {
            "v1/stations/S": _page(5, [1, 2], "0/2"),
            "v1/stations/S?after=0/2": _page(8, [4, 5], "0/5"),
            "v1/stations/S?after=0/5": _page(9, [7, 8], "0/8"),
        }
    )
    answer = Published(server).station("S")  # type: ignore[arg-type]  # as much of one as is used
    assert [entry["offset"] for entry in answer["history"]] == [1, 2, 4, 5]
    assert answer["shard_as_of"] == {"president": {"0": 5}}
    assert len(server.asked) == 3


@pytest.mark.parametrize("offsets", [[], [2], [1, 5]])
def test_a_page_that_does_not_go_on_ends_the_audit(offsets: list[int]) -> None:
    pages = {"v1/stations/S": _page(5, [1, 2], "0/2"), "v1/stations/S?after=0/2": _page(8, offsets, "0/2")}
    with pytest.raises(AuditError, match="does not begin after 0/2"):
        Published(_Server(pages)).station("S")  # type: ignore[arg-type]  # as much of one as is used
