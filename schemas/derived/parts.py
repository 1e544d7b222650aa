"""Parts of a message that is larger than one Kafka record should be. Readers put them together in projections/fold/parts.py.

A keyframe of `results` holds every area of an office. For a legislature with its candidates these are 7,277 districts with
234 rows each, and the areas above them, which is 10 MB or more. Each part is a message of the same shape with some of the
rows, and `"part":[message, number, of]` names the message that it is part of. A message that fits into one record has no
`part`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

PART_BYTES_MAX = 512 * 1024
"""Limit for the rows in one part; a single larger row is a part of its own. A reader parses and keeps a part in about 5 ms. At
double, the live feed's ticks would be late; at half, a nation's keyframe would be 40 records instead of 20, each with the
vectors of offsets again. A row (2,000 choices of 15 digits) is at most 100 kB, so a part is far below the largest message that
a topic accepts (runtime/kafka/topics.py, MESSAGE_BYTES_MAX)."""
PARTS_MAX = 256
"""Limit for the parts of one message, which makes 128 MB, ten times the largest office of Indonesia. Only a package whose shard
level is too low needs more. Its office stops with a TooManyPartsError, instead of filling the memory of all readers."""


class Part(NamedTuple):
    message: str
    """Id of the message that this is part of: `<writer>-<number>`. A writer is one run of a worker; it numbers its messages and
    publishes one after the other."""
    number: int
    """Number of this part, from 0."""
    of: int
    """How many parts the message has."""

    @property
    def writer(self) -> str:
        return self.message.rpartition("-")[0]

    @property
    def turn(self) -> int:
        """Number of the message among those of its writer."""
        return int(self.message.rpartition("-")[2])


class TooManyPartsError(Exception):
    """A message has more parts than readers would put together."""


def grouped(lists: Sequence[Iterable[bytes]], bytes_max: int = PART_BYTES_MAX) -> list[tuple[list[bytes], ...]]:
    """The rows of some lists, in order, in groups of at most `bytes_max` bytes or one row. A group is a tuple with the rows of
    each list. There is always a first group, which may be empty. Raises TooManyPartsError."""
    group: tuple[list[bytes], ...] = tuple([] for _ in lists)
    groups = [group]
    size = 0
    for number, rows in enumerate(lists):
        for row in rows:
            if size and size + len(row) > bytes_max:
                if len(groups) == PARTS_MAX:
                    raise TooManyPartsError(f"a message has over {PARTS_MAX} parts of {bytes_max:,} bytes")
                group = tuple([] for _ in lists)
                groups.append(group)
                size = 0
            group[number].append(row)
            size += len(row) + 1
    return groups


def in_array(rows: Sequence[bytes]) -> bytes:
    return b"[%b]" % b",".join(rows)
