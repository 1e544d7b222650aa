"""Shares as texts that a reader can print, such as `51.07 %`, beside the whole numbers that they are made of.

A share is the exact fraction, rounded to hundredths of a per cent, a half away from zero, as official announcements do. Only
the share of counted stations is cut off and not rounded, so that 100.00 % means all. Rounded shares may add up to a little more
or less than 100 %, and nothing is computed from them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HUNDREDTHS = 100 * 100
"""Hundredths of a per cent in the whole."""


def per_cent(part: int | None, whole: int | None) -> str | None:
    """The share as a text; None where one of the numbers is not known, or where there is no whole."""
    if part is None or not whole:
        return None
    return _text((2 * HUNDREDTHS * part + whole) // (2 * whole))


def per_cent_reached(part: int, whole: int) -> str | None:
    """The share as a text, cut off instead of rounded; None where there is no whole."""
    return _text(HUNDREDTHS * part // whole) if whole else None


def shares_of(tally: Mapping[str, Any]) -> dict[str, Any]:
    """The shares of a tally (published.py): of choices in the valid votes, of invalid ballots in all ballots, of voters in the
    registered voters, and of counted stations in all. Turnout is None where a counted station did not state one of the two."""
    counted, stations = tally["counted"], tally["stations"]
    is_partly_known = not {"voters", "registered_voters"}.isdisjoint(counted["not_stated"])
    return {
        "votes": {choice: per_cent(votes, counted["valid"]) for choice, votes in counted["votes"].items()},
        "margin": per_cent(tally["margin"], counted["valid"]),
        "invalid": per_cent(counted["invalid"], counted["total"]),
        "turnout": None if is_partly_known else per_cent(counted["voters"], counted["registered_voters"]),
        "counted": per_cent_reached(stations["counted"], stations["expected"]),
    }


def _text(hundredths: int) -> str:
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02d} %"
