"""How many stations a page has at most: fewer where the ballot is long."""

from __future__ import annotations

from projections.definition.ballots import ContestEntry

PAGE_BYTES_MAX = 4 * 1024 * 1024
"""Limit for a page of stations: 5,000 with some candidates each, and some hundreds with all candidates of a
legislature. A page then has fewer than `limit`. At half, such a page has a few hundred stations at most; at double, rendering a
page takes 100 ms, in which the process answers no other request."""


def stations_of_page(contest: ContestEntry, limit: int) -> int:
    """The most stations of a page that was asked for with this limit."""
    return min(limit, max(1, PAGE_BYTES_MAX // _line_bytes(contest)))


def _line_bytes(contest: ContestEntry) -> int:
    """Estimate of the most bytes of a station in a page: its codes and hashes, and the id and number of each choice."""
    return 400 + sum(len(choice) + 12 for choice in contest.choices)
