"""A fold that continues from a kept state publishes what a fold does that never stopped. A state that does not fit is
thrown away."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.definition.compiled import Definition
from projections.fold.records import Record, read_record
from projections.fold.state import StateOf, decoded, encoded
from projections.fold.tabulation import PartitionFold
from projections.station import lives
from proofs.signatures import load_public_key, verify
from schemas.derived.blocks import Block
from tests.support.ledger import MemoryLedger, fold
from tests.support.nights import PACKAGES, acts, disputes, play
from tests.support.small_election import reported

NIGHTS = st.one_of(st.lists(acts, max_size=14), disputes)


def _of(definition: Definition, partition: int) -> StateOf:
    return StateOf(definition.hash, "rules of this test", partition)


def _records(ledger: MemoryLedger, partition: int) -> list[tuple[Record, bool]]:
    records = []
    for offset, value in enumerate(ledger.partitions[partition]):
        record = read_record(offset, value)
        key = ledger.definition.keys.get(record.key_id)
        holds = key is not None and verify(load_public_key(key.public_key), record.signature, record.payload)
        records.append((record, holds))
    return records


def _bytes(blocks: list[Block]) -> list[bytes]:
    return [block.to_bytes() for block in blocks]


def _kept_and_begun_again(fold: PartitionFold) -> PartitionFold:
    of = _of(fold.definition, fold.partition)
    return PartitionFold.from_state(fold.definition, fold.partition, decoded(b"".join(encoded(fold.state(), of)), of))


@given(st.sampled_from(PACKAGES), NIGHTS, st.sets(st.integers(0, 20)))
@settings(max_examples=150, deadline=None)
def test_a_fold_that_begins_again_from_its_states_publishes_the_same(
    package: Any, night: list[tuple[Any, ...]], stops: set[int]
) -> None:
    ledger = MemoryLedger(package)
    play(ledger, night)
    for partition in range(ledger.definition.partitions):
        straight, broken = (PartitionFold(ledger.definition, partition) for _ in range(2))
        published: list[list[bytes]] = [[], []]
        for record, holds in _records(ledger, partition):
            for each, blocks in zip((straight, broken), published, strict=True):
                each.apply(record, holds)
                blocks += _bytes(each.take_blocks())
            if record.offset in stops:
                broken = _kept_and_begun_again(broken)
        assert published[0] == published[1]
        assert straight.keyframes() == broken.keyframes()
        assert straight.state().lives.digest() == broken.state().lives.digest()


@given(st.sampled_from(PACKAGES), NIGHTS, st.sets(st.integers(0, 20)), st.integers(1, 4))
@settings(max_examples=150, deadline=None)
def test_a_fold_of_which_a_state_was_taken_continues_as_before(
    package: Any, night: list[tuple[Any, ...]], stops: set[int], at_hand: int
) -> None:
    """Also where only a few lives are kept at hand, so that some leave it that the state has written already."""
    ledger = MemoryLedger(package)
    play(ledger, night)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lives, "AT_HAND_EVENTS_MAX", at_hand)
        for partition in range(ledger.definition.partitions):
            straight, kept = (PartitionFold(ledger.definition, partition) for _ in range(2))
            for record, holds in _records(ledger, partition):
                straight.apply(record, holds)
                kept.apply(record, holds)
                assert _bytes(kept.take_blocks()) == _bytes(straight.take_blocks())
                if record.offset in stops:
                    kept.state()
            assert kept.state().lives.digest() == straight.state().lives.digest()


@given(st.sampled_from(PACKAGES), NIGHTS, st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_what_was_published_before_is_folded_without_output_and_leaves_the_same_state(
    package: Any, night: list[tuple[Any, ...]], through: int
) -> None:
    ledger = MemoryLedger(package)
    play(ledger, night)
    for partition in range(ledger.definition.partitions):
        loud, silent = (PartitionFold(ledger.definition, partition) for _ in range(2))
        silent.is_silent = True
        for record, holds in _records(ledger, partition):
            loud.apply(record, holds)
            silent.apply(record, holds)
            blocks = _bytes(loud.take_blocks())
            if record.offset <= through:
                silent.forget_changes()
                silent.is_silent = record.offset < through
            else:
                assert _bytes(silent.take_blocks()) == blocks
        if not silent.is_silent:
            assert silent.state() == loud.state()


def test_lives_that_change_often_do_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lives, "CHUNK_BYTES", 4096)
    monkeypatch.setattr(lives, "LEFT_OVER_BYTES", 8192)
    ledger = MemoryLedger(PACKAGES[0])
    stations = ("1.1.1-1", "1.1.1-2")
    partition = ledger.definition.stations.partition(ledger.definition.stations.number[stations[0]])
    for version in range(1, 31):
        for station in stations:
            ledger.append_as("officer", reported(station, (version, 0, 0), version=version))
    state, blocks = fold(ledger, partition)
    published = [row["version"] for block in blocks for row in block.stations if row["station"] in stations]
    assert published == [30, 30]
    kept = sum(len(chunk) for chunk in state.state().lives.chunks)
    newest = 2 * len(ledger.partitions[partition]) * 700
    assert kept < newest, f"{kept} bytes are kept for two lives of {newest // 2} bytes at most"
