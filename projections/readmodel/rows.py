"""Rows of the read model from messages of `subtotals` and `results`: pure, so that what is written can be tested.

A `Batch` keeps only the newest content of each row, and all history rows. A block that does not chain (fold/chain.py) raises
BlockGapError, because the recorder needs every change of every station.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from projections.definition.compiled import Definition
from projections.finance.accounts import account_of
from projections.fold.chain import Applied, block_verdict, result_verdict
from projections.fold.parts import Parts
from projections.station.submissions import ResultState
from schemas.codes import NOTHING_YET
from schemas.derived.blocks import FINANCE, UNATTRIBUTED, Block, BlockRange, RecordRow, StateRow, StationRow
from schemas.derived.results import Cut, Result, ResultRange, at_or_before

Row = tuple[Any, ...]
StateColumns = tuple[list[int], list[int], list[str], list[str]]
"""Partition, offset, state, findings."""


_STATION_KEY = itemgetter(1, 2)
"""Key of a row of `station_result`: contest and rank."""
NOT_ADMITTED = frozenset({ResultState.REFUSED.value, ResultState.DUPLICATE.value})
"""States of a finance report that is not one of its account's."""


class BlockGapError(Exception):
    """A block is missing from `subtotals`, so its changes are not known and the office cannot be recorded further."""


class Watermarks(NamedTuple):
    """What the read model has: copies of its watermark tables."""

    blocks: dict[tuple[str, int], int]
    """(office, ledger partition) → through"""
    results: dict[str, Cut]
    """office → as_of"""


@dataclass(slots=True)
class Batch:
    """The rows of one transaction, and the watermarks after it."""

    definition: Definition
    watermarks: Watermarks
    parts: Parts[Result] = field(default_factory=Parts)
    """Results of which not all parts have come; they may come in a later batch."""
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
        head = BlockRange.from_bytes(value)
        key = (str(head.office), head.partition)
        applied = self.watermarks.blocks.get(key, int(NOTHING_YET))
        verdict = block_verdict(head.from_, head.through, applied)
        if verdict is Applied.SKIPPED:
            return
        # A keyframe would set the sums right, but the changes of stations and records would be lost.
        if verdict is Applied.GAP or head.kind == "keyframe":
            raise BlockGapError(_gap_sentence(head, applied))
        block = Block.from_bytes(value, with_body=True)
        self.watermarks.blocks[key] = block.through
        self.moved_blocks.add(key)
        partition = block.partition
        self.records += [(partition, str(block.office), row) for row in block.records if row["offset"] > applied]
        for state in block.states:
            self.states[partition, state["offset"]] = state
        for station in block.stations:
            self.stations[station["station"], station["contest"]] = station
        shard_level = self.definition.tree.shard_level
        for contest, area, tally in block.areas:
            if self.definition.tree.level[self.definition.tree.number[area]] > shard_level:
                self.tallies[contest, area] = tally

    def add_result(self, value: bytes, offset: int = 0) -> None:
        """Add a message of `results`, or a part of one. A message that does not chain is left out, because the next keyframe
        has all its sums. `offset` is that of the Kafka record."""
        head = ResultRange.from_bytes(value)
        office = str(head.office)
        if result_verdict(head.from_, head.as_of, self._cut(office)) is Applied.SKIPPED:
            return
        if (parts := self.parts.add(office, head.part, Result.from_bytes(value), len(value), offset)) is not None:
            self._add_whole(office, Result.joined(parts))

    def _add_whole(self, office: str, result: Result) -> None:
        if result_verdict(result.from_, result.as_of, self._cut(office)) is not Applied.APPLIED:
            return
        self.watermarks.results[office] = result.as_of
        self.moved_results.add(office)
        self.parts.give_up(office, lambda other: at_or_before(other.as_of, result.as_of))
        for contest, area, tally in result.areas:
            self.tallies[contest, area] = tally
        for area, tally in result.offices:
            self.office_tallies[office, area] = tally

    def _cut(self, office: str) -> Cut:
        return self.watermarks.results.get(office) or (int(NOTHING_YET),) * self.definition.partitions


class Rows(NamedTuple):
    """What one transaction writes: a batch made ready, which no later batch changes."""

    records: list[Row]
    """Rows to be added to the table `record`."""
    states: StateColumns
    """New states of records that were published before."""
    stations: list[Row]
    tallies: list[Row]
    office_tallies: list[Row]
    finance: list[Row]
    """Rows to be added to the table `finance_report`."""
    blocks: tuple[list[str], list[int], list[int]]
    """Block watermarks that moved, as columns."""
    results: list[tuple[str, Cut]]

    @classmethod
    def joined(cls, parts: Collection[Rows]) -> Rows:
        """The rows of several offices, of which no two write the same row."""

        def all_of(columns: Iterable[tuple[list[Any], ...]]) -> Any:
            return tuple([each for column in same for each in column] for same in zip(*columns, strict=True))

        nothing: StateColumns = ([], [], [], [])
        none: tuple[list[str], list[int], list[int]] = ([], [], [])
        return cls(
            [row for part in parts for row in part.records],
            all_of([nothing, *(part.states for part in parts)]),
            sorted((row for part in parts for row in part.stations), key=_STATION_KEY),
            [row for part in parts for row in part.tallies],
            [row for part in parts for row in part.office_tallies],
            [row for part in parts for row in part.finance],
            all_of([none, *(part.blocks for part in parts)]),
            [row for part in parts for row in part.results],
        )


def rows_of(batch: Batch) -> Rows:
    moved = sorted(batch.moved_blocks)
    return Rows(
        _whole_record_rows(batch),
        _changed_states(batch),
        station_rows(batch),
        tally_rows(batch),
        office_rows(batch),
        finance_rows(batch),
        (
            [office for office, _ in moved],
            [partition for _, partition in moved],
            [batch.watermarks.blocks[key] for key in moved],
        ),
        [(office, batch.watermarks.results[office]) for office in sorted(batch.moved_results)],
    )


def record_rows(batch: Batch) -> list[Row]:
    """Columns of the table `record` that never change: recording.CONSTANT_COLUMNS."""
    definition = batch.definition
    return [
        (
            partition,
            row["offset"],
            row["version"],
            row.get("received_us", 0),
            bytes.fromhex(row["event"]),
            bytes.fromhex(row["leaf"]) if "leaf" in row else None,
            office,
            row["type"],
            row["key"],
            row["station"],
            row["contest"],
            *_areas_of(definition, row),
            _json(row["payload"]) if "payload" in row else None,
        )
        for partition, office, row in batch.records
    ]


def _whole_record_rows(batch: Batch) -> list[Row]:
    """All columns of the table `record`, because the state of a record is in the same block as the record."""
    states = batch.states
    rows = []
    for constant in record_rows(batch):
        state = states[constant[0], constant[1]]
        rows.append((*constant, state["state"], _findings(state)))
    return rows


def _areas_of(definition: Definition, row: RecordRow) -> tuple[str | None, str | None]:
    """The area that a record is about, and that area's own at the shard level (itself, where it lies above)."""
    station = definition.stations.number.get(row["station"] or "")
    if station is not None:
        area = definition.stations.area[station]
    else:
        event = orjson.loads(orjson.dumps(row.get("payload"))) or {}
        area = definition.tree.number.get(event.get("area", ""), -1)
        if area < 0:
            return None, None
    shard = definition.tree.shard[area]
    return definition.tree.codes[area], definition.tree.codes[shard if shard >= 0 else area]


def state_columns(states: Mapping[tuple[int, int], StateRow]) -> StateColumns:
    return (
        [partition for partition, _ in states],
        [offset for _, offset in states],
        [row["state"] for row in states.values()],
        [_findings(row) for row in states.values()],
    )


def _changed_states(batch: Batch) -> StateColumns:
    """New states of records that were published before this batch."""
    new = {(partition, row["offset"]) for partition, _, row in batch.records}
    return state_columns({key: row for key, row in batch.states.items() if key not in new})


def station_rows(batch: Batch) -> list[Row]:
    """Columns of `station_result` (recording.STATION_RESULT), in the order of the table's key, so that neighbours in the index
    are written one after the other."""
    definition = batch.definition
    rows: list[Row] = []
    for (station, contest), row in batch.stations.items():
        number = definition.stations.number[station]
        contribution = row["contribution"]
        rows.append(
            (
                station,
                contest,
                definition.stations.order.rank[number],
                int(definition.stations.partition(number)),
                row["offset"],
                row["through"],
                row["state"],
                None if contribution is None else _json(contribution),
            )
        )
    rows.sort(key=_STATION_KEY)
    return rows


def tally_rows(batch: Batch) -> list[Row]:
    """Columns of `area_tally`."""
    return [(contest, area, _json(tally)) for (contest, area), tally in batch.tallies.items()]


def office_rows(batch: Batch) -> list[Row]:
    """Columns of `office_tally`."""
    return [(office, area, _json(tally)) for (office, area), tally in batch.office_tallies.items()]


def finance_rows(batch: Batch) -> list[Row]:
    """Columns of `finance_report` (recording.FINANCE_COLUMNS) of the reports that were admitted. Whether one was follows from
    its first state, which is in the same block as its record and never becomes another of NOT_ADMITTED."""
    rows = []
    for partition, office, row in batch.records:
        if office != FINANCE or batch.states[partition, row["offset"]]["state"] in NOT_ADMITTED:
            continue
        event = orjson.loads(orjson.dumps(row["payload"]))
        account = account_of(event["area"], event.get("party"), event.get("contest"), event.get("choice"))
        about = event["area"], event.get("party"), event.get("contest")
        rows.append((partition, row["offset"], account, event["report"], event["version"], *about))
    return rows


def _findings(state: StateRow) -> str:
    return _json(state["findings"]) if state["findings"] else "[]"


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _gap_sentence(block: BlockRange, applied: int) -> str:
    names = {UNATTRIBUTED: "records without an office", FINANCE: "finance reports"}
    name = names.get(block.office, f"office {block.office}")
    return (
        f"subtotals of {name}, ledger partition {block.partition}: a {block.kind} from {block.from_} through "
        f"{block.through} came after {applied}; the blocks between are missing"
    )
