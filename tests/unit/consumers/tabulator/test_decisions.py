"""The tabulator's decisions, each at its boundary."""

from __future__ import annotations

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError

from consumers.tabulator.decisions import (
    IN_FLIGHT_BYTES_MAX,
    IN_FLIGHT_MAX,
    KEYFRAMES_PAUSE,
    REASON_CHARACTERS_MAX,
    STATES_PAUSE_SECONDS,
    TICK_MS_MAX,
    Refusal,
    Stop,
    before_stop,
    folds_silently,
    is_news,
    may_publish,
    must_wait,
    next_keyframes_after,
    note_of,
    pause_ms,
    refusal_of,
    state_is_due,
    state_limit,
)
from schemas.codes import OfficeId

PRESIDENT, COUNCIL = OfficeId("president"), OfficeId("council")


# -- a stop ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["ValueError: no", "two\nlines: and a colon", ""])
def test_the_note_of_a_stop_is_read_as_the_same_stop(reason: str) -> None:
    assert Stop.from_note(Stop(120, reason).as_note()) == Stop(120, reason)


@pytest.mark.parametrize(
    "note", ["", "has no keyframe of office president: too large", "stopped at x: y", " stopped at 1: x"]
)
def test_another_note_is_not_a_stop(note: str) -> None:
    assert Stop.from_note(note) is None


def test_a_long_reason_is_cut() -> None:
    stop = Stop.because_of(3, ValueError("x" * 10_000))
    assert len(stop.reason) == REASON_CHARACTERS_MAX
    assert stop.reason.startswith("ValueError: xxx")


def test_a_partition_is_folded_up_to_the_record_that_stopped_it() -> None:
    stop = Stop(5, "a bug")
    assert [before_stop(stop, offset) for offset in (4, 5, 6)] == [True, False, False]
    assert before_stop(None, 10**9)


# -- a start ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("committed", "stop", "limit"),
    [(7, None, 7), (7, Stop(5, ""), 5), (7, Stop(7, ""), 7), (7, Stop(9, ""), 7), (0, None, 0)],
)
def test_a_state_is_used_where_its_blocks_are_published_and_no_stop_is_in_it(
    committed: int, stop: Stop | None, limit: int
) -> None:
    assert state_limit(committed, stop) == limit


def test_what_an_earlier_worker_published_is_folded_silently() -> None:
    assert [folds_silently(offset, 5) for offset in (4, 5, 6)] == [True, False, False]


@pytest.mark.parametrize(
    ("next_offset", "committed", "may"), [(4, 5, False), (5, 5, True), (6, 5, True), (0, 0, False), (1, 0, True)]
)
def test_a_worker_publishes_once_it_has_folded_what_is_published_and_the_genesis(
    next_offset: int, committed: int, may: bool
) -> None:
    assert may_publish(next_offset, committed, state_is_of_this_ledger=True) is may


def test_a_worker_does_not_publish_from_a_state_that_may_be_of_another_ledger() -> None:
    assert not may_publish(9, 5, state_is_of_this_ledger=False)


# -- a commit --------------------------------------------------------------------------------------------------------


def test_the_note_names_the_stop_or_else_each_office_without_keyframe() -> None:
    missing = {PRESIDENT: "too large", COUNCIL: "a bug"}
    assert note_of(None, {}) == ""
    assert note_of(Stop(3, "a bug"), missing) == "stopped at 3: a bug"
    assert note_of(None, missing) == (
        "has no keyframe of office council: a bug; has no keyframe of office president: too large"
    )
    assert len(note_of(None, {PRESIDENT: "x" * 10_000})) == REASON_CHARACTERS_MAX


@pytest.mark.parametrize(
    ("offset", "note", "news"),
    [
        (4, "", False),
        (4, "another", False),
        (5, "", False),
        (5, "another", True),
        (6, "", True),
        (6, "another", True),
    ],
)
def test_an_offset_is_committed_where_it_or_its_note_is_new(offset: int, note: str, news: bool) -> None:
    assert is_news(offset, note, committed_at_start=5, committed_note="") is news


# -- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "seconds", "due"),
    [
        (99, 0.0, False),
        (100, 0.0, True),
        (1, STATES_PAUSE_SECONDS - 0.01, False),
        (1, STATES_PAUSE_SECONDS, True),
        (0, 1e9, False),
    ],
)
def test_a_state_is_written_after_enough_records_or_after_a_pause(records: int, seconds: float, due: bool) -> None:
    assert state_is_due(records, seconds, state_records=100) is due


# -- gathering -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "took_ms", "milliseconds"),
    [
        (0, 0, 5),
        (2, 0, 5),
        (3, 0, 6),
        (3, 2, 5),
        (20, 0, TICK_MS_MAX),
        (20, 8, TICK_MS_MAX - 8),
        (900, 8, TICK_MS_MAX - 8),
        (900, 400, 5),
    ],
)
def test_a_busier_night_lets_more_records_gather(records: int, took_ms: float, milliseconds: float) -> None:
    assert pause_ms(records, took_ms, 5) == milliseconds


def test_a_longer_pause_that_is_set_is_kept() -> None:
    assert pause_ms(900, 400, 2 * TICK_MS_MAX) == 2 * TICK_MS_MAX


# -- publishing ------------------------------------------------------------------------------------------------------


def test_keyframes_take_a_twentieth_of_the_time_at_most() -> None:
    assert next_keyframes_after(100.0, 0.1, 5.0) == 105.0
    assert next_keyframes_after(100.0, 1.0, 5.0) == 100.0 + KEYFRAMES_PAUSE


def test_acknowledgements_are_waited_for_beyond_either_limit() -> None:
    assert not must_wait(IN_FLIGHT_MAX, IN_FLIGHT_BYTES_MAX)
    assert must_wait(IN_FLIGHT_MAX + 1, 0)
    assert must_wait(1, IN_FLIGHT_BYTES_MAX + 1)


@pytest.mark.parametrize("error", [MessageSizeTooLargeError, RecordListTooLargeError, RecordTooLargeError])
def test_a_block_that_is_too_large_stops_its_partition_and_a_keyframe_is_left_out(error: type[Exception]) -> None:
    assert refusal_of(error(), "block") is Refusal.STOPS_PARTITION
    assert refusal_of(error(), "keyframe") is Refusal.LEAVES_KEYFRAME_OUT


@pytest.mark.parametrize("kind", ["block", "keyframe"])
def test_an_error_that_is_not_about_the_message_ends_the_worker(kind: str) -> None:
    assert refusal_of(KafkaConnectionError(), kind) is Refusal.ENDS_WORKER
