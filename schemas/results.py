"""What the roll-up publishes: the messages of the topic `results` (DESIGN 2).

`as_of` and `from` are vectors: for each ledger partition the offset of the last event of the office that is counted in
(-1: none). A reader applies a change when from <= current <= as_of in each component, skips it when as_of <= current,
and waits for the next keyframe otherwise. A keyframe (from: all -1) holds every area, a change those that changed.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import orjson

from schemas.blocks import AreaTally
from schemas.codes import OfficeId

Cut = tuple[int, ...]
"""An `as_of`: offsets by ledger partition."""

OfficeTally = tuple[str, list[int]]
"""(area code, tally with the votes by party of the office, over all contests of the office)"""

ContestStanding = dict[str, object]


class ResultRange(NamedTuple):
    """What decides whether a result is applied, skipped or waited for."""

    kind: Literal["change", "keyframe"]
    office: OfficeId
    from_: Cut
    as_of: Cut

    @classmethod
    def from_bytes(cls, value: bytes) -> ResultRange:
        """Only what comes before `areas`: a keyframe of a nation has megabytes of them, which nobody may need."""
        kind, office, from_, as_of = orjson.loads(value.partition(b',"areas":')[0] + b"}").values()
        return cls(kind, office, tuple(from_), tuple(as_of))


class Result(NamedTuple):
    kind: Literal["change", "keyframe"]
    office: OfficeId
    from_: Cut
    as_of: Cut
    areas: list[AreaTally]
    """Areas from the shard level up to the root of each contest's electorate."""
    offices: list[OfficeTally]
    contests: list[ContestStanding]
    """For each contest in which something changed: projections/progress.py, `standing`."""

    def to_bytes(self) -> bytes:
        return orjson.dumps(
            {
                "kind": self.kind,
                "office": self.office,
                "from": self.from_,
                "as_of": self.as_of,
                "areas": self.areas,
                "offices": self.offices,
                "contests": self.contests,
            }
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


def at_or_before(left: Cut, right: Cut) -> bool:
    """Whether each component of `left` is at most that of `right`."""
    return all(a <= b for a, b in zip(left, right, strict=True))
