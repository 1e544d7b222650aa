"""The rows of an office's next block, and how large it is taken to be."""

from __future__ import annotations

import orjson
import pytest

from projections.fold.changes import BLOCK_BYTES_MAX, NUMBER_BYTES, ROW_BYTES, OfficeChanges
from projections.fold.records import Record, read_record
from projections.station.submissions import ResultState
from schemas.definition.package import Severity
from schemas.derived.blocks import StationRow
from schemas.findings import Finding
from tests.support.ledger import MemoryLedger
from tests.support.small_election import reported, small_package


def record(value: bytes | None = None) -> Record:
    ledger = MemoryLedger(small_package())
    if value is None:
        partition, offset = ledger.append_as("officer", reported("1.1.1-1", version=3))
        value = ledger.partitions[partition][offset]
    return read_record(7, value)


def test_figures_of_the_estimate() -> None:
    assert (NUMBER_BYTES, ROW_BYTES) == (4, 500)
    assert BLOCK_BYTES_MAX == 1_048_576


def test_a_records_row_has_the_event_as_it_was_signed() -> None:
    changes, of = OfficeChanges(), record()
    changes.add_record(of)
    (row,) = changes.records
    assert orjson.loads(orjson.dumps(row)) == {
        "offset": 7,
        "event": of.event_id.hex(),
        "type": "result.reported",
        "key": of.key_id,
        "station": "1.1.1-1",
        "contest": "president",
        "version": 3,
        "leaf": of.leaf.hex(),
        "received_us": of.received_us,
        "payload": orjson.loads(of.payload),
    }
    assert changes.size == 500 + len(of.payload)


def test_an_unreadable_record_has_a_row_without_event() -> None:
    changes, of = OfficeChanges(), record(b"garbage")
    changes.add_record(of)
    assert changes.records == [
        {
            "offset": 7,
            "event": of.event_id.hex(),
            "type": "unreadable",
            "key": "",
            "station": None,
            "contest": None,
            "version": None,
            "leaf": of.leaf.hex(),
            "received_us": 0,
        }
    ]


def test_an_area_counts_once_with_the_numbers_of_its_tally() -> None:
    changes = OfficeChanges()
    changes.add_areas([(0, 1), (0, 2)], 10)
    changes.add_areas([(0, 2), (0, 3)], 10)
    assert changes.areas == {(0, 1), (0, 2), (0, 3)}
    assert changes.size == 3 * (125 + 4 * 10)


def test_of_a_record_the_newest_state_is_published() -> None:
    changes = OfficeChanges()
    changes.add_state(4, ResultState.COUNTED, ())
    assert changes.size == 125
    finding = Finding("F3", Severity.HARD, "salah", "wrong!")
    changes.add_state(4, ResultState.HELD, [finding])
    assert changes.states == {4: {"offset": 4, "state": "held", "findings": [finding.as_json()]}}
    assert changes.size == 125 + 125 + 100 + 5 + 6


@pytest.mark.parametrize(("contribution", "size"), [([1, 2, 3], 512), (None, 500)])
def test_of_a_station_the_newest_row_is_published(contribution: list[int] | None, size: int) -> None:
    changes = OfficeChanges()
    row: StationRow = {
        "station": "1.1.1-1",
        "contest": "president",
        "state": "counted",
        "offset": 4,
        "event": "ab",
        "version": 1,
        "contribution": contribution,
        "through": 4,
    }
    changes.add_station((1, 0), {**row, "through": 3})
    assert changes.size == size
    changes.add_station((1, 0), row)
    assert changes.stations == {(1, 0): row}
