"""Which finance report of an account counts, as a fold of the finance reports of one ledger partition.

All reports of an account are in one partition, because its area decides the partition. The law is that of forms (DESIGN 3.2)
without reviews: the highest version counts, whatever the order of arrival; a report that breaks a hard rule is held, and does
not replace the version before it; of two different reports of one version, the first in the ledger counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from projections.station.submissions import VERSION_STEP_MAX, ResultState
from schemas.definition.package import Severity
from schemas.findings import Finding
from schemas.ledger.events import FinanceReported

REPORTS_PER_ACCOUNT_MAX = 100
"""Events about one kind of report of one account; later ones are refused (L2). A report has one to three versions. All of them
are judged again with each new one, so at double a flood of one key costs twice as much."""

OF_THE_SIGNING = ("seq", "prev", "created_at", "definition", "election", "mode", "supersedes", "reason")
"""Fields that do not belong to what a report states."""

_CONFLICT_FIRST = Finding(
    "D8",
    Severity.SOFT,
    "Ada laporan lain yang berbeda dengan versi ini.",
    "Another report of this version is different.",
)
_CONFLICT_LATER = _CONFLICT_FIRST._replace(severity=Severity.HARD)
_HIGHER_HELD = Finding("D9", Severity.SOFT, "Versi yang lebih tinggi ditahan.", "A higher version is held.")
_FAR_ABOVE = Finding(
    "D10",
    Severity.HARD,
    f"Versi ini lebih dari {VERSION_STEP_MAX} di atas versi-versi sebelumnya.",
    f"The version is more than {VERSION_STEP_MAX} above those before it.",
)
_CORRECTS_NOTHING = Finding(
    "D11",
    Severity.SOFT,
    "`supersedes` tidak menyebut versi yang lebih rendah dari laporan ini.",
    "`supersedes` does not name a lower version of this report.",
)
_TOO_MANY = Finding(
    "L2",
    Severity.HARD,
    f"Sudah ada {REPORTS_PER_ACCOUNT_MAX} peristiwa tentang laporan ini; yang berikutnya tidak diterima.",
    f"There are {REPORTS_PER_ACCOUNT_MAX} events about this report already; later ones are refused.",
)


def account_of(area: str, party: str | None, contest: str | None, choice: str | None) -> str:
    """The account's id, which is also its path below /v1/finance. Codes have no `/`."""
    return f"candidates/{contest}/{choice}" if party is None else f"parties/{party}/{area}"


class Verdict(NamedTuple):
    """What became of the report at an offset."""

    offset: int
    state: ResultState
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class _Report:
    """A report as the fold keeps it. `state` and `judgement` are its newest verdict."""

    offset: int
    event_id: bytes
    version: int
    supersedes: bytes | None
    digest: bytes
    """Digest that is the same for two reports that state the same."""
    findings: tuple[Finding, ...]
    """Findings of the report's own rules, and of its number."""
    state: ResultState = ResultState.HELD
    judgement: tuple[Finding, ...] = ()

    @property
    def is_hard(self) -> bool:
        return any(finding.severity is Severity.HARD for finding in self.findings)

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.offset, self.state, (*self.findings, *self.judgement))


class FinanceAccounts:
    """The reports of one partition, by account and kind of report."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str], list[_Report]] = {}

    def add(
        self, offset: int, event_id: bytes, payload: bytes, report: FinanceReported, findings: tuple[Finding, ...]
    ) -> list[Verdict]:
        """The verdicts that change with an admitted report: its own first, and those of others of its account. `payload` is the
        event as signed, `findings` are those of the report by itself."""
        account = account_of(report.area, report.party, report.contest, report.choice)
        reports = self._reports.setdefault((account, report.report), [])
        if any(each.event_id == event_id for each in reports):
            return [Verdict(offset, ResultState.DUPLICATE, ())]
        if len(reports) >= REPORTS_PER_ACCOUNT_MAX:
            return [Verdict(offset, ResultState.REFUSED, (_TOO_MANY,))]
        supersedes = bytes.fromhex(report.supersedes) if report.supersedes else None
        new = _Report(offset, event_id, report.version, supersedes, _digest(payload), findings)
        before = [(each, each.verdict) for each in reports]
        reports.append(new)
        _settle(reports)
        return [new.verdict, *(each.verdict for each, verdict in before if each.verdict != verdict)]

    def pack(self) -> bytes:
        return orjson.dumps(
            [
                [
                    *key,
                    [
                        [
                            each.offset,
                            each.event_id.hex(),
                            each.version,
                            None if each.supersedes is None else each.supersedes.hex(),
                            each.digest.hex(),
                            [list(finding) for finding in each.findings],
                        ]
                        for each in reports
                    ],
                ]
                for key, reports in self._reports.items()
            ]
        )

    @classmethod
    def unpack(cls, packed: bytes) -> FinanceAccounts:
        accounts = cls()
        for account, kind, rows in orjson.loads(packed):
            reports = [_unpacked(*row) for row in rows]
            _settle(reports)
            accounts._reports[account, kind] = reports
        return accounts


def _unpacked(
    offset: int, event_id: str, version: int, supersedes: str | None, digest: str, findings: list[list[Any]]
) -> _Report:
    return _Report(
        offset,
        bytes.fromhex(event_id),
        version,
        None if supersedes is None else bytes.fromhex(supersedes),
        bytes.fromhex(digest),
        tuple(Finding(rule, Severity(severity), id, en) for rule, severity, id, en in findings),
    )


def _digest(payload: bytes) -> bytes:
    stated = {name: value for name, value in orjson.loads(payload).items() if name not in OF_THE_SIGNING}
    present = {name: value for name, value in stated.items() if value is not None}
    return hashlib.sha256(orjson.dumps(present, option=orjson.OPT_SORT_KEYS)).digest()[:16]


def _settle(reports: list[_Report]) -> None:
    """Decide the state of each report. They are in the order of the ledger."""
    reached = _reached(each.version for each in reports)
    by_version: dict[int, list[_Report]] = {}
    for each in reports:
        by_version.setdefault(each.version, []).append(each)
    counting: _Report | None = None
    is_higher_held = False
    for version in sorted(by_version, reverse=True):
        distinct = list({each.digest: each for each in reversed(by_version[version])}.values())[::-1]
        is_eligible = {each.offset: version <= reached and not each.is_hard for each in distinct}
        first = next((each for each in distinct if is_eligible[each.offset]), None)
        counts = counting is None and first is not None
        if counts:
            counting = first
        for each in by_version[version]:
            each.judgement = (_FAR_ABOVE,) if version > reached else ()
            if counting is not None and not counts:
                each.state = ResultState.SUPERSEDED
            elif all(each is not other for other in distinct):
                each.state = ResultState.SUPERSEDED  # it states the same as an earlier report
            else:
                each.state = ResultState.HELD
                if each is not (first or distinct[0]):
                    each.judgement = (*each.judgement, _CONFLICT_LATER)
        if counts:
            assert counting is not None
            counting.judgement = (
                *((_CONFLICT_FIRST,) if len(distinct) > 1 else ()),
                *((_HIGHER_HELD,) if is_higher_held else ()),
                *(() if _corrects_a_lower(counting, reports) else (_CORRECTS_NOTHING,)),
            )
            has_findings = any(
                finding.severity is not Severity.INFO for finding in (*counting.findings, *counting.judgement)
            )
            counting.state = ResultState.FLAGGED if has_findings else ResultState.COUNTED
        is_higher_held = True


def _reached(versions: Iterable[int]) -> int:
    """How far versions go from 0 without a step of more than VERSION_STEP_MAX."""
    reached = 0
    for version in sorted(set(versions)):
        if version > reached + VERSION_STEP_MAX:
            break
        reached = version
    return reached


def _corrects_a_lower(report: _Report, reports: list[_Report]) -> bool:
    """Whether a first version corrects none, and another one names a lower version that is there."""
    if report.version == 1:
        return report.supersedes is None
    return any(each.event_id == report.supersedes and each.version < report.version for each in reports)
