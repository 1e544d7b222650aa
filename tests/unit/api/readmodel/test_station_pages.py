"""A page of stations has at most 4 MiB, by an estimate of its longest lines."""

from __future__ import annotations

from typing import Any, cast

import pytest

from api.readmodel.station_pages import PAGE_BYTES_MAX, stations_of_page
from projections.definition.ballots import ContestEntry


class Ballot:
    """A contest with choices whose ids have 8 characters, so that each choice adds 20 bytes to a station's 400."""

    def __init__(self, choices: int) -> None:
        self.choices = [f"{number:08}" for number in range(choices)]


@pytest.mark.parametrize(
    ("choices", "limit", "stations"),
    [
        (3, 5_000, 5_000),  # 460 bytes a station: there is room for 9,118
        (3, 9_118, 9_118),
        (3, 9_119, 9_118),
        (500, 5_000, 403),  # 10,400 bytes a station
        (500, 20, 20),
        (1, 1, 1),
    ],
)
def test_the_longer_the_ballot_the_fewer_stations_a_page_has(choices: int, limit: int, stations: int) -> None:
    assert stations_of_page(cast(Any, Ballot(choices)), limit) == stations


def test_a_page_has_a_station_even_where_its_line_alone_is_too_long() -> None:
    ballot = cast(ContestEntry, Ballot(PAGE_BYTES_MAX // 20))
    assert stations_of_page(ballot, 5_000) == 1
