"""The life of one station in one contest: versions, conflicts, holds, reviews, annulment.

`settle` is a pure function of the *set* of what was said, with ledger offsets only to tell which of two forms with one
version came first. So late, repeated and out-of-order arrival of versions give the same state.

Of one version, the form first in the ledger stands; another that says something else is held (V1) until a reviewer
accepts it. The highest version that stands is the effective one and supersedes those below. A held version above it
waits for review and flags it (V2), and does not blank it: what was counted stays until there is something better.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from projections.rules import CrossFields, is_hard
from projections.tally import Contribution
from schemas.findings import Finding
from schemas.package import Severity


class ResultState(StrEnum):
    """What became of a reported form. `waiting` is a station's, never a form's: nothing of it stands."""

    COUNTED = "counted"
    FLAGGED = "flagged"
    HELD = "held"
    SUPERSEDED = "superseded"
    ANNULLED = "annulled"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    """The same event again, at another offset: it is one event and counts once."""
    APPLIED = "applied"
    """Of an event that is no form: genesis, review, annulment."""
    WAITING = "waiting"


@dataclass(slots=True)
class Submission:
    """One reported form, as the fold keeps it. `state` and `judgement` are `settle`'s last word on it."""

    offset: int
    event_id: bytes
    version: int
    form_digest: bytes
    """Tells whether two submissions say the same."""
    findings: tuple[Finding, ...]
    """Of the form's own rules."""
    contribution: Contribution
    cross: CrossFields | None = None
    state: ResultState = ResultState.COUNTED
    judgement: tuple[Finding, ...] = ()
    """Findings from its place among the others: V1, V2, V3, R1, R2, N1."""


class Review(NamedTuple):
    offset: int
    accepted: bool
    reason: str


@dataclass(slots=True)
class StationContest:
    """All that was said about one station in one contest."""

    submissions: list[Submission] = field(default_factory=list)
    reviews: dict[bytes, Review] = field(default_factory=dict)
    """By event id of the reviewed result; the last new one in the ledger decides, and it may precede the result."""
    annulled_through: int = 0
    annulment_reason: str = ""
    review_events: set[bytes] = field(default_factory=set)
    """Event ids of the reviews themselves: one that is repeated must not undo another that came between."""


class Standing(NamedTuple):
    """What stands for a station in a contest."""

    state: ResultState
    submission: Submission | None
    """The effective form; for `held` the one that waits for review; None for annulled and waiting."""
    new_states: list[tuple[Submission, ResultState, tuple[Finding, ...]]]
    """For each submission its state and judgement."""


def settle_one(submission: Submission) -> ResultState:
    """`settle` for the ordinary case: a single form, no review, no annulment."""
    if not submission.findings:
        return ResultState.COUNTED
    if is_hard(submission.findings):
        return ResultState.HELD
    return _counted_state(submission.findings)


def settle(life: StationContest) -> Standing:
    """The standing of a station in a contest, from everything that was said about it."""
    verdicts: dict[int, tuple[ResultState, tuple[Finding, ...]]] = {}
    groups: dict[int, list[Submission]] = {}
    for submission in sorted(life.submissions, key=lambda s: s.offset):
        if submission.version <= life.annulled_through:
            verdicts[submission.offset] = (ResultState.ANNULLED, (_annulled(life),))
        else:
            groups.setdefault(submission.version, []).append(submission)

    effective: Submission | None = None
    for version in sorted(groups, reverse=True):
        winner = _settle_version(groups[version], life.reviews, verdicts)
        if effective is None:
            effective = winner
        else:
            for submission in groups[version]:
                if verdicts[submission.offset][0] is not ResultState.REFUSED:
                    verdicts[submission.offset] = (
                        ResultState.SUPERSEDED,
                        (_superseded(effective), *verdicts[submission.offset][1]),
                    )

    held = [s for s in life.submissions if verdicts[s.offset][0] is ResultState.HELD]
    if effective is not None:
        higher = [s for s in held if s.version > effective.version]
        judgement = verdicts[effective.offset][1]
        if higher:
            judgement = (*judgement, _higher_held(max(s.version for s in higher)))
        verdicts[effective.offset] = (_counted_state((*effective.findings, *judgement)), judgement)
    new_states = [(s, *verdicts[s.offset]) for s in life.submissions]
    if effective is not None:
        return Standing(verdicts[effective.offset][0], effective, new_states)
    if held:
        return Standing(ResultState.HELD, min(held, key=lambda s: (-s.version, s.offset)), new_states)
    state = ResultState.ANNULLED if life.annulled_through else ResultState.WAITING
    return Standing(state, None, new_states)


def _settle_version(
    group: list[Submission],
    reviews: dict[bytes, Review],
    verdicts: dict[int, tuple[ResultState, tuple[Finding, ...]]],
) -> Submission | None:
    """Judge the forms of one version (in ledger order) and return the one that stands, if any."""
    first_of: dict[bytes, Submission] = {}
    for submission in group:
        same = first_of.setdefault(submission.form_digest, submission)
        if same is not submission:
            verdicts[submission.offset] = (ResultState.SUPERSEDED, (_same_again(same),))
    forms = list(first_of.values())
    conflict = len(forms) > 1

    eligible: list[Submission] = []
    accepted: list[Submission] = []
    open_forms: list[Submission] = []
    for form in forms:
        review = reviews.get(form.event_id)
        hard = is_hard(form.findings)
        if review is not None and not review.accepted and (hard or conflict):
            verdicts[form.offset] = (ResultState.REFUSED, (_rejected(review),))
            continue
        open_forms.append(form)
        if review is not None and review.accepted and (hard or conflict):
            accepted.append(form)
        if not hard or (review is not None and review.accepted):
            eligible.append(form)

    winner = accepted[0] if accepted else eligible[0] if eligible else None
    still_in_conflict = len(open_forms) > 1
    for form in open_forms:
        if form is winner:
            judgement: tuple[Finding, ...] = ()
            if form in accepted:
                judgement = (_accepted(reviews[form.event_id]),)
            elif still_in_conflict:
                judgement = (_conflict(form.version, soft=True),)
            verdicts[form.offset] = (_counted_state((*form.findings, *judgement)), judgement)
        elif winner is not None and winner in accepted:
            verdicts[form.offset] = (ResultState.SUPERSEDED, (_superseded(winner),))
        else:
            judgement = (_conflict(form.version, soft=False),) if still_in_conflict else ()
            verdicts[form.offset] = (ResultState.HELD, judgement)
    return winner


def _counted_state(findings: Iterable[Finding]) -> ResultState:
    flagged = any(finding.severity is not Severity.INFO for finding in findings)
    return ResultState.FLAGGED if flagged else ResultState.COUNTED


def _conflict(version: int, *, soft: bool) -> Finding:
    return Finding(
        "V1",
        Severity.SOFT if soft else Severity.HARD,
        f"Ada formulir lain yang berbeda dengan versi {version}.",
        f"Another form says something different as version {version}.",
    )


def _higher_held(version: int) -> Finding:
    return Finding(
        "V2",
        Severity.SOFT,
        f"Versi {version} ditahan dan menunggu peninjauan.",
        f"Version {version} is held and waits for review.",
    )


def _same_again(first: Submission) -> Finding:
    return Finding(
        "V3",
        Severity.INFO,
        f"Sama dengan formulir pada offset {first.offset}.",
        f"Says the same as the form at offset {first.offset}.",
    )


def _superseded(by: Submission) -> Finding:
    return Finding(
        "V4",
        Severity.INFO,
        f"Digantikan oleh versi {by.version} pada offset {by.offset}.",
        f"Superseded by version {by.version} at offset {by.offset}.",
    )


def _rejected(review: Review) -> Finding:
    return Finding(
        "R1",
        Severity.HARD,
        f"Ditolak dalam peninjauan pada offset {review.offset}: {review.reason}.",
        f"Rejected by the review at offset {review.offset}: {review.reason}.",
    )


def _accepted(review: Review) -> Finding:
    return Finding(
        "R2",
        Severity.SOFT,
        f"Diterima dalam peninjauan pada offset {review.offset}: {review.reason}.",
        f"Accepted by the review at offset {review.offset}: {review.reason}.",
    )


def _annulled(life: StationContest) -> Finding:
    return Finding(
        "N1",
        Severity.HARD,
        f"Dibatalkan sampai dengan versi {life.annulled_through}: {life.annulment_reason}.",
        f"Annulled through version {life.annulled_through}: {life.annulment_reason}.",
    )
