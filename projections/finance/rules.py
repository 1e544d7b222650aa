"""The rules of campaign finance reports, and the judge of one report.

A package turns on the rules of RULES in `election.json` (`rules`), each with a severity. D5 and D6 are always on, because a
report that breaks one cannot be compared with any limit. The rules that compare the versions of a report are in accounts.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import date
from typing import NamedTuple

from projections.definition.compiled import Definition
from schemas.definition.finance_settings import FinanceSettings, ReportKind
from schemas.definition.package import RuleSetting, Severity
from schemas.findings import Finding, of_rule
from schemas.ledger.events import FinanceReported
from schemas.ledger.finance import Income, Spending

Sentences = list[tuple[str, str]]
"""(Indonesian, English)"""


class Judged(NamedTuple):
    """A report with what the package states about its kind and account."""

    settings: FinanceSettings
    kind: ReportKind | None
    """None where the package has no such kind of report (D5)."""
    office: str | None
    """Office of the candidate; None for a party."""
    rule: RuleSetting


def d1(report: FinanceReported, judged: Judged) -> Sentences:
    """The opening balance and all income, less all spending, are the closing balance."""
    income, spending = total(report.income), total(report.spending)
    closing = report.opening + income - spending
    if abs(closing - report.closing) <= judged.rule.tolerance:
        return []
    return [
        (
            f"Saldo awal {report.opening} + penerimaan {income} - pengeluaran {spending} = {closing}, "
            f"tetapi saldo akhir tertulis {report.closing}.",
            f"Opening {report.opening} + income {income} - spending {spending} = {closing}, "
            f"but the closing balance is stated as {report.closing}.",
        )
    ]


def d2(report: FinanceReported, judged: Judged) -> Sentences:
    """No donor gave more than the limit of its kind."""
    found: Sentences = []
    donors = {kind.id: kind for kind in judged.settings.donors}
    for line in report.income:
        kind = donors.get(line.kind)
        limit = None if kind is None else kind.limits.get(judged.office or "", kind.limit)
        if limit is None:
            continue
        if line.largest is not None and line.largest > limit + judged.rule.tolerance:
            found.append(
                (
                    f"Sumbangan terbesar dari {line.kind} {line.largest} melebihi batas {limit}.",
                    f"The largest sum of one donor of kind {line.kind}, {line.largest}, is above the limit {limit}.",
                )
            )
        elif limit == 0 and line.amount > judged.rule.tolerance:
            found.append(
                (
                    f"Sumbangan dari {line.kind} dilarang, tertulis {line.amount}.",
                    f"Donors of kind {line.kind} may give nothing, and {line.amount} is stated.",
                )
            )
        elif line.donors is not None and line.amount > line.donors * (limit + judged.rule.tolerance):
            found.append(
                (
                    f"{line.amount} dari {line.donors} penyumbang {line.kind}: paling sedikit satu melebihi batas {limit}.",
                    f"{line.amount} came from {line.donors} donors of kind {line.kind}, so at least one is above the limit "
                    f"{limit}.",
                )
            )
    return found


def d3(report: FinanceReported, judged: Judged) -> Sentences:
    """All spending is at most the parameter `max`."""
    limit, spending = judged.rule.parameters.get("max"), total(report.spending)
    if not isinstance(limit, int) or spending <= limit + judged.rule.tolerance:
        return []
    return [
        (
            f"Pengeluaran {spending} melebihi batas {limit}.",
            f"Spending of {spending} is above the limit {limit}.",
        )
    ]


def d4(report: FinanceReported, judged: Judged) -> Sentences:
    """The report was handed in on the day when it is due, or before; a tolerance is in days."""
    due = None if judged.kind is None else judged.kind.due
    if due is None:
        return []
    days = (date.fromisoformat(report.submitted) - due).days
    if days <= judged.rule.tolerance:
        return []
    return [
        (
            f"Disampaikan {report.submitted}, {days} hari setelah batas waktu {due}.",
            f"Handed in on {report.submitted}, {days} days after it was due on {due}.",
        )
    ]


def d7(report: FinanceReported, judged: Judged) -> Sentences:
    """A report of a kind that is audited has an accountant's opinion."""
    if judged.kind is None or not judged.kind.audited or report.opinion is not None:
        return []
    return [
        (
            f"Laporan {report.report} harus diaudit, tetapi tidak memuat opini auditor.",
            f"Reports of kind {report.report} are audited, and this one states no opinion.",
        )
    ]


FinanceRule = Callable[[FinanceReported, Judged], Sentences]

RULES: dict[str, FinanceRule] = {"D1": d1, "D2": d2, "D3": d3, "D4": d4, "D7": d7}
"""Rule id → the rule of one report, which a package turns on."""


def unknown_kinds(report: FinanceReported, settings: FinanceSettings) -> dict[str, Sentences]:
    """D5: each kind of report, donor and spending is one of the package's, and has one line. By field of the report."""
    found: dict[str, Sentences] = {}
    if report.report not in {kind.id for kind in settings.reports}:
        kind = report.report
        found["report"] = [(f"Jenis laporan {kind} tidak dikenal.", f"There is no kind of report {kind}.")]
    donors, purposes = ({kind.id for kind in kinds} for kinds in (settings.donors, settings.spending))
    if income := _unknown_lines(report.income, donors, ("jenis penyumbang", "kind of donor")):
        found["income"] = income
    if spending := _unknown_lines(report.spending, purposes, ("jenis pengeluaran", "kind of spending")):
        found["spending"] = spending
    return found


def _unknown_lines(lines: Iterable[Income | Spending], known: Collection[str], names: tuple[str, str]) -> Sentences:
    found: Sentences = []
    seen: set[str] = set()
    for line in lines:
        if line.kind not in known:
            found.append((f"Tidak ada {names[0]} {line.kind}.", f"There is no {names[1]} {line.kind}."))
        elif line.kind in seen:
            found.append((f"Ada dua baris {names[0]} {line.kind}.", f"The {names[1]} {line.kind} is given twice."))
        seen.add(line.kind)
    return found


def wrong_period(report: FinanceReported) -> Sentences:
    """D6: the period does not end before it begins, nor after the day on which the report was handed in."""
    # Days as text compare like days, because all have four digits of the year.
    if report.begins <= report.ends <= report.submitted:
        return []
    return [
        (
            f"Periode {report.begins} sampai {report.ends}, disampaikan {report.submitted}: urutan tanggal keliru.",
            f"The period is {report.begins} to {report.ends}, handed in on {report.submitted}: the days are out of order.",
        )
    ]


def total(lines: Iterable[Income | Spending]) -> int:
    return sum(line.amount for line in lines)


class FinanceJudge:
    """The rules of the package, for each report by itself."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._rules = [setting for setting in definition.election.rules if setting.id in RULES]

    def judge(self, report: FinanceReported) -> tuple[Finding, ...]:
        """All findings: D5 and D6, then the package's rules in its order. The report was admitted (fold/authority.py)."""
        settings = self._definition.election.finance
        assert settings is not None, "without finance in the package no report is admitted (E8)"
        unknown = [each for sentences in unknown_kinds(report, settings).values() for each in sentences]
        findings = of_rule("D5", Severity.HARD, unknown)
        findings += of_rule("D6", Severity.HARD, wrong_period(report))
        kind = next((kind for kind in settings.reports if kind.id == report.report), None)
        office = None if report.contest is None else self._definition.ballots.contest(report.contest).office
        for rule in self._rules:
            if not rule.offices or office in rule.offices:
                sentences = RULES[rule.id](report, Judged(settings, kind, office, rule))
                findings += of_rule(rule.id, rule.severity, sentences)
        return tuple(findings)
