"""The schema of the logs' heads. What the statements move is tested with PostgreSQL: tests/integration/test_public_log.py."""

from __future__ import annotations

from projections.loghead.queries import schema_of
from schemas.definition.package import Mode
from tests.support.small_election import small_package

ELECTION = small_package().election


def test_the_heads_of_an_election_are_in_a_schema_of_its_own() -> None:
    assert schema_of(ELECTION) == "log_rehearsal_small"
    assert schema_of(ELECTION.model_copy(update={"mode": Mode.LIVE})) == "log_live_small"


def test_the_name_of_a_schema_is_at_most_63_bytes() -> None:
    assert schema_of(ELECTION.model_copy(update={"id": "x" * 80})) == "log_rehearsal_" + "x" * 49
