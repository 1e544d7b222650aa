"""The parts of a campaign finance report as it is signed: its lines and its document. The event is `FinanceReported`
(events.py).

Amounts are whole numbers of the currency's minor unit, which the package names (`FinanceSettings` of
schemas/definition/finance_settings.py).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.codes import AMOUNT_MAX, Amount, Code, Count, Sha256
from schemas.texts import REAL_DAY, WEB_ADDRESS_PATTERN

DAY_PATTERN = rf"^({REAL_DAY})$"
URL_CHARACTERS_MAX = 500

DayText = Annotated[str, Field(pattern=DAY_PATTERN)]
Balance = Annotated[int, Field(ge=-AMOUNT_MAX, le=AMOUNT_MAX, strict=True)]
"""What an account has; below 0 where it is overdrawn."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Income(_Shape):
    """What donors of one kind gave, in money, goods and services."""

    kind: Code
    """A kind of donor of the package."""
    amount: Amount
    """What they gave together."""
    donors: Count | None = None
    """How many gave; null where the report does not state it."""
    largest: Amount | None = None
    """The most that one of them gave; null where the report does not state it."""


class Spending(_Shape):
    """What was spent for one purpose."""

    kind: Code
    """A kind of spending of the package."""
    amount: Amount
    """What was spent for it."""


class Opinion(StrEnum):
    """The accountant's opinion of a report. Indonesia's audit is one of compliance (`compliant`, `not_compliant`)."""

    COMPLIANT = "compliant"
    """Patuh: in all material respects as the law asks."""
    NOT_COMPLIANT = "not_compliant"
    """Tidak patuh."""
    UNQUALIFIED = "unqualified"
    """Wajar tanpa pengecualian."""
    QUALIFIED = "qualified"
    """Wajar dengan pengecualian."""
    ADVERSE = "adverse"
    """Tidak wajar."""
    DISCLAIMER = "disclaimer"
    """Tidak menyatakan pendapat."""


class Document(_Shape):
    """The document that the report was read from, by its hash. The document itself is not in the ledger."""

    sha256: Sha256
    """SHA-256 of the document's bytes, hexadecimal."""
    url: Annotated[str, Field(max_length=URL_CHARACTERS_MAX, pattern=WEB_ADDRESS_PATTERN)] | None = None
    """Web address of the document."""
