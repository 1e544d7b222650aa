"""The statement that lists events: which index it reads, and that each value is given where it is named. What it finds is
tested with PostgreSQL: tests/integration/test_events.py, tests/integration/test_lists_at_size.py."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import pytest

from projections.readmodel import event_queries
from projections.readmodel.event_queries import EXAMINED_MAX, RECORDS_OF_EVENTS, SHARDS_MAX, EventFilters, events


@dataclass
class Asked:
    """A statement with its values written where they are named, so that it reads as PostgreSQL takes it."""

    index: list[str]
    """Conditions by which records are found in one index."""
    wanted: list[str]
    """Conditions that are applied to the records that are found."""
    text: str
    examined: Any
    limit: Any


def asked(filters: EventFilters, *, newest_first: bool = True, limit: int = 50) -> Asked:
    statement, arguments = events(filters, newest_first=newest_first, limit=limit)
    assert {int(number) for number in re.findall(r"\$(\d+)", statement)} == set(range(1, len(arguments) + 1))
    text = re.sub(r"\$(\d+)", lambda found: repr(arguments[int(found[1]) - 1]), " ".join(statement.split()))
    index = re.findall(r"AS nth.*? FROM record WHERE (.*?) ORDER BY", text)[0].split(" AND ")
    wanted = re.findall(r"ON true WHERE (.*?) AND \( bound", text)[0].split(" AND ")
    (examined,) = set(re.findall(r"LIMIT (\d+) \) AS first", text)) | set(re.findall(r"nth = (\d+)", text))
    (shown,) = re.findall(r'"offset" (?:ASC|DESC) LIMIT (\d+) \) SELECT', text)
    return Asked(index, wanted, text, int(examined), int(shown))


def test_without_filters_the_newest_are_read_and_one_more_to_know_whether_others_follow() -> None:
    all_of_it = asked(EventFilters(), limit=50)
    assert (all_of_it.index, all_of_it.wanted) == (["true"], ["true"])
    assert (all_of_it.examined, all_of_it.limit) == (51, 51)
    assert "FROM (SELECT) AS all_of_it" in all_of_it.text


def test_no_more_are_examined_than_may_be() -> None:
    assert asked(EventFilters(), limit=EXAMINED_MAX - 1).examined == EXAMINED_MAX
    assert asked(EventFilters(), limit=EXAMINED_MAX).examined == EXAMINED_MAX
    assert (EXAMINED_MAX, SHARDS_MAX) == (5_000, 100)


@pytest.mark.parametrize(
    ("newest_first", "order", "before", "until"), [(True, "DESC", "<", ">="), (False, "ASC", ">", "<=")]
)
def test_a_page_begins_behind_the_last_event_of_the_one_before_in_either_order(
    newest_first: bool, order: str, before: str, until: str
) -> None:
    page = asked(EventFilters(after=(17, 2, 9)), newest_first=newest_first)
    assert page.index[1] == f'(received_us, partition, "offset") {before} (17, 2, 9)'
    assert f'(seen.received_us, seen.partition, seen."offset") {until} (bound.received_us' in page.text
    assert set(re.findall(r"\b(ASC|DESC)\b", page.text)) == {order}
    assert f'ORDER BY received_us {order}, partition {order}, "offset" {order} LIMIT' in page.text
    assert page.text.endswith(f'ORDER BY event.received_us {order}, event.partition {order}, event."offset" {order}')


def test_times_of_receipt_bound_every_index() -> None:
    times = asked(EventFilters(from_us=5, to_us=9, station="S"))
    assert times.index == ["true", "received_us >= 5", "received_us < 9", "station = 'S'"]
    assert times.wanted == ["true"]


@pytest.mark.parametrize(
    ("filters", "index", "wanted"),
    [
        # The rarest filter chooses the index: a station, a key, shard areas, a type that is rare, a contest.
        (EventFilters(station="S", key="K"), ["station = 'S'"], ["key = 'K'"]),
        (EventFilters(key="K", contest="C"), ["key = 'K'"], ["contest = 'C'"]),
        (EventFilters(type="T", contest="C"), ["type = 'T'", "type <> 'result.reported'"], ["contest = 'C'"]),
        (EventFilters(type="result.reported"), [], ["type = 'result.reported'"]),
        (
            EventFilters(type="result.reported", contest="C"),
            ["contest = 'C'"],
            ["type = 'result.reported'"],
        ),
        (EventFilters(contest="C"), ["contest = 'C'"], ["true"]),
        (
            EventFilters(station="S", shards=["1.1"], areas=["1.1.1"]),
            ["station = 'S'"],
            ["shard = ANY (['1.1']::text[])", "area = ANY (['1.1.1']::text[])"],
        ),
        (
            EventFilters(shards=["1.1", "1.2"], type="T"),
            ["shard = asked.shard"],
            ["type = 'T'"],
        ),
    ],
)
def test_one_filter_chooses_the_index_and_the_others_are_applied_to_its_records(
    filters: EventFilters, index: list[str], wanted: list[str]
) -> None:
    found = asked(filters)
    assert (found.index, found.wanted) == (["true", *index], wanted)
    assert found.examined == (51 if wanted == ["true"] else EXAMINED_MAX // len(filters.shards or [1]))
    assert (", station, key, type, contest, shard, area FROM record" in found.text) == (wanted != ["true"])


def test_the_first_of_each_shard_area_are_merged_where_there_are_not_too_many() -> None:
    shards = [str(number) for number in range(SHARDS_MAX)]
    merged = asked(EventFilters(shards=shards))
    assert f"FROM unnest({shards!r}::text[]) AS asked (shard) CROSS JOIN LATERAL" in merged.text
    assert merged.examined == EXAMINED_MAX // SHARDS_MAX == 50
    many = asked(EventFilters(shards=[*shards, "one more"]))
    assert many.index == ["true"]
    assert many.wanted == [f"shard = ANY ({[*shards, 'one more']!r}::text[])"]
    assert many.examined == EXAMINED_MAX


def test_of_each_shard_area_one_record_is_examined_at_least(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_queries, "EXAMINED_MAX", 3)
    assert asked(EventFilters(shards=["1.1", "1.2", "2.1", "2.2"])).examined == 1


def test_no_shard_area_has_no_records() -> None:
    none = asked(EventFilters(shards=[]))
    assert "unnest([]::text[])" in none.text
    assert none.examined == 51


def test_of_each_event_a_hundred_records_are_examined() -> None:
    assert 'ORDER BY record.partition, record."offset"\n    LIMIT 100\n' in RECORDS_OF_EVENTS
