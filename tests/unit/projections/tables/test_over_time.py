"""The count over time is that of the ledger: at any minute, each station as after its last record received before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from projections.area.tally import side_by_side
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.fold.records import read_record
from projections.fold.tabulation import PartitionFold
from projections.form.across_contests import CrossJudge
from projections.readmodel.export_queries import HISTORIES_OF_CONTEST
from projections.shown.tallies import published_tally
from projections.tables import histories, over_time, result_rows
from projections.tables.histories import Change, changes, history_records
from projections.tables.over_time import CountOverTime
from projections.tables.result_rows import TableOf, contest_rows, rows_over_time, stations_by_rank
from projections.tables.standings import StationStanding
from proofs.signatures import load_public_key, verify
from schemas.ledger.envelope import ledger_record
from schemas.tables.results import COUNTS_OVER_TIME, VOTES_OVER_TIME
from schemas.times import microseconds_of_text, text_of_microseconds
from tests.support.ledger import MemoryLedger
from tests.support.nights import PACKAGES, acts, disputes, play
from tests.support.small_election import annulled, reported, small_package
from tests.support.standings import summed

SECOND, MINUTE = 1_000_000, 60_000_000
OPENED = microseconds_of_text("2029-02-14T13:00:00Z")
EARLIEST = microseconds_of_text("2028-01-11T13:00:00Z")
"""400 days before."""
SMALL = Definition.of(small_package())
ONE_FORM = [1, *[0] * 13, 4, 0, 0]
"""Numbers of a form of the president's contest with four votes."""


@dataclass
class TimedLedger(MemoryLedger):
    """A ledger whose records are received some seconds after each other, or before, as by gateways whose clocks differ."""

    steps: list[int] = field(default_factory=lambda: [0])
    appended: int = 0
    now_us: int = OPENED

    def append(self, partition: int, envelope: bytes) -> int:
        self.now_us += self.steps[self.appended % len(self.steps)] * SECOND
        self.appended += 1
        self.partitions[partition].append(ledger_record(envelope, "test", text_of_microseconds(self.now_us)))
        return len(self.partitions[partition]) - 1


@dataclass
class Folded:
    """What the whole ledger comes to, record by record."""

    ledger: TimedLedger
    records: list[tuple[int, Any]] = field(default_factory=list)
    """(partition, record)"""
    results: dict[tuple[str, str], list[tuple[int, Any]]] = field(default_factory=dict)
    """(station, contest) → each of its results, with its time."""
    findings: dict[tuple[int, int], Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        definition = self.ledger.definition
        for partition, values in enumerate(self.ledger.partitions):
            fold = PartitionFold(definition, partition)
            newest: Counter[str] = Counter()
            opened = [read_record(offset, value) for offset, value in enumerate(values)]
            for record in opened:
                key = definition.keys.get(record.key_id)
                holds = key is not None and verify(load_public_key(key.public_key), record.signature, record.payload)
                fold.apply(record, holds)
                station = getattr(record.event, "station", "")
                for block in fold.take_blocks():
                    for state in block.states:
                        self.findings[partition, state["offset"]] = state["findings"]
                    for row in block.stations:
                        newest[station] = max(newest[station], record.received_us)
                        self.results.setdefault((row["station"], row["contest"]), []).append((newest[station], row))
            self.records += [(partition, record) for record in opened]

    def several(self, contest: ContestEntry) -> set[str]:
        """Stations that have a history in the contest."""
        records = Counter(
            record.event.station
            for _, record in self.records
            if getattr(record.event, "station", None) is not None and record.event.contest == contest.id
        )
        moved = {
            station
            for (station, of), results in self.results.items()
            if of == contest.id and results[-1][1]["through"] != results[-1][1]["offset"]
        }
        return {station for station, number in records.items() if number > 1} | moved

    def standings(self, contest: ContestEntry) -> list[StationStanding]:
        """As export_queries.STANDINGS_OF_CONTEST reads them."""
        stations, several = self.ledger.definition.stations, self.several(contest)
        found = []
        for (station, of), results in self.results.items():
            if of != contest.id:
                continue
            row, number = results[-1][1], stations.number[station]
            partition = int(stations.partition(number))
            record = next((each for p, each in self.records if (p, each.offset) == (partition, row["offset"])), None)
            found.append(
                StationStanding(
                    contest.id,
                    stations.order.rank[number],
                    row["state"],
                    row["contribution"],
                    partition,
                    row["offset"],
                    row["version"],
                    None if record is None else record.received_us,
                    row["event"],
                    station in several,
                )
            )
        return sorted(found, key=lambda standing: standing.rank)

    def histories(self, contest: ContestEntry) -> Iterator[bytes]:
        """The lines that COPY writes of export_queries.HISTORIES_OF_CONTEST."""
        several, is_cross = self.several(contest), CrossJudge(self.ledger.definition).is_on
        found = []
        refused = _rules_of_refusals()
        for partition, record in self.records:
            station = getattr(record.event, "station", None)
            if station not in several or (record.event.contest != contest.id and not is_cross):
                continue
            findings = self.findings[partition, record.offset]
            if re.search(refused, orjson.dumps(findings).decode()):
                continue
            rules = {finding["rule"] for finding in findings}
            out = "t" if rules & {"Q1", "Q2"} else "f"
            values = contest.id, station, partition, record.offset, record.received_us, record.event_id.hex()
            found.append((*values, record.key_id, out, record.payload.hex()))
        for row in sorted(found, key=lambda row: (row[1], row[3])):
            yield "\t".join(map(str, row)).encode() + b"\n"


def _rules_of_refusals() -> str:
    """The expression of the statement itself."""
    found = re.search(r"findings !~ '([^']+)'", HISTORIES_OF_CONTEST)
    assert found is not None
    return found[1]


def _rows(folded: Folded, contest: ContestEntry, cut_us: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    definition = folded.ledger.definition
    count = CountOverTime(definition, contest, cut_us)
    standings = folded.standings(contest)
    list(contest_rows(definition, contest, iter(standings), stations_by_rank(definition), count))
    count.add_changes(changes(definition, contest, history_records(folded.histories(contest))))
    found: dict[str, list[dict[str, Any]]] = {COUNTS_OVER_TIME.name: [], VOTES_OVER_TIME.name: []}
    for batch in rows_over_time(count):
        for of, rows in batch.items():
            found[of.table.name] += (dict(zip(of.table.column_names, row, strict=True)) for row in rows)
    return found[COUNTS_OVER_TIME.name], found[VOTES_OVER_TIME.name]


def _check(folded: Folded, contest: ContestEntry, cut_us: int) -> None:
    """Compare each minute with the sums of the stations as they were."""
    definition = folded.ledger.definition
    counts, votes = _rows(folded, contest, cut_us)
    assert [row["time"] for row in counts] == sorted(row["time"] for row in counts)
    empty = [0] * (3 * (14 + len(contest.choices)) + 1)
    areas = [
        area
        for area in range(len(definition.tree.codes))
        if definition.tree.level[area] <= 1 and (contest.number, area) in definition.electorates.denominators
    ]
    last_minute = (cut_us // MINUTE + 1) * MINUTE
    for time_us in range(OPENED, last_minute + 1, MINUTE):
        time = text_of_microseconds(time_us)
        standings = []
        for (station, of), results in folded.results.items():
            before = [row for at_us, row in results if at_us < time_us]
            if of == contest.id and before:
                rank = definition.stations.order.rank[definition.stations.number[station]]
                row = before[-1]
                standings.append(
                    StationStanding(of, rank, row["state"], row["contribution"], 0, None, None, None, None, False)
                )
        tallies = summed(definition, contest, standings)
        for area in areas:
            code = definition.tree.codes[area]
            shown = published_tally(contest, area, tallies.get(area, empty), definition)
            row = next((row for row in reversed(counts) if row["area"] == code and row["time"] <= time), None)
            if row is None:
                assert not any(tallies.get(area, empty)), (time, code)
                continue
            assert {name: row[f"stations_{name}"] for name in shown["stations"]} == shown["stations"], (time, code)
            assert row["valid"] == shown["counted"]["valid"]
            assert row["results_status"] == shown["results_status"]
            of_choices = {
                each["choice"]: each["votes"] for each in votes if (each["area"], each["time"]) == (code, row["time"])
            }
            assert of_choices == shown["counted"]["votes"], (time, code)
    if counts:
        assert counts[-1]["time"] <= text_of_microseconds(last_minute)


steps = st.lists(st.sampled_from((0, 1, 30, 59, 60, 200, -30)), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(PACKAGES), st.one_of(st.lists(acts, max_size=12), disputes), steps)
def test_each_minute_of_any_night_is_as_it_was(package: Any, night: Any, seconds: list[int]) -> None:
    ledger = TimedLedger(package, steps=seconds)
    play(ledger, night)
    folded = Folded(ledger)
    newest = max(record.received_us for _, record in folded.records)
    for contest in ledger.definition.ballots.contests:
        _check(folded, contest, newest + SECOND)


@pytest.fixture
def corrected() -> Folded:
    """13:00:10 a station reports, 13:02:10 it corrects itself, 13:04:10 another reports, 13:06:10 the first is annulled."""
    ledger = TimedLedger(small_package(partitions=1), steps=[10, 0, 120])
    ledger.append_as("officer", reported("1.1.1-1", (1, 0, 0)))
    ledger.steps = [120]
    ledger.append_as("officer", reported("1.1.1-1", (5, 0, 0), version=2))
    ledger.append_as("officer", reported("2.1.1-1", (0, 7, 0)))
    ledger.append_as("supervisor", annulled("1.1.1-1", 2))
    return Folded(ledger)


def test_who_asks_how_it_was_finds_the_row(corrected: Folded) -> None:
    contest = corrected.ledger.definition.ballots.contest("president")
    counts, votes = _rows(corrected, contest, OPENED + 60 * MINUTE)
    shown = [(row["time"][11:16], row["area"], row["stations_counted"], row["valid"]) for row in counts]
    assert shown == [
        ("13:01", "N", 1, 1),
        ("13:01", "1", 1, 1),
        ("13:03", "N", 1, 5),
        ("13:03", "1", 1, 5),
        ("13:05", "N", 2, 12),
        ("13:05", "2", 1, 7),
        ("13:07", "N", 1, 7),
        ("13:07", "1", 0, 0),
    ]
    assert {row["step_minutes"] for row in counts} == {1}
    assert [row["votes"] for row in votes if row["time"][11:16] == "13:05"] == [5, 7, 0, 0, 7, 0]


def test_a_table_that_would_be_too_long_has_longer_steps(corrected: Folded, monkeypatch: pytest.MonkeyPatch) -> None:
    contest = corrected.ledger.definition.ballots.contest("president")
    width = 14 + 3
    monkeypatch.setattr(over_time, "NUMBERS_OF_CONTEST_MAX", 3 * width)
    monkeypatch.setattr(result_rows, "ROWS_AT_ONCE", 4)
    counts, _ = _rows(corrected, contest, OPENED + 60 * MINUTE)
    shown = [(row["time"][11:16], row["step_minutes"], row["area"], row["valid"]) for row in counts]
    assert shown == [
        ("13:05", 5, "N", 12),
        ("13:05", 5, "1", 5),
        ("13:05", 5, "2", 7),
        ("13:10", 5, "N", 7),
        ("13:10", 5, "1", 0),
    ]
    monkeypatch.setattr(over_time, "NUMBERS_OF_CONTEST_MAX", 0)
    counts, _ = _rows(corrected, contest, OPENED + 60 * MINUTE)
    assert {row["step_minutes"] for row in counts} == {1_440}


@pytest.mark.parametrize("folded_max", [1, 10_000])
def test_each_station_with_a_history_has_its_own(monkeypatch: pytest.MonkeyPatch, folded_max: int) -> None:
    """Whether the stations of a partition are folded by one fold or by several, and also where nothing counts at first."""
    monkeypatch.setattr(histories, "FOLDED_MAX", folded_max)
    ledger = TimedLedger(small_package(partitions=1), steps=[60])
    for station in ("1.1.1-1", "1.1.1-2", "2.2.2-2"):
        ledger.append_as("officer", reported(station, (1, 0, 0)))
        ledger.append_as("supervisor", annulled(station, 1))
        ledger.append_as("officer", reported(station, (2, 0, 0), version=2))
    folded = Folded(ledger)
    _check(folded, ledger.definition.ballots.contest("president"), ledger.now_us + SECOND)


def test_a_station_of_which_nothing_counts_adds_nothing() -> None:
    count = CountOverTime(SMALL, SMALL.ballots.contest("president"), OPENED)
    count.add_changes([Change(0, OPENED, "waiting", None), Change(1, OPENED, "waiting", None)])
    assert list(count.rows()) == []
    count.add_changes([Change(0, OPENED, "waiting", None), Change(0, OPENED, "counted", ONE_FORM)])
    assert [row[0][11:16] for row, _ in count.rows()] == ["13:01", "13:01"]


def test_rows_over_time_come_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch ends with the row that fills it; here each time and area has three rows of votes."""
    monkeypatch.setattr(result_rows, "ROWS_AT_ONCE", 6)
    count = CountOverTime(SMALL, SMALL.ballots.contest("president"), OPENED)
    numbers = side_by_side(ONE_FORM)
    for minute in range(3):
        count.add(0, OPENED - minute * MINUTE, "counted", numbers)
    counts, votes = TableOf(COUNTS_OVER_TIME, None), TableOf(VOTES_OVER_TIME, None)
    batches = list(rows_over_time(count))
    assert [(len(batch[counts]), len(batch[votes])) for batch in batches] == [(2, 6), (2, 6), (2, 6), (0, 0)]
    assert [[row[0][11:16] for row in batch[counts]] for batch in batches[:3]] == [
        ["12:59", "12:59"],
        ["13:00", "13:00"],
        ["13:01", "13:01"],
    ]


@pytest.mark.parametrize("received_us", [0, EARLIEST - 1, OPENED + 1, OPENED + 1_000 * MINUTE])
def test_a_time_that_cannot_be_true_is_that_of_the_cut(received_us: int) -> None:
    count = CountOverTime(SMALL, SMALL.ballots.contest("president"), OPENED)
    count.add(0, received_us, "counted", side_by_side(ONE_FORM))
    count.add_changes([Change(1, received_us, "held", ONE_FORM), Change(1, OPENED, "waiting", None)])
    rows = [dict(zip(COUNTS_OVER_TIME.column_names, row, strict=True)) for row, _ in count.rows()]
    assert [(row["time"], row["area"], row["stations_counted"]) for row in rows] == [
        ("2029-02-14T13:01:00.000Z", "N", 1),
        ("2029-02-14T13:01:00.000Z", "1", 1),
    ]


def test_the_earliest_time_that_is_believed_is_400_days_before_the_cut() -> None:
    count = CountOverTime(SMALL, SMALL.ballots.contest("president"), OPENED)
    count.add(0, EARLIEST, "counted", side_by_side(ONE_FORM))
    assert [row[0] for row, _ in count.rows()] == ["2028-01-11T13:01:00.000Z"] * 2


def test_of_a_contest_with_ever_more_times_the_steps_become_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """One area at one time is all that may be kept here, so that each earlier time needs the next step."""
    assert (over_time.NUMBERS_OF_CONTEST_MAX, over_time.NUMBERS_OF_OFFICE_MAX) == (4_000_000, 16_000_000)
    contest = SMALL.ballots.contest("president")
    monkeypatch.setattr(over_time, "NUMBERS_OF_CONTEST_MAX", 14 + len(contest.choices))
    count = CountOverTime(SMALL, contest, OPENED + 1_440 * MINUTE)
    steps = []
    for clock in ("23:59", "23:58", "23:54", "23:44", "22:59", "17:59"):
        received_us = microseconds_of_text(f"2029-02-14T{clock}:59Z")
        count.add(0, received_us, "counted", side_by_side(ONE_FORM))
        steps.append((count.step_minutes, {row[0] for row, _ in count.rows()}))
    assert steps == [(minutes, {"2029-02-15T00:00:00.000Z"}) for minutes in (1, 5, 15, 60, 360, 1_440)]


def test_areas_that_change_in_the_last_minute_have_one_row_each_after_the_nation() -> None:
    count = CountOverTime(SMALL, SMALL.ballots.contest("president"), OPENED)
    for code in ("2.1.1-1", "1.1.1-1"):
        count.add(SMALL.stations.number[code], OPENED, "counted", side_by_side(ONE_FORM))
    rows = [dict(zip(COUNTS_OVER_TIME.column_names, row, strict=True)) for row, _ in count.rows()]
    assert [(row["area"], row["stations_counted"]) for row in rows] == [("N", 2), ("1", 1), ("2", 1)]


def test_a_contest_of_an_office_with_several_has_its_part_of_the_offices_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of the council's three contests may keep the numbers of one area at two times here."""
    contest = SMALL.ballots.contest("council-a")
    width = 14 + len(contest.choices)
    monkeypatch.setattr(over_time, "NUMBERS_OF_OFFICE_MAX", 3 * 2 * width)
    count = CountOverTime(SMALL, contest, OPENED)
    numbers = side_by_side([1, *[0] * 13, *[1] * len(contest.choices)])
    steps = []
    for minute in range(3):
        count.add(0, OPENED - minute * MINUTE, "counted", numbers)
        steps.append(count.step_minutes)
    assert steps == [1, 1, 5]


def test_a_station_directly_in_the_root_counts_there_alone() -> None:
    package = small_package()
    election = package.election.model_copy(
        update={"levels": (package.election.levels[0], package.election.levels[-1]), "shard_level": "nation"}
    )
    stations = tuple(station.model_copy(update={"area": "N"}) for station in package.stations)
    flat = Definition.of(
        type(package)(
            election=election, areas=package.areas[:1], stations=stations, offices=package.offices[:1],
            contests=package.contests[:1], districts=(), parties=package.parties, choices=package.choices[:3],
            keys=package.keys,
        )
    )  # fmt: skip
    count = CountOverTime(flat, flat.ballots.contest("president"), OPENED)
    count.add(0, OPENED, "counted", side_by_side(ONE_FORM))
    assert [row[5] for row, _ in count.rows()] == ["N"]


def test_a_station_above_the_lowest_level_counts_in_its_area_directly_below_the_root() -> None:
    package = small_package()
    election = package.election.model_copy(update={"shard_level": "province"})
    areas = {"1.1.1-1": "2", "1.1.1-2": "2.1"}
    stations = tuple(
        station.model_copy(update={"area": areas.get(station.code, station.area)}) for station in package.stations
    )
    definition = Definition.of(replace(package, election=election, stations=stations))
    for code in areas:
        count = CountOverTime(definition, definition.ballots.contest("president"), OPENED)
        count.add(definition.stations.number[code], OPENED, "counted", side_by_side(ONE_FORM))
        assert [row[5] for row, _ in count.rows()] == ["N", "2"]
