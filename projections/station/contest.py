"""The life of one station in one contest: versions, conflicts, holds, reviews, annulments.

What became of each form is a pure function of the *set* of what was submitted, with ledger offsets only to tell which of
two forms with one version came first. So late, repeated and out-of-order versions lead to the same state.

Versions count up from 1. One with the version before it missing is flagged (V5), and so is one that does not name a lower
version that it corrects (V6); one far above all others, which is a typing error, is held (V7). What comes late heals all three.

Of one version, the form first in the ledger stands; another with other numbers is held (V1) until a reviewer accepts it.
The highest version that stands is the effective one and supersedes those below (V4). A held version above it waits for
review and flags it (V2), and does not blank it: what was counted stays until there is something better.

`settle` judges all forms anew, for a review or an annulment. `add` judges a new form alone, and the few that it changes:
a station's forms cost the same each, however many there are. Both come to the same, form by form
(tests/properties/test_station_lives.py); so no finding may name what changes with each newer form, such as the version that
supersedes, or every newer form would change all older ones.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from projections.area.tally import Contribution
from projections.form.across_contests import CrossFields
from schemas.definition.package import Severity
from schemas.findings import Finding

EVENTS_PER_KEY_MAX = 100
"""Events that one key may have about one station in one contest; its later ones are refused (L1), and those of other keys
are not: whoever floods a station shuts out nobody else. A station has one to three versions, a much disputed one ten. At
half, a scanner that tries again all night could use up its officer's corrections; at double, a review among the forms of one
key, which may change all of them, costs twice as much."""


VERSION_STEP_MAX = 10
"""From one version to the next that need not wait for review (V7). A form typed as version 10,000 would otherwise stand above
all true ones. At half, the sixth correction of an officer whose other five are late would wait for nothing; at double, one
key's EVENTS_PER_KEY_MAX would take a station's versions twice as far towards VERSION_MAX."""


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
    """State of an event that is not a form: genesis, review, annulment."""
    WAITING = "waiting"


_OPEN_STATES = frozenset({ResultState.COUNTED, ResultState.FLAGGED, ResultState.HELD})


@dataclass(slots=True)
class Submission:
    """One reported form, as the fold keeps it. `state` and `judgement` are as it was last settled."""

    offset: int
    event_id: bytes
    key: str
    """Key id of the signer."""
    version: int
    form_digest: bytes
    """Tells whether two submissions have the same numbers."""
    findings: tuple[Finding, ...]
    """Findings of the form's own rules."""
    contribution: Contribution
    cross: CrossFields | None = None
    supersedes: bytes | None = None
    """Event id of the form that this one corrects, as the submitter says."""
    state: ResultState = ResultState.WAITING
    judgement: tuple[Finding, ...] = ()
    """Findings from its place among the others: V1 to V7, R1, R2, N1."""


class Review(NamedTuple):
    offset: int
    accepted: bool
    reason: str


class Annulment(NamedTuple):
    offset: int
    role: str
    """Role of the key that ordered it: the same role may withdraw it."""
    through_version: int
    """0 where it is of one form."""
    form: bytes | None
    """Event id of the one form."""
    reason: str

    def covers(self, form: Submission) -> bool:
        return form.version <= self.through_version or form.event_id == self.form


@dataclass(slots=True)
class _Version:
    """The forms of one version that are not annulled."""

    forms: dict[bytes, Submission] = field(default_factory=dict)
    """By digest, the first with each, in ledger order."""
    winner: Submission | None = None
    """The one that stands, were there no higher version."""
    is_accepted: bool = False
    """Whether a reviewer made it the winner."""
    open: int = 0
    """How many no reviewer has rejected."""


@dataclass(slots=True)
class StationContest:
    """All that was submitted about one station in one contest, and what became of it."""

    submissions: list[Submission] = field(default_factory=list)
    """In ledger order."""
    reviews: dict[bytes, Review] = field(default_factory=dict)
    """By event id of the reviewed result; the last new one in the ledger decides."""
    annulments: dict[bytes, Annulment] = field(default_factory=dict)
    """By event id, in ledger order: those that nobody has withdrawn."""
    applied: set[bytes] = field(default_factory=set)
    """Event ids of reviews, annulments and withdrawals: one that is repeated must not undo another that came between."""
    heard: dict[str, set[bytes]] = field(default_factory=dict)
    """By key: ids of its events, up to EVENTS_PER_KEY_MAX."""

    effective: Submission | None = field(default=None, init=False)
    """The form that stands. This and what follows are made by `settle` and kept by `add`."""
    waiting: Submission | None = field(default=None, init=False)
    """Of the forms that were held when they were judged, the one of the highest version, of these the first."""
    _forms: dict[bytes, Submission] = field(default_factory=dict, init=False)
    """By event id."""
    _versions: dict[int, _Version] = field(default_factory=dict, init=False)
    _known: set[int] = field(default_factory=set, init=False)
    """All versions there are, also of annulled forms."""
    _beyond: list[int] = field(default_factory=list, init=False)
    """Those of them that wait far above `reached`, ascending."""
    reached: int = field(default=0, init=False)
    """The highest version that is reached from 0 in steps of up to VERSION_STEP_MAX."""
    _awaiting: dict[bytes, dict[int, Submission]] = field(default_factory=dict, init=False)
    """By event id of a form that is not there, by offset those that say they correct it."""
    _open: dict[int, Submission] = field(default_factory=dict, init=False)
    """By offset, the forms that are counted, flagged or held: those that a newer form can still change."""
    _before: dict[int, tuple[Submission, ResultState, tuple[Finding, ...]]] = field(default_factory=dict, init=False)
    """By offset, the forms touched by the event at hand, and their state and judgement before it."""

    @property
    def state(self) -> ResultState:
        """State of the station's result."""
        if self.effective is not None:
            return self.effective.state
        if self.waiting is not None:
            return ResultState.HELD
        return ResultState.ANNULLED if self.annulments else ResultState.WAITING

    @property
    def standing(self) -> Submission | None:
        """The effective form; where none is, the held one that waits for review."""
        return self.effective or self.waiting

    @property
    def events(self) -> int:
        """How many are kept: what the life costs."""
        return sum(map(len, self.heard.values()))

    def has(self, event_id: bytes) -> bool:
        """Whether the event is one of those kept here."""
        return event_id in self._forms or event_id in self.applied

    def has_form(self, event_id: bytes) -> bool:
        return event_id in self._forms

    def has_room(self, key: str, event_id: bytes) -> bool:
        """Note an event of a key. False where the key has used up its EVENTS_PER_KEY_MAX, and this is not one of them."""
        heard = self.heard.setdefault(key, set())
        if len(heard) < EVENTS_PER_KEY_MAX:
            heard.add(event_id)
        return event_id in heard

    # -- what a new event changes: the forms whose state or judgement is another than before --------------------------

    def add(self, form: Submission) -> list[Submission]:
        """A new form: it, and those that it changes."""
        self.submissions.append(form)
        self._before = {}
        healed = [] if form.version in self._known else self._forms_of(form.version + 1)
        healed += self._awaiting.pop(form.event_id, {}).values()
        if self._note(form):
            # Forms that waited far above are within reach.
            return self._settled()
        version = self._place(form)
        self._look_again(healed)
        if version is None:
            return self._changed()
        if len(version.forms) == 2 and self._any_reviewed(version):
            # A review that decided nothing, for there was nothing to decide, does now.
            return self._settled()
        if self.effective is not None and form.version < self.effective.version:
            self._set(form, ResultState.SUPERSEDED, (_SUPERSEDED,))
            return self._changed()
        if version.open < 2 or (version.winner is None and not self._is_hard(form)):
            self._judge(version)
        else:
            version.open += 1
            self._judge_loser(form, version)
        if version.winner is not None and version.winner is not self.effective:
            self.effective = version.winner
            self._supersede(list(self._open.values()))
        self._note_held([form])
        return self._changed()

    def settle(self) -> list[Submission]:
        """Judge every form anew, and return those that have changed."""
        self._before = {}
        return self._settled()

    # -- pieces ----------------------------------------------------------------------------------------------------

    def _settled(self) -> list[Submission]:
        self._forms, self._versions, self._open = {}, {}, {}
        self._known, self._beyond, self.reached, self._awaiting = set(), [], 0, {}
        self.effective = self.waiting = None
        for form in self.submissions:
            self._note(form)
        for form in self.submissions:
            self._place(form)
        for number in sorted(self._versions, reverse=True):
            version = self._versions[number]
            self._judge(version)
            if self.effective is None:
                self.effective = version.winner
            else:
                self._supersede(list(version.forms.values()))
        self._note_held(list(self._open.values()))
        return self._changed()

    def _note(self, form: Submission) -> bool:
        """Note that there is a form. True where its version brings others within reach."""
        self._forms[form.event_id] = form
        version, beyond = form.version, self._beyond
        if version in self._known:
            return False
        self._known.add(version)
        if version > self.reached + VERSION_STEP_MAX:
            insort(beyond, version)
            return False
        self.reached = max(self.reached, version)
        brings = 0
        while brings < len(beyond) and beyond[brings] <= self.reached + VERSION_STEP_MAX:
            self.reached = beyond[brings]
            brings += 1
        del beyond[:brings]
        return brings > 0

    def _place(self, form: Submission) -> _Version | None:
        """Put a form among those of its version. None where nothing more is to be decided about it."""
        annulment = next((each for each in self.annulments.values() if each.covers(form)), None)
        if annulment is not None:
            self._set(form, ResultState.ANNULLED, (_annulled(annulment),))
            return None
        version = self._versions.setdefault(form.version, _Version())
        same = version.forms.setdefault(form.form_digest, form)
        if same is not form:
            self._set(form, ResultState.SUPERSEDED, (_same_again(same),))
            return None
        return version

    def _judge(self, version: _Version) -> None:
        """Judge the forms of a version, as if there were no other."""
        forms = list(version.forms.values())
        conflict = len(forms) > 1
        open_forms, accepted, eligible = [], [], []
        for form in forms:
            hard = self._is_hard(form)
            review = self.reviews.get(form.event_id) if hard or conflict else None
            if review is not None and not review.accepted:
                self._set(form, ResultState.REFUSED, (_rejected(review),))
                continue
            open_forms.append(form)
            if review is not None:
                accepted.append(form)
            elif not hard:
                eligible.append(form)
        version.open = len(open_forms)
        version.is_accepted = bool(accepted)
        version.winner = winner = accepted[0] if accepted else eligible[0] if eligible else None
        for form in open_forms:
            if form is not winner:
                self._judge_loser(form, version)
        if winner is not None:
            judgement: tuple[Finding, ...] = ()
            if accepted:
                judgement = (_accepted(self.reviews[winner.event_id]),)
            elif len(open_forms) > 1:
                judgement = (_conflict(winner.version, soft=True),)
            self._set_open(winner, judgement)

    def _judge_loser(self, form: Submission, version: _Version) -> None:
        """A form that does not stand for its version, and that no reviewer has rejected."""
        if version.is_accepted:
            self._set(form, ResultState.SUPERSEDED, (_SUPERSEDED,))
        else:
            judgement: tuple[Finding, ...] = (_FAR_ABOVE,) if form.version > self.reached else ()
            if version.open > 1:
                judgement += (_conflict(form.version, soft=False),)
            self._set_open(form, judgement, is_held=True)

    def _is_hard(self, form: Submission) -> bool:
        """Whether it must wait for a review."""
        return form.version > self.reached or is_hard(form.findings)

    def _set_open(self, form: Submission, judgement: tuple[Finding, ...], *, is_held: bool = False) -> None:
        """A form that is counted or held, with what is found of its version and of what it says it corrects."""
        if form.version > 1 and form.version - 1 not in self._known:
            judgement += (VERSION_MISSING,)
        if form.version > 1 or form.supersedes is not None:
            corrected = None if form.supersedes is None else self._forms.get(form.supersedes)
            if corrected is None or corrected.version >= form.version:
                judgement += (CORRECTS_NOTHING,)
            if corrected is None and form.supersedes is not None:
                self._awaiting.setdefault(form.supersedes, {})[form.offset] = form
        state = ResultState.HELD if is_held else _counted_state((*form.findings, *judgement))
        self._set(form, state, judgement)

    def _look_again(self, forms: list[Submission]) -> None:
        """At what `_set_open` finds of forms, now that there is another."""
        looked_at = (VERSION_MISSING, CORRECTS_NOTHING, _HIGHER_HELD)
        for form in forms:
            if form.offset in self._open:
                judgement = tuple(each for each in form.judgement if each not in looked_at)
                self._set_open(form, judgement, is_held=form.state is ResultState.HELD)
        if forms:
            self._note_held([])

    def _forms_of(self, version: int) -> list[Submission]:
        return list(self._versions[version].forms.values()) if version in self._versions else []

    def _supersede(self, forms: list[Submission]) -> None:
        assert self.effective is not None
        for form in forms:
            if form.offset in self._open and form.version < self.effective.version:
                self._set(form, ResultState.SUPERSEDED, (_SUPERSEDED,))

    def _note_held(self, forms: list[Submission]) -> None:
        """See which held form is the first to be reviewed, and flag the effective one where that is of a higher version."""
        held = [form for form in (*forms, self.waiting) if form is not None and form.state is ResultState.HELD]
        self.waiting = min(held, key=lambda form: (-form.version, form.offset), default=None)
        form = self.effective
        if form is not None:
            judgement = tuple(finding for finding in form.judgement if finding != _HIGHER_HELD)
            if self.waiting is not None and self.waiting.version > form.version:
                judgement += (_HIGHER_HELD,)
            self._set(form, _counted_state((*form.findings, *judgement)), judgement)

    def _any_reviewed(self, version: _Version) -> bool:
        return any(form.event_id in self.reviews for form in version.forms.values())

    def _set(self, form: Submission, state: ResultState, judgement: tuple[Finding, ...]) -> None:
        self._before.setdefault(form.offset, (form, form.state, form.judgement))
        form.state, form.judgement = state, judgement
        if state in _OPEN_STATES:
            self._open[form.offset] = form
        else:
            self._open.pop(form.offset, None)

    def _changed(self) -> list[Submission]:
        return [
            form
            for form, state, judgement in self._before.values()
            if form.state is not state or form.judgement != judgement
        ]


def life_of(
    submissions: list[Submission], *, heard: Iterable[tuple[str, bytes]] = (), **submitted: Any
) -> StationContest:
    """A life from all that was submitted. `heard`: (key, event) of what is not among the forms."""
    life = StationContest(submissions, **submitted)
    for key, event_id in (*((form.key, form.event_id) for form in submissions), *heard):
        life.heard.setdefault(key, set()).add(event_id)
    life.settle()
    return life


def settle_one(submission: Submission) -> ResultState:
    """What `add` comes to in the ordinary case: the first form, no review, no annulment."""
    if not submission.findings:
        return ResultState.COUNTED
    if is_hard(submission.findings):
        return ResultState.HELD
    return _counted_state(submission.findings)


def is_hard(findings: Iterable[Finding]) -> bool:
    return any(finding.severity is Severity.HARD for finding in findings)


def _counted_state(findings: Iterable[Finding]) -> ResultState:
    flagged = any(finding.severity is not Severity.INFO for finding in findings)
    return ResultState.FLAGGED if flagged else ResultState.COUNTED


_HIGHER_HELD = Finding(
    "V2",
    Severity.SOFT,
    "Versi yang lebih tinggi ditahan dan menunggu peninjauan.",
    "A higher version is held and waits for review.",
)
_SUPERSEDED = Finding(
    "V4",
    Severity.INFO,
    "Digantikan: versi yang lebih tinggi, atau formulir lain dari versi ini yang diterima dalam peninjauan, yang berlaku.",
    "Superseded: a higher version stands, or another form of this version that a review accepted.",
)


VERSION_MISSING = Finding(
    "V5",
    Severity.SOFT,
    "Versi sebelumnya tidak ada dalam buku besar.",
    "The version before this one is not in the ledger.",
)
CORRECTS_NOTHING = Finding(
    "V6",
    Severity.SOFT,
    "`supersedes` tidak menyebut versi yang lebih rendah dari TPS dan pemilihan ini.",
    "`supersedes` does not name a lower version of this station and contest.",
)
_FAR_ABOVE = Finding(
    "V7",
    Severity.HARD,
    f"Versi ini lebih dari {VERSION_STEP_MAX} di atas versi-versi sebelumnya dan menunggu peninjauan.",
    f"The version is more than {VERSION_STEP_MAX} above those before it, and waits for review.",
)


def _conflict(version: int, *, soft: bool) -> Finding:
    return Finding(
        "V1",
        Severity.SOFT if soft else Severity.HARD,
        f"Ada formulir lain yang berbeda dengan versi {version}.",
        f"Another form says something different as version {version}.",
    )


def _same_again(first: Submission) -> Finding:
    return Finding(
        "V3",
        Severity.INFO,
        f"Sama dengan formulir pada offset {first.offset}.",
        f"Says the same as the form at offset {first.offset}.",
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


def _annulled(by: Annulment) -> Finding:
    return Finding(
        "N1",
        Severity.HARD,
        f"Dibatalkan oleh perintah pada offset {by.offset}: {by.reason}.",
        f"Annulled by the order at offset {by.offset}: {by.reason}.",
    )


def too_many(key: str) -> Finding:
    """What is said of an event that `has_room` has no room for."""
    return Finding(
        "L1",
        Severity.HARD,
        f"Kunci {key} sudah menyampaikan {EVENTS_PER_KEY_MAX} peristiwa tentang pemilihan ini di TPS ini; "
        "yang berikutnya tidak dihitung.",
        f"Key {key} has submitted {EVENTS_PER_KEY_MAX} events about this contest at this station; its later ones do "
        "not count.",
    )


def unknown_review() -> Finding:
    return Finding(
        "R3",
        Severity.HARD,
        "Formulir yang ditinjau tidak ada dalam buku besar sebelum peninjauan ini.",
        "The reviewed form is not in the ledger before this review.",
    )


def unknown_annulment(reached: int) -> Finding:
    return Finding(
        "N2",
        Severity.HARD,
        f"Yang dibatalkan tidak ada dalam buku besar: versi tertinggi adalah {reached}.",
        f"What is annulled is not in the ledger: the highest version is {reached}.",
    )


def unknown_withdrawal() -> Finding:
    return Finding(
        "N3",
        Severity.HARD,
        "Tidak ada pembatalan yang masih berlaku dengan id ini dari peran yang sama.",
        "No annulment of this id, by the same role, is in force.",
    )
