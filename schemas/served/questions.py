"""Shapes of the answers to questions: lists by filters, and a search by names, with examples (see snapshots.py)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from schemas.served.snapshots import PartitionOffsets


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ListAnswer(_Part):
    election: str
    mode: Literal["rehearsal", "live"]
    definition: str
    contest: str
    area: str
    """The area in which was looked."""
    rows: list[dict[str, str | int | None]]
    """The columns that were asked for, in this order."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class StationList(_ListAnswer):
    shard_as_of: PartitionOffsets


class AreaList(_ListAnswer):
    as_of: PartitionOffsets
    """Cut of areas from the shard level up."""
    shard_as_of: PartitionOffsets
    """Cut of areas below the shard level."""


class FoundName(_Part):
    kind: Literal["area", "station", "candidate", "party"]
    code: str
    """Code of an area or a station, id of a party, or contest/choice of a candidate."""
    name: str | None
    within: list[str]
    """Of an area or a station the names of the areas above, the smallest first; of a candidate the contest."""
    link: str


class SearchAnswer(_Part):
    election: str
    mode: Literal["rehearsal", "live"]
    definition: str
    found: list[FoundName]
    is_complete: bool
    """False where more names may fit than were looked at, or than are listed."""


_ELECTION = {"election": "pemilu-2029", "mode": "rehearsal", "definition": "ff2a4033" * 8}
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
        "is_complete": True,
    },
}
