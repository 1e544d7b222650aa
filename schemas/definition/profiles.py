"""Profiles in an election package: what the public lists have about candidates and parties.

Profiles do not affect the count and are not part of the definition hash, so that a wrong web address can be corrected while the
count continues. Their own digest is in every answer that shows them. A column exists only for what a public list of candidates
holds (in Indonesia the Daftar Calon Tetap): there is none for a day of birth, an address, an identity number or a religion.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.canonical import canonical_bytes, sha256_hex
from schemas.codes import Code
from schemas.definition.rows import Row, Text, row_hashes
from schemas.texts import WEB_ADDRESS_PATTERN

WebAddress = Annotated[str, Field(min_length=8, max_length=500, pattern=WEB_ADDRESS_PATTERN)]
"""An address that a page may link to."""
COLOUR_PATTERN = r"^#[0-9A-F]{6}$"
PERSONS_MAX = 9
"""Limit for the persons of one choice. A pair has two; a team of running mates has a few."""


class Sex(StrEnum):
    MALE = "male"
    FEMALE = "female"


class Candidate(Row):
    """`candidates.csv`: a person who is a choice of a contest. A pair, such as president and vice president, has two
    rows."""

    contest: Code
    """Id of the contest."""
    choice: Code
    """Id of the choice within its contest."""
    person: Annotated[int, Field(ge=1, le=PERSONS_MAX, strict=True)] = 1
    """Position within the choice: of a pair, 1 is the president and 2 the vice president."""
    name: Text
    """Name of the person, as the public list states it."""
    sex: Sex | None = None
    """Sex, as the public list states it."""
    residence: Text | None = None
    """Regency or city, as the public list states it. Never an address."""
    photo: WebAddress | None = None
    """Address of the picture of the person on the public list."""
    web: WebAddress | None = None
    """The page about the person at the electoral authority."""


class PartyProfile(Row):
    """`party_profiles.csv`: what is shown of a party besides its name."""

    party: Code
    """Id of the party."""
    web: WebAddress | None = None
    """The page of the party."""
    logo: WebAddress | None = None
    """Address of the picture that the party is known by."""
    colour: Annotated[str, Field(pattern=COLOUR_PATTERN)] | None = None
    """Colour in charts and maps, such as #0B6623. Readers of results must not depend on colour alone."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """The profile tables of one package, in the order of their files."""

    candidates: tuple[Candidate, ...] = ()
    party_profiles: tuple[PartyProfile, ...] = ()

    def tables(self) -> dict[str, tuple[Row, ...]]:
        """Table name → rows."""
        return {"candidates": self.candidates, "party_profiles": self.party_profiles}

    def digest(self) -> str:
        """SHA-256 over the canonical rows of both tables, sorted, because their order in a file has no meaning."""
        return sha256_hex(canonical_bytes({name: row_hashes(rows) for name, rows in self.tables().items()}))


PROFILE_TABLES: dict[str, type[Row]] = {"candidates": Candidate, "party_profiles": PartyProfile}
