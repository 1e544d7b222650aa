"""From messages of `subtotals` and `results` to rows of the read model: pure, so that what is written can be tested.

Of a batch of messages only the newest state of each row is kept (`Batch`); history rows are added up. Chains are held
here: a block that does not chain raises BlockGapError, for the recorder needs every change of every station.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from projections.definition import Definition
from schemas.blocks import UNATTRIBUTED, Block, RecordRow, StateRow, StationRow
from schemas.codes import NOTHING_YET
from schemas.results import Cut, Result, at_or_before


class BlockGapError(Exception):
    """A block is missing from `subtotals`: what was told in it is not known. Nobody may go on as if it were."""


class Watermarks(NamedTuple):
    """What the read model has: copies of its watermark tables."""

    blocks: dict[tuple[str, int], int]
    """(office, ledger partition) → through"""
    results: dict[str, Cut]
    """office → as_of"""


@dataclass(slots=True)
class Batch:
    """The rows of one transaction, and the watermarks they bring about."""

    definition: Definition
    watermarks: Watermarks
    records: list[tuple[int, str, RecordRow]] = field(default_factory=list)
    """(ledger partition, office, row)"""
    states: dict[tuple[int, int], StateRow] = field(default_factory=dict)
    stations: dict[tuple[str, str], StationRow] = field(default_factory=dict)
    tallies: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    office_tallies: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    moved_blocks: set[tuple[str, int]] = field(default_factory=set)
    moved_results: set[str] = field(default_factory=set)

    def add_block(self, value: bytes) -> None:
        """Add a message of `subtotals`. Raises BlockGapError."""
        block = Block.from_bytes(value, with_body=True)
        key = (str(block.office), block.partition)
        applied = self.watermarks.blocks.get(key, int(NOTHING_YET))
        if block.kind == "keyframe":
            if block.through > applied:
                raise BlockGapError(_gap_sentence(block, applied))
            return
        if block.through <= applied:
            return
        if block.from_ > applied:
            raise BlockGapError(_gap_sentence(block, applied))
        self.watermarks.blocks[key] = block.through
        self.moved_blocks.add(key)
        partition = block.partition
        self.records += [(partition, str(block.office), row) for row in block.records if row["offset"] > applied]
        for state in block.states:
            self.states[partition, state["offset"]] = state
        for station in block.stations:
            self.stations[station["station"], station["contest"]] = station
        shard_level = self.definition.shard_level
        for contest, area, tally in block.areas:
            if self.definition.area_level[self.definition.area_number[area]] > shard_level:
                self.tallies[contest, area] = tally

    def add_result(self, value: bytes) -> None:
        """Add a message of `results`. One that does not chain is left out: the next keyframe has all it said."""
        result = Result.from_bytes(value)
        nothing: Cut = (int(NOTHING_YET),) * self.definition.partitions
        current = self.watermarks.results.get(str(result.office), nothing)
        if at_or_before(result.as_of, current):
            return
        if not (at_or_before(result.from_, current) and at_or_before(current, result.as_of)):
            return
        self.watermarks.results[str(result.office)] = result.as_of
        self.moved_results.add(str(result.office))
        for contest, area, tally in result.areas:
            self.tallies[contest, area] = tally
        for area, tally in result.offices:
            self.office_tallies[str(result.office), area] = tally


def record_rows(batch: Batch) -> list[tuple[object, ...]]:
    """Columns of the table `record`."""
    return [
        (
            partition,
            row["offset"],
            row["event"],
            office,
            row["type"],
            row["key"],
            row["station"],
            row["contest"],
            row["version"],
            orjson.dumps(row["payload"]).decode() if "payload" in row else None,
            bytes.fromhex(row["leaf"]) if "leaf" in row else None,
            row.get("received_us", 0),
            *_areas_of(batch.definition, row),
        )
        for partition, office, row in batch.records
    ]


def _areas_of(definition: Definition, row: RecordRow) -> tuple[str | None, str | None]:
    """The area that a record is about, and that area's own at the shard level (itself, where it lies above)."""
    station = definition.station_number.get(row["station"] or "")
    if station is not None:
        area = definition.station_area[station]
    else:
        said = row.get("payload") or {}
        area = definition.area_number.get(said.get("area", ""), -1)
        if area < 0:
            return None, None
    shard = definition.area_shard[area]
    return definition.area_codes[area], definition.area_codes[shard if shard >= 0 else area]


def state_columns(batch: Batch) -> tuple[list[object], ...]:
    """Columns of `record_state`: partition, offset, state, findings."""
    return (
        [partition for partition, _ in batch.states],
        [offset for _, offset in batch.states],
        [row["state"] for row in batch.states.values()],
        [orjson.dumps(row["findings"]).decode() for row in batch.states.values()],
    )


def station_columns(batch: Batch) -> tuple[list[object], ...]:
    """Columns of `station_result`, contributions as array literals: `unnest` would take arrays of arrays apart."""
    definition = batch.definition
    rows = list(batch.stations.values())
    numbers = [definition.station_number[row["station"]] for row in rows]
    return (
        [row["station"] for row in rows],
        [row["contest"] for row in rows],
        [_office_of(definition, row["contest"]) for row in rows],
        [definition.area_codes[definition.station_area[number]] for number in numbers],
        [int(definition.partition_of_station(number)) for number in numbers],
        [row["state"] for row in rows],
        [row["offset"] for row in rows],
        [row["event"] for row in rows],
        [row["version"] for row in rows],
        [None if row["contribution"] is None else _array(row["contribution"]) for row in rows],
        [row["through"] for row in rows],
    )


def tally_columns(batch: Batch) -> tuple[list[object], ...]:
    """Columns of `area_tally`: contest, area, office, tally."""
    return (
        [contest for contest, _ in batch.tallies],
        [area for _, area in batch.tallies],
        [_office_of(batch.definition, contest) for contest, _ in batch.tallies],
        [_array(tally) for tally in batch.tallies.values()],
    )


def office_columns(batch: Batch) -> tuple[list[object], ...]:
    """Columns of `office_tally`: office, area, tally."""
    return (
        [office for office, _ in batch.office_tallies],
        [area for _, area in batch.office_tallies],
        [_array(tally) for tally in batch.office_tallies.values()],
    )


def _office_of(definition: Definition, contest: str) -> str:
    return definition.offices[definition.contests[definition.contest_number[contest]].office_number].id


def _array(numbers: list[int]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"


def _gap_sentence(block: Block, applied: int) -> str:
    name = "records without an office" if block.office == UNATTRIBUTED else f"office {block.office}"
    return (
        f"subtotals of {name}, ledger partition {block.partition}: a {block.kind} from {block.from_} through "
        f"{block.through} came after {applied}; the blocks between are missing"
    )
