"""How the results of a station have changed, event by event, where a station has more than one record in a contest.

Most stations report once, and their result is all that has ever counted for them. For the others, the events of the read model
are folded again by the fold that counted them. The fold is deterministic, and what it decided to refuse is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.fold.records import Record, event_of
from projections.fold.sequences import NOT_THE_ONE_BEFORE, Sequences
from projections.fold.tabulation import PartitionFold
from schemas.findings import Finding

FOLDED_MAX = 10_000
"""Records of one partition after which a new fold is begun, between two stations. At half, making a fold costs as much as the
records; at ten times, a night in which every station corrects its form takes 200 MB."""


class HistoryRecord(NamedTuple):
    """A row of export_queries.HISTORIES_OF_CONTEST."""

    contest: str
    """The contest whose results are asked for; the event may be of another contest of the station."""
    station: str
    partition: int
    offset: int
    received_us: int
    """0 where the record has no valid time."""
    event: str
    key: str
    is_out_of_sequence: bool
    """Whether the fold found Q1 or Q2, which depend on records of other stations."""
    payload: bytes


class Change(NamedTuple):
    """The result of a station in the contest after one of its records."""

    station: int
    received_us: int
    state: str
    contribution: list[int] | None


def history_records(lines: Iterable[bytes]) -> Iterator[HistoryRecord]:
    """Read lines of COPY's text format. No value of these columns holds a character that COPY escapes."""
    for line in lines:
        contest, station, partition, offset, received_us, event, key, out, payload = line.rstrip(b"\n").split(b"\t")
        yield HistoryRecord(
            contest.decode(),
            station.decode(),
            int(partition),
            int(offset),
            int(received_us),
            event.decode(),
            key.decode(),
            out == b"t",
            bytes.fromhex(payload.decode()),
        )


def changes(definition: Definition, contest: ContestEntry, records: Iterable[HistoryRecord]) -> Iterator[Change]:
    """Each change of a station's result in the contest, station by station. `records` are in the order of station and
    offset."""
    folds: dict[int, _HistoryFold] = {}
    for station, of_station in groupby(records, attrgetter("station")):
        number = definition.stations.number[station]
        partition = int(definition.stations.partition(number))
        fold = folds.get(partition)
        if fold is None or fold.folded >= FOLDED_MAX:
            fold = folds[partition] = _HistoryFold(definition, partition)
        for record in of_station:
            for state, contribution in fold.results_after(record, contest.id):
                yield Change(number, record.received_us, state, contribution)


class _RecordedFindings(Sequences):
    """Q1 and Q2 as they were found when all records were folded."""

    is_out_of_sequence = False

    def note(self, key: str, seq: int, event_id: bytes, prev: bytes | None) -> tuple[Finding, ...]:
        return (NOT_THE_ONE_BEFORE,) if self.is_out_of_sequence else ()


class _HistoryFold:
    """The fold of a partition, over some of its records."""

    def __init__(self, definition: Definition, partition: int) -> None:
        self._findings = _RecordedFindings()
        self._fold = PartitionFold(definition, partition, self._findings)
        self.folded = 0

    def results_after(self, record: HistoryRecord, contest: str) -> list[tuple[str, list[int] | None]]:
        """The station's result in the contest where the record has changed it; there is one at most."""
        event, problem, digest = event_of(record.payload)
        self._findings.is_out_of_sequence = record.is_out_of_sequence
        self._fold.next_offset = record.offset
        id, payload, key = bytes.fromhex(record.event), record.payload, record.key
        opened = Record(record.offset, id, payload, key, b"", event, problem, b"", record.received_us, digest)
        self._fold.apply(opened, signature_holds=True)
        self.folded += 1
        return [
            (row["state"], row["contribution"])
            for block in self._fold.take_blocks()
            for row in block.stations
            if row["contest"] == contest
        ]
