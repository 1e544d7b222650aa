"""The fields of a result form (C.HASIL), by meaning and not by row number, because forms change between elections (DOMAIN 1.1).

Every field but the votes may be absent, because an election may count only votes and a total, and one page of a form may be
reported alone. A rule of the package (M1) requires fields, as other rules check their numbers.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.codes import CODE_PATTERN, Count
from schemas.definition.package import CHOICES_MAX


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Voters(_Shape):
    """A row with columns L (men), P (women) and J (all)."""

    L: Count | None = None
    """Men (laki-laki)."""
    P: Count | None = None
    """Women (perempuan)."""
    J: Count | None = None
    """All (jumlah)."""


class Signatures(_Shape):
    """Numbers of people who signed the form, without their names (F9)."""

    officers: Count | None = None
    """Officers of the station (KPPS) who signed."""
    witnesses: Count | None = None
    """Witnesses (saksi) who signed."""


STATED_NUMBERS = ("VA", "VB", "VC", "VK", "VS")
"""Fields that may be given in words, like the choices. So no choice may have one of these ids."""

Tally = dict[Annotated[str, Field(pattern=CODE_PATTERN)], Count]


class ResultForm(_Shape):
    """One C.HASIL. Field names are the codes of DOMAIN 1.1, and numbers are people, ballots or votes."""

    A: Voters | None = None
    """Voters in the permanent register of the station (DPT)."""
    B1: Voters | None = None
    """Voters in the register who voted."""
    B2: Voters | None = None
    """Voters of another station who voted here (DPTb)."""
    B3: Voters | None = None
    """Voters who were added on the day and voted (DPK)."""
    B4: Voters | None = None
    """All who voted, B1 + B2 + B3."""
    D: Voters | None = None
    """Voters with disabilities who voted."""
    S1: Count | None = None
    """Ballots received, the reserve included."""
    S2: Count | None = None
    """Ballots used."""
    S3: Count | None = None
    """Ballots returned by voters because damaged or wrongly punched."""
    S4: Count | None = None
    """Ballots not used."""
    VA: Count | None = None
    """All valid votes (jumlah suara sah)."""
    VB: Count | None = None
    """Invalid (null, spoilt) ballots (suara tidak sah)."""
    VC: Count | None = None
    """Ballots in the box, which are the valid and invalid ones, and the blank ones where the law counts them apart."""
    VK: Count | None = None
    """Blank ballots (surat suara kosong), only where the office counts them apart (Office.blank_ballots)."""
    VS: Count | None = None
    """Valid ballots (surat suara sah), only where a ballot may have several marks (Contest.votes_per_ballot), so that VA is
    another number."""
    votes: Annotated[Tally, Field(max_length=CHOICES_MAX)]
    """Votes by choice id; on a legislative form both A.1 (the choice that is the party itself) and A.2 (its candidates). A
    choice that is absent has no votes. Rule M1 can require a number for each."""
    party_totals: Annotated[Tally, Field(max_length=CHOICES_MAX)] | None = None
    """B of a legislative form, by party id. These sums are compared with A.1 + A.2 and never counted (P1)."""
    words: Annotated[Tally, Field(max_length=CHOICES_MAX + len(STATED_NUMBERS))] | None = None
    """Numbers that the form gives in words, by one of STATED_NUMBERS or by choice id (F8)."""
    signatures: Signatures | None = None
    """How many people signed the form."""
