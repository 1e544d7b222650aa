"""What the records have changed for one office since its last block, as the rows of the next one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from projections.fold.records import Record
from projections.station.submissions import ResultState
from schemas.derived.blocks import RecordRow, StateRow, StationRow
from schemas.findings import Finding

BLOCK_BYTES_MAX = 1024 * 1024
"""A block is taken when the changes of its office reach about this size, whatever the number of records: 1,000 wrong
legislative forms were a block of 41 MB. At half, the areas that many records change are published twice as often; at double,
a roll-up and the live feed each spend 20 ms on one message. What one record adds comes on top, and numbers may be longer than
NUMBER_BYTES: four times as much at most, which is below what a topic takes (runtime/kafka/clients.py, MESSAGE_BYTES_MAX)."""
NUMBER_BYTES = 4
"""Size of a number in a tally or contribution as text: most are 0, those of a district have four digits and a comma."""
ROW_BYTES = 500
"""Size of a row besides its numbers, its sentences and its event."""


@dataclass(slots=True)
class OfficeChanges:
    """The rows of an office's next block, and how large it will be."""

    areas: set[tuple[int, int]] = field(default_factory=set)
    """(contest, area)"""
    records: list[RecordRow] = field(default_factory=list)
    states: dict[int, StateRow] = field(default_factory=dict)
    """State rows by offset of the record."""
    stations: dict[tuple[int, int], StationRow] = field(default_factory=dict)
    """Station rows by (station, contest)."""
    size: int = 0
    """Bytes, about; a row that changes twice is counted twice."""

    def add_areas(self, keys: list[tuple[int, int]], numbers: int) -> None:
        """Areas whose tally has changed, and how many numbers a tally has."""
        before = len(self.areas)
        self.areas.update(keys)
        self.size += (len(self.areas) - before) * (ROW_BYTES // 4 + NUMBER_BYTES * numbers)

    def add_record(self, record: Record) -> None:
        event = record.event
        row: RecordRow = {
            "offset": record.offset,
            "event": record.event_id.hex(),
            "type": event.type if event is not None else "unreadable",
            "key": record.key_id,
            "station": getattr(event, "station", None),
            "contest": getattr(event, "contest", None),
            "version": getattr(event, "version", None),
            "leaf": record.leaf.hex(),
            "received_us": record.received_us,
        }
        if event is not None:
            row["payload"] = orjson.Fragment(record.payload)
        self.records.append(row)
        self.size += ROW_BYTES + len(record.payload)

    def add_state(self, offset: int, state: ResultState, findings: Iterable[Finding]) -> None:
        """The state of the record at `offset`, and all that was found of it."""
        row: StateRow = {
            "offset": offset,
            "state": state.value,
            "findings": [finding.as_json() for finding in findings],
        }
        self.states[offset] = row
        self.size += ROW_BYTES // 4
        for finding in row["findings"]:
            self.size += ROW_BYTES // 5 + len(finding["sentence_id"]) + len(finding["sentence_en"])

    def add_station(self, key: tuple[int, int], row: StationRow) -> None:
        self.stations[key] = row
        self.size += ROW_BYTES + NUMBER_BYTES * len(row["contribution"] or ())
