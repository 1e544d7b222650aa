"""The tables of one election, and a definition hash that depends on content alone."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from pydantic import ValidationError

from schemas.canonical import canonical_bytes, sha256_hex
from schemas.definition.finance_settings import DonorKind, FinanceSettings, ReportKind, SpendingKind
from schemas.definition.package import TABLES, Election
from schemas.definition.rows import LocalText, row_hashes
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


NAME = LocalText(en="Kind")
FINANCE = FinanceSettings(
    currency="IDR",
    reports=(ReportKind(id="R", name=NAME),),
    donors=(DonorKind(id="D", name=NAME),),
    spending=(SpendingKind(id="S", name=NAME),),
)


@pytest.mark.parametrize("finance", [None, FINANCE])
def test_the_definition_hash_is_over_the_election_and_the_rows_by_table(finance: FinanceSettings | None) -> None:
    """Another reader of packages computes the same. Without finance the election has no such field, as in older packages."""
    package = small_package()
    package = replace(package, election=package.election.model_copy(update={"finance": finance}))
    election = json.loads(package.election.model_dump_json())
    if finance is None:
        del election["finance"]
    tables = {name: row_hashes(getattr(package, name)) for name in TABLES}
    assert package.definition_hash() == sha256_hex(canonical_bytes({"election": election, **tables}))
