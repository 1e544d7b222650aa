"""Messages of the topic `results`, which the roll-up publishes (DESIGN 2).

`as_of` and `from` are vectors with an offset for each ledger partition: that of the last event of the office that is counted
in (-1: none). A reader applies a change when from <= current <= as_of in each component, skips it when as_of <= current,
and waits for the next keyframe otherwise. A keyframe (from: all -1) holds every area, a change only those that changed, which
may be as many after the roll-up has caught up. So both may come in parts (parts.py), which readers apply as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import orjson

from schemas.codes import NOTHING_YET, OfficeId
from schemas.derived.blocks import AreaTally, before
from schemas.derived.parts import PART_BYTES_MAX, Part, grouped, in_array

ROWS_AT_ONCE = 500
"""Most rows of a message that are written as one list, in two thirds of the time, before their size is known. At half, a change
of a busy second is written row by row; at double, a legislature's message of 2 MB is written twice."""

Cut = tuple[int, ...]
"""An `as_of`, with an offset for each ledger partition."""


OfficeTally = tuple[str, list[int]]
"""(area code, tally with the votes by party of the office, over all contests of the office)"""

ContestSummary = dict[str, object]


class ResultRange(NamedTuple):
    """The fields that decide whether a reader applies a result, skips it or waits for a keyframe."""

    kind: Literal["change", "keyframe"]
    office: OfficeId
    from_: Cut
    as_of: Cut
    part: Part | None
    """Part that the message is; None where the message is whole."""

    @classmethod
    def from_bytes(cls, value: bytes) -> ResultRange:
        """Reads only the fields before `areas`, because a nation's keyframe has megabytes of areas that the reader may skip."""
        head = orjson.loads(before(value, b',"areas":') + b"}")
        part = Part(*head["part"]) if "part" in head else None
        return cls(head["kind"], head["office"], tuple(head["from"]), tuple(head["as_of"]), part)


class Result(NamedTuple):
    kind: Literal["change", "keyframe"]
    office: OfficeId
    from_: Cut
    as_of: Cut
    areas: list[AreaTally]
    """Areas from the shard level up to the root of each contest's electorate."""
    offices: list[OfficeTally]
    contests: list[ContestSummary]
    """The summary of each contest in which something changed (projections/area/progress.py, `contest_summary`)."""

    def to_bytes(self) -> bytes:
        """The result as one message of any size."""
        rows = (self.areas, self.offices, self.contests)
        return self._message(None, [[orjson.dumps(row) for row in each] for each in rows])

    def to_parts(self, message: str, bytes_max: int = PART_BYTES_MAX) -> list[bytes]:
        """The result as the messages that are published. `message` is an id that no other message has (Part). Raises
        TooManyPartsError."""
        rows = (self.areas, self.offices, self.contests)
        if len(self.areas) + len(self.offices) <= ROWS_AT_ONCE:
            whole = [orjson.dumps(each)[1:-1] for each in rows]
            if sum(len(each) + 1 for each in whole if each) - 1 <= bytes_max:  # with the commas, as `grouped` counts
                return [self._message(None, [[each] for each in whole])]
        groups = grouped([map(orjson.dumps, each) for each in rows], bytes_max)
        if len(groups) == 1:
            return [self._message(None, groups[0])]
        return [self._message(Part(message, number, len(groups)), group) for number, group in enumerate(groups)]

    def _message(self, part: Part | None, rows: Sequence[Sequence[bytes]]) -> bytes:
        head: dict[str, Any] = {"kind": self.kind, "office": self.office, "from": self.from_, "as_of": self.as_of}
        if part is not None:
            head["part"] = tuple(part)
        areas, offices, contests = map(in_array, rows)
        return b'%b,"areas":%b,"offices":%b,"contests":%b}' % (orjson.dumps(head)[:-1], areas, offices, contests)

    @classmethod
    def joined(cls, parts: Sequence[Result]) -> Result:
        """The result that was cut into these parts."""
        if len(parts) == 1:
            return parts[0]
        return parts[0]._replace(
            areas=[row for part in parts for row in part.areas],
            offices=[row for part in parts for row in part.offices],
            contests=[row for part in parts for row in part.contests],
        )

    @classmethod
    def from_bytes(cls, value: bytes) -> Result:
        record = orjson.loads(value)
        return cls(
            record["kind"],
            record["office"],
            tuple(record["from"]),
            tuple(record["as_of"]),
            [(contest, area, tally) for contest, area, tally in record["areas"]],
            [(area, tally) for area, tally in record["offices"]],
            record["contests"],
        )


def offsets_by_partition(cut: Sequence[int]) -> dict[str, int]:
    """A cut as it is published: ledger partition → offset, without the partitions of which nothing is counted in."""
    return {str(partition): offset for partition, offset in enumerate(cut) if offset > NOTHING_YET}


def at_or_before(left: Cut, right: Cut) -> bool:
    """Whether each component of `left` is at most that of `right`."""
    return all(a <= b for a, b in zip(left, right, strict=True))
