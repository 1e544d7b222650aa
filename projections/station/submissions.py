"""What is submitted about one station in one contest: forms, reviews of forms, annulments.

A *state* is what became of a form, of another event, or of a station in a contest. A *finding* is the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from projections.area.tally import Contribution
from projections.form.across_contests import CrossFields
from schemas.findings import Finding

EVENTS_PER_KEY_MAX = 100
"""Events that one key may have about one station in one contest; its later ones are refused (L1). Other keys' events are not
refused, so that a key that floods a station shuts out nobody else. A station has one to three versions, a much disputed one
ten. At half, a scanner that tries again all night could use up its officer's corrections; at double, a review among the forms
of one key, which may change all of them, costs twice as much."""
VERSION_STEP_MAX = 10
"""The largest step from one version to the next that needs no review (V7). A form typed as version 10,000 would otherwise count
above all true ones. At half, the sixth correction of an officer whose other five are late would be held for no reason; at
double, one key's EVENTS_PER_KEY_MAX would take a station's versions twice as far towards VERSION_MAX."""


class ResultState(StrEnum):
    """What became of a form, of another event, or of a station in a contest."""

    COUNTED = "counted"
    FLAGGED = "flagged"
    HELD = "held"
    SUPERSEDED = "superseded"
    ANNULLED = "annulled"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    """State of an event that comes again at another offset. It is one event and counts once."""
    APPLIED = "applied"
    """State of an event that is not a form: genesis, review, annulment."""
    WAITING = "waiting"
    """State of a station of which no form counts or is held, and nothing is annulled."""


@dataclass(slots=True)
class Submission:
    """One reported form, as the fold keeps it. `state` and `judgement` are its newest verdict (verdicts.py)."""

    offset: int
    event_id: bytes
    key: str
    """Key id of the signer."""
    version: int
    form_digest: bytes
    """Digest that is the same for two submissions with the same numbers."""
    findings: tuple[Finding, ...]
    """Findings of the form's own rules."""
    contribution: Contribution
    cross: CrossFields | None = None
    supersedes: bytes | None = None
    """Event id of the form that this one corrects, as its submitter states it."""
    state: ResultState = ResultState.WAITING
    judgement: tuple[Finding, ...] = ()
    """Findings that follow from the other forms, reviews and annulments: V1 to V7, R1, R2, N1."""


class Review(NamedTuple):
    offset: int
    accepted: bool
    reason: str


class Annulment(NamedTuple):
    offset: int
    role: str
    """Role of the key that ordered it: the same role may withdraw it."""
    through_version: int
    """Versions up to this one are annulled; 0 where one form is."""
    form: bytes | None
    """Event id of the one form."""
    reason: str

    def covers(self, form: Submission) -> bool:
        return form.version <= self.through_version or form.event_id == self.form
