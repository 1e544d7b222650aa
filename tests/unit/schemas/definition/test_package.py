"""The tables of one election, and a definition hash that depends on content alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from schemas.definition.package import TABLES, Election
from schemas.ledger.events import LEDGER_EVENT
from tests.support.small_election import small_package


@pytest.mark.parametrize(("partitions", "is_valid"), [(0, False), (1, True), (256, True), (257, False)])
def test_an_election_has_one_to_256_partitions(partitions: int, is_valid: bool) -> None:
    election = small_package().election.model_dump(mode="json") | {"partitions": partitions}
    opened = {
        "type": "election.opened",
        "election": "small",
        "mode": "rehearsal",
        "definition": "0" * 64,
        "seq": 0,
        "created_at": "2029-02-14T13:00:00Z",
        "partitions": partitions,
    }
    if is_valid:
        assert Election.model_validate(election).partitions == partitions
        LEDGER_EVENT.validate_python(opened)
        return
    with pytest.raises(ValidationError):
        Election.model_validate(election)
    with pytest.raises(ValidationError):
        LEDGER_EVENT.validate_python(opened)


def test_the_order_of_rows_is_not_part_of_the_definition_and_each_row_is() -> None:
    package = small_package()
    assert package.tables().keys() == TABLES.keys()
    turned = replace(package, areas=package.areas[::-1], stations=package.stations[::-1])
    assert turned.definition_hash() == package.definition_hash()
    assert replace(package, stations=package.stations[:-1]).definition_hash() != package.definition_hash()
