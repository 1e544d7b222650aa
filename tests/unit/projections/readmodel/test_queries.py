"""The schema of an election's tables. What the statements find is tested with PostgreSQL:
tests/integration/test_recorder.py."""

from __future__ import annotations

from projections.readmodel.queries import schema_of
from schemas.definition.package import Election, Mode
from tests.support.small_election import small_package

ELECTION: Election = small_package().election


def test_the_tables_of_an_election_are_in_a_schema_of_its_own() -> None:
    assert schema_of(ELECTION) == "rehearsal_small"
    assert schema_of(ELECTION, 1) == "rehearsal_small"
    assert schema_of(ELECTION, 2) == "rehearsal_small.2"
    assert schema_of(ELECTION.model_copy(update={"mode": Mode.LIVE})) == "live_small"
