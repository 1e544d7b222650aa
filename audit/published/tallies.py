"""A tally as it is published, written a second time from the recount's sums; the status words are NIST SP 1500-100's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.count.values import MAY_BE_ABSENT, Numbers, Stated, StationCount, Sums

EMPTY = Numbers(0, 0, (Stated(0, 0),) * len(MAY_BE_ABSENT), ())


def station_line(
    station: str, contest: str, count: StationCount, names: list[str], counts_blank: bool
) -> dict[str, Any]:
    return {
        "station": station,
        "contest": contest,
        "state": count.state,
        "offset": count.offset,
        "event": count.event,
        "version": count.version,
        "numbers": None if count.numbers is None else _numbers(count.numbers, names, counts_blank),
    }


def tally_of(of: Sums, expected: int, registered: Stated, names: list[str], counts_blank: bool) -> dict[str, Any]:
    tiers = {tier: of.tiers.get(tier, EMPTY) for tier in ("clean", "flagged", "held")}
    counted = _plus(tiers["clean"], tiers["flagged"])
    stations = {tier: numbers.stations for tier, numbers in tiers.items()}
    reported = sum(stations.values())
    if reported == 0:
        status, items = "pre-election", "not-processed"
    elif counted.stations == expected:
        status, items = "unofficial-complete", "completed"
    else:
        status, items = "unofficial-partial", "in-process"
    return {
        "results_status": status,
        "count_item_status": items,
        "stations": {
            "expected": expected,
            "reported": reported,
            "counted": counted.stations,
            **stations,
            "annulled": of.annulled,
            "waiting": expected - reported - of.annulled,
        },
        "registered_voters_expected": _known(registered, expected),
        "registered_voters_not_stated": registered.not_stated,
        "counted": _numbers(counted, names, counts_blank),
        "tiers": {
            tier: {"stations": numbers.stations, **_numbers(numbers, names, counts_blank)}
            for tier, numbers in tiers.items()
        },
    }


def lead(names: list[str], votes: Mapping[str, int], seats: int) -> dict[str, Any]:
    """Who leads for these seats: every choice that has votes and fewer choices ahead of it than there are seats."""
    leaders = [name for name in names if votes[name] and sum(votes[other] > votes[name] for other in names) < seats]
    leaders.sort(key=lambda name: -votes[name])
    out = [name for name in names if name not in leaders]
    nearest = max((votes[name] for name in out), default=0)
    is_tie = len(leaders) > seats
    is_full = len(leaders) == min(seats, len(names)) > 0
    seconds = [name for name in out if votes[name] == nearest]
    return {
        "leaders": leaders,
        "tied": [name for name in leaders if votes[name] == votes[leaders[-1]]] if is_tie else [],
        "runner_up": seconds[0] if is_full and len(seconds) == 1 else None,
        "margin": votes[leaders[-1]] - nearest if is_full else 0,
    }


def _known(stated: Stated, stations: int) -> int | None:
    """The sum, or None where there are stations and none of them stated it."""
    return None if stations and stated.not_stated == stations else stated.total


def added(one: Stated, other: Stated) -> Stated:
    return Stated(one.total + other.total, one.not_stated + other.not_stated)


_NAMES = dict(zip(("registered_voters", *MAY_BE_ABSENT[1:]), range(len(MAY_BE_ABSENT)), strict=True))
"""Number that a form may leave out, as it is published → its index in Numbers.stated."""


def _numbers(numbers: Numbers, names: list[str], counts_blank: bool) -> dict[str, Any]:
    stated = {name: numbers.stated[index] for name, index in _NAMES.items()}
    return {
        **{name: _known(each, numbers.stations) for name, each in stated.items()},
        **({} if counts_blank else {"blank": None}),
        "valid": numbers.valid,
        "not_stated": {name: each.not_stated for name, each in stated.items() if each.not_stated},
        "votes": dict.fromkeys(names, 0) | dict(zip(names, numbers.votes, strict=False)),
    }


def together(one: Sums, other: Sums) -> Sums:
    tiers = {
        tier: _plus(one.tiers.get(tier, EMPTY), other.tiers.get(tier, EMPTY)) for tier in {*one.tiers, *other.tiers}
    }
    return Sums(tiers, one.annulled + other.annulled)


def _plus(one: Numbers, other: Numbers) -> Numbers:
    if not one.votes or not other.votes:
        votes = one.votes or other.votes
    else:
        votes = tuple(a + b for a, b in zip(one.votes, other.votes, strict=True))
    return Numbers(
        one.stations + other.stations,
        one.valid + other.valid,
        tuple(added(a, b) for a, b in zip(one.stated, other.stated, strict=True)),
        votes,
    )
