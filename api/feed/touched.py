"""What changed in a channel or an office, as keys: the numbers themselves are looked up when a message is made."""

from __future__ import annotations

from schemas.live import GapReason

STATIONS_PENDING_MAX = 5_000
"""Changed stations that are remembered for one slow client; past these it is told to take them with GET."""

Key = tuple[int, int]
"""(contest number, area number)"""
StationKey = tuple[str, str]
"""(station code, contest id)"""


class Touched:
    """What of one office (or one channel) changed. `everything` asks for a snapshot instead."""

    __slots__ = ("areas", "contests", "everything", "gap", "offices", "stations", "stations_lost")

    def __init__(self) -> None:
        self.areas: set[Key] = set()
        self.offices: set[int] = set()
        self.contests: set[int] = set()
        self.stations: dict[StationKey, bytes] = {}
        self.stations_lost = False
        self.everything = False
        self.gap: GapReason | None = None

    def __bool__(self) -> bool:
        return bool(self.areas or self.offices or self.contests or self.stations or self.everything or self.gap)

    def merge(self, other: Touched) -> None:
        self.areas |= other.areas
        self.offices |= other.offices
        self.contests |= other.contests
        self.everything |= other.everything
        self.gap = self.gap or other.gap
        self.stations_lost |= other.stations_lost
        if not self.stations_lost:
            for key, row in other.stations.items():
                self.stations.pop(key, None)
                self.stations[key] = row
            if len(self.stations) > STATIONS_PENDING_MAX:
                self.stations.clear()
                self.stations_lost = True
