"""An election package: the tables that describe one election (DESIGN 4).

One model per table; a row of a CSV file is one instance. What is checked here is the shape of one row. What needs two
rows or two tables (a parent that does not exist, a choice given twice) is `projections/definition/compiled.py`'s, and where in
which file it stands is known to `runtime/package/reading.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel
from pydantic_core import PydanticCustomError

from schemas.canonical import canonical_bytes, sha256_hex
from schemas.codes import ELECTION_PATTERN, KEY_ID_PATTERN, Code, Count
from schemas.ledger.forms import CHOICES_MAX
from schemas.texts import PLAIN_TEXT_PATTERN, REAL_DAY

PARTITIONS_MAX = 256
"""Ledger partitions of one election, fixed by its genesis event. Every `as_of` names each of them, so more would make
every message longer; 256 tabulators at the measured rate fold a nation's night in a second."""

TEXT_PATTERN = PLAIN_TEXT_PATTERN
Text = Annotated[str, Field(min_length=1, max_length=300, pattern=TEXT_PATTERN)]
"""Of any script, in one line, without control and direction characters (schemas/texts.py)."""


def _as_written(value: object) -> object:
    """A day is written in one way. What pydantic would take for one as well (a number of seconds, a time at midnight), another
    reader hashes as it stands."""
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise PydanticCustomError("date_from_datetime_inexact", "expected a date such as 2029-02-14")
    if not isinstance(value, (str, date)):
        raise PydanticCustomError("date_type", "expected a date such as 2029-02-14")
    return value


_DAY = re.compile(REAL_DAY)
Day = Annotated[date, BeforeValidator(_as_written)]
Number = Annotated[int, Field(strict=True)]
"""A whole number written as one: neither a text nor `true` nor 3.0, which other readers take for something else."""


class Row(BaseModel):
    """A row of a package table: unknown columns are an error, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Mode(StrEnum):
    REHEARSAL = "rehearsal"
    LIVE = "live"


class Role(StrEnum):
    """Who a key speaks for. What each may say is `projections/fold/authority.py`."""

    AUTHORITY = "authority"
    """The electoral authority (KPU): opens the election, amends the definition."""
    STATION_OFFICER = "station_officer"
    """Reports the results of stations in its scope (KPPS, or PPS/PPK on their behalf)."""
    WITNESS = "witness"
    """A party's witness (saksi): reports its copy of a form, files objections."""
    OBSERVER = "observer"
    REVIEWER = "reviewer"
    """Accepts or rejects held results in its scope."""
    SUPERVISOR = "supervisor"
    """The election supervisor (Bawaslu): orders re-votes and recounts."""
    COURT = "court"
    """The court that decides disputes over results (MK)."""
    RECAPITULATOR = "recapitulator"
    """Declares and certifies the official recapitulation of its area (PPK, KPU Kabupaten/Kota, KPU Provinsi, KPU)."""
    GATEWAY = "gateway"
    """Signs receipts and refusals, and says nothing in the ledger. Where a package registers gateways, an outbox believes
    no other key."""


class Severity(StrEnum):
    """What a broken rule does to a form: `hard` holds it, `soft` counts it and flags it, `info` only says so."""

    HARD = "hard"
    SOFT = "soft"
    INFO = "info"


LANGUAGE_PATTERN = (
    r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(-x(-[a-z0-9]{1,8})+)?$"
)
"""A language tag of BCP 47 (RFC 5646) in its usual letter case (2.1.1), so that one language has one spelling: `id`, `pt-BR`,
`zh-Hant`, `es-419`, `ca-valencia`."""
Language = Annotated[str, Field(pattern=LANGUAGE_PATTERN, max_length=35)]
LANGUAGES_MAX = 40
"""Languages of one text. India's constitution lists 22; every title is in every answer of its contest."""


class LocalText(RootModel[Annotated[dict[Language, Text], Field(min_length=1, max_length=LANGUAGES_MAX)]]):
    """A title or name by language: in one at least, in any others. In a CSV file each language is a column of its own:
    `name_id`, `name_en`, `name_pt-BR`."""

    model_config = ConfigDict(frozen=True)

    if TYPE_CHECKING:  # pydantic takes both, and says so only of the first

        def __init__(self, root: Mapping[str, str] = {}, /, **texts: str) -> None: ...

    def preferred(self, language: str) -> str:
        """In this language, or else in the one that is given first."""
        return self.root.get(language) or next(iter(self.root.values()))


class Level(Row):
    """One level of the tree of areas, from the nation (first) down to the station (last)."""

    id: Code
    name: LocalText


class RuleSetting(Row):
    """A rule of the count that this election turns on (DOMAIN 1.2, 1.3; `projections/form/rules.py` lists them all)."""

    id: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{0,7}$")]
    severity: Severity
    tolerance: Count = 0
    """Largest difference, in votes or people, that does not break the rule."""
    offices: tuple[Code, ...] = ()
    """Offices the rule applies to; empty means all."""
    parameters: dict[str, Number | str | list[str]] = Field(default_factory=dict)


class Election(Row):
    """`election.json`."""

    id: Annotated[str, Field(pattern=ELECTION_PATTERN)]
    title: LocalText
    date: Day
    time_zone: Text
    mode: Mode
    levels: Annotated[tuple[Level, ...], Field(min_length=3, max_length=8)]
    shard_level: Code
    """The level whose areas decide a record's ledger partition: Indonesia's is the district (kecamatan)."""
    partitions: Annotated[int, Field(ge=1, le=PARTITIONS_MAX, strict=True)]
    rules: tuple[RuleSetting, ...] = ()
    licence: Text
    source: Text | None = None


class Area(Row):
    """`areas.csv`: an area above the stations. The root has no parent."""

    code: Code
    name: Text
    level: Code
    parent: Code | None = None


class Station(Row):
    """`stations.csv`: a polling station (TPS) with the voters registered there (DPT)."""

    code: Code
    name: Text
    area: Code
    registered_men: Count | None = None
    registered_women: Count | None = None
    registered_voters: Count | None = None
    """Empty where nobody knows the number: voters abroad, registration on the day, a register that stations share."""


class BlankBallots(StrEnum):
    """What the law makes of a ballot without a mark. Where it counts as a vote (a "none of these" that can win), it is a
    choice of choices.csv instead."""

    WITH_INVALID = "with-invalid"
    """An invalid ballot like any other: Indonesia."""
    APART = "apart"
    """Counted apart (`VK` of the form); neither valid nor invalid: Spain, Italy, most of Latin America."""


class Office(Row):
    """`offices.csv`: what is elected, for example the president or the DPR."""

    id: Code
    name: LocalText
    blank_ballots: BlankBallots = BlankBallots.WITH_INVALID


class Method(StrEnum):
    """How seats or the office are awarded; the outcome itself is computed later (DOMAIN 1.5, 1.6)."""

    PLURALITY = "plurality"
    ABSOLUTE_MAJORITY_WITH_SPREAD = "absolute-majority-with-spread"
    SAINTE_LAGUE = "sainte-lague"
    MOST_VOTES = "most-votes"


class Contest(Row):
    """`contests.csv`: one race of an office, among the voters of one area or electoral district."""

    id: Code
    office: Code
    electorate: Code
    """An area code of `areas.csv` or a district id of `districts.csv`."""
    seats: Annotated[int, Field(ge=1, le=10_000, strict=True)] = 1
    votes_per_ballot: Annotated[int, Field(ge=1, le=CHOICES_MAX, strict=True)] = 1
    """Marks that a ballot may bear; it may bear fewer. Where more than one, valid votes and valid ballots are two numbers."""
    method: Method = Method.PLURALITY
    name: LocalText | None = None


class DistrictPart(Row):
    """`districts.csv`: an area that belongs to an electoral district (daerah pemilihan); one row for each."""

    district: Code
    name: Text
    area: Code


class Party(Row):
    """`parties.csv`."""

    id: Code
    name: Text
    short_name: Text | None = None
    number: Count | None = None


class ChoiceKind(StrEnum):
    CANDIDATE = "candidate"
    PARTY = "party"
    """Votes for the party itself: A.1 of the legislative form (DOMAIN 1.3)."""
    OPTION = "option"


class Choice(Row):
    """`choices.csv`: what a ballot of a contest may be marked for."""

    contest: Code
    id: Code
    name: Text
    kind: ChoiceKind = ChoiceKind.CANDIDATE
    party: Code | None = None
    order: Count = 0
    """Place on the ballot (nomor urut)."""


class Key(Row):
    """`keys.csv`: who may sign. The scope is an area or station code; the key speaks for all that lies in it."""

    key_id: Annotated[str, Field(pattern=KEY_ID_PATTERN)]
    public_key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
    role: Role
    scope: Code
    holder: Text | None = None
    """An office or a body, never a person (DESIGN 3: no personal data)."""


@dataclass(frozen=True, slots=True)
class ElectionPackage:
    """All tables of one election, in the order of their files."""

    election: Election
    areas: tuple[Area, ...]
    stations: tuple[Station, ...]
    offices: tuple[Office, ...]
    contests: tuple[Contest, ...]
    districts: tuple[DistrictPart, ...]
    parties: tuple[Party, ...]
    choices: tuple[Choice, ...]
    keys: tuple[Key, ...]

    def definition_hash(self) -> str:
        """SHA-256 over the canonical form of all tables, rows sorted: the order of rows in a file says nothing.

        Each row is hashed by itself first, so that 823,000 stations need no second copy of the package in memory.
        """
        return sha256_hex(
            canonical_bytes(
                {
                    "election": self.election.model_dump(mode="json"),
                    **{
                        name: sorted(sha256_hex(canonical_bytes(row.model_dump(mode="json"))) for row in rows)
                        for name, rows in self.tables().items()
                    },
                }
            )
        )

    def tables(self) -> dict[str, tuple[Any, ...]]:
        """Table name → rows, for all tables that are CSV files."""
        return {
            "areas": self.areas,
            "stations": self.stations,
            "offices": self.offices,
            "contests": self.contests,
            "districts": self.districts,
            "parties": self.parties,
            "choices": self.choices,
            "keys": self.keys,
        }


def text_fields(table: type[Row]) -> frozenset[str]:
    """Fields of a table that have a text in several languages, and so a column for each."""
    return frozenset(
        name
        for name, field in table.model_fields.items()
        if LocalText in (field.annotation, *get_args(field.annotation))
    )


TABLES: dict[str, type[Row]] = {
    "areas": Area,
    "stations": Station,
    "offices": Office,
    "contests": Contest,
    "districts": DistrictPart,
    "parties": Party,
    "choices": Choice,
    "keys": Key,
}
