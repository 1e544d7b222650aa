"""Campaign finance in an election package: which reports the law asks for, and which kinds of donors and spending it knows."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.codes import AMOUNT_MAX, Amount, Code
from schemas.definition.rows import Day, LocalText, Row

FINANCE_KINDS_MAX = 50
"""Kinds of donors, and of spending, of one election. So the lines of one report add up to less than 2^53, which every reader of
JSON keeps exactly."""
assert FINANCE_KINDS_MAX * AMOUNT_MAX < 2**53
REPORT_KINDS_MAX = 20
CURRENCY_PATTERN = r"^[A-Z]{3}$"


class ReportKind(Row):
    """A campaign finance report that the law asks for: in Indonesia the initial one (LADK), that of donations (LPSDK), and the
    final one of income and spending (LPPDK)."""

    id: Code
    """Id of the kind of report, such as LADK."""
    name: LocalText
    """Name of the kind of report."""
    due: Day | None = None
    """The last day on which it may be handed in; none where the law names no day."""
    audited: bool = False
    """Whether an accountant states an opinion of it."""


class DonorKind(Row):
    """A kind of donor, such as a person, a company or the party itself."""

    id: Code
    """Id of the kind of donor."""
    name: LocalText
    """Name of the kind of donor."""
    limit: Amount | None = None
    """The most that one donor of this kind may give to one account; 0 where such donors may give nothing."""
    limits: dict[Code, Amount] = Field(default_factory=dict)
    """Limits of the candidates of some offices, by office, instead of `limit`."""


class SpendingKind(Row):
    id: Code
    """Id of the kind of spending."""
    name: LocalText
    """Name of the kind of spending."""


class FinanceSettings(Row):
    """Campaign finance (dana kampanye). Kinds are data, because each law has its own. Amounts are whole numbers of the
    currency's minor unit."""

    currency: Annotated[str, Field(pattern=CURRENCY_PATTERN)]
    """ISO 4217, such as IDR."""
    decimals: Annotated[int, Field(ge=0, le=4, strict=True)] = 0
    """Digits of the minor unit: with 2, the amount 150 is 1.50 of the currency."""
    reports: Annotated[tuple[ReportKind, ...], Field(min_length=1, max_length=REPORT_KINDS_MAX)]
    """Kinds of report that the law asks for, in the order in which they are due."""
    donors: Annotated[tuple[DonorKind, ...], Field(min_length=1, max_length=FINANCE_KINDS_MAX)]
    """Kinds of donor, with their limits."""
    spending: Annotated[tuple[SpendingKind, ...], Field(min_length=1, max_length=FINANCE_KINDS_MAX)]
    """Kinds of spending."""
