"""The newest station rows are remembered within a bound, and what is forgotten is known."""

from __future__ import annotations

import orjson
import pytest

from api.feed import recent
from api.feed.recent import RecentStations
from api.feed.touched import Mark


def _body(station: str, version: int) -> bytes:
    return orjson.dumps({"stations": [{"station": station, "contest": "president", "version": version}]})


def _versions(found: dict[tuple[str, str], bytes] | None) -> dict[str, int] | None:
    return None if found is None else {key[0]: orjson.loads(row)["version"] for key, row in found.items()}


def test_the_newest_row_of_each_station_of_the_office_is_found() -> None:
    stations = RecentStations(3)
    for offset, (office, station) in enumerate([(0, "a"), (0, "b"), (1, "c"), (0, "a")]):
        stations.add(Mark(1, offset), office, _body(station, offset))
    assert _versions(stations.since([0, 0, 0], 0)) == {"a": 3, "b": 1}
    assert _versions(stations.since([0, 0, 0], 0)) == {"a": 3, "b": 1}, "parsed once"
    assert _versions(stations.since([0, 2, 0], 0)) == {"a": 3}
    assert _versions(stations.since([0, 4, 9], 0)) == {}


def test_the_search_ends_where_each_source_has_older_blocks() -> None:
    stations = RecentStations(3)
    stations.add(Mark(1, 0), 0, b"not JSON, and never read")
    for source in (1, 2):
        stations.add(Mark(source, 5), 0, _body("a", source))
    assert _versions(stations.since([0, 6, 6], 0)) == {}
    assert _versions(stations.since([0, 5, 6], 0)) == {"a": 1}, "of the source that has newer ones"
    assert _versions(stations.since([0, 6, 5], 0)) == {"a": 2}


def test_what_was_forgotten_is_not_answered() -> None:
    stations = RecentStations(2, bytes_max=len(_body("a", 1)) * 2)
    for offset in range(4):
        stations.add(Mark(1, offset), 0, _body("a", offset))
    assert stations.floors == [0, 2]
    assert stations.since([0, 1], 0) is None
    assert _versions(stations.since([0, 2], 0)) == {"a": 3}


def test_more_than_one_client_may_search_is_not_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    stations = RecentStations(2)
    for offset in range(3):
        stations.add(Mark(1, offset), 0, _body("a", offset))
    monkeypatch.setattr(recent, "SEARCHED_BYTES_MAX", 2 * len(_body("a", 1)))
    assert stations.since([0, 0], 0) is None
    assert _versions(stations.since([0, 1], 0)) == {"a": 2}
