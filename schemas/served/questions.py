"""Shapes of the answers to questions: lists by filters, and a search by names, with examples (examples.py)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel

from schemas.served.shape import ElectionAnswer, PartitionOffsets, Shape


class _ListAnswer(ElectionAnswer):
    contest: str
    """Id of the contest whose results are listed."""
    area: str
    """Code of the area in which the rows lie."""
    rows: list[dict[str, str | int | None]]
    """The columns that were asked for, in this order; null where a column has no value."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class StationList(_ListAnswer):
    shard_as_of: PartitionOffsets
    """Cut of the stations: for each ledger partition the offset of the last event that is counted in."""


class AreaList(_ListAnswer):
    as_of: PartitionOffsets
    """Cut of areas from the shard level up."""
    shard_as_of: PartitionOffsets
    """Cut of areas below the shard level."""


class FoundName(Shape):
    kind: Literal["area", "station", "candidate", "party"]
    """What has the name."""
    code: str
    """Code of an area or a station, id of a party, or contest/choice of a candidate."""
    name: str | None
    """The name as the register has it."""
    within: list[str]
    """Names of the areas above an area or a station, the smallest first; for a candidate the contest."""
    link: str
    """Path of its results or its profile."""


class SearchAnswer(ElectionAnswer):
    found: list[FoundName]
    """A code first, then areas from the largest, parties, candidates, and stations."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""
    is_complete: bool
    """Whether all names that fit are listed; false where more may fit than were compared, or than are listed."""


class SparseSearchAnswer(ElectionAnswer):
    """The answer to a search with `fields`."""

    found: list[dict[str, Any]]
    """The properties of each name that were asked for."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""
    is_complete: bool
    """Whether all names that fit are listed; false where more may fit than were compared, or than are listed."""


_ELECTION = {"election": "pemilu-2029", "mode": "rehearsal", "definition": "ff2a4033" * 8, "licence": "CC-BY-4.0"}
QUESTION_EXAMPLES: dict[type[BaseModel], dict[str, Any]] = {
    StationList: {
        **_ELECTION,
        "contest": "president",
        "area": "34.02",
        "rows": [{"station": "34.02.07-047", "state": "flagged", "rules": "F4", "valid": 261}],
        "next": "WyJhcmVhIiw0MTJd",
        "shard_as_of": {"0": 3659, "1": 3796},
    },
    AreaList: {
        **_ELECTION,
        "contest": "president",
        "area": "34",
        "rows": [{"area": "34.02", "area_name": "BANTUL", "stations_waiting": 11}],
        "next": None,
        "as_of": {"0": 3659, "1": 3796},
        "shard_as_of": {"0": 3659, "1": 3796},
    },
    SearchAnswer: {
        **_ELECTION,
        "found": [
            {
                "kind": "area",
                "code": "34.02",
                "name": "BANTUL",
                "within": ["DAERAH ISTIMEWA YOGYAKARTA", "INDONESIA"],
                "link": "/v1/areas/34.02",
            }
        ],
        "next": None,
        "is_complete": True,
    },
}
