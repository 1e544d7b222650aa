"""What changed, as keys. The numbers themselves are looked up when a message is made."""

from __future__ import annotations

from typing import NamedTuple

from schemas.served.live import GapReason

Key = tuple[int, int]
"""Names one row of a channel: (contest, area) is a tally, (`OF_OFFICE`, area) the tally of an office over its contests,
(contest, `WHOLE`) the progress of a whole contest."""
OF_OFFICE = WHOLE = -1

Row = str | bytes
"""A row as the state has it: a tally packed as text, or the rendered progress of a whole contest."""

StationKey = tuple[str, str]
"""(station code, contest id)"""


class Mark(NamedTuple):
    """The message that was the last to change a row."""

    source: int
    """0: results; 1 + n: partition n of subtotals."""
    offset: int


class Touched:
    """What changed of one office, or of one channel."""

    __slots__ = ("before", "everything", "gap", "held", "keys", "stations")

    def __init__(self, before: dict[Key, Row] | None = None) -> None:
        self.keys: set[Key] = set()
        self.before: dict[Key, Row] = {} if before is None else before
        """The rows of `keys` as they were at the last flush, of those for which a channel with deltas may want them."""
        self.stations: dict[StationKey, bytes] = {}
        self.held: dict[StationKey, bytes] = {}
        """Results that are held, or have just ceased to be."""
        self.everything = False
        """Whether more changed than `keys`, `stations` and `held` name, so that a snapshot must be sent."""
        self.gap: GapReason | None = None

    def __bool__(self) -> bool:
        return bool(self.keys or self.stations or self.held or self.everything or self.gap)
