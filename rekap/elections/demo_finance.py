"""Campaign finance of the demo: kinds and limits as an Indonesian election would state them, and reports that are made up.

Some reports are late, one of them does not add up and is corrected, and some are missing, so that the demo shows each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from rekap.elections.chance import chance
from schemas.definition.finance_settings import DonorKind, FinanceSettings, ReportKind, SpendingKind
from schemas.definition.package import Choice, ElectionPackage, RuleSetting, Severity
from schemas.definition.rows import LocalText

MILLION = 1_000_000
LADK, LPPDK = "LADK", "LPPDK"
BEGINS, LADK_DUE, ENDS, LPPDK_DUE = date(2028, 11, 1), date(2029, 1, 7), date(2029, 2, 10), date(2029, 2, 28)
LATE_EVERY, MISSING_EVERY = 7, 11
"""One account of 7 hands in late, and one of 11 not at all."""

SETTINGS = FinanceSettings(
    currency="IDR",
    reports=(
        ReportKind(id=LADK, name=LocalText(id="Laporan awal dana kampanye", en="Initial report"), due=LADK_DUE),
        ReportKind(
            id="LPSDK",
            name=LocalText(id="Laporan pemberi sumbangan dana kampanye", en="Report of donations"),
            due=date(2029, 1, 14),
        ),
        ReportKind(
            id=LPPDK,
            name=LocalText(id="Laporan penerimaan dan pengeluaran dana kampanye", en="Report of income and spending"),
            due=LPPDK_DUE,
            audited=True,
        ),
    ),
    donors=(
        DonorKind(id="party", name=LocalText(id="Partai politik", en="Party")),
        DonorKind(id="candidate", name=LocalText(id="Calon", en="Candidate")),
        DonorKind(id="person", name=LocalText(id="Perseorangan", en="Person"), limit=2_500 * MILLION),
        DonorKind(id="company", name=LocalText(id="Badan usaha", en="Company"), limit=25_000 * MILLION),
        DonorKind(id="foreign", name=LocalText(id="Pihak asing", en="From abroad"), limit=0),
        DonorKind(id="unknown", name=LocalText(id="Tanpa identitas", en="Without identity"), limit=0),
    ),
    spending=(
        SpendingKind(id="meetings", name=LocalText(id="Pertemuan dan rapat umum", en="Meetings")),
        SpendingKind(id="material", name=LocalText(id="Alat peraga dan bahan kampanye", en="Material")),
        SpendingKind(id="advertising", name=LocalText(id="Iklan", en="Advertising")),
        SpendingKind(id="other", name=LocalText(id="Lain-lain", en="Other")),
    ),
)
RULES = (
    RuleSetting(id="D1", severity=Severity.HARD),
    *(RuleSetting(id=rule, severity=Severity.SOFT) for rule in ("D2", "D4", "D7")),
)


def finance_reports(package: ElectionPackage, seed: int) -> Iterator[dict[str, Any]]:
    """Bodies of the events, in the order in which they are handed in: LADK and LPPDK of each party in the nation and in each
    province, and of each pair for the president. The same seed gives the same reports."""
    root, *provinces = (area.code for area in package.areas if area.level in ("nation", "province"))
    accounts: list[dict[str, str]] = [
        {"party": party.id, "area": area} for party in package.parties for area in (root, *provinces)
    ]
    accounts += [{"contest": choice.contest, "choice": choice.id, "area": root} for choice in _pairs(package)]
    for number, account in enumerate(accounts, start=1):
        yield _report(account, LADK, number, seed)
    for number, account in enumerate(accounts, start=1):
        if number % MISSING_EVERY:
            report = _report(account, LPPDK, number, seed)
            if number == 1:
                yield {**report, "closing": report["closing"] + 9 * MILLION}
                yield {**report, "version": 2, "reason": "TYPING"}
            else:
                yield report


def _pairs(package: ElectionPackage) -> Iterator[Choice]:
    return (choice for choice in package.choices if choice.party is None)


def _report(account: dict[str, str], kind: str, number: int, seed: int) -> dict[str, Any]:
    due, ends = (LADK_DUE, LADK_DUE - timedelta(days=2)) if kind == LADK else (LPPDK_DUE, ENDS)
    late = 1 + chance(seed, number, kind, below=9) if number % LATE_EVERY == 0 else 0
    opening = (10 + chance(seed, number, "opening", below=90)) * MILLION
    persons = 1 + chance(seed, number, kind, "persons", below=40)
    largest = (1 + chance(seed, number, kind, "largest", below=2_400)) * MILLION
    income: list[dict[str, Any]] = [
        {"kind": "party" if "party" in account else "candidate", "amount": 50 * MILLION},
        {"kind": "person", "amount": largest * (1 + persons) // 2, "donors": persons, "largest": largest},
    ]
    total = sum(int(line["amount"]) for line in income)
    spending = [] if kind == LADK else _spending(total)
    return {
        "type": "finance.reported",
        **account,
        "report": kind,
        "version": 1,
        "begins": BEGINS.isoformat(),
        "ends": ends.isoformat(),
        "submitted": (due + timedelta(days=late)).isoformat(),
        "opening": opening,
        "income": income,
        "spending": spending,
        "closing": opening + total - sum(int(line["amount"]) for line in spending),
        **({} if kind == LADK else {"opinion": "compliant" if number % 5 else "not_compliant"}),
        "document": {"sha256": hashlib.sha256(f"{seed}/{number}/{kind}".encode()).hexdigest()},
    }


def _spending(total: int) -> list[dict[str, Any]]:
    return [
        {"kind": kind, "amount": total * percent // 100}
        for kind, percent in (("meetings", 40), ("material", 35), ("advertising", 15), ("other", 4))
    ]
