"""Wherever batches are cut, and whatever is published twice, the recorder's rows make the same read model."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from projections.readmodel import recording
from projections.readmodel.rows import Batch, Row, Rows, Watermarks, rows_of
from tests.support.ledger import MemoryLedger
from tests.support.nights import MANY_RULES, acts, disputes, play
from tests.support.published_nights import Message, published
from tests.support.small_election import small_package

PACKAGE = small_package(MANY_RULES)


class Tables:
    """What PostgreSQL does with rows: a record is added once, a state is of a record that is there."""

    def __init__(self) -> None:
        self.records: dict[Row, Row] = {}
        self.upserted: dict[str, dict[Row, Row]] = {upsert.table: {} for upsert in recording.UPSERTS}
        self.watermarks = Watermarks({}, {})

    def write(self, rows: Rows) -> None:
        for record in rows.records:
            assert record[:2] not in self.records, "a record twice would break the primary key"
            self.records[record[:2]] = record
        for partition, offset, state, findings in zip(*rows.states, strict=True):
            self.records[partition, offset] = (*self.records[partition, offset][:-2], state, findings)
        for upsert, new in zip(recording.UPSERTS, (rows.stations, rows.tallies, rows.office_tallies), strict=True):
            indexes = [upsert.columns.index(column) for column in upsert.key]
            keyed = {tuple(row[index] for index in indexes): row for row in new}
            assert len(keyed) == len(new), "one statement cannot write a row twice"
            self.upserted[upsert.table].update(keyed)
        for office, partition, through in zip(*rows.blocks, strict=True):
            self.watermarks.blocks[office, partition] = through
        self.watermarks.results.update(rows.results)


def _fold(messages: list[Message], ledger: MemoryLedger, watermarks: Watermarks) -> Rows:
    batch = Batch(ledger.definition, watermarks)
    for topic, value in messages:
        (batch.add_block if topic == "subtotals" else batch.add_result)(value)
    return rows_of(batch)


def _recorded(messages: list[Message], ledger: MemoryLedger, cuts: set[int], crashes: set[int]) -> Tables:
    """Recorded in batches that end after each message in `cuts`. Each is folded before the one before it is written, as in
    the recorder; a crash loses a batch that is folded and not written."""
    tables = Tables()
    batches = _batches(messages, cuts)
    watermarks, folded = Watermarks({}, {}), None
    number = 0
    while number < len(batches):
        rows = folded or _fold(batches[number], ledger, watermarks)
        folded = _fold(batches[number + 1], ledger, watermarks) if number + 1 < len(batches) else None
        if number in crashes:
            crashes = crashes - {number}
            watermarks, folded = Watermarks(dict(tables.watermarks.blocks), dict(tables.watermarks.results)), None
            continue
        tables.write(rows)
        number += 1
    return tables


def _batches(messages: list[Message], cuts: set[int]) -> list[list[Message]]:
    batches: list[list[Message]] = [[]]
    for number, message in enumerate(messages):
        batches[-1].append(message)
        if number in cuts:
            batches.append([])
    return batches


numbers = st.sets(st.integers(0, 40))


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.lists(acts, max_size=25), disputes), numbers, numbers, numbers, numbers)
def test_batches_and_crashes_change_no_row(
    night: list[tuple[Any, ...]], blocks: set[int], others: set[int], cuts: set[int], crashes: set[int]
) -> None:
    ledger = MemoryLedger(PACKAGE)
    play(ledger, night)
    # The same is published again in other blocks, as by a tabulator that did not know that it had been replaced.
    messages = published(ledger, blocks, others)
    whole = _recorded(messages, ledger, set(), set())
    cut = _recorded(messages, ledger, cuts, crashes)
    assert cut.records == whole.records
    assert cut.upserted == whole.upserted
    assert cut.watermarks == whole.watermarks
    assert len(whole.records) == sum(map(len, ledger.partitions))


@settings(max_examples=50, deadline=None)
@given(st.one_of(st.lists(acts, max_size=25), disputes), numbers)
def test_one_block_of_everything_makes_the_same_rows_of_each_station_and_record(
    night: list[tuple[Any, ...]], blocks: set[int]
) -> None:
    ledger = MemoryLedger(PACKAGE)
    play(ledger, night)
    many = _recorded(published(ledger, blocks), ledger, set(range(1, 99, 2)), set())
    one = _recorded(published(ledger, ()), ledger, set(), set())
    assert many.records == one.records
    assert many.upserted["station_result"] == one.upserted["station_result"]
