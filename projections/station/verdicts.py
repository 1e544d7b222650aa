"""The law of a station's versions, as two tables: the state of each form, and what is found of it (DOMAIN 1.7, DESIGN 3).

What is submitted of one station in one contest is a set: forms (each of a version), reviews, annulments. A form's verdict
follows from that set alone. Ledger offsets decide only which of two forms of one version came first.

VERDICTS gives the state. Its rows are read from the top; the first row whose condition holds is the form's.

    1. An annulment in force covers the form: a re-vote (UU 7/2017 Art 372, PKPU 25/2023 Art 80) or a court ends what came
    before.
    2. An earlier form of its version has the same numbers: the two are one form.
    3. A reviewer rejected the form. A review decides only where there is something to decide: a hard finding, or another form
       of the version with other numbers.
    4. A form of a higher version counts: a correction, a recount (UU 7/2017 Art 374) or a re-vote supersedes.
    5. The form is the first of its version that a reviewer accepted.
    6. A reviewer accepted another form of its version.
    7. The form is the first of its version that no hard finding holds, and nobody accepted another.
    8. No form of its version counts, or an earlier one does: a reviewer has to decide.

REMARKS adds findings to a form that counts or is held: all rows whose condition holds, in this order. A form that counts is
`flagged` where anything but information was found of it, by a row or by the form's own rules, and `counted` otherwise.

No row may name what changes with each newer form, such as the version that supersedes: every newer form would change all older
ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, get_args

from projections.station.submissions import ResultState
from schemas.definition.package import Severity
from schemas.findings import Finding


class Facts(NamedTuple):
    """What the tables ask about a form, given all that was submitted about its station and contest."""

    is_annulled: bool = False
    """An annulment that nobody has withdrawn names the form or its version."""
    is_repeated: bool = False
    """An earlier form of its version, annulled ones left out, has the same digest."""
    is_rejected: bool = False
    """The last review of the form rejects it, and it had something to decide."""
    is_below: bool = False
    """A form of a higher version counts."""
    is_accepted: bool = False
    """The form is the first of its version whose last review accepts it."""
    is_accepted_another: bool = False
    """Another form of its version is the first whose last review accepts it."""
    is_first_fit: bool = False
    """The form is the first of its version without a review, without a hard finding, and not far above."""
    is_far_above: bool = False
    """The form's version is more than VERSION_STEP_MAX above all versions that are reached."""
    is_disputed: bool = False
    """The form's version has another form with other numbers that no reviewer has rejected."""
    is_version_missing: bool = False
    """The form's version is not 1, and no form of the version before it was submitted."""
    corrects_nothing: bool = False
    """The form names no form of a lower version as corrected, though it is not of version 1; or it is, and names one."""
    is_higher_held: bool = False
    """A form of a higher version is held."""


Condition = Literal[
    "is_annulled", "is_repeated", "is_rejected", "is_below", "is_accepted", "is_accepted_another", "is_first_fit", "otherwise",
]  # fmt: skip
Counts = Literal["this form", "the earlier form", "the higher version", "the accepted form", "no form"]


class Verdict(NamedTuple):
    """A row of VERDICTS."""

    condition: Condition
    state: ResultState
    """COUNTED includes FLAGGED, see `counted_state`."""
    rule: str | None
    """Rule id of the finding that the row adds."""
    counts: Counts
    """Which form counts because of the row."""


VERDICTS = (
    #        condition              state                    rule   which form counts
    Verdict("is_annulled",          ResultState.ANNULLED,    "N1",  "no form"),
    Verdict("is_repeated",          ResultState.SUPERSEDED,  "V3",  "the earlier form"),
    Verdict("is_rejected",          ResultState.REFUSED,     "R1",  "no form"),
    Verdict("is_below",             ResultState.SUPERSEDED,  "V4",  "the higher version"),
    Verdict("is_accepted",          ResultState.COUNTED,     "R2",  "this form"),
    Verdict("is_accepted_another",  ResultState.SUPERSEDED,  "V4",  "the accepted form"),
    Verdict("is_first_fit",         ResultState.COUNTED,     None,  "this form"),
    Verdict("otherwise",            ResultState.HELD,        None,  "no form"),
)  # fmt: skip


class Remark(NamedTuple):
    """A row of REMARKS: the rule is found of a form in this state where the fact holds."""

    fact: Literal["is_far_above", "is_disputed", "is_version_missing", "corrects_nothing", "is_higher_held"]
    state: ResultState
    rule: str
    severity: Severity
    is_settled_by_review: bool = False
    """Whether a form that a reviewer accepted is spared the remark."""


REMARKS = (
    #       fact                  state                rule  severity
    Remark("is_far_above",        ResultState.HELD,    "V7", Severity.HARD),
    Remark("is_disputed",         ResultState.HELD,    "V1", Severity.HARD),
    Remark("is_disputed",         ResultState.COUNTED, "V1", Severity.SOFT, is_settled_by_review=True),
    Remark("is_version_missing",  ResultState.HELD,    "V5", Severity.SOFT),
    Remark("is_version_missing",  ResultState.COUNTED, "V5", Severity.SOFT),
    Remark("corrects_nothing",    ResultState.HELD,    "V6", Severity.SOFT),
    Remark("corrects_nothing",    ResultState.COUNTED, "V6", Severity.SOFT),
    Remark("is_higher_held",      ResultState.COUNTED, "V2", Severity.SOFT),
)  # fmt: skip


def verdict_of(facts: Facts) -> Verdict:
    """The first row of VERDICTS whose condition holds."""
    return next(row for row in VERDICTS if row.condition == "otherwise" or getattr(facts, row.condition))


def remarks_of(facts: Facts, verdict: Verdict) -> list[Remark]:
    """The rows of REMARKS that hold for a form with this verdict."""
    return [
        row
        for row in REMARKS
        if row.state is verdict.state
        and getattr(facts, row.fact)
        and not (row.is_settled_by_review and verdict.condition == "is_accepted")
    ]


def is_hard(findings: Iterable[Finding]) -> bool:
    """Whether a form with these findings must be reviewed before it counts."""
    return any(finding.severity is Severity.HARD for finding in findings)


def counted_state(findings: Iterable[Finding]) -> ResultState:
    """The state of a form that counts, given all that was found of it."""
    flagged = any(finding.severity is not Severity.INFO for finding in findings)
    return ResultState.FLAGGED if flagged else ResultState.COUNTED


assert {row.condition for row in VERDICTS} == set(get_args(Condition))
