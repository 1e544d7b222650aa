"""The station and contest of a report that passes every check of admission.py, found in a third of their time.

Nearly all records are such reports. For any other record the answer is None, and admission.py finds the reason.
tests/properties/test_plain_reports.py compares the two.
"""

from __future__ import annotations

from projections.definition.compiled import Definition
from projections.fold.authority import MAY_SUBMIT
from projections.fold.records import Record
from projections.fold.standings import Subject
from schemas.ledger.reports import Report


class PlainReports:
    """The reports of one partition. The tables of the definition are looked up once."""

    def __init__(self, definition: Definition, partition: int) -> None:
        tree, stations = definition.tree, definition.stations
        self._election = (definition.election.id, definition.election.mode, definition.hash)
        self._keys = definition.keys
        self._roles = MAY_SUBMIT["result.reported"]
        self._station_number = stations.number
        self._station_area = stations.area
        self._area_number = tree.number
        self._lineage = tree.lineage
        self._shard = tree.shard
        self._partition_of_shard = tree.partition_of_shard
        self._partition = partition
        self._contest_number = definition.ballots.contest_number
        self._contests = definition.ballots.contests
        self._electorates = definition.electorates

    def subject(self, record: Record, report: Report) -> Subject | None:
        """The station and contest of a report whose signature holds. None where a rule may refuse the report."""
        key = self._keys.get(record.key_id)
        station = self._station_number.get(report.station)
        contest = self._contest_number.get(report.contest)
        if (
            key is None  # K1
            or station is None  # S1
            or contest is None  # S2
            or (report.election, report.mode, report.definition) != self._election  # E1, E2, E3
            or key.role not in self._roles  # K3
        ):
            return None
        area = self._station_area[station]
        if (
            self._area_number.get(key.scope) not in self._lineage[area]  # K4; a scope may also be a station
            or self._partition_of_shard[self._shard[area]] != self._partition  # E6
        ):
            return None
        slot = self._electorates.slot_if_held(station, contest)  # S2
        return None if slot is None else Subject(station, self._contests[contest], slot)
