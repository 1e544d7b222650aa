"""Shapes of the answers about campaign finance, with examples (examples.py). Amounts are whole numbers of the currency's
minor unit, which the answer names."""

from __future__ import annotations

from typing import Any

from schemas.codes import Amount
from schemas.ledger.finance import Balance, DayText, Document, Income, Opinion, Spending
from schemas.served.shape import ElectionAnswer, Shape


class FinanceFinding(Shape):
    rule: str
    """Id of the rule that the report breaks."""
    severity: str
    """`hard`, `soft` or `info`."""
    sentence_id: str
    """What is wrong, in Indonesian."""
    sentence_en: str
    """What is wrong, in English."""


class FinanceLinks(Shape):
    self: str
    """All reports of the account."""
    event: str
    """The event."""
    entry: str
    """Bytes of the event in the log."""
    proof: str
    """The proof that they are in the log."""
    profile: str
    """The party or candidate."""
    result: str | None
    """The contest of a candidate."""


class FinanceLine(Shape):
    account: str
    """`parties/PARTY/AREA` or `candidates/CONTEST/CHOICE`; also the path of the account below /v1/finance."""
    area: str
    """Code of the area of the account."""
    party: str | None
    """Id of the party; null for a candidate."""
    contest: str | None
    """Id of the contest; null for a party."""
    choice: str | None
    """Id of the candidate's choice; null for a party."""
    name: str | None
    """Name of a candidate as on the ballot; null for a party."""
    report: str
    """Kind of report, for example LADK, LPSDK or LPPDK."""
    version: int
    """Version of the report."""
    state: str
    """`counted` where it counts, `flagged` where it counts and breaks a soft rule, `held` where it breaks a hard rule or
    disagrees with an earlier report of its version, `superseded` where a later version counts."""
    rules: list[str]
    """Ids of the rules that it breaks."""
    findings: list[FinanceFinding]
    """Findings of these rules, with sentences."""
    begins: DayText
    """First day of the period."""
    ends: DayText
    """Last day of the period."""
    submitted: DayText
    """Day on which it was handed in."""
    due: DayText | None
    """Last day on which it may be handed in; null where the law names none."""
    opening: Balance
    """Balance before the period."""
    income: list[Income]
    """Income by kind of donor."""
    income_total: int
    """Sum of the income."""
    spending: list[Spending]
    """Spending by kind."""
    spending_total: int
    """Sum of the spending."""
    closing: Balance
    """Closing balance as the report states it."""
    closing_calculated: int
    """Opening balance and income, less spending."""
    opinion: Opinion | None
    """The accountant's opinion; null where the report states none."""
    document: Document
    """The document that the report was read from."""
    event: str
    """Event id."""
    partition: int
    """Ledger partition of the event."""
    offset: int
    """Offset of the event in its partition."""
    received_at: str | None
    """Time of receipt by the gateway's clock; null where the record has none."""
    links: FinanceLinks
    """Paths of what belongs to the report."""


class _FinanceAnswer(ElectionAnswer):
    as_of: dict[str, int]
    """Ledger partition → offset of the last finance report that is counted in; -1 where there is none."""
    currency: str
    """ISO 4217, such as IDR."""
    decimals: int
    """Digits of the minor unit: with 2, the amount 150 is 1.50 of the currency."""


class FinancePage(_FinanceAnswer):
    reports: list[FinanceLine]
    """Reports in the order of accounts, kinds and versions."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class FinanceAccount(_FinanceAnswer):
    account: str
    """`parties/PARTY/AREA` or `candidates/CONTEST/CHOICE`."""
    counting: list[str]
    """Kinds of which a report counts, in the order in which they are due."""
    lacking: list[str]
    """Kinds of which no report counts."""
    reports: list[FinanceLine]
    """All versions."""
    next: str | None
    """Value of `cursor` for the next page; null on the last page."""


class FinanceReportKind(Shape):
    id: str
    """Id of the kind of report."""
    name: dict[str, str]
    """Name by language."""
    due: DayText | None
    """Last day on which it may be handed in; null where the law names none."""
    audited: bool
    """Whether an accountant states an opinion of it."""


class FinanceDonorKind(Shape):
    id: str
    """Id of the kind of donor."""
    name: dict[str, str]
    """Name by language."""
    limit: Amount | None
    """The most that one donor may give to one account; null where there is no limit."""
    limits: dict[str, Amount]
    """Limits of the candidates of some offices, by office."""


class FinanceSpendingKind(Shape):
    id: str
    """Id of the kind of spending."""
    name: dict[str, str]
    """Name by language."""


class FinanceKinds(ElectionAnswer):
    currency: str
    """ISO 4217, such as IDR."""
    decimals: int
    """Digits of the minor unit."""
    reports: list[FinanceReportKind]
    """Kinds of report, in the order of the package."""
    donors: list[FinanceDonorKind]
    """Kinds of donor."""
    spending: list[FinanceSpendingKind]
    """Kinds of spending."""


_ELECTION = {
    "election": "pemilu-2029",
    "mode": "rehearsal",
    "definition": "ff2a4033" * 8,
    "licence": "CC-BY-4.0",
}
_CUT = {"as_of": {"0": 12, "1": -1}, "currency": "IDR", "decimals": 0}
_AMOUNT: Amount = 2_500_000_000
_LINE: dict[str, Any] = {
    "account": "parties/P01/34",
    "area": "34",
    "party": "P01",
    "contest": None,
    "choice": None,
    "name": None,
    "report": "LADK",
    "version": 1,
    "state": "flagged",
    "rules": ["D4"],
    "findings": [
        {
            "rule": "D4",
            "severity": "soft",
            "sentence_id": "Disampaikan 2028-11-30, 3 hari setelah batas waktu 2028-11-27.",
            "sentence_en": "Handed in on 2028-11-30, 3 days after it was due on 2028-11-27.",
        }
    ],
    "begins": "2028-11-01",
    "ends": "2028-11-26",
    "submitted": "2028-11-30",
    "due": "2028-11-27",
    "opening": 1_000_000,
    "income": [{"kind": "person", "amount": _AMOUNT, "donors": 4, "largest": 900_000_000}],
    "income_total": _AMOUNT,
    "spending": [{"kind": "meetings", "amount": 500_000_000}],
    "spending_total": 500_000_000,
    "closing": 2_001_000_000,
    "closing_calculated": 2_001_000_000,
    "opinion": None,
    "document": {"sha256": "9c56cc51" * 8, "url": None},
    "event": "7ead63bc" * 8,
    "partition": 0,
    "offset": 12,
    "received_at": "2028-11-30T09:12:00.000000Z",
    "links": {
        "self": "/v1/finance/parties/P01/34",
        "event": "/v1/events/0/12",
        "entry": "/v1/events/0/12/entry",
        "proof": "/v1/proof/0/12",
        "profile": "/v1/parties/P01",
        "result": None,
    },
}
_NAMES = {"id": "Perseorangan", "en": "Person"}
FINANCE_EXAMPLES: dict[type[Any], dict[str, Any]] = {
    FinancePage: _ELECTION | _CUT | {"reports": [_LINE], "next": None},
    FinanceAccount: _ELECTION
    | _CUT
    | {
        "account": "parties/P01/34",
        "counting": ["LADK"],
        "lacking": ["LPSDK", "LPPDK"],
        "reports": [_LINE],
        "next": None,
    },
    FinanceKinds: _ELECTION
    | {
        "currency": "IDR",
        "decimals": 0,
        "reports": [{"id": "LADK", "name": {"id": "Laporan awal"}, "due": "2028-11-27", "audited": False}],
        "donors": [{"id": "person", "name": _NAMES, "limit": _AMOUNT, "limits": {}}],
        "spending": [{"id": "meetings", "name": {"id": "Pertemuan", "en": "Meetings"}}],
    },
}
