"""The forms of one station in one contest: which of them counts, and the verdict on each.

A form's verdict follows from the *set* of what was submitted by the tables of verdicts.py. So late, repeated and out-of-order
versions lead to the same states. Versions count up from 1. A held version above the form that counts does not blank it: what
was counted stays, flagged (V2), until a reviewer decides.

`settle` judges all forms anew, for a review or an annulment. `add` judges a new form and the few that it changes, so that each
form costs the same however many a station has. Both come to the same, form by form (tests/properties/test_station_lives.py).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from projections.station.findings import (
    CORRECTS_NOTHING,
    FAR_ABOVE,
    HIGHER_HELD,
    SUPERSEDED_BY_ANOTHER,
    VERSION_MISSING,
    accepted,
    annulled,
    conflict,
    rejected,
    same_again,
)
from projections.station.submissions import (
    EVENTS_PER_KEY_MAX,
    VERSION_STEP_MAX,
    Annulment,
    ResultState,
    Review,
    Submission,
)
from projections.station.verdicts import Facts, counted_state, is_hard, remarks_of, verdict_of
from schemas.definition.package import Severity
from schemas.findings import Finding

_OPEN_STATES = frozenset({ResultState.COUNTED, ResultState.FLAGGED, ResultState.HELD})


@dataclass(slots=True)
class _Version:
    """The forms of one version that are not annulled."""

    forms: dict[bytes, Submission] = field(default_factory=dict)
    """The first form with each digest, in ledger order."""
    winner: Submission | None = None
    """The one that counts, were there no higher version."""
    is_accepted: bool = False
    """Whether a reviewer made it the winner."""
    open: int = 0
    """How many no reviewer had rejected when the winner was last decided. From two on, more of them change no verdict."""


@dataclass(slots=True)
class StationContest:
    """All that was submitted about one station in one contest, with the verdicts on its forms."""

    submissions: list[Submission] = field(default_factory=list)
    """Forms in ledger order."""
    reviews: dict[bytes, Review] = field(default_factory=dict)
    """Reviews by event id of the reviewed form; the last new one in the ledger decides."""
    annulments: dict[bytes, Annulment] = field(default_factory=dict)
    """Annulments that nobody has withdrawn, by event id, in ledger order."""
    applied: set[bytes] = field(default_factory=set)
    """Event ids of reviews, annulments and withdrawals: one that is repeated must not undo another that came between."""
    events_of_key: dict[str, set[bytes]] = field(default_factory=dict)
    """Ids of the events of each key, up to EVENTS_PER_KEY_MAX."""

    effective: Submission | None = field(default=None, init=False)
    """The form that counts. `settle` makes this and the fields below, and `add` updates them."""
    waiting: Submission | None = field(default=None, init=False)
    """The first form of the highest version among those that were held when they were judged."""
    reached: int = field(default=0, init=False)
    """The highest version that is reached from 0 in steps of up to VERSION_STEP_MAX."""
    _forms: dict[bytes, Submission] = field(default_factory=dict, init=False)
    """Forms by event id."""
    _versions: dict[int, _Version] = field(default_factory=dict, init=False)
    _known: set[int] = field(default_factory=set, init=False)
    """All versions there are, also of annulled forms."""
    _beyond: list[int] = field(default_factory=list, init=False)
    """Known versions that are far above `reached`, ascending."""
    _awaiting: dict[bytes, dict[int, Submission]] = field(default_factory=dict, init=False)
    """Forms that name a form that is not there as corrected, by its event id and by their own offset."""
    _open: dict[int, Submission] = field(default_factory=dict, init=False)
    """Forms that are counted, flagged or held, by offset: those that a newer form can still change."""
    _before: dict[int, tuple[Submission, ResultState, tuple[Finding, ...]]] = field(default_factory=dict, init=False)
    """Forms judged since the last event, by offset, with their state and judgement before it."""

    @property
    def state(self) -> ResultState:
        """State of the station in the contest."""
        if self.effective is not None:
            return self.effective.state
        if self.waiting is not None:
            return ResultState.HELD
        return ResultState.ANNULLED if self.annulments else ResultState.WAITING

    @property
    def standing_form(self) -> Submission | None:
        """The form of the station's standing: the one that counts; where none does, the one that is held and reviewed first."""
        return self.effective or self.waiting

    @property
    def events(self) -> int:
        """How many events are kept here."""
        return sum(map(len, self.events_of_key.values()))

    def has(self, event_id: bytes) -> bool:
        """Whether the event is one of those kept here."""
        return event_id in self._forms or event_id in self.applied

    def has_form(self, event_id: bytes) -> bool:
        return event_id in self._forms

    def has_room(self, key: str, event_id: bytes) -> bool:
        """Note an event of a key. False where the key has used up its EVENTS_PER_KEY_MAX, and the event is not one of them."""
        events = self.events_of_key.setdefault(key, set())
        if len(events) < EVENTS_PER_KEY_MAX:
            events.add(event_id)
        return event_id in events

    # -- what an event changes: the forms whose state or judgement is another than before -----------------------------

    def add(self, form: Submission) -> list[Submission]:
        """Add a form, and return those whose verdict is new or another."""
        self.submissions.append(form)
        self._before = {}
        healed = [] if form.version in self._known else self._forms_of(form.version + 1)
        healed += self._awaiting.pop(form.event_id, {}).values()
        if self._note(form):
            # Forms that were held as far above are within reach.
            return self._settled()
        version = self._join_version(form)
        self._judge_again(healed)
        if version is None:
            return self._changed()
        if len(version.forms) == 2 and self._any_reviewed(version):
            # A review that had nothing to decide decides now.
            return self._settled()
        if self.effective is not None and form.version < self.effective.version:
            self._judge(form)
            return self._changed()
        if version.open < 2 or (version.winner is None and not self._is_hard(form)):
            self._decide(version)
            for each in version.forms.values():
                self._judge(each)
        else:
            self._judge(form)
        if version.winner is not None and version.winner is not self.effective:
            self.effective = version.winner
            for each in list(self._open.values()):
                if each.version < self.effective.version:
                    self._judge(each)
        self._note_held([form])
        return self._changed()

    def settle(self) -> list[Submission]:
        """Judge every form anew, and return those whose verdict is another."""
        self._before = {}
        return self._settled()

    # -- pieces ----------------------------------------------------------------------------------------------------

    def _settled(self) -> list[Submission]:
        self._versions, self._open = {}, {}
        self.effective = self.waiting = None
        for form in self.submissions:
            self._note(form)
        for form in self.submissions:
            self._join_version(form)
        for number in sorted(self._versions, reverse=True):
            version = self._versions[number]
            self._decide(version)
            self.effective = self.effective or version.winner
            for form in version.forms.values():
                self._judge(form)
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

    def _join_version(self, form: Submission) -> _Version | None:
        """Put a form among those of its version. None where it is annulled or repeats another: its verdict is final then."""
        if self._annulment_of(form) is not None:
            self._apply(form, Facts(is_annulled=True))
            return None
        version = self._versions.setdefault(form.version, _Version())
        if version.forms.setdefault(form.form_digest, form) is not form:
            self._apply(form, Facts(is_repeated=True))
            return None
        return version

    def _decide(self, version: _Version) -> None:
        """Find the form of a version that counts, were there no higher version."""
        reviews = [(form, self._deciding_review(form, version)) for form in version.forms.values()]
        accepted_forms = [form for form, review in reviews if review is not None and review.accepted]
        fit_forms = [form for form, review in reviews if review is None and not self._is_hard(form)]
        version.open = sum(review is None or review.accepted for _, review in reviews)
        version.is_accepted = bool(accepted_forms)
        version.winner = next(iter(accepted_forms or fit_forms), None)

    def _judge(self, form: Submission) -> None:
        """Give a form that is neither annulled nor repeated its verdict."""
        version = self._versions[form.version]
        review = self._deciding_review(form, version)
        is_winner = version.winner is form
        corrected = None if form.supersedes is None else self._forms.get(form.supersedes)
        facts = Facts(
            is_rejected=review is not None and not review.accepted,
            is_below=self.effective is not None and form.version < self.effective.version,
            is_accepted=version.is_accepted and is_winner,
            is_accepted_another=version.is_accepted and not is_winner,
            is_first_fit=is_winner and not version.is_accepted,
            is_far_above=form.version > self.reached,
            is_disputed=version.open > 1,
            is_version_missing=form.version > 1 and form.version - 1 not in self._known,
            corrects_nothing=(form.version > 1 or form.supersedes is not None)
            and (corrected is None or corrected.version >= form.version),
            is_higher_held=self.waiting is not None and self.waiting.version > form.version,
        )
        self._apply(form, facts)
        if form.supersedes is not None and corrected is None:
            self._awaiting.setdefault(form.supersedes, {})[form.offset] = form

    def _apply(self, form: Submission, facts: Facts) -> None:
        """Read the verdict from the tables and write it to the form."""
        verdict = verdict_of(facts)
        judgement: tuple[Finding, ...] = () if verdict.rule is None else (self._finding(verdict.rule, form),)
        judgement += tuple(self._finding(row.rule, form, row.severity) for row in remarks_of(facts, verdict))
        state = verdict.state
        if state is ResultState.COUNTED:
            state = counted_state((*form.findings, *judgement))
        self._before.setdefault(form.offset, (form, form.state, form.judgement))
        form.state, form.judgement = state, judgement
        if state in _OPEN_STATES:
            self._open[form.offset] = form
        else:
            self._open.pop(form.offset, None)

    def _finding(self, rule: str, form: Submission, severity: Severity = Severity.HARD) -> Finding:
        """The sentence of a rule about the form."""
        match rule:
            case "N1":
                annulment = self._annulment_of(form)
                assert annulment is not None
                return annulled(annulment)
            case "R1":
                return rejected(self.reviews[form.event_id])
            case "R2":
                return accepted(self.reviews[form.event_id])
            case "V1":
                return conflict(form.version, soft=severity is Severity.SOFT)
            case "V3":
                return same_again(self._versions[form.version].forms[form.form_digest])
            case _:
                return _SAME_FOR_ALL[rule]

    def _annulment_of(self, form: Submission) -> Annulment | None:
        return next((each for each in self.annulments.values() if each.covers(form)), None)

    def _deciding_review(self, form: Submission, version: _Version) -> Review | None:
        """The review of a form, where there is something to decide."""
        return self.reviews.get(form.event_id) if len(version.forms) > 1 or self._is_hard(form) else None

    def _is_hard(self, form: Submission) -> bool:
        """Whether the form must be reviewed before it counts."""
        return form.version > self.reached or is_hard(form.findings)

    def _judge_again(self, forms: list[Submission]) -> None:
        """Judge open forms whose remarks a new form may have changed."""
        for form in forms:
            if form.offset in self._open:
                self._judge(form)

    def _forms_of(self, version: int) -> list[Submission]:
        return list(self._versions[version].forms.values()) if version in self._versions else []

    def _note_held(self, forms: list[Submission]) -> None:
        """Find the held form to be reviewed first, and judge the form that counts again, which is flagged (V2) where the held
        form is of a higher version."""
        held = [form for form in (*forms, self.waiting) if form is not None and form.state is ResultState.HELD]
        self.waiting = min(held, key=lambda form: (-form.version, form.offset), default=None)
        if self.effective is not None:
            self._judge(self.effective)

    def _any_reviewed(self, version: _Version) -> bool:
        return any(form.event_id in self.reviews for form in version.forms.values())

    def _changed(self) -> list[Submission]:
        return [
            form
            for form, state, judgement in self._before.values()
            if form.state is not state or form.judgement != judgement
        ]


_SAME_FOR_ALL = {
    "V2": HIGHER_HELD,
    "V4": SUPERSEDED_BY_ANOTHER,
    "V5": VERSION_MISSING,
    "V6": CORRECTS_NOTHING,
    "V7": FAR_ABOVE,
}
"""Rule id → the finding of those rules whose sentence is the same for every form."""


def settled(
    submissions: list[Submission], *, events_of_key: Iterable[tuple[str, bytes]] = (), **submitted: Any
) -> StationContest:
    """A station's contest from all that was submitted. `events_of_key`: (key, event) of what is not among the forms."""
    contest = StationContest(submissions, **submitted)
    for key, event_id in (*((form.key, form.event_id) for form in submissions), *events_of_key):
        contest.events_of_key.setdefault(key, set()).add(event_id)
    contest.settle()
    return contest
