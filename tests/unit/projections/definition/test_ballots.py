"""Contests and offices by their ids."""

from __future__ import annotations

import pytest

from projections.definition.compiled import Definition
from tests.support.small_election import small_package

BALLOTS = Definition.of(small_package()).ballots


def test_contests_and_offices_are_found_by_their_ids() -> None:
    assert [BALLOTS.contest(entry.id) for entry in BALLOTS.contests] == list(BALLOTS.contests)
    assert [BALLOTS.office(entry.id) for entry in BALLOTS.offices] == list(BALLOTS.offices)


def test_an_unknown_id_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="mayor"):
        BALLOTS.contest("mayor")
    with pytest.raises(KeyError, match="mayor"):
        BALLOTS.office("mayor")
