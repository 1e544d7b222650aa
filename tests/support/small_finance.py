"""Campaign finance of the small election: its settings, and the bodies of reports whose sums fit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from schemas.definition.finance_settings import DonorKind, FinanceSettings, ReportKind, SpendingKind
from schemas.definition.package import ElectionPackage, Role, RuleSetting, Severity
from schemas.definition.rows import LocalText
from tests.support.ledger import key_row
from tests.support.small_election import RULES, small_package

FINANCE_RULES = (
    RuleSetting(id="D1", severity=Severity.HARD),
    RuleSetting(id="D2", severity=Severity.SOFT),
    RuleSetting(id="D3", severity=Severity.SOFT, offices=("president",), parameters={"max": 5_000_000_000}),
    RuleSetting(id="D4", severity=Severity.INFO, tolerance=1),
    RuleSetting(id="D7", severity=Severity.SOFT),
)
SETTINGS = FinanceSettings(
    currency="IDR",
    reports=(
        ReportKind(id="LADK", name=LocalText(en="Initial report"), due=date(2028, 12, 1)),
        ReportKind(id="LPPDK", name=LocalText(en="Final report"), due=date(2029, 2, 28), audited=True),
        ReportKind(id="OTHER", name=LocalText(en="Report without a day")),
    ),
    donors=(
        DonorKind(id="party", name=LocalText(en="The party")),
        DonorKind(id="person", name=LocalText(en="Person"), limit=2_500, limits={"president": 9_000}),
        DonorKind(id="foreign", name=LocalText(en="From abroad"), limit=0),
    ),
    spending=(
        SpendingKind(id="meetings", name=LocalText(en="Meetings")),
        SpendingKind(id="advertising", name=LocalText(en="Advertising")),
    ),
)


def finance_package(rules: tuple[RuleSetting, ...] = FINANCE_RULES, *, partitions: int = 3) -> ElectionPackage:
    """The small election with finance, and two finance keys: `finance` for the nation, `finance-1` for province 1."""
    return with_finance(with_finance_keys(small_package(RULES, partitions=partitions)), rules)


def with_finance(package: ElectionPackage, rules: tuple[RuleSetting, ...] = FINANCE_RULES) -> ElectionPackage:
    election = package.election
    return replace(
        package, election=election.model_copy(update={"finance": SETTINGS, "rules": (*election.rules, *rules)})
    )


def with_finance_keys(package: ElectionPackage) -> ElectionPackage:
    keys = key_row("finance", Role.FINANCE, "N"), key_row("finance-1", Role.FINANCE, "1")
    return replace(package, keys=(*package.keys, *keys))


def finance_report(
    party: str | None = "P1", area: str = "1", *, version: int = 1, report: str = "LADK", **more: Any
) -> dict[str, Any]:
    """The body of a `finance.reported` that breaks no rule, unless `more` has other values."""
    account = {"party": party} if party is not None else {"contest": "president", "choice": "01"}
    return {
        "type": "finance.reported",
        "area": area,
        **account,
        "report": report,
        "version": version,
        "begins": "2028-11-01",
        "ends": "2028-11-30",
        "submitted": "2028-12-01",
        "opening": 1_000,
        "income": [
            {"kind": "party", "amount": 10_000},
            {"kind": "person", "amount": 4_000, "donors": 2, "largest": 2_500},
        ],
        "spending": [{"kind": "meetings", "amount": 3_000}],
        "closing": 12_000,
        "document": {"sha256": "d0" * 32, "url": "https://kpu.example/ladk.pdf"},
    } | more
