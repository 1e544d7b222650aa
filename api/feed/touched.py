"""What changed, as keys: the numbers themselves are looked up when a message is made."""

from __future__ import annotations

from typing import NamedTuple

from schemas.served.live import GapReason

Key = tuple[int, int]
"""What a channel shows one of: (contest, area) is a tally, (`OF_OFFICE`, area) the tally of an office over its contests,
(contest, `WHOLE`) how a whole contest stands."""
OF_OFFICE = WHOLE = -1

StationKey = tuple[str, str]
"""(station code, contest id)"""


class Mark(NamedTuple):
    """The message that changed something last."""

    source: int
    """0: results; 1 + n: partition n of subtotals."""
    offset: int


class Touched:
    """What of one office (or one channel) changed. `everything` asks for a snapshot instead."""

    __slots__ = ("everything", "gap", "keys", "stations")

    def __init__(self) -> None:
        self.keys: set[Key] = set()
        self.stations: dict[StationKey, bytes] = {}
        self.everything = False
        self.gap: GapReason | None = None

    def __bool__(self) -> bool:
        return bool(self.keys or self.stations or self.everything or self.gap)
