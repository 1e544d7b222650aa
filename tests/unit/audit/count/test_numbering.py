"""What the numbers of the keys show in an audit, over all partitions: of made-up nights, each with one fault or none."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.count.numbering import FINDINGS_OF_KEY_MAX, Numbering
from audit.count.recount import Recount
from audit.sources.extract import Ballots, read_row, write_rows
from audit.sources.package import read_package
from proofs.merkle import leaf_hash
from runtime.package.writing import write_package
from schemas.definition.package import Role
from tests.support.ledger import MemoryLedger, key_row
from tests.support.small_election import reported, small_package

HERE, THERE = "1.1.1-1", "2.1.2-2"
"""Stations of two partitions."""


def _numbering(ledger: MemoryLedger) -> Numbering:
    with tempfile.TemporaryDirectory() as directory:
        write_package(ledger.package, Path(directory) / "package")
        package = read_package(Path(directory) / "package")
        ballots = Ballots(package)
        rows = [
            read_row(ballots, partition, offset, value, leaf_hash(value))
            for partition, records in enumerate(ledger.partitions)
            for offset, value in enumerate(records)
        ]
        write_rows(rows, Path(directory) / "rows.parquet")
        return Recount(package, [Path(directory) / "rows.parquet"]).numbering()


@pytest.fixture
def ledger() -> MemoryLedger:
    ledger = MemoryLedger(small_package())
    numbers = ledger.definition.stations.number
    assert ledger.definition.stations.partition(numbers[HERE]) != ledger.definition.stations.partition(numbers[THERE])
    ledger.append_as("officer", reported(HERE))
    ledger.append_as("officer", reported(THERE))
    return ledger


def _go_on(ledger: MemoryLedger, seq: int, prev: str | None, *stations: str) -> None:
    ledger.signers["officer"].continue_from(seq, prev)
    for station in stations:
        ledger.append_as("officer", reported(station, contest="council-a" if station == HERE else "council-c"))


def _event(ledger: MemoryLedger) -> str:
    """The officer's newest."""
    prev = ledger.signers["officer"].prev
    assert prev is not None
    return prev


def _nothing(ledger: MemoryLedger) -> None:
    pass


def _one_that_was_not_delivered(ledger: MemoryLedger) -> None:
    ledger.signed("officer", reported("1.1.1-2"))
    ledger.append_as("officer", reported("1.2.1-1"))


def _twice_in_two_partitions(ledger: MemoryLedger) -> None:
    prev = _event(ledger)
    _go_on(ledger, 2, prev, HERE)
    _go_on(ledger, 2, prev, THERE)


def _another_prev(ledger: MemoryLedger) -> None:
    _go_on(ledger, 2, "ab" * 32, HERE)


def _none_as_prev(ledger: MemoryLedger) -> None:
    _go_on(ledger, 2, None, HERE)


def _a_first_with_prev(ledger: MemoryLedger) -> None:
    _go_on(ledger, 0, _event(ledger), HERE)


def _a_lost_outbox_that_asked(ledger: MemoryLedger) -> None:
    _go_on(ledger, 2, _event(ledger), HERE, THERE)


def _a_lost_outbox_that_could_not_ask(ledger: MemoryLedger) -> None:
    _go_on(ledger, 1_865_000_000_000, None, HERE, THERE)


def _numbers_left_out(ledger: MemoryLedger) -> None:
    _go_on(ledger, 10, _event(ledger), HERE)


def _an_older_one_above_a_hole(ledger: MemoryLedger) -> None:
    first = _event(ledger)
    _go_on(ledger, 2, first, HERE)
    _go_on(ledger, 9, first, THERE)


def _the_same_again(ledger: MemoryLedger) -> None:
    for partition, records in enumerate(list(ledger.partitions)):
        ledger.partitions[partition] = [*records, *records[1:]]


def _in_another_order(ledger: MemoryLedger) -> None:
    later = [ledger.signed("officer", reported(HERE, contest="council-a", version=n)) for n in (1, 2, 3, 4)]
    for envelope in reversed(later):
        ledger.submit(envelope, HERE)


NIGHTS: list[tuple[Callable[[MemoryLedger], None], dict[str, int]]] = [
    (_nothing, {}),
    (_one_that_was_not_delivered, {"hole": 1}),
    (_twice_in_two_partitions, {"used_twice": 1}),
    (_another_prev, {"wrong_prev": 1}),
    (_none_as_prev, {"wrong_prev": 1}),
    (_a_first_with_prev, {"wrong_prev": 1, "used_twice": 1}),
    (_a_lost_outbox_that_asked, {}),
    (_a_lost_outbox_that_could_not_ask, {"restart": 1}),
    (_numbers_left_out, {"skip": 1}),
    (_an_older_one_above_a_hole, {"hole": 1, "wrong_prev": 1}),
    (_the_same_again, {}),
    (_in_another_order, {}),
]


@pytest.mark.parametrize(("change", "expected"), NIGHTS)
def test_what_the_numbers_show(
    ledger: MemoryLedger, change: Callable[[MemoryLedger], None], expected: dict[str, int]
) -> None:
    change(ledger)
    found = _numbering(ledger)
    assert {kind: count for kind, count in found.counts.items() if count} == expected
    assert {each.kind for each in found.first} == set(expected)
    assert all(each.sentence for each in found.first)
    assert len(found.first_keys) == (1 if expected else 0)


def test_a_number_used_twice_names_both_events_and_where_they_are(ledger: MemoryLedger) -> None:
    _twice_in_two_partitions(ledger)
    (found,) = _numbering(ledger).first
    assert (found.first, found.last, found.uses) == (2, 2, 2)
    one, other = found.events
    assert one.event != other.event
    assert one.partition != other.partition
    assert f"event {one.event} (log {one.partition}, record {one.offset})" in found.sentence


def test_a_hole_names_its_numbers_and_the_event_that_is_missing(ledger: MemoryLedger) -> None:
    missing = [ledger.signed("officer", reported("1.1.1-2", version=n)) for n in (1, 2, 3)]
    gone = _event(ledger)
    ledger.append_as("officer", reported("1.2.1-1"))
    numbering = _numbering(ledger)
    (found,) = numbering.first
    assert (found.first, found.last, found.names) == (2, 4, gone)
    assert numbering.missing == len(missing)
    (key,) = numbering.first_keys
    assert (key.events, key.lowest, key.highest, key.holes, key.missing) == (3, 0, 5, 1, 3)


CORRECTIONS: list[tuple[dict[str, Any], str]] = [
    ({"version": 2, "supersedes": None}, "corrects_none"),
    ({"version": 2, "supersedes": "ab" * 32}, "corrects_unknown"),
    ({"version": 2, "supersedes": "elsewhere"}, "corrects_elsewhere"),
    ({"version": 1, "supersedes": "elsewhere"}, "first_corrects"),
]


@pytest.mark.parametrize(("correction", "kind"), CORRECTIONS)
def test_a_correction_of_nothing_or_of_another_station_is_listed(
    ledger: MemoryLedger, correction: dict[str, Any], kind: str
) -> None:
    corrects = _event(ledger) if correction["supersedes"] == "elsewhere" else correction["supersedes"]
    ledger.append_as("officer", reported(HERE, (9, 9, 9), version=correction["version"]) | {"supersedes": corrects})
    (found,) = _numbering(ledger).first
    assert (found.kind, found.names) == (kind, corrects)


def test_a_correction_of_a_form_that_is_not_lower_is_listed(ledger: MemoryLedger) -> None:
    ledger.append_as("officer", reported(HERE, (2, 2, 2), version=2))
    ledger.append_as("officer", reported(HERE, (3, 3, 3), version=2) | {"supersedes": _event(ledger)})
    (found,) = _numbering(ledger).first
    assert found.kind == "corrects_not_lower"


def test_events_that_the_key_has_not_signed_have_no_number(ledger: MemoryLedger) -> None:
    """Nobody without the key makes it look like one that signs twice."""
    forged = ledger.signed("nobody", reported(HERE)).replace(_key_id("nobody"), _key_id("officer"))
    ledger.submit(forged, HERE)
    found = _numbering(ledger)
    assert sum(found.counts.values()) == 0


def _key_id(name: str) -> bytes:
    return key_row(name, Role.STATION_OFFICER, "N").key_id.encode()


def test_a_key_with_many_holes_fills_no_report(ledger: MemoryLedger) -> None:
    for _ in range(30):
        ledger.signed("officer", reported("1.1.1-2"))
        ledger.append_as("officer", reported("1.2.1-1"))
    found = _numbering(ledger)
    assert found.counts["hole"] == found.missing == 30
    assert len(found.first) == FINDINGS_OF_KEY_MAX
