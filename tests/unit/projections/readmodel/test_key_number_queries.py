"""The statements about the numbers of keys' events name their bounds. What they find: tests/integration/test_doctor.py."""

from __future__ import annotations

from api.submit.bodies import BATCH_LINES_MAX
from projections.readmodel import key_number_queries


def test_the_highest_number_of_a_key_is_looked_up_among_its_newest_records() -> None:
    """They are as many as the lines of a batch, because the records of a batch may be in any order."""
    assert key_number_queries.KEY_RECORDS_MAX == BATCH_LINES_MAX


def test_of_a_number_that_was_used_twice_a_bounded_number_of_events_is_shown() -> None:
    assert key_number_queries.EVENTS_OF_NUMBER_MAX == 10
    assert "WHERE use <= 10\n" in key_number_queries.NUMBERS_OF_KEYS
