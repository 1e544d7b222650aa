"""Warnings beside a receipt: what the count will find in the numbers of an event and in what the event corrects.

A gateway knows only what came through it since it started, so it warns and does not refuse. There is one exception: a key
that has used up its events about a station in a contest (L1) is refused at once. The fold knows all records and decides.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from projections.fold.sequences import Sequences
from projections.station.findings import CORRECTS_NOTHING, VERSION_MISSING, too_many
from projections.station.submissions import EVENTS_PER_KEY_MAX
from schemas.findings import Finding
from schemas.ledger.events import AnnulmentWithdrawn, ResultAnnulled, ResultReviewed
from schemas.ledger.reports import LedgerEvent, Report

KEYS_MAX = 20_000
"""Keys whose numbers are remembered, those used last: 10 MB where each has signed a dozen events. At half, a night with a key
for each village is remembered for minutes only; at double, no more mistakes are found."""
CONTESTS_AT_STATIONS_MAX = 200_000
"""Contests at stations whose forms are remembered, about 60 MB where all are used; as many as receipts."""

ContestAtStation = tuple[str, str]
"""(station, contest)"""
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Forewarning:
    def __init__(self) -> None:
        self._sequences: OrderedDict[str, Sequences] = OrderedDict()
        self._forms: OrderedDict[ContestAtStation, dict[str, int]] = OrderedDict()
        """Event id and version of each form that the ledger has, by contest at a station."""
        self._events: OrderedDict[tuple[str, ContestAtStation], int] = OrderedDict()
        """Number of events that the ledger has, by key and contest at a station."""

    def one_too_many(self, key: str, event: LedgerEvent) -> Finding | None:
        """L1, where the key has used up its events about the event's contest at its station."""
        about = _contest_at_station(event)
        if about is None or self._events.get((key, about), 0) < EVENTS_PER_KEY_MAX:
            return None
        return too_many(key)

    def taken(self, key: str, event: LedgerEvent, event_id: str) -> list[Finding]:
        """Note an event that is new in the ledger. Returns what the count will find: Q1, Q2, V5, V6."""
        about = _contest_at_station(event)
        if about is None:
            return []
        findings: list[Finding] = []
        sequences = _used(self._sequences, key, Sequences, KEYS_MAX)
        prev = bytes.fromhex(event.prev) if isinstance(event.prev, str) else None
        findings += sequences.note(key, event.seq, bytes.fromhex(event_id), prev)
        self._events[key, about] = self._events.pop((key, about), 0) + 1
        if len(self._events) > CONTESTS_AT_STATIONS_MAX:
            self._events.popitem(last=False)
        if isinstance(event, Report):
            forms = _used(self._forms, about, dict, CONTESTS_AT_STATIONS_MAX)
            findings += _of_version(event, forms)
            if len(forms) < EVENTS_PER_KEY_MAX:
                forms[event_id] = event.version
        return findings


def _contest_at_station(event: LedgerEvent) -> ContestAtStation | None:
    """Station and contest of an event; None for an event about no station: the genesis, and reports of campaign finance."""
    if isinstance(event, (Report, ResultReviewed, ResultAnnulled, AnnulmentWithdrawn)):
        return event.station, event.contest
    return None


def _of_version(event: Report, forms: dict[str, int]) -> list[Finding]:
    """V5 and V6. Where this gateway knows no form of the station, earlier forms may have come through another gateway. Where it
    knows as many as it remembers, there may be later ones. In both cases only what is wrong in any case is found."""
    findings = []
    if 0 < len(forms) < EVENTS_PER_KEY_MAX and event.version > 1 and event.version - 1 not in forms.values():
        findings.append(VERSION_MISSING)
    if event.version == 1:
        names_none = isinstance(event.supersedes, str)
    elif isinstance(event.supersedes, str):
        names_none = forms.get(event.supersedes, 0) >= event.version
    else:
        names_none = True
    if names_none:
        findings.append(CORRECTS_NOTHING)
    return findings


def _used(kept: OrderedDict[_Key, _Value], key: _Key, make: Callable[[], _Value], most: int) -> _Value:
    """The value of a key, made where there is none. Where there are too many, the value unused for longest is dropped."""
    value = kept.pop(key, None)
    if value is None:
        value = make()
    kept[key] = value
    if len(kept) > most:
        kept.popitem(last=False)
    return value
