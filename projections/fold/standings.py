"""What counts for each station in each contest, and what that adds to the areas above the station.

A *standing* is the state of a station in a contest, the form that counts (or is held, where none counts), and the offset of the
event that last changed either. A station adds its standing's form to one tier of each of its areas, and nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

from projections.area.tally import CLEAN, FLAGGED, HELD, AreaTallies
from projections.definition.ballots import ContestEntry
from projections.definition.compiled import Definition
from projections.fold.changes import OfficeChanges
from projections.fold.outgoing import OutgoingBlocks
from projections.form.across_contests import CrossFields, CrossJudge
from projections.station.lives import Life, Lives, Standing
from projections.station.submissions import ResultState, Submission
from schemas.definition.package import Severity
from schemas.derived.blocks import StationRow
from schemas.findings import Finding

_TIER_OF_STATE = {ResultState.COUNTED: CLEAN, ResultState.FLAGGED: FLAGGED, ResultState.HELD: HELD}


class Subject(NamedTuple):
    """The station and the contest that an event is about."""

    station: int
    contest: ContestEntry
    slot: int
    """Definition.slot of both."""


class Standings:
    """Keeps the standings of a partition's stations, the tallies of their areas, and the rows that these change."""

    def __init__(
        self,
        definition: Definition,
        lives: Lives,
        tallies: AreaTallies,
        outgoing: OutgoingBlocks,
        cross: CrossJudge,
    ) -> None:
        self._definition = definition
        self._lives = lives
        self._tallies = tallies
        self._outgoing = outgoing
        self._cross = cross

    def first(self, subject: Subject, form: Submission) -> None:
        """What `settled` comes to for the first form of a station, of version 1, of which nothing is found, as nearly all forms
        of a night are."""
        standing = Standing(ResultState.COUNTED, form, form.offset)
        changes = self._outgoing.changes_of(subject.contest.office)
        self._lives.put_first(subject.slot, form)
        self._add_to_areas(subject, standing, 1, changes)
        if not self._outgoing.is_silent:
            changes.add_state(form.offset, ResultState.COUNTED, ())
            changes.add_station((subject.station, subject.contest.number), self._station_row(subject, standing))

    def settled(self, subject: Subject, life: Life, changed: list[Submission], offset: int) -> None:
        """Publish the forms that an event has changed, and the station's standing where it is another than before."""
        before, submitted = life.standing, life.submitted
        after = Standing(submitted.state, submitted.standing_form, offset)
        if before is not None and before.submission is after.submission:
            # Whether the rules across contests still find the same is for `compare_contests`.
            after = after._replace(state=_with_cross(after.state, before.cross), cross=before.cross)
        if not self._outgoing.is_silent:
            changes = self._outgoing.changes_of(subject.contest.office)
            if before is not None and before.cross and before.submission is not after.submission:
                assert before.submission is not None
                # The form may be held as before, but is no longer compared with other contests.
                _add_state(changes, before.submission, ())
            for form in changed:
                _add_state(changes, form, after.cross if form is after.submission else ())
        if before is not None and before.state is after.state and before.submission is after.submission:
            self._lives.put(subject.slot, life)
        else:
            self._replace_standing(subject, life, after)

    def _replace_standing(self, subject: Subject, life: Life, standing: Standing) -> None:
        """Take from the areas what the old standing added, and add what the new one adds."""
        changes = self._outgoing.changes_of(subject.contest.office)
        if life.standing is not None:
            self._add_to_areas(subject, life.standing, -1, changes)
        self._add_to_areas(subject, standing, 1, changes)
        life.standing = standing
        self._lives.put(subject.slot, life)
        if not self._outgoing.is_silent:
            changes.add_station((subject.station, subject.contest.number), self._station_row(subject, standing))

    def _add_to_areas(self, subject: Subject, standing: Standing, sign: int, changes: OfficeChanges) -> None:
        contest = subject.contest.number
        areas = self._definition.tree.counting[self._definition.stations.area[subject.station]]
        keys = [(contest, area) for area in areas]
        tier = _TIER_OF_STATE.get(standing.state)
        if tier is not None:
            assert standing.submission is not None
            self._tallies.add(keys, tier, standing.submission.contribution, sign)
        elif standing.state is ResultState.ANNULLED:
            self._tallies.add_annulled(keys, sign)
        else:
            self._tallies.touch(keys)
        changes.add_areas(keys, self._tallies.lengths[contest])

    def compare_contests(self, station: int, offset: int) -> None:
        """Apply the rules across the contests of a station: the form of one may flag the form of another."""
        if not self._cross.is_on:
            return
        standing: dict[str, tuple[Subject, Life, Standing, Submission]] = {}
        forms: dict[str, CrossFields] = {}
        for number in self._definition.electorates.contests_of_station(station):
            contest = self._definition.ballots.contests[number]
            subject = Subject(station, contest, self._definition.electorates.slot(station, number))
            life = self._lives.get(subject.slot)
            if life is not None and life.standing is not None and life.standing.submission is not None:
                form = life.standing.submission
                assert form.cross is not None, "forms are kept with what the rules across contests compare"
                standing[contest.contest.office] = (subject, life, life.standing, form)
                forms[contest.contest.office] = form.cross
        for office, (subject, life, current, submission) in standing.items():
            findings = self._cross.judge(office, forms)
            state = _with_cross(submission.state, findings)
            if findings != current.cross:
                changes = self._outgoing.touch(subject.contest.office, offset)
                self._replace_standing(subject, life, Standing(state, submission, offset, findings))
                if not self._outgoing.is_silent:
                    _add_state(changes, submission, findings)

    def _station_row(self, subject: Subject, standing: Standing) -> StationRow:
        submission = standing.submission
        return {
            "station": self._definition.stations.codes[subject.station],
            "contest": subject.contest.id,
            "state": standing.state.value,
            "offset": None if submission is None else submission.offset,
            "event": None if submission is None else submission.event_id.hex(),
            "version": None if submission is None else submission.version,
            "contribution": None if submission is None else list(submission.contribution),
            "through": standing.through,
        }


def _with_cross(state: ResultState, cross: tuple[Finding, ...]) -> ResultState:
    """The state of a form, given also what the rules across contests find."""
    if state is ResultState.COUNTED and any(finding.severity is not Severity.INFO for finding in cross):
        return ResultState.FLAGGED
    return state


def _add_state(changes: OfficeChanges, submission: Submission, cross: tuple[Finding, ...]) -> None:
    findings = (*submission.findings, *submission.judgement, *cross)
    changes.add_state(submission.offset, _with_cross(submission.state, cross), findings)
