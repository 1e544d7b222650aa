"""Tallies with numbers that a test can add up in its head."""

from __future__ import annotations

from projections.area.tally import HEAD


def tally(*tiers: tuple[int, ...], annulled: int = 0) -> list[int]:
    return [*(number for tier in tiers for number in tier), annulled]


def numbers(stations: int, *votes: int, registered: int = 0, not_stated: tuple[int, ...] = (0,) * 6) -> tuple[int, ...]:
    """A tier: stations, register, 20 voters, valid, valid ballots, 3 invalid, 4 blank, total."""
    valid = sum(votes)
    head = (stations, registered, 20, valid, valid, 3, 4, valid + 3)
    return (*head, *not_stated, *votes) if stations else (0,) * (HEAD + len(votes))
