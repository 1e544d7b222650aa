"""Shapes of the answers about candidates, parties and electoral districts, with examples (examples.py)."""

from __future__ import annotations

from typing import Any

from schemas.served.shape import ElectionAnswer, Shape


class ProfilesAnswer(ElectionAnswer):
    profiles: str
    """SHA-256 of the profile tables; another where a profile was corrected."""


class Person(Shape):
    person: int
    """Position within the choice: of a pair, 1 is the president and 2 the vice president."""
    name: str
    """Name as on the candidate list."""
    sex: str | None
    """`male` or `female`; null where the register lacks it."""
    residence: str | None
    """Regency or city of residence; null where the register lacks it."""
    photo: str | None
    """Web address of the photograph; null where the register lacks it."""
    web: str | None
    """Web address; null where the register lacks it."""


class CandidateLinks(Shape):
    self: str
    """The profile itself."""
    result: str
    """Votes and progress."""
    party: str | None
    """The party; null where there is none."""
    finance: str | None
    """Finance reports; null where the election has none."""


class CandidateLine(Shape):
    contest: str
    """Id of the contest."""
    choice: str
    """Id of the choice, under which results have its votes."""
    name: str
    """Name as on the ballot."""
    order: int
    """Position on the ballot."""
    office: str
    """Id of the office."""
    electorate: str
    """Id of the electorate, whose voters decide the contest."""
    party: str | None
    """Id of the party; null where there is none."""
    persons: list[Person]
    """The persons of the choice: of a pair, two."""
    lacking: list[str]
    """Columns that the register lacks for some person; `persons` where it describes nobody."""
    links: CandidateLinks
    """Paths of this API."""


class CandidateSnapshot(ElectionAnswer, CandidateLine):
    profiles: str
    """SHA-256 of the profile tables; another where a profile was corrected."""


class CandidatePage(ProfilesAnswer):
    candidates: list[CandidateLine]
    """The candidates."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class SparseCandidatePage(ProfilesAnswer):
    """A page of candidates that was asked for with `fields`."""

    candidates: list[dict[str, Any]]
    """The properties of each candidate that were asked for."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class PartyLinks(Shape):
    self: str
    """The profile itself."""
    candidates: str
    """Candidates of the party."""
    finance: str | None
    """Finance reports; null where the election has none."""


class PartyLine(Shape):
    party: str
    """Id of the party."""
    name: str
    """Name of the party."""
    short_name: str | None
    """Abbreviation; null where the register lacks it."""
    number: int | None
    """Number on the ballot (nomor urut); null where it has none."""
    web: str | None
    """Web address; null where the register lacks it."""
    logo: str | None
    """Web address of the logo; null where the register lacks it."""
    colour: str | None
    """Colour as `#RRGGBB`; null where the register lacks it."""
    lacking: list[str]
    """Columns that the register lacks."""
    offices: list[str]
    """Offices for which the party has a choice in some contest."""
    candidates: int
    """How many choices are its candidates."""
    links: PartyLinks
    """Paths of this API."""


class PartySnapshot(ElectionAnswer, PartyLine):
    profiles: str
    """SHA-256 of the profile tables; another where a profile was corrected."""


class PartyPage(ProfilesAnswer):
    parties: list[PartyLine]
    """One page of parties."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class SparsePartyPage(ProfilesAnswer):
    """A page of parties that was asked for with `fields`."""

    parties: list[dict[str, Any]]
    """The properties of each party that were asked for."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class DistrictContestLinks(Shape):
    result: str
    """Votes and progress."""
    candidates: str
    """The candidates."""
    map: str
    """The districts of the office as a map, where the election package has borders (`GET /v1/maps` lists the maps)."""


class DistrictContest(Shape):
    contest: str
    """Id of the contest."""
    office: str
    """Id of the office."""
    seats: int
    """Seats that are filled."""
    links: DistrictContestLinks
    """Paths of this API."""


class DistrictLinks(Shape):
    self: str
    """The profile itself."""


class DistrictLine(Shape):
    district: str
    """Id of the electoral district (daerah pemilihan)."""
    name: str
    """Name of the district."""
    areas: list[str]
    """Areas and stations that elect together."""
    contests: list[DistrictContest]
    """The contests that it elects in."""
    links: DistrictLinks
    """Paths of this API."""


class DistrictSnapshot(ElectionAnswer, DistrictLine):
    pass


class DistrictPage(ElectionAnswer):
    districts: list[DistrictLine]
    """One page of districts."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class CandidatesOfArea(Shape):
    area: str
    """Code of the area."""
    expected: int
    """Choices of kind `candidate` in contests whose electorate lies in the area."""
    described: int
    """Choices among `expected` of which candidates.csv has a person."""
    columns: dict[str, int]
    """Column of candidates.csv → how many of them have it for each person."""


class CompletenessOfParties(Shape):
    expected: int
    """Parties of the package."""
    columns: dict[str, int]
    """Column of the party profiles → how many parties have it."""


class Completeness(ProfilesAnswer):
    candidates: CandidatesOfArea
    """Candidates of the asked area."""
    children: list[CandidatesOfArea]
    """Candidates of each area of the next level."""
    parties: CompletenessOfParties
    """Parties of the election."""


_ELECTION = {
    "election": "pemilu-2029",
    "mode": "rehearsal",
    "definition": "ff2a4033" * 8,
    "licence": "CC-BY-4.0",
}
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
    "links": {
        "self": "/v1/candidates/dpr-3401/1-2",
        "result": "/v1/contests/dpr-3401",
        "party": "/v1/parties/1",
        "finance": "/v1/finance/candidates/dpr-3401/1-2",
    },
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
    "links": {
        "self": "/v1/parties/1",
        "candidates": "/v1/candidates?party=1",
        "finance": "/v1/finance?party=1",
    },
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
            "links": {
                "result": "/v1/contests/dpr-3401",
                "candidates": "/v1/candidates?contest=dpr-3401",
                "map": "/v1/maps/offices/dpr.geojson",
            },
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
    CandidatePage: _ELECTION | _PROFILES | {"candidates": [_CANDIDATE], "next": "WyJiYWxsb3QiLCJkcHItMzQwMSIsIjEtMiJd"},
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
