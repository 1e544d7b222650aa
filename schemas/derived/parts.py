"""A message that is larger than one Kafka record should be goes out in parts (the rule for readers: projections/fold/parts.py).

A keyframe of `results` holds every area of an office: of a legislature with its candidates 7,277 districts of 234 rows, and
more above them, so 10 MB and up. Each part is a message of the same shape with some of the rows, and says of which whole it
is part: `"part":[message, number, of]`. A message that fits into one record has no `part`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

PART_BYTES_MAX = 512 * 1024
"""Rows in one part; a single larger row is a part of its own. A reader parses and keeps a part in about 5 ms: at double, the
live feed's ticks are late; at half, a nation's keyframe is 40 records instead of 20, and each carries the vectors of offsets
again. A row (2,000 choices, 15 digits each) is at most 100 kB, so a part is far below what a topic takes
(runtime/kafka/topics.py, MESSAGE_BYTES_MAX)."""
PARTS_MAX = 256
"""Limit for one message, so 128 MB: ten times the largest office of Indonesia. What needs more is a package whose shard
level is too low; its office stops with this sentence instead of filling the memory of all readers."""


class Part(NamedTuple):
    message: str
    """Whose part this is: `<writer>-<number>`. A writer, one run of a worker, numbers its messages and sends one after the
    other."""
    number: int
    """From 0."""
    of: int

    @property
    def writer(self) -> str:
        return self.message.rpartition("-")[0]

    @property
    def turn(self) -> int:
        """Which of its writer's messages it is of."""
        return int(self.message.rpartition("-")[2])


class TooManyPartsError(Exception):
    """A message that is larger than readers would put together."""


def grouped(lists: Sequence[Iterable[bytes]], bytes_max: int = PART_BYTES_MAX) -> list[tuple[list[bytes], ...]]:
    """The rows of some lists in order, in groups of at most `bytes_max` or one row; of each group the rows by list. There is
    always a first group, be it empty. Raises TooManyPartsError."""
    group: tuple[list[bytes], ...] = tuple([] for _ in lists)
    groups = [group]
    size = 0
    for place, rows in enumerate(lists):
        for row in rows:
            if size and size + len(row) > bytes_max:
                if len(groups) == PARTS_MAX:
                    raise TooManyPartsError(f"a message has over {PARTS_MAX} parts of {bytes_max:,} bytes")
                group = tuple([] for _ in lists)
                groups.append(group)
                size = 0
            group[place].append(row)
            size += len(row) + 1
    return groups


def in_array(rows: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(rows)
