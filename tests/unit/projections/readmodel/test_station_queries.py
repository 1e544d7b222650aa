"""The statement that lists records reads one index in its order, in either direction."""

from __future__ import annotations

from projections.readmodel.station_queries import EXAMINED_MAX, records_in_order


def test_a_page_examines_a_bounded_number_of_stations() -> None:
    assert EXAMINED_MAX == 1_000


def test_records_of_a_contest_or_of_all_are_listed_in_either_order() -> None:
    oldest = records_in_order(of_contest=True, newest_first=False)
    assert 'ORDER BY received_us ASC, partition ASC, "offset" ASC' in oldest
    assert '(received_us, partition, "offset") > ($2, $3, $4) AND contest = $6' in oldest
    newest = records_in_order(of_contest=False, newest_first=True)
    assert 'ORDER BY received_us DESC, partition DESC, "offset" DESC' in newest
    assert '(received_us, partition, "offset") < ($2, $3, $4) AND $6::text IS NOT NULL' in newest
