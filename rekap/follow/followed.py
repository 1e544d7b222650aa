"""What a follower of one channel knows: the newest tallies, what is held, and the state of the connection. Pure.

`apply` takes the messages of rekap/client/live_feed.py in their order. Times are seconds of the caller's clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

Tally = Mapping[str, Any]
Connection = Literal["connecting", "live", "lost"]


class Named(NamedTuple):
    id: str
    name: str


class Names(NamedTuple):
    """Names for what a channel has, as the server answered them before the channel was followed."""

    election: str
    title: str
    is_rehearsal: bool
    office: str
    office_name: str
    area: str
    area_names: Mapping[str, str]
    """Code → name of the followed area and of its children."""
    contests: tuple[str, ...]
    """Contests of the office."""
    lines: tuple[Named, ...]
    """Rows of the totals: the choices of the one contest, or the parties of an office with several."""
    level: str | None = None
    """Level of the areas that are listed; None for those directly below the followed area."""


class Held(NamedTuple):
    station: str
    contest: str
    area: str
    rules: tuple[str, ...]


class Followed:
    def __init__(self, names: Names, *, now: float) -> None:
        self.names = names
        self.connection: Connection = "connecting"
        self.retry_at = now
        """When the next attempt to connect begins, where the connection is lost."""
        self.received_at = now
        """Time of the last message, a heartbeat included."""
        self.changed_at: float | None = None
        """Time of the last message that had numbers."""
        self.held_is_complete = True
        self._areas: dict[tuple[str, str], Tally] = {}
        self._offices: dict[str, Tally] = {}
        self._of_level: dict[tuple[str, str], Tally] = {}
        """Tallies of the areas of the level, where one is listed."""
        self._held: dict[tuple[str, str], Held] = {}
        self._as_of: Mapping[str, int] = {}

    def apply(self, message: Mapping[str, Any], *, now: float) -> None:
        if message["type"] == "lost":
            self.connection, self.retry_at = "lost", now + message["retry_s"]
            return
        self.connection, self.received_at = "live", now
        if message["type"] not in ("snapshot", "change"):
            return
        if message["type"] == "snapshot":
            self._areas.clear()
            self._offices.clear()
        self.changed_at = now
        self._as_of = message["as_of"]
        self._areas |= {(row["area"], row["contest"]): row for row in message["areas"]}
        self._offices |= {row["area"]: row for row in message["offices"]}
        self._apply_held(message)

    def apply_level(self, message: Mapping[str, Any]) -> None:
        """A message of the channel of the level that is listed."""
        if message["type"] == "snapshot":
            self._of_level.clear()
        if message["type"] in ("snapshot", "change"):
            self._of_level |= {(row["area"], row["contest"]): row for row in message["areas"]}

    def _apply_held(self, message: Mapping[str, Any]) -> None:
        if message.get("held_whole"):
            self._held.clear()
        if message.get("held_complete") is not None:
            self.held_is_complete = message["held_complete"]
        for row in message.get("held", ()):
            key = row["station"], row["contest"]
            if row["state"] == "held":
                self._held[key] = Held(*key, row["area"], tuple(row["rules"]))
            else:
                self._held.pop(key, None)

    # ── what is shown ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def records(self) -> int:
        """Ledger records up to the cut."""
        return sum(offset + 1 for offset in self._as_of.values())

    @property
    def total(self) -> Tally | None:
        """Tally of the followed area: of the one contest, or of the office."""
        if len(self.names.contests) == 1:
            return self._areas.get((self.names.area, self.names.contests[0]))
        return self._offices.get(self.names.area)

    def children(self) -> list[tuple[Named, list[Tally]]]:
        """The areas of the level, or those below the followed one, that have tallies: by code, each with the tallies of its
        contests."""
        found: dict[str, list[Tally]] = {}
        for (area, _), tally in (self._areas if self.names.level is None else self._of_level).items():
            if area != self.names.area or self.names.level is not None:
                found.setdefault(area, []).append(tally)
        return [(Named(code, self.names.area_names.get(code, code)), found[code]) for code in sorted(found)]

    def held(self) -> list[Held]:
        return list(self._held.values())

    def rules_of_held(self) -> list[tuple[str, int]]:
        """Each rule with the number of held forms that break it, the most frequent first."""
        return Counter(rule for held in self._held.values() for rule in held.rules).most_common()


class Turnout(NamedTuple):
    voters: int
    registered: int


def turnout_of(tally: Tally) -> Turnout | None:
    """Who voted among the registered voters of the counted stations: voters, or ballots in the box where some station does not
    state its voters. None where no station's register is known, or not each one's."""
    counted = tally["counted"]
    not_stated = counted.get("not_stated") or {}
    registered = counted.get("registered_voters")
    voters = counted.get("voters")
    if voters is None or not_stated.get("voters"):
        voters = counted.get("total")
    if not registered or voters is None or not_stated.get("registered_voters"):
        return None
    return Turnout(voters, registered)


def together(tallies: Iterable[Tally]) -> dict[str, int]:
    """Stations of several contests, added up by state."""
    added: Counter[str] = Counter()
    for tally in tallies:
        added.update(tally["stations"])
    return dict(added)
