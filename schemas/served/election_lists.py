"""Shapes of the lists of what an election has, with examples."""

from __future__ import annotations

from typing import Any, Literal

from schemas.served.shape import ElectionAnswer, Shape, Texts
from schemas.served.snapshots import OfficeName


class ElectionLinks(Shape):
    self: str
    """The election, its levels and offices."""
    package: str
    """The election package."""
    health: str
    """Whether the count is up to date."""


class ElectionLine(Shape):
    election: str
    """Id of the election."""
    mode: Literal["rehearsal", "live"]
    """`rehearsal`, of which no number is a result, or `live`."""
    definition: str
    """Definition hash of the election package."""
    title: Texts
    """Title in the languages of the package."""
    date: str
    """Day of the vote."""
    licence: str
    """Licence under which the numbers may be used."""
    links: ElectionLinks
    """Paths of the election, its package and its health."""


class ElectionList(ElectionAnswer):
    elections: list[ElectionLine]
    """The election that this server counts. `rekap portal` lists several."""


class OfficeLinks(Shape):
    result: str
    """Sums of the office over the whole country."""
    contests: str
    """Contests of the office."""
    live: str
    """Changes of the office's numbers, as they come."""


class OfficeLine(OfficeName):
    links: OfficeLinks
    """Paths of the office's numbers."""


class OfficeList(ElectionAnswer):
    offices: list[OfficeLine]
    """The offices, in the order of the package."""


class ContestLineLinks(Shape):
    result: str
    """Votes and progress."""
    candidates: str
    """The candidates of each choice."""


class ContestLine(Shape):
    contest: str
    """Id of the contest."""
    office: str
    """Id of the office."""
    electorate: str
    """Id of the electorate, whose voters decide the contest."""
    name: Texts | None
    """Name in the languages of the package; null where it states none."""
    seats: int
    """Seats that are filled."""
    votes_per_ballot: int
    """Marks that a ballot may have."""
    choices: int
    """How many choices the ballot has."""
    links: ContestLineLinks
    """Paths of the contest's numbers and candidates."""


class ContestList(ElectionAnswer):
    contests: list[ContestLine]
    """One page of the contests, in the order of the package."""
    next: str | None
    """Value of `after` for the next page; null on the last page."""


_ELECTION = {
    "election": "pemilu-2029",
    "mode": "rehearsal",
    "definition": "ff2a4033" * 8,
    "licence": "CC-BY-4.0",
}
LIST_EXAMPLES: dict[type[Any], dict[str, Any]] = {
    ElectionList: _ELECTION
    | {
        "elections": [
            _ELECTION
            | {
                "title": {"id": "Pemilu 2029", "en": "Election 2029"},
                "date": "2029-02-14",
                "licence": "CC-BY-4.0",
                "links": {"self": "/v1/election", "package": "/v1/package.zip", "health": "/v1/health"},
            }
        ]
    },
    OfficeList: _ELECTION
    | {
        "offices": [
            {
                "id": "president",
                "name": {"id": "Presiden dan Wakil Presiden", "en": "President and Vice President"},
                "contests": ["president"],
                "links": {
                    "result": "/v1/offices/president",
                    "contests": "/v1/contests?office=president",
                    "live": "/v1/live?office=president",
                },
            }
        ]
    },
    ContestList: _ELECTION
    | {
        "contests": [
            {
                "contest": "dpr-3401",
                "office": "dpr",
                "electorate": "3401",
                "name": None,
                "seats": 8,
                "votes_per_ballot": 1,
                "choices": 162,
                "links": {"result": "/v1/contests/dpr-3401", "candidates": "/v1/candidates?contest=dpr-3401"},
            }
        ],
        "next": "dpr-3401",
    },
}
