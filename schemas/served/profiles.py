"""Shapes of the answers about candidates, parties and electoral districts, with examples (see snapshots.py)."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _ProfileAnswer(_Part):
    election: str
    mode: str
    definition: str


class Person(_Part):
    person: int
    """Position within the choice: of a pair, 1 is the president and 2 the vice president."""
    name: str
    sex: str | None
    residence: str | None
    photo: str | None
    web: str | None


class CandidateLinks(_Part):
    self: str
    result: str
    party: str | None


class CandidateLine(_Part):
    contest: str
    choice: str
    """Id of the choice, under which results have its votes."""
    name: str
    """As on the ballot."""
    order: int
    office: str
    electorate: str
    party: str | None
    persons: list[Person]
    lacking: list[str]
    """Columns that the register lacks for some person; `persons` where it describes nobody."""
    links: CandidateLinks


class CandidateSnapshot(_ProfileAnswer, CandidateLine):
    profiles: str


class CandidatePage(_ProfileAnswer):
    profiles: str
    """SHA-256 of the profile tables; another where a profile was corrected."""
    candidates: list[CandidateLine]
    next: str | None
    """Value of `after` for the next page; null on the last page."""


class PartyLinks(_Part):
    self: str
    candidates: str


class PartyLine(_Part):
    party: str
    name: str
    short_name: str | None
    number: int | None
    web: str | None
    logo: str | None
    colour: str | None
    lacking: list[str]
    offices: list[str]
    """Offices for which the party has a choice in some contest."""
    candidates: int
    links: PartyLinks


class PartySnapshot(_ProfileAnswer, PartyLine):
    profiles: str


class PartyPage(_ProfileAnswer):
    profiles: str
    parties: list[PartyLine]
    next: str | None


class DistrictContestLinks(_Part):
    result: str
    candidates: str


class DistrictContest(_Part):
    contest: str
    office: str
    seats: int
    links: DistrictContestLinks


class DistrictLinks(_Part):
    self: str


class DistrictLine(_Part):
    district: str
    name: str
    areas: list[str]
    """Areas and stations that elect together."""
    contests: list[DistrictContest]
    links: DistrictLinks


class DistrictSnapshot(_ProfileAnswer, DistrictLine):
    pass


class DistrictPage(_ProfileAnswer):
    districts: list[DistrictLine]
    next: str | None


class CandidatesOfArea(_Part):
    area: str
    expected: int
    """Choices of kind `candidate` in contests whose electorate lies in the area."""
    described: int
    """Those of them for whom candidates.csv has a person."""
    columns: dict[str, int]
    """Column of candidates.csv → how many of them have it for each person."""


class CompletenessOfParties(_Part):
    expected: int
    columns: dict[str, int]


class Completeness(_ProfileAnswer):
    profiles: str
    candidates: CandidatesOfArea
    children: list[CandidatesOfArea]
    parties: CompletenessOfParties


_ELECTION = {"election": "pemilu-2029", "mode": "rehearsal", "definition": "ff2a4033" * 8}
_PROFILES = {"profiles": "9c56cc51" * 8}
_CANDIDATE = {
    "contest": "dpr-3401",
    "choice": "1-2",
    "name": "SITI CONTOH",
    "order": 2,
    "office": "dpr",
    "electorate": "3401",
    "party": "1",
    "persons": [
        {"person": 1, "name": "SITI CONTOH", "sex": "female", "residence": "SLEMAN", "photo": None, "web": None}
    ],
    "lacking": ["photo", "web"],
    "links": {"self": "/v1/candidates/dpr-3401/1-2", "result": "/v1/contests/dpr-3401", "party": "/v1/parties/1"},
}
_PARTY = {
    "party": "1",
    "name": "Partai Contoh",
    "short_name": "PC",
    "number": 1,
    "web": None,
    "logo": None,
    "colour": "#0B6623",
    "lacking": ["web", "logo"],
    "offices": ["dpr"],
    "candidates": 8,
    "links": {"self": "/v1/parties/1", "candidates": "/v1/candidates?party=1"},
}
_DISTRICT = {
    "district": "3401",
    "name": "Daerah Istimewa Yogyakarta I",
    "areas": ["34.01", "34.02"],
    "contests": [
        {
            "contest": "dpr-3401",
            "office": "dpr",
            "seats": 8,
            "links": {"result": "/v1/contests/dpr-3401", "candidates": "/v1/candidates?contest=dpr-3401"},
        }
    ],
    "links": {"self": "/v1/districts/3401"},
}
_COUNTED = {
    "area": "34",
    "expected": 3440,
    "described": 3440,
    "columns": {"sex": 3440, "residence": 0, "photo": 0, "web": 0},
}
PROFILE_EXAMPLES: dict[type[Any], dict[str, Any]] = {
    CandidateSnapshot: _ELECTION | _PROFILES | _CANDIDATE,
    CandidatePage: _ELECTION | _PROFILES | {"candidates": [_CANDIDATE], "next": "dpr-3401/1-2"},
    PartySnapshot: _ELECTION | _PROFILES | _PARTY,
    PartyPage: _ELECTION | _PROFILES | {"parties": [_PARTY], "next": None},
    DistrictSnapshot: _ELECTION | _DISTRICT,
    DistrictPage: _ELECTION | {"districts": [_DISTRICT], "next": None},
    Completeness: _ELECTION
    | _PROFILES
    | {
        "candidates": _COUNTED | {"area": "0"},
        "children": [_COUNTED],
        "parties": {"expected": 18, "columns": {"web": 18, "logo": 0, "colour": 18}},
    },
}
