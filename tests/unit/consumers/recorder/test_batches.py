"""Messages gathered and folded into rows: how much makes a batch, what is believed, and when an office is stopped."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition

from consumers.recorder import batches
from consumers.recorder.batches import BatchReader, OfficeStop, PreparedBatch, stop_office
from projections.definition.compiled import Definition
from projections.readmodel.rows import Watermarks
from runtime.kafka.seals import Seals, make_seal_keys
from runtime.kafka.topics import topics_of
from runtime.settings import Settings
from schemas.codes import OfficeId
from schemas.derived.blocks import Block, RecordRow, StateRow
from schemas.derived.results import Result
from tests.support.small_election import small_package

DEFINITION = Definition.of(small_package())
TOPICS = topics_of(DEFINITION.election)
PRESIDENT, COUNCIL = OfficeId("president"), OfficeId("council")
SUBTOTALS, RESULTS = TOPICS.subtotals_partition_of(PRESIDENT), TOPICS.results_partition()


@dataclass
class Message:
    topic: str
    partition: int
    offset: int
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()
    key: None = None


@dataclass
class Kafka:
    """What a consumer gives: one poll after the other, and nothing when there are no more."""

    polls: list[list[Message]] = field(default_factory=list)
    waits_ms: list[int] = field(default_factory=list)
    took_ms: list[float] = field(default_factory=list)
    rests_ms: list[int] = field(default_factory=list)
    returns_after_ms: float | None = None
    """How long a poll takes that has messages; None where it waits as long as it may."""
    asked: list[int] = field(default_factory=list)
    sought: dict[TopicPartition, int] = field(default_factory=dict)
    highwater_marks: dict[TopicPartition, int] = field(default_factory=dict)
    """Where partitions end, as the consumer learned with its last fetch."""

    def highwater(self, topic_partition: TopicPartition) -> int | None:
        return self.highwater_marks.get(topic_partition)

    def seek(self, topic_partition: TopicPartition, offset: int) -> None:
        self.sought[topic_partition] = offset

    async def getmany(self, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Message]]:
        self.waits_ms.append(timeout_ms)
        self.asked.append(max_records)
        polled = self.polls.pop(0) if self.polls else []
        early = self.returns_after_ms if polled else None
        self.took_ms.append(timeout_ms + 0.01 if early is None else early)
        found: dict[TopicPartition, list[Message]] = {}
        for message in polled:
            found.setdefault(TopicPartition(message.topic, message.partition), []).append(message)
        return found

    async def let_gather(self, _: object, seconds: float) -> None:
        self.rests_ms.append(round(seconds * 1000))
        self.took_ms.append(seconds * 1000 + 0.01)

    async def end_offsets(self, topic_partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(topic_partitions, 1_000)


class Clock:
    """`time` of the module: only polls and rests take time."""

    def __init__(self, kafka: Kafka) -> None:
        self._kafka = kafka

    def monotonic(self) -> float:
        return sum(self._kafka.took_ms) / 1000


@dataclass
class Recorder:
    reader: BatchReader
    kafka: Kafka
    seals: Seals
    stopped: dict[str, OfficeStop]

    def message(self, value: bytes, offset: int, *, topic_partition: TopicPartition = SUBTOTALS) -> Message:
        topic, partition = topic_partition
        headers = tuple(self.seals.headers(topic, partition, None, value))
        return Message(topic, partition, offset, value, headers)

    async def batch_of(self, *messages: Message) -> PreparedBatch:
        self.kafka.polls = [list(messages)]
        return await self.reader.prepare()


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    make_seal_keys(tmp_path / "workers-key.txt")
    settings = Settings(workers_key=tmp_path / "workers-key.txt", record_ms=250, generation=1)
    kafka: Kafka = Kafka()
    stopped: dict[str, OfficeStop] = {}
    monkeypatch.setattr(batches, "time", Clock(kafka))
    monkeypatch.setattr(batches, "let_gather", kafka.let_gather)
    reader = BatchReader(settings, DEFINITION, TOPICS, kafka, stopped)
    reader.begin({SUBTOTALS: 0, RESULTS: 0}, {SUBTOTALS: 2, RESULTS: 1}, Watermarks({}, {}))
    return Recorder(reader, kafka, Seals(settings.workers_key, DEFINITION.hash), stopped)


def record(offset: int) -> RecordRow:
    return {
        "offset": offset,
        "event": f"{offset:064x}",
        "type": "result.reported",
        "key": "ab" * 8,
        "station": "1.1.1-1",
        "contest": "president",
        "version": 1,
    }


def block(from_: int, through: int, office: OfficeId = PRESIDENT, *, is_whole: bool = True) -> bytes:
    """A block with one record, whose state is missing where the block is not whole."""
    states: list[StateRow] = [{"offset": through, "state": "counted", "findings": []}] if is_whole else []
    return Block("block", office, 0, from_, through, [], [record(through)], states, []).to_bytes()


def result(as_of: int, office: OfficeId = PRESIDENT) -> Result:
    rows: list[Any] = [("president", area, [as_of]) for area in ("N", "1", "2")]
    return Result("keyframe", office, (-1,) * 3, (as_of,) * 3, rows, [], [])


# ── gathering ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_reading_begins_where_the_read_model_ends(recorder: Recorder) -> None:
    assert recorder.kafka.sought == {SUBTOTALS: 0, RESULTS: 0}


async def test_where_nothing_comes_the_batch_is_empty_after_one_poll(recorder: Recorder) -> None:
    batch = await recorder.batch_of()
    assert batch == PreparedBatch({}, {}, {SUBTOTALS: 0, RESULTS: 0}, {SUBTOTALS: 0, RESULTS: 0}, {}, 0, [], False)
    assert recorder.kafka.waits_ms == [batches.POLL_MS]


async def test_messages_gather_for_a_while_after_the_first(recorder: Recorder) -> None:
    recorder.kafka.highwater_marks = {SUBTOTALS: 2}
    recorder.kafka.polls = [[recorder.message(block(-1, 3), 0)], [recorder.message(block(3, 4), 1)]]
    batch = await recorder.reader.prepare()
    assert (batch.messages, batch.began[SUBTOTALS], batch.read[SUBTOTALS], batch.after) == (2, 0, 2, {SUBTOTALS: 2})
    assert [row[1] for row in batch.rows["president"].records] == [3, 4]
    assert recorder.kafka.waits_ms[:2] == [200, 250]
    assert recorder.kafka.asked[:2] == [2_000, 1_999]


async def test_a_recorder_that_keeps_up_rests_while_messages_gather(recorder: Recorder) -> None:
    recorder.kafka.highwater_marks = {SUBTOTALS: 1}
    recorder.reader.begin({SUBTOTALS: 0, RESULTS: 0}, {}, Watermarks({}, {}))
    recorder.kafka.returns_after_ms = 1
    recorder.kafka.polls = [[recorder.message(block(offset - 1, offset), offset)] for offset in range(9)]
    batch = await recorder.reader.prepare()
    assert batch.messages == 2, "the first, and what Kafka gives at once after the rest"
    assert recorder.kafka.rests_ms == [250]
    assert recorder.kafka.waits_ms == [200, batches.LAST_POLL_MS]


async def test_a_recorder_that_is_behind_reads_while_messages_gather(recorder: Recorder) -> None:
    recorder.kafka.highwater_marks = {SUBTOTALS: 2}
    recorder.kafka.returns_after_ms = 100
    recorder.kafka.polls = [[recorder.message(block(offset - 1, offset), offset)] for offset in range(4)]
    batch = await recorder.reader.prepare()
    assert batch.messages == 4
    assert recorder.kafka.rests_ms == []
    assert recorder.kafka.waits_ms == [200, 250, 150, 50, 200]


async def test_a_recorder_that_was_caught_up_and_fell_behind_does_not_rest(recorder: Recorder) -> None:
    recorder.reader.begin({SUBTOTALS: 0, RESULTS: 0}, {}, Watermarks({}, {}))
    recorder.kafka.highwater_marks = {SUBTOTALS: 900, RESULTS: 1}
    recorder.kafka.returns_after_ms = 100
    recorder.kafka.polls = [[recorder.message(block(offset - 1, offset), offset)] for offset in range(9)]
    assert (await recorder.reader.prepare()).messages == 4
    assert recorder.kafka.rests_ms == []


async def test_another_time_to_gather_can_be_set(recorder: Recorder) -> None:
    recorder.reader.gather_for(1_000)
    await recorder.batch_of(recorder.message(block(-1, 3), 0))
    assert recorder.kafka.waits_ms[1] == 1_000


async def test_far_behind_as_many_are_gathered_as_a_transaction_may_have(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_MESSAGES_MAX", 3)
    recorder.reader.begin({SUBTOTALS: 0, RESULTS: 0}, {SUBTOTALS: 900}, Watermarks({}, {}))
    recorder.kafka.polls = [[recorder.message(block(offset - 1, offset), offset)] for offset in range(9)]
    batch = await recorder.reader.prepare()
    assert (batch.messages, batch.is_caught_up) == (3, False)
    assert recorder.kafka.asked == [3, 2, 1]


async def test_far_behind_a_batch_ends_where_no_more_come(recorder: Recorder) -> None:
    recorder.reader.begin({SUBTOTALS: 0, RESULTS: 0}, {SUBTOTALS: 900}, Watermarks({}, {}))
    recorder.kafka.polls = [[recorder.message(block(offset - 1, offset), offset)] for offset in range(4)]
    assert (await recorder.reader.prepare()).messages == 4
    assert recorder.kafka.waits_ms == [200, 250, 200, 200, 200]


async def test_a_batch_has_bytes_for_one_transaction(recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_BYTES_MAX", len(block(-1, 0)) + 1)
    recorder.kafka.polls = [[recorder.message(block(offset - 1, offset), offset)] for offset in range(4)]
    assert (await recorder.reader.prepare()).messages == 2


async def test_the_bounds_of_a_batch() -> None:
    assert (batches.BATCH_MESSAGES_MAX, batches.BATCH_BYTES_MAX, batches.POLL_MS) == (2_000, 134_217_728, 200)


async def test_a_recorder_is_caught_up_where_it_has_read_what_was_there_when_it_began(recorder: Recorder) -> None:
    first = await recorder.batch_of(recorder.message(block(-1, 3), 1))
    assert not first.is_caught_up, "results are missing"
    second = await recorder.batch_of(recorder.message(result(4).to_bytes(), 0, topic_partition=RESULTS))
    assert second.is_caught_up


# ── folding ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_blocks_and_results_become_rows_by_office(recorder: Recorder) -> None:
    council = TOPICS.subtotals_partition_of(COUNCIL)
    batch = await recorder.batch_of(
        recorder.message(block(-1, 3), 0),
        recorder.message(block(-1, 5, COUNCIL), 0, topic_partition=council),
        recorder.message(result(4).to_bytes(), 0, topic_partition=RESULTS),
    )
    assert batch.rows["president"].blocks == (["president"], [0], [3])
    assert batch.rows["council"].blocks == (["council"], [0], [5])
    assert [row[1] for row in batch.rows["president"].tallies] == ["N", "1", "2"]
    assert (batch.stops, batch.set_aside) == ({}, [])


async def test_a_message_that_is_not_believed_is_set_aside_and_its_offset_is_passed(recorder: Recorder) -> None:
    forged = Message(SUBTOTALS.topic, SUBTOTALS.partition, 0, block(-1, 9))
    batch = await recorder.batch_of(forged, recorder.message(block(-1, 3), 1))
    assert batch.rows["president"].blocks[2] == [3]
    assert [(each.reason, each.messages, each.first) for each in batch.set_aside] == [("no seal", 1, 0)]
    assert batch.after == {SUBTOTALS: 2}
    assert (await recorder.batch_of()).set_aside == [], "it is stored once"


async def test_the_position_in_results_stays_before_a_message_of_which_parts_are_missing(recorder: Recorder) -> None:
    first, second, third = result(4).to_parts("w-1", 1)
    whole = recorder.message(result(2).to_bytes(), 6, topic_partition=RESULTS)
    batch = await recorder.batch_of(whole, recorder.message(first, 7, topic_partition=RESULTS))
    assert (batch.after[RESULTS], batch.read[RESULTS]) == (7, 8)
    batch = await recorder.batch_of(recorder.message(second, 8, topic_partition=RESULTS))
    assert (batch.after[RESULTS], batch.read[RESULTS]) == (7, 9)
    assert batch.rows["president"].tallies == []
    batch = await recorder.batch_of(recorder.message(third, 9, topic_partition=RESULTS))
    assert batch.after[RESULTS] == 10
    assert [row[1] for row in batch.rows["president"].tallies] == ["N", "1", "2"]


# ── offices that are stopped ─────────────────────────────────────────────────────────────────────────────────────────


async def test_a_gap_stops_its_office_and_no_other(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    council = TOPICS.subtotals_partition_of(COUNCIL)
    with caplog.at_level(logging.CRITICAL, "rekap.recorder"):
        batch = await recorder.batch_of(
            recorder.message(block(-1, 3), 0),
            recorder.message(block(5, 7), 1),
            recorder.message(block(7, 8), 2),
            recorder.message(block(-1, 5, COUNCIL), 0, topic_partition=council),
        )
    assert batch.rows.keys() == {"council"}, "nothing of the office is written, also what came before the gap"
    assert batch.stops.keys() == {"president"}
    stop = batch.stops["president"]
    assert stop.reason.startswith("BlockGapError: subtotals of office president, ledger partition 0: a block from 5")
    assert stop.reason.endswith(f"({SUBTOTALS.topic}/{SUBTOTALS.partition} at 1)")
    assert stop.positions == batch.began == {SUBTOTALS: 0, RESULTS: 0}
    assert [log.levelname for log in caplog.records] == ["CRITICAL"]
    after = await recorder.batch_of(recorder.message(block(3, 9), 3))
    assert (after.rows, after.stops) == ({}, {}), "it is not folded any more"


async def test_rows_that_cannot_be_made_stop_the_office(recorder: Recorder) -> None:
    batch = await recorder.batch_of(recorder.message(block(-1, 3, is_whole=False), 0))
    assert batch.rows == {}
    assert batch.stops["president"].reason == "KeyError: (0, 3) (making its rows)"


async def test_an_office_that_is_stopped_already_is_left_out(recorder: Recorder) -> None:
    recorder.stopped["president"] = OfficeStop("because", {})
    batch = await recorder.batch_of(recorder.message(block(5, 7), 0))
    assert (batch.rows, batch.stops) == ({}, {})


async def test_a_stopped_office_gives_up_its_open_messages(recorder: Recorder) -> None:
    first, *_ = result(4).to_parts("w-1", 1)
    batch = await recorder.batch_of(
        recorder.message(first, 7, topic_partition=RESULTS), recorder.message(block(5, 7), 0)
    )
    assert batch.after[RESULTS] == 8


def test_the_reason_of_a_stop_is_bounded() -> None:
    began = {SUBTOTALS: 4}
    stop = stop_office("president", ValueError("x" * 5_000), "folding", began)
    assert stop == OfficeStop(f"ValueError: {'x' * 988}", began)
