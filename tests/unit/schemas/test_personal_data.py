"""Personal data beyond public lists has no column and no field to go into.

Every column of every published table, every column of an election package and every field of an event is listed here. A new one
has to be added, and its author reads this: a column for a person may hold what the public list of candidates holds (name, sex,
regency, picture, page of the authority), and of nobody else anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from schemas.definition.package import TABLES as PACKAGE_TABLES
from schemas.definition.package import Election
from schemas.definition.profiles import PROFILE_TABLES
from schemas.ledger.events import LEDGER_EVENT
from schemas.ledger.forms import Signatures
from schemas.tables.dictionary import DICTIONARY_TABLES
from schemas.tables.finance import FINANCE_TABLES
from schemas.tables.register import REGISTER_TABLES
from schemas.tables.results import RESULT_TABLES

NUMBERS = "registered_voters voters valid valid_ballots invalid blank total"
PROGRESS = "expected reported counted clean flagged held annulled waiting"
AREA_COUNTS = (
    "office contest level area area_name results_status "
    + " ".join(f"stations_{each}" for each in PROGRESS.split())
    + f" registered_voters_expected registered_voters_expected_not_stated {NUMBERS} "
    + " ".join(f"{each}_not_stated" for each in NUMBERS.split() if each != "valid")
)
AREA_VOTES = "office contest level area area_name choice choice_name party votes"
PUBLISHED = {
    "station-counts": f"office contest station station_name area state {NUMBERS} version received_at event partition offset",
    "station-votes": "office contest station state choice party votes",
    "area-counts": AREA_COUNTS,
    "area-votes": AREA_VOTES,
    "counts-over-time": f"time step_minutes {AREA_COUNTS}",
    "votes-over-time": f"time step_minutes {AREA_VOTES}",
    "finance-reports": "event account party contest choice area report version state rules begins ends submitted due currency "
    "decimals opening income spending closing closing_calculated opinion document_hash document_url partition offset "
    "received_at",
    "finance-lines": "event line account party contest choice area report version state side kind amount donors largest",
    "areas": "area name level parent path",
    "stations": "station name area path registered_men registered_women registered_voters partition",
    "offices": "office name blank_ballots",
    "contests": "contest office electorate area name seats votes_per_ballot method",
    "districts": "district name area",
    "parties": "party name short_name number web logo colour",
    "candidates": "contest choice person name sex residence photo web ballot_name party office electorate order",
    "choices": "contest choice name kind party order",
    "rules": "rule office severity tolerance parameters",
    "keys": "key public_key role scope holder",
    "texts": "subject id language text",
    "columns": "table schema_version column type unit nullable key meaning_en meaning_id",
    "codes": "table column code meaning_en meaning_id",
}
PACKAGE = {
    "areas": "code name level parent",
    "stations": "code name area registered_men registered_women registered_voters",
    "offices": "id name blank_ballots",
    "contests": "id office electorate seats votes_per_ballot method name",
    "districts": "district name area",
    "parties": "id name short_name number",
    "choices": "contest id name kind party order",
    "keys": "key_id public_key role scope holder",
    "candidates": "contest choice person name sex residence photo web",
    "party_profiles": "party web logo colour",
}
ELECTION = "id title date time_zone mode levels shard_level partitions rules licence source finance"
EVENT_FIELDS = (
    "type election mode definition seq prev created_at partitions amended_definition reason station contest area office "
    "version supersedes form_name form images sha256 page url event decision through_version annulment image votes "
    "A B1 B2 B3 B4 D S1 S2 S3 S4 VA VB VC VK VS L P J party_totals words "
    "party choice report begins ends submitted opening income spending closing opinion document kind amount donors largest"
)
"""All fields of all events and of the form in them; the letters are rows and columns of the form.
A finance report has the number of donors and the largest amount, by kind, and no name."""
NUMBERS_OF_PEOPLE = "signatures officers witnesses"
"""Fields of a form with how many people signed it, without their names."""
OF_PEOPLE = re.compile(
    r"birth|gender|address|phone|e?mail|nik\b|passport|religion|ethnic|signature|officer|witness|voter_"
)


@pytest.mark.parametrize(
    "table", [*RESULT_TABLES, *FINANCE_TABLES, *REGISTER_TABLES, *DICTIONARY_TABLES], ids=lambda table: table.name
)
def test_a_published_table_has_only_the_permitted_columns(table: Any) -> None:
    assert set(table.column_names) == set(PUBLISHED[table.name].split())


@pytest.mark.parametrize("name", [*PACKAGE_TABLES, *PROFILE_TABLES])
def test_a_table_of_a_package_has_only_the_permitted_columns(name: str) -> None:
    assert set((PACKAGE_TABLES | PROFILE_TABLES)[name].model_fields) == set(PACKAGE[name].split())


def test_the_election_itself_has_only_the_permitted_fields() -> None:
    assert set(Election.model_fields) == set(ELECTION.split())


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for each in node:
            yield from _names(each)
    elif isinstance(node, dict):
        yield from node.get("properties", {})
        for each in node.values():
            yield from _names(each)


def test_an_event_has_only_the_permitted_fields() -> None:
    found = set(_names(LEDGER_EVENT.json_schema()))
    assert found == {*EVENT_FIELDS.split(), *NUMBERS_OF_PEOPLE.split()}
    assert all(type(None) in get_args(each.annotation) for each in Signatures.model_fields.values())
    with pytest.raises(ValidationError):
        Signatures.model_validate({"officers": "Siti"})


def test_no_permitted_name_is_of_a_person_beyond_the_lists() -> None:
    names = " ".join([*PUBLISHED.values(), *PACKAGE.values(), ELECTION, EVENT_FIELDS]).split()
    assert not [name for name in names if OF_PEOPLE.search(name)]
