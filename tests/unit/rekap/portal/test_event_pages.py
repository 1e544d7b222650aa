"""Pages of the log from SQLite: together they are all records that match, each once and in order, whatever the bounds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.readmodel.event_queries import EventFilters
from rekap.portal import event_pages
from rekap.portal.event_pages import event_page
from rekap.portal.read_model_file import INDEXES, TABLES, as_dictionary

PARTITIONS, STATIONS, SHARDS = 3, ("s1", "s2", None), ("a", "b", None)
TYPES, CONTESTS, KEYS = ("result.reported", "result.annulled", "unreadable"), ("c1", "c2", None), ("k1", "k2")

INSERT = """
INSERT INTO record (partition, "offset", received_us, station, shard, area, type, contest, key)
VALUES (:partition, :offset, :received_us, :station, :shard, :area, :type, :contest, :key)
"""

records = st.lists(
    st.tuples(
        st.integers(0, 6), st.integers(0, PARTITIONS - 1), st.sampled_from(STATIONS), st.sampled_from(SHARDS),
        st.sampled_from(TYPES), st.sampled_from(CONTESTS), st.sampled_from(KEYS),
    ),
    max_size=40,
)  # fmt: skip
filters = st.builds(
    EventFilters,
    shards=st.none() | st.lists(st.sampled_from(("a", "b")), unique=True),
    areas=st.none() | st.lists(st.sampled_from(("a", "b")), unique=True),
    station=st.none() | st.sampled_from(("s1", "s2")),
    contest=st.none() | st.sampled_from(("c1", "c2")),
    type=st.none() | st.sampled_from(TYPES),
    key=st.none() | st.sampled_from(KEYS),
    from_us=st.none() | st.integers(0, 6),
    to_us=st.none() | st.integers(0, 6),
)


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    """A read model in memory, whose file would be synchronised for each example."""
    made = sqlite3.connect(":memory:")
    made.row_factory = as_dictionary
    made.executescript(TABLES + INDEXES)
    yield made
    made.close()


def _write(connection: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    connection.execute("DELETE FROM record")
    offsets = [0] * PARTITIONS
    found = []
    for received_us, partition, station, shard, type_, contest, key in rows:
        row = {
            "partition": partition, "offset": offsets[partition], "received_us": received_us, "station": station,
            "shard": shard, "area": shard, "type": type_, "contest": contest, "key": key,
        }  # fmt: skip
        connection.execute(INSERT, row)
        offsets[partition] += 1
        found.append(row)
    return found


def _matches(row: dict[str, Any], asked: EventFilters) -> bool:
    return (
        (asked.shards is None or row["shard"] in asked.shards)
        and (asked.areas is None or row["area"] in asked.areas)
        and all(
            getattr(asked, name) is None or row[name] == getattr(asked, name)
            for name in ("station", "contest", "type", "key")
        )
        and (asked.from_us is None or row["received_us"] >= asked.from_us)
        and (asked.to_us is None or row["received_us"] < asked.to_us)
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(records, filters, st.booleans(), st.integers(1, 4), st.integers(1, 5), st.integers(0, 2))
def test_the_pages_are_all_that_match_in_order(
    connection: sqlite3.Connection,
    rows: list[tuple[Any, ...]],
    asked: EventFilters,
    newest_first: bool,
    limit: int,
    examined: int,
    shards_max: int,
) -> None:
    written = _write(connection, rows)
    seen: list[tuple[int, int, int]] = []
    after: tuple[int, int, int] | None = None
    with patch.object(event_pages, "EXAMINED_MAX", examined), patch.object(event_pages, "SHARDS_MAX", shards_max):
        for _ in range(len(rows) + 2):
            wanted = asked._replace(after=after)
            page, after = event_page(connection, wanted, newest_first=newest_first, limit=limit)
            assert len(page) <= limit
            seen += page
            if after is None:
                break
    assert after is None, "the pages do not end"
    expected = [(row["received_us"], row["partition"], row["offset"]) for row in written if _matches(row, asked)]
    assert seen == sorted(expected, reverse=newest_first)
