"""The fold of one ledger partition: records in, in offset order; blocks and keyframes out.

`PartitionFold.apply` is given a record whose bytes were opened and whose signature was checked before (records.py), and decides
all that follows from them:

    1. admission.py    may the record count at all
    2. sequences.py    what is wrong with the number that its key gave it
    3. form/rules.py   what the form breaks
    4. station/        the states of the station's forms
    5. standings.py    what counts for the station, and what that adds to its areas
    6. outgoing.py     what is published about all of this: `take_blocks` returns what changed since its last call

Campaign finance reports are folded apart from votes (finance/accounts.py), and are an office of their own in step 6. Whatever
is wrong with one, or with the code that judges it, the votes are folded as if it were not there.

*Fold state* is all that a fold knows between two blocks. *State* alone is what became of a form, an event or a station.
"""

from __future__ import annotations

from typing import NamedTuple

from projections.area.tally import AreaTallies, contribution_of, tally_length
from projections.definition.compiled import Definition
from projections.finance.accounts import FinanceAccounts, Verdict
from projections.finance.rules import FinanceJudge
from projections.fold.admission import SIGNED, already_open, finding_of, refusal_of, state_of
from projections.fold.authority import Refusal
from projections.fold.outgoing import OutgoingBlocks
from projections.fold.plain_reports import PlainReports
from projections.fold.records import Record
from projections.fold.sequences import Sequences
from projections.fold.standings import Standings, Subject
from projections.form.across_contests import CrossJudge, cross_fields
from projections.form.rules import FormJudge
from projections.station.contest import StationContest
from projections.station.findings import too_many, unknown_annulment, unknown_review, unknown_withdrawal
from projections.station.lives import Life, Lives, PackedLives
from projections.station.submissions import Annulment, ResultState, Review, Submission
from schemas.codes import OfficeId
from schemas.derived.blocks import FINANCE, UNATTRIBUTED, Block
from schemas.findings import Finding
from schemas.ledger.events import (
    AnnulmentWithdrawn,
    ElectionOpened,
    FinanceReported,
    ResultAnnulled,
    ResultReviewed,
)
from schemas.ledger.reports import LedgerEvent, Report


class GenesisError(Exception):
    """The partition does not begin with the genesis of this election: the package or the topic is not the right one."""


class FoldState(NamedTuple):
    """All that a fold knows between two blocks (state.py makes it a file)."""

    next_offset: int
    last_leaf: bytes
    """Leaf hash of the record before `next_offset`, by which it is seen whether a ledger is the one that was folded."""
    genesis: bytes
    """Event id of the genesis."""
    through: dict[OfficeId, int]
    """Offset of the last record of each office."""
    lives: PackedLives
    sequences: bytes
    tally_keys: bytes
    tally_numbers: bytes
    finance: bytes


class PartitionFold:
    """The fold of one ledger partition: every station's life, and the tallies of areas up to the shard level."""

    def __init__(self, definition: Definition, partition: int, sequences: Sequences | None = None) -> None:
        """`sequences`: what finds Q1 and Q2 in place of the numbers of the records that are folded."""
        self.definition = definition
        self.partition = partition
        self.next_offset = 0
        self._plain = PlainReports(definition, partition)
        self._judge = FormJudge(definition)
        self._cross = CrossJudge(definition)
        self._lives = Lives(definition.electorates.slots_of_partition[partition], with_cross=self._cross.is_on)
        self._lengths = _tally_lengths(definition)
        self._sequences = Sequences() if sequences is None else sequences
        self._out_of_sequence: tuple[Finding, ...] = ()
        """Q1 or Q2 of the record that is being applied."""
        self._tallies = AreaTallies(self._lengths)
        self._outgoing = OutgoingBlocks(definition, partition, self._tallies)
        self._standings = Standings(definition, self._lives, self._tallies, self._outgoing, self._cross)
        self._finance = FinanceAccounts()
        self._finance_judge = FinanceJudge(definition)
        self.finance_problem: str | None = None
        """Why finance reports are not folded any more, which is a bug. No later one is folded or published, so that none is
        skipped, and no fold state may be kept."""
        self._genesis: bytes | None = None
        self._last_leaf: bytes
        """Leaf hash of the newest record, of which there is one since the genesis."""

    @property
    def is_silent(self) -> bool:
        """Whether what the records change was published before, so that no row of it is made."""
        return self._outgoing.is_silent

    @is_silent.setter
    def is_silent(self, is_silent: bool) -> None:
        self._outgoing.is_silent = is_silent

    # -- fold state out and in -------------------------------------------------------------------------------------

    def state(self) -> FoldState:
        """The fold state after the records so far, whose blocks were taken."""
        assert self._genesis is not None, "before the genesis there is no fold state"
        assert self._outgoing.is_empty, "a fold state holds no changes: take the blocks before"
        assert self.finance_problem is None, "a fold state would skip the finance reports that were not folded"
        return FoldState(
            self.next_offset,
            self._last_leaf,
            self._genesis,
            dict(self._outgoing.through),
            self._lives.pack(),
            self._sequences.pack(),
            *self._tallies.pack(),
            self._finance.pack(),
        )

    @classmethod
    def from_state(cls, definition: Definition, partition: int, state: FoldState) -> PartitionFold:
        """The fold as it was. The fold state must be of this definition, this partition, and this version of the code."""
        fold = cls(definition, partition)
        fold.next_offset = state.next_offset
        fold._lives = Lives.unpack(state.lives, with_cross=fold._cross.is_on)
        fold._sequences = Sequences.unpack(state.sequences)
        fold._tallies = AreaTallies.unpack(fold._lengths, state.tally_keys, state.tally_numbers)
        fold._outgoing = OutgoingBlocks(definition, partition, fold._tallies, state.through)
        fold._standings = Standings(definition, fold._lives, fold._tallies, fold._outgoing, fold._cross)
        fold._finance = FinanceAccounts.unpack(state.finance)
        fold._genesis = state.genesis
        fold._last_leaf = state.last_leaf
        return fold

    # -- records in ------------------------------------------------------------------------------------------------

    def apply(self, record: Record, signature_holds: bool) -> None:
        """Fold the next record. Raises GenesisError at offset 0 only; anything else that is raised is a bug."""
        assert record.offset == self.next_offset, (
            f"partition {self.partition}: expected offset {self.next_offset}, got {record.offset}"
        )
        self.next_offset += 1
        self._last_leaf = record.leaf
        event = record.event
        if signature_holds and isinstance(event, Report) and record.offset > 0:
            subject = self._plain.subject(record, event)
            if subject is not None:
                self._out_of_sequence = self._note_number(record, event)
                self._report(record, event, subject)
                return
        if isinstance(event, FinanceReported) and record.offset > 0:
            self._finance_report(record, event, signature_holds)
            return
        refusal = refusal_of(
            record, signature_holds=signature_holds, definition=self.definition, partition=self.partition
        )
        self._out_of_sequence = self._sequence_findings(record, refusal)
        if record.offset == 0:
            self._open(record, refusal)
        elif refusal is not None:
            self._add_record(record, self._office_of(event), state_of(refusal), (finding_of(refusal),))
        elif isinstance(event, Report):
            self._report(record, event, self._subject(event.station, event.contest))
        elif isinstance(event, ResultReviewed):
            self._review(record, event)
        elif isinstance(event, ResultAnnulled):
            self._annul(record, event)
        elif isinstance(event, AnnulmentWithdrawn):
            self._withdraw(record, event)
        else:
            assert isinstance(event, ElectionOpened), f"{event and event.type} was admitted but has no fold"
            state = ResultState.DUPLICATE if record.event_id == self._genesis else ResultState.REFUSED
            findings = (already_open(),) if state is ResultState.REFUSED else ()
            self._add_record(record, UNATTRIBUTED, state, findings)

    def _sequence_findings(self, record: Record, refusal: Refusal | None) -> tuple[Finding, ...]:
        """Q1, Q2. The genesis is in every partition, so its number is not checked."""
        event = record.event
        if isinstance(event, ElectionOpened) or (refusal and refusal.rule not in SIGNED):
            return ()
        assert event is not None, "what cannot be read is refused by M0, which is not one of SIGNED"
        return self._note_number(record, event)

    def _note_number(self, record: Record, event: LedgerEvent) -> tuple[Finding, ...]:
        prev = bytes.fromhex(event.prev) if event.prev else None
        return self._sequences.note(record.key_id, event.seq, record.event_id, prev)

    def _open(self, record: Record, refusal: Refusal | None) -> None:
        if not isinstance(record.event, ElectionOpened) or refusal is not None:
            reason = refusal.sentence_en if refusal else f"it is {record.event.type if record.event else 'unreadable'}"
            raise GenesisError(
                f"ledger partition {self.partition}, offset 0: expected the genesis of election "
                f"{self.definition.election.id} with definition {self.definition.hash}: {reason}"
            )
        self._genesis = record.event_id
        for office in self.definition.ballots.offices:
            self._outgoing.touch(office.id, 0)
        self._add_record(record, UNATTRIBUTED, ResultState.APPLIED, ())

    def _report(self, record: Record, event: Report, subject: Subject) -> None:
        contest = subject.contest
        life = self._lives.get(subject.slot)
        if life is not None and not self._is_new(record, subject, life):
            return
        registered = self.definition.stations.registered[subject.station]
        findings = (*self._judge.judge(event.form, contest, registered), *self._out_of_sequence)
        form = Submission(
            record.offset,
            record.event_id,
            record.key_id,
            event.version,
            record.form_digest,
            findings,
            contribution_of(event.form, contest, registered),
            cross_fields(event.form) if self._cross.is_on else None,
            bytes.fromhex(event.supersedes) if event.supersedes else None,
        )
        self._add_record(record, contest.office, None, ())
        if life is None and not findings and form.version == 1 and form.supersedes is None:
            self._standings.first(subject, form)
        else:
            if life is None:
                life = Life(StationContest())
                life.submitted.has_room(record.key_id, record.event_id)
            self._standings.settled(subject, life, life.submitted.add(form), record.offset)
        self._standings.compare_contests(subject.station, record.offset)

    def _finance_report(self, record: Record, event: FinanceReported, signature_holds: bool) -> None:
        if self.finance_problem is not None:
            return
        try:
            verdicts = self._finance_verdicts(record, event, signature_holds)
        except Exception as error:  # a bug, which stops finance and not the count of this partition
            self.finance_problem = f"{type(error).__name__}: {error} (offset {record.offset})"
            return
        changes = self._outgoing.touch(FINANCE, record.offset)
        if not self._outgoing.is_silent:
            changes.add_record(record)
            for verdict in verdicts:
                changes.add_state(*verdict)

    def _finance_verdicts(self, record: Record, event: FinanceReported, signature_holds: bool) -> list[Verdict]:
        refusal = refusal_of(
            record, signature_holds=signature_holds, definition=self.definition, partition=self.partition
        )
        out_of_sequence = self._sequence_findings(record, refusal)
        if refusal is not None:
            return [Verdict(record.offset, state_of(refusal), (finding_of(refusal),))]
        findings = (*self._finance_judge.judge(event), *out_of_sequence)
        return self._finance.add(record.offset, record.event_id, record.payload, event, findings)

    def _review(self, record: Record, event: ResultReviewed) -> None:
        subject, life = self._life(event.station, event.contest)
        if self._is_new(record, subject, life):
            form = bytes.fromhex(event.event)
            if not life.submitted.has_form(form):
                self._refuse(record, subject, life, unknown_review())
                return
            life.submitted.reviews[form] = Review(record.offset, event.decision == "accepted", event.reason)
            self._apply_to_forms(record, subject, life)

    def _annul(self, record: Record, event: ResultAnnulled) -> None:
        subject, life = self._life(event.station, event.contest)
        if self._is_new(record, subject, life):
            submitted = life.submitted
            role = self.definition.keys[record.key_id].role
            form = None if event.event is None else bytes.fromhex(event.event)
            annulment = Annulment(record.offset, role, event.through_version or 0, form, event.reason)
            if annulment.through_version > submitted.reached or not (form is None or submitted.has_form(form)):
                self._refuse(record, subject, life, unknown_annulment(submitted.reached))
                return
            submitted.annulments[record.event_id] = annulment
            self._apply_to_forms(record, subject, life)

    def _withdraw(self, record: Record, event: AnnulmentWithdrawn) -> None:
        subject, life = self._life(event.station, event.contest)
        if self._is_new(record, subject, life):
            annulments = life.submitted.annulments
            annulment = annulments.get(bytes.fromhex(event.annulment))
            if annulment is None or annulment.role != self.definition.keys[record.key_id].role:
                self._refuse(record, subject, life, unknown_withdrawal())
                return
            del annulments[bytes.fromhex(event.annulment)]
            self._apply_to_forms(record, subject, life)

    def _refuse(self, record: Record, subject: Subject, life: Life, finding: Finding) -> None:
        """Refuse an event that names what is not in the ledger. It may be submitted again, and counts at an offset behind what
        it names."""
        self._add_record(record, subject.contest.office, ResultState.REFUSED, (finding,))
        self._lives.put(subject.slot, life)

    def _is_new(self, record: Record, subject: Subject, life: Life) -> bool:
        """Whether an event is to be applied. Where not, it is added as a repetition, or as one too many of its key (L1)."""
        has_room = life.submitted.has_room(record.key_id, record.event_id)
        if life.submitted.has(record.event_id):
            self._add_record(record, subject.contest.office, ResultState.DUPLICATE, ())
        elif not has_room:
            self._add_record(record, subject.contest.office, ResultState.REFUSED, (too_many(record.key_id),))
        else:
            return True
        self._lives.put(subject.slot, life)
        return False

    def _apply_to_forms(self, record: Record, subject: Subject, life: Life) -> None:
        """Judge the forms again after a review, an annulment or a withdrawal."""
        life.submitted.applied.add(record.event_id)
        self._add_record(record, subject.contest.office, ResultState.APPLIED, self._out_of_sequence)
        self._standings.settled(subject, life, life.submitted.settle(), record.offset)
        self._standings.compare_contests(subject.station, record.offset)

    # -- blocks out ------------------------------------------------------------------------------------------------

    def take_blocks(self) -> list[Block]:
        """What has changed since the last call, one block for each office that was touched, in the package's order."""
        return self._outgoing.take_blocks()

    def take_full_blocks(self) -> list[Block]:
        """The blocks of those offices whose changes reach BLOCK_BYTES_MAX. To be called after each record, because a larger
        block might be more than a message holds."""
        return self._outgoing.take_full_blocks()

    def forget_changes(self) -> None:
        """Take what has changed as published: after a restart, for the records whose blocks were published before it."""
        self._outgoing.drop_changes()

    def keyframes(self) -> list[Block]:
        """A full block of the shard-level areas for each office, as of the last block taken."""
        return [self.keyframe(office.id) for office in self.definition.ballots.offices]

    def keyframe(self, office: OfficeId) -> Block:
        """The keyframe of one office. Of a nation's legislature 12 of these are 10 MB, so that a caller takes one at a time."""
        return self._outgoing.keyframe(office)

    # -- pieces ----------------------------------------------------------------------------------------------------

    def _subject(self, station: str, contest: str) -> Subject:
        number = self.definition.stations.number[station]
        entry = self.definition.ballots.contest(contest)
        return Subject(number, entry, self.definition.electorates.slot(number, entry.number))

    def _life(self, station: str, contest: str) -> tuple[Subject, Life]:
        subject = self._subject(station, contest)
        return subject, self._lives.get(subject.slot) or Life(StationContest())

    def _office_of(self, event: LedgerEvent | None) -> OfficeId:
        """The office in whose history a refused event is shown."""
        contest = self.definition.ballots.contest_number.get(getattr(event, "contest", ""))
        return UNATTRIBUTED if contest is None else self.definition.ballots.contests[contest].office

    def _add_record(
        self, record: Record, office: OfficeId, state: ResultState | None, findings: tuple[Finding, ...]
    ) -> None:
        """Add the record to the office's next block; `state` None where `Standings.settled` will add the state."""
        changes = self._outgoing.touch(office, record.offset)
        if not self._outgoing.is_silent:
            changes.add_record(record)
            if state is not None:
                changes.add_state(record.offset, state, findings)


def _tally_lengths(definition: Definition) -> tuple[int, ...]:
    return tuple(tally_length(len(contest.choices)) for contest in definition.ballots.contests)
