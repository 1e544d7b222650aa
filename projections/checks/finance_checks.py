"""Campaign finance in `election.json`: each kind once, and limits for offices that exist."""

from __future__ import annotations

from collections.abc import Iterable

from projections.checks.lookups import OFFICE, PackageCheck


def check_finance(check: PackageCheck) -> None:
    settings = check.package.election.finance
    if settings is None:
        return
    _once(check, "reports", (kind.id for kind in settings.reports))
    _once(check, "donors", (kind.id for kind in settings.donors))
    _once(check, "spending", (kind.id for kind in settings.spending))
    for number, donor in enumerate(settings.donors):
        for office in donor.limits:
            if office not in check.office_ids:
                sentence = check.unknown(office, OFFICE, check.office_ids)
                check.election(f"finance.donors.{number}.limits.{office}", sentence)


def _once(check: PackageCheck, field: str, ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for number, each in enumerate(ids):
        if each in seen:
            check.election(f"finance.{field}.{number}.id", f"{each!r} is given twice")
        seen.add(each)
