"""The shape of one row, and a definition hash that depends on content alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from schemas.definition.package import TABLES, Area, Contest, Day, Election, LocalText, Office, text_fields
from schemas.ledger.events import LEDGER_EVENT
from tests.support.small_election import small_package

DAY: TypeAdapter[Any] = TypeAdapter(Day)


@pytest.mark.parametrize("value", ["14-02-2029", "2029-02-30", "2029-02-14T00:00:00", 1_865_721_600, 1.5, None, True])
def test_a_day_is_written_in_one_way(value: object) -> None:
    with pytest.raises(ValidationError, match="expected a date such as 2029-02-14"):
        DAY.validate_python(value)
    assert DAY.validate_python("2029-02-14").isoformat() == "2029-02-14"
    assert DAY.validate_python(DAY.validate_python("2028-02-29")).isoformat() == "2028-02-29"


def test_a_text_is_given_in_the_language_or_else_in_the_first() -> None:
    text = LocalText({"gn": "Mburuvicha", "pt-BR": "Presidente"})
    assert text.preferred("pt-BR") == "Presidente"
    assert text.preferred("en") == "Mburuvicha"


def test_a_text_has_one_to_forty_languages() -> None:
    codes = [f"{first}{second}" for first in "abcd" for second in "abcdefghijk"]
    LocalText(dict.fromkeys(codes[:1], "Presidente"))
    LocalText(dict.fromkeys(codes[:40], "Presidente"))
    for count in (0, 41):
        with pytest.raises(ValidationError):
            LocalText(dict.fromkeys(codes[:count], "Presidente"))


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


def test_texts_in_several_languages_are_known_also_where_they_may_be_missing() -> None:
    assert text_fields(Office) == {"name"}
    assert text_fields(Contest) == {"name"}
    assert text_fields(Area) == frozenset()


def test_the_order_of_rows_is_not_part_of_the_definition_and_each_row_is() -> None:
    package = small_package()
    assert package.tables().keys() == TABLES.keys()
    turned = replace(package, areas=package.areas[::-1], stations=package.stations[::-1])
    assert turned.definition_hash() == package.definition_hash()
    assert replace(package, stations=package.stations[:-1]).definition_hash() != package.definition_hash()
