"""The compiled package: its hash, its keys, and what two definitions share."""

from __future__ import annotations

from dataclasses import replace

from projections.definition.compiled import Definition, KeyEntry
from schemas.codes import KeyId
from schemas.definition.package import Role
from tests.support.ledger import private_key
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())


def test_the_order_of_rows_does_not_change_the_definition_hash() -> None:
    package = small_package()
    turned = replace(package, areas=package.areas[::-1], stations=package.stations[::-1], keys=package.keys[::-1])
    assert turned.definition_hash() == package.definition_hash()
    fewer = replace(package, stations=package.stations[:-1])
    assert fewer.definition_hash() != package.definition_hash()


def test_a_key_is_known_by_its_id_with_its_bytes() -> None:
    row = small_package().keys[0]
    entry = DEFINITION.keys[row.key_id]
    assert (entry.key_id, entry.role, entry.scope) == (row.key_id, "authority", "N")
    assert entry.public_key == private_key("authority").public_key().public_bytes_raw()


def test_a_definition_with_another_key_shares_all_else() -> None:
    before = DEFINITION
    key = KeyEntry(KeyId("0" * 64), bytes(32), Role.STATION_OFFICER, "1.1")
    after = replace(before, hash="f" * 64, keys={**before.keys, key.key_id: key})
    assert key.key_id not in before.keys
    assert after.keys[key.key_id] is key
    assert after.tree is before.tree
    assert (after.stations, after.electorates, after.ballots) == (before.stations, before.electorates, before.ballots)


def test_the_tables_that_every_process_needs_are_computed_with_the_definition() -> None:
    """They are kept with the compiled package, so that no first request computes them."""
    definition = Definition.of(small_package())
    assert {"children", "counting"} <= vars(definition.tree).keys()
    assert {"denominators", "_slots"} <= vars(definition.electorates).keys()
