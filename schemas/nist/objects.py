"""Objects of NIST SP 1500-100 version 2, as JSON has them, with their members in the order of the XML Schema.

A report of a nation has millions of counts, so a member can be a stream that is read once while it is written:

- `Stream`: a list of objects, one after the other
- `VoteCounts`: the counts of one selection, as batches of ids of reporting units and numbers

runtime/nist/ writes the objects as JSON and as XML. Members whose value is None are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NAMESPACE = "http://itl.nist.gov/ns/voting/1500-100/v2"
VERSION = "2.0.3"
"""Version of the standard's schemas."""
STANDARD = "https://doi.org/10.6028/NIST.SP.1500-100r2"
"""The standard, for `conformsTo` of catalogues."""
TYPE_PREFIX = "ElectionResults."
UNDETERMINED = "und"
"""BCP 47: the language is not stated. Names of areas, stations, parties and choices have none in a package."""
TOTAL = "total"

Object = dict[str, Any]
Batches = Iterable[tuple[Sequence[str], Sequence[int]]]
"""Ids of reporting units, and a number of each."""


class Stream:
    """A list of objects that is read once."""

    def __init__(self, objects: Iterable[Object]) -> None:
        self.objects = objects


class VoteCounts:
    """The `VoteCounts` of a selection, each of the type `total`."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches


def made(type: str, **members: Any) -> Object:
    return {"@type": f"{TYPE_PREFIX}{type}"} | {name: each for name, each in members.items() if each is not None}


def identified(type: str, id: str, **members: Any) -> Object:
    """An object that others refer to by its id, which is unique in the report and a name of XML (an NCName)."""
    return {"@type": f"{TYPE_PREFIX}{type}", "@id": id} | {
        name: each for name, each in members.items() if each is not None
    }


def texts(by_language: Mapping[str, str]) -> Object:
    return made(
        "InternationalizedText",
        Text=[made("LanguageString", Language=language, Content=text) for language, text in by_language.items()],
    )


def text(content: str) -> Object:
    return texts({UNDETERMINED: content})


def own_identifier(name: str, value: str) -> Object:
    """An identifier of a kind that the standard does not list."""
    return made("ExternalIdentifier", Type="other", OtherType=name, Value=value)


def code_identifier(code: str) -> Object:
    """The code by which the electoral authority, and every other file of the election, names the thing."""
    return made("ExternalIdentifier", Type="national-level", Value=code)


# ── ids ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
# Codes have only characters that an NCName can have (schemas/codes.py), and cannot begin one, because they can begin with a
# digit. The first word also keeps the id of an area and that of a station apart.


def area_id(code: str) -> str:
    return f"area-{code}"


def station_id(code: str) -> str:
    return f"station-{code}"


def district_id(district: str) -> str:
    return f"district-{district}"


def office_id(office: str) -> str:
    return f"office-{office}"


def party_id(party: str) -> str:
    return f"party-{party}"


def contest_id(contest: str) -> str:
    return f"contest-{contest}"


def candidate_id(contest: str, index: int) -> str:
    """Id made of the index on the ballot, because `CONTEST-CHOICE` of two contests can be the same text."""
    return f"candidate-{contest}-{index}"


def selection_id(contest: str, index: int) -> str:
    return f"selection-{contest}-{index}"
