"""runtime/repeated_lines.py: a trouble is written once, and once when it is over."""

from __future__ import annotations

import logging
from queue import Queue

import pytest

from runtime import repeated_lines
from runtime.repeated_lines import FAMILIES_MAX, OVER, QUIET_S, SHAPES_MAX, RepeatedLines


class Terminal:
    """What a filter lets through, by a clock of this test."""

    def __init__(self) -> None:
        self.now = 100.0
        self.lines: list[str] = []
        self.filter = RepeatedLines(self._over, lambda: self.now)

    def _over(self, logger: logging.Logger, sentence: str) -> None:
        self.lines.append(f"{logger.name} {sentence}")

    def log(self, name: str, message: str, *arguments: object, level: int = logging.ERROR) -> None:
        record = logging.LogRecord(name, level, __file__, 1, message, arguments, None)
        if self.filter.filter(record):
            self.lines.append(f"{name} {record.getMessage()}")

    def wait(self, seconds: float) -> float | None:
        self.now += seconds
        return self.filter.end_troubles()


def test_a_library_that_repeats_itself_is_written_once_and_once_when_it_is_over() -> None:
    terminal = Terminal()
    for attempt in range(1_000):
        terminal.log("aiokafka.client", "Unable connect to node with id %s: %s", attempt, "refused")
        terminal.log("aiokafka.conn", f"Request to ('127.0.0.1', {attempt}) was too large")
        terminal.now += 0.01
    assert terminal.lines == [
        "aiokafka.client Unable connect to node with id 0: refused",
        "aiokafka.conn Request to ('127.0.0.1', 0) was too large",
    ]
    assert terminal.wait(QUIET_S) is None
    assert terminal.lines[2:] == [f"aiokafka {OVER} seconds=10.0 lines_left_out=1998"]


def test_all_that_libraries_write_of_a_kafka_that_is_away_is_one_line() -> None:
    terminal = Terminal()
    for name, message in (
        (
            "aiokafka.consumer.fetcher",
            "Failed fetch messages from 1: KafkaConnectionError: Connection at kafka:9092 closed",
        ),
        ("aiokafka", "Unable connect to node with id 1: [Errno 111] Connection refused"),
        ("aiokafka", "Unable to update metadata from [1]"),
        ("aiokafka.consumer.group_coordinator", "Marking the coordinator dead (node 1)for group rollup."),
        ("aiokafka.producer.sender", "Got error produce response: NodeNotReadyError: not ready (node id 1)."),
    ):
        terminal.log(name, message)
    terminal.log("aiokafka.producer.sender", "Got error produce response: TopicAuthorizationFailedError: ledger")
    assert [line.partition(":")[0] for line in terminal.lines] == [
        "aiokafka.consumer.fetcher Failed fetch messages from 1",
        "aiokafka.producer.sender Got error produce response",
    ]


def test_a_new_trouble_is_written_again() -> None:
    terminal = Terminal()
    for _ in range(2):
        terminal.log("faust", "Timer was late")
        terminal.wait(QUIET_S)
    assert terminal.lines == ["faust Timer was late"] * 2


def test_a_trouble_that_continues_is_not_over() -> None:
    terminal = Terminal()
    terminal.log("aiokafka", "away")
    terminal.now += QUIET_S - 1
    terminal.log("aiokafka", "away")
    assert terminal.wait(1.5) == QUIET_S - 1.5
    assert terminal.lines == ["aiokafka away"]


def test_lines_that_differ_are_written_up_to_a_bound() -> None:
    terminal = Terminal()
    for letter in "abcdefghijklmnop":
        terminal.log("aiokafka", f"{letter} failed")
    assert len(terminal.lines) == SHAPES_MAX


def test_our_own_lines_are_the_same_only_where_all_of_their_text_is() -> None:
    terminal = Terminal()
    for partition in (1, 2, 2):
        terminal.log("rekap.kafka", f'topic-wrong why="partition {partition} is gone"')
    terminal.log("rekap.log", "witness-refused")
    assert [line.split('"')[1] for line in terminal.lines[:2]] == ["partition 1 is gone", "partition 2 is gone"]
    assert terminal.lines[2:] == ["rekap.log witness-refused"]


def test_what_is_no_trouble_and_what_ends_a_process_is_always_written() -> None:
    terminal = Terminal()
    for level in (logging.INFO, logging.CRITICAL) * 2:
        terminal.log("rekap.run", "stopped", level=level)
    terminal.log("rekap.run", f"{OVER} seconds=1")
    assert len(terminal.lines) == 5


def test_memory_is_bounded() -> None:
    terminal = Terminal()
    for number in range(2 * FAMILIES_MAX):
        for _ in range(2):
            terminal.log(f"library{number}", "failed")
    written_twice = [line for line in set(terminal.lines) if terminal.lines.count(line) == 2]
    assert len(written_twice) == FAMILIES_MAX


def test_the_end_is_written_although_nothing_else_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeated_lines, "QUIET_S", 0.2)
    written: Queue[str] = Queue()
    repeated = RepeatedLines(lambda logger, sentence: written.put(sentence))
    record = logging.LogRecord("aiokafka", logging.ERROR, __file__, 1, "away", (), None)
    assert [repeated.filter(record) for _ in range(3)] == [True, False, False]
    assert written.get(timeout=30).endswith("lines_left_out=2")
