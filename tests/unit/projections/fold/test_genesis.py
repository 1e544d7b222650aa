"""What must be at offset 0, and who may put it there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from projections.definition.compiled import Definition
from projections.fold.genesis import genesis_problem, opening_key_problem
from proofs.signatures import key_id
from schemas.definition.package import Mode, Role
from schemas.ledger.envelope import ledger_record
from tests.support.ledger import CREATED_AT, MemoryLedger, key_row, private_key
from tests.support.small_election import reported, small_package

PACKAGE = small_package()
LEDGER = MemoryLedger(PACKAGE)
DEFINITION = LEDGER.definition
GENESIS = LEDGER.partitions[0][0]


def _record(envelope: bytes) -> bytes:
    return ledger_record(envelope, "test", CREATED_AT)


def _of(**changes: object) -> bytes:
    """The genesis of a package that differs in this from ours."""
    other = replace(PACKAGE, election=PACKAGE.election.model_copy(update=changes))
    return MemoryLedger(other).partitions[0][0]


def test_the_genesis_of_this_election_has_no_problem() -> None:
    assert genesis_problem(DEFINITION, GENESIS) is None


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"", "it cannot be read (record: not JSON"),
        (_record(LEDGER.signed("officer", reported("1.1.1-1"))), "it is a result.reported, not an election.opened"),
        (_of(id="another"), "The election is another, expected small"),
        (_of(mode=Mode.LIVE), "the election was opened with definition "),
        (_of(licence="CC-BY-4.0"), "the election was opened with definition "),
        (
            _record(LEDGER.signed("officer", {"type": "election.opened", "partitions": 3})),
            "Role station_officer may not submit election.opened; allowed: authority",
        ),
        (_record(LEDGER.signed("nobody", {"type": "election.opened", "partitions": 3})), "is not registered"),
        (_record(LEDGER.signed("authority", {"type": "election.opened", "partitions": 4})), "is 4, expected 3"),
    ],
)  # fmt: skip
def test_anything_else_is_named(value: bytes, problem: str) -> None:
    found = genesis_problem(DEFINITION, value)
    assert found is not None
    assert problem in found
    assert not found.endswith(".")


def test_a_genesis_whose_signature_is_of_other_bytes_is_found() -> None:
    other = MemoryLedger(PACKAGE)
    signature = other.signed("authority", {"type": "election.opened", "partitions": 3, "created_at": CREATED_AT})
    forged = GENESIS.replace(_signature(GENESIS), _signature(_record(signature)))
    assert forged != GENESIS
    assert genesis_problem(DEFINITION, forged) == f"its signature is not that of key {_id('authority')}"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("authority", None),
        ("officer", "key {} is registered as station_officer, and only an authority opens an election; keys.csv registers"),
        ("nobody", "key {} is not registered in election small; keys.csv registers for that: "),
        ("province", "key {} is registered for 1, and opening needs the whole election (N); keys.csv registers for that: "),
    ],
)  # fmt: skip
def test_only_the_authority_of_the_whole_election_may_open_it(name: str, problem: str | None) -> None:
    package = replace(PACKAGE, keys=(*PACKAGE.keys, key_row("province", Role.AUTHORITY, "1")))
    found = opening_key_problem(Definition.of(package), _id(name))
    if problem is None:
        assert found is None
    else:
        assert found is not None
        assert found.startswith(problem.format(_id(name)))
        assert found.endswith(f"keys.csv registers for that: {_id('authority')}")


def test_a_package_without_a_key_that_may_open_it_names_none() -> None:
    package = replace(PACKAGE, keys=(key_row("province", Role.AUTHORITY, "1"), key_row("officer", Role.COURT, "N")))
    found = opening_key_problem(Definition.of(package), _id("officer"))
    assert found is not None
    assert found.endswith("keys.csv registers for that: none")


def _id(name: str) -> str:
    return key_id(private_key(name).public_key().public_bytes_raw())


def _signature(record: bytes) -> bytes:
    return record.partition(b'"sig":"')[2].partition(b'"')[0]
