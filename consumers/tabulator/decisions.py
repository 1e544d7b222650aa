"""Decisions of the tabulator, as functions of offsets, notes and times. Nothing here reads Kafka, a file or a clock."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from runtime.gathering import gather_ms
from runtime.kafka.clients import TOO_LARGE
from schemas.codes import OfficeId
from schemas.derived.parts import TooManyPartsError

REASON_CHARACTERS_MAX = 900
"""Limit for a note left in Kafka. Kafka accepts 4,096 bytes by default, for the note's seal and up to four bytes a
character."""
COMMIT_SECONDS = 0.25
"""Longest that a committed offset lags behind the blocks that were published. A restart publishes as many blocks again. At half
this value every fourth batch would wait for a commit, at double a restart repeats twice as many blocks."""
KEYFRAMES_PAUSE = 20
"""Pause between two rounds of keyframes, as a multiple of the last round's duration, so that keyframes take at most a twentieth
of the time. The keyframes of a nation whose three legislatures have candidates are 30 MB and take a second. At half, they take
a tenth of the count's time; at double, a roll-up that missed a block is silent for 40 s."""
STATES_PAUSE_SECONDS = 2.0
"""Pause after which the next state is written, however few records it adds. A state of a nation in 12 partitions is 60 MB. At
half that is 60 MB/s all the time, at double a quiet night's restart folds twice as many records."""
STATES_AT_STOP_SECONDS = 5
"""Limit for writing states before the process ends, or its partitions go to another worker: half of what a supervisor waits."""
TICK_MS_MAX = 40
"""Longest time from one step's begin to the next one's for the sake of larger messages. Each step costs all processes some
4 ms of CPU. At half, 1,000 records a second cost 0.15 ms more each, and 95 of 100 are on the live feed after 58 ms; at 40 ms
after 81, and at double not within the 100 ms that are the aim."""
MS_A_RECORD = 2
"""Milliseconds from one step to the next for each record of the step before: from 500 records a second on, steps become longer
up to TICK_MS_MAX. At half, a steady 700 a second would be published in steps of 5 ms; at double, 300 a second would wait as
long as 1,000."""
IN_FLIGHT_BYTES_MAX = 32 * 1024 * 1024
"""Limit for blocks that wait for acknowledgement. The producer keeps them until then, to send them again."""
IN_FLIGHT_MAX = 200
"""Blocks that may wait for acknowledgement: some seconds of a busy night. With more, a Kafka that hangs is noticed later."""
NO_KEYFRAME = (TooManyPartsError, AssertionError, ValueError, TypeError, *TOO_LARGE)
"""Errors of a keyframe that cannot be made, cut into parts or sent. They concern this keyframe only."""


# ── a stop ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class Stop(NamedTuple):
    """The record at which a partition's fold stopped, and why. It is the note beside the committed offset, where /v1/health and
    the partition's next worker read it."""

    offset: int
    reason: str

    @classmethod
    def because_of(cls, offset: int, error: Exception) -> Stop:
        return cls(offset, reason_of(error))

    def as_note(self) -> str:
        return f"stopped at {self.offset}: {self.reason}"

    @classmethod
    def from_note(cls, note: str) -> Stop | None:
        """None where the note is not about a stop."""
        found = re.match(r"stopped at (\d+): (.*)", note, re.DOTALL)
        return cls(int(found[1]), found[2]) if found else None


def reason_of(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:REASON_CHARACTERS_MAX]


def before_stop(stop: Stop | None, offset: int) -> bool:
    """Whether the record at `offset` may be folded. A partition whose fold stopped rests before the record that stopped it,
    until it is tried again."""
    return stop is None or offset < stop.offset


# ── a start ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def state_limit(committed: int, stop: Stop | None) -> int:
    """Largest offset of a kept state that may be used. A state beyond the committed offset has records whose blocks may not
    have been published, and a state beyond a stop has the record that stopped the fold."""
    return committed if stop is None else min(committed, stop.offset)


def folds_silently(next_offset: int, committed_at_start: int) -> bool:
    """Whether the blocks of the record at `next_offset` were published by an earlier worker, so that they need not even be
    made."""
    return next_offset < committed_at_start


def may_publish(next_offset: int, committed_at_start: int, *, state_is_of_this_ledger: bool) -> bool:
    """Whether this worker may publish keyframes and blocks of a partition. It must have folded the genesis and all that an
    earlier worker published, and its state must be of this ledger."""
    return state_is_of_this_ledger and next_offset >= max(committed_at_start, 1)


# ── a commit ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def note_of(stop: Stop | None, without_keyframe: Mapping[OfficeId, str], finance_problem: str | None = None) -> str:
    """The note to leave beside the committed offset of a partition; empty where there is nothing to report.
    `without_keyframe` has the reason of each office whose last keyframe could not be published, `finance_problem` why finance
    reports are not folded any more."""
    if stop is not None:
        return stop.as_note()
    lines = [] if finance_problem is None else [f"folds no finance reports: {finance_problem}"]
    lines += [f"has no keyframe of office {office}: {why}" for office, why in sorted(without_keyframe.items())]
    return "; ".join(lines)[:REASON_CHARACTERS_MAX]


def is_news(offset: int, note: str, *, committed_at_start: int, committed_note: str) -> bool:
    """Whether an offset is worth a commit: it is further than the committed one, or it is the same with another note. Without
    the second, a partition that gets no new records would keep the reason of a stop for ever, or never be given one."""
    return offset > committed_at_start or (offset == committed_at_start and note != committed_note)


# ── states ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def state_is_due(records_not_kept: int, seconds_since_last: float, state_records: int) -> bool:
    """Whether a state is worth writing: it adds `state_records` records (the setting), or, after a pause, any."""
    return records_not_kept >= (state_records if seconds_since_last < STATES_PAUSE_SECONDS else 1)


# ── gathering ────────────────────────────────────────────────────────────────────────────────────────────────────────


def pause_ms(records: int, took_ms: float, least_ms: int) -> float:
    """Milliseconds to let records gather after a step that folded `records` records in `took_ms`: on a busy night as long as
    makes a tick of up to TICK_MS_MAX with the step."""
    return gather_ms(records, ms_each=MS_A_RECORD, least_ms=least_ms, most_ms=TICK_MS_MAX, took_ms=took_ms)


# ── publishing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def next_keyframes_after(began: float, took: float, keyframe_seconds: float) -> float:
    """When the next round of keyframes is due, after one that began at `began` and took `took` seconds."""
    return began + max(keyframe_seconds, KEYFRAMES_PAUSE * took)


def must_wait(messages_in_flight: int, bytes_in_flight: int) -> bool:
    """Whether acknowledgements must come before more is sent."""
    return messages_in_flight > IN_FLIGHT_MAX or bytes_in_flight > IN_FLIGHT_BYTES_MAX


class Refusal(Enum):
    """What follows where Kafka does not acknowledge a message."""

    STOPS_PARTITION = "stops the partition"
    """A block is missing, so nothing after it may be published. The reason is committed as a note, which /v1/health shows."""
    LEAVES_KEYFRAME_OUT = "leaves the keyframe out"
    """A gap of that office lasts until a keyframe can be published. Nothing else stops."""
    ENDS_WORKER = "ends the worker"
    """The reason lies outside the message: Kafka is away, or does not let this worker write."""


def refusal_of(error: BaseException, kind: str) -> Refusal:
    """`kind` is that of the block: `block` or `keyframe`."""
    if not isinstance(error, TOO_LARGE):
        return Refusal.ENDS_WORKER
    return Refusal.STOPS_PARTITION if kind == "block" else Refusal.LEAVES_KEYFRAME_OUT
