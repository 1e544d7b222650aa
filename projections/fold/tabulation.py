"""The fold of one ledger partition: records in, in offset order; blocks and keyframes out.

`apply` is given a record whose bytes have been opened and whose signature has been checked (both are work for
threads, ahead of the fold); what follows from them is decided here. `take_blocks` says what the records applied since
the last call have changed. Where batches are cut changes no number, only how many blocks tell it.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from itertools import islice
from typing import NamedTuple

import orjson

from projections.area.tally import CLEAN, FLAGGED, HELD, AreaTallies, contribution_of, tally_length
from projections.definition.compiled import ContestEntry, Definition
from projections.fold.authority import Refusal, check_election, check_key, check_place
from projections.fold.records import Record
from projections.fold.sequences import Sequences
from projections.form.across_contests import CrossJudge, cross_fields
from projections.form.rules import FormJudge
from projections.station.contest import (
    Annulment,
    ResultState,
    Review,
    StationContest,
    Submission,
    life_of,
    settle_one,
    too_many,
    unknown_annulment,
    unknown_review,
    unknown_withdrawal,
)
from projections.station.lives import Life, Lives, PackedLives, Standing
from schemas.codes import NOTHING_YET, OfficeId
from schemas.definition.package import Severity
from schemas.derived.blocks import UNATTRIBUTED, AreaTally, Block, RecordRow, StateRow, StationRow, keyframe
from schemas.findings import Finding
from schemas.ledger.events import (
    AnnulmentWithdrawn,
    ElectionOpened,
    ResultAnnulled,
    ResultReviewed,
)
from schemas.ledger.reports import LedgerEvent, Report

_TIER_OF_STATE = {ResultState.COUNTED: CLEAN, ResultState.FLAGGED: FLAGGED, ResultState.HELD: HELD}


class GenesisError(Exception):
    """The partition does not begin with the genesis of this election: the package or the topic is not the right one."""


SIGNED = frozenset({"S1", "S2", "K4", "E6"})
"""Rules whose refusal leaves an event the key's own: it was signed by that key, for this election."""
BLOCK_BYTES_MAX = 1024 * 1024
"""A block is taken when what has changed for its office will be about as large, whatever the number of records: 1,000 wrong
legislative forms were a block of 41 MB. At half, the areas that many records change are told twice as often; at double, a
roll-up and the live feed each spend 20 ms on one message. What one record adds comes on top, and numbers may be longer than
NUMBER_BYTES: four times as much at most, which is below what a topic takes (runtime/kafka/topics.py, MESSAGE_BYTES_MAX)."""
NUMBER_BYTES = 4
"""Size of a number in a tally or contribution as text: most are 0, those of a district have four digits and a comma."""
ROW_BYTES = 500
"""Size of a row besides its numbers, its sentences and its event."""


@dataclass(slots=True)
class _Pending:
    """What has changed for one office since the last block, and how large it will be."""

    areas: set[tuple[int, int]] = field(default_factory=set)
    records: list[RecordRow] = field(default_factory=list)
    states: dict[int, StateRow] = field(default_factory=dict)
    stations: dict[tuple[int, int], StationRow] = field(default_factory=dict)
    size: int = 0
    """Bytes, about; what is changed twice is counted twice."""

    def tell_areas(self, keys: list[tuple[int, int]], numbers: int) -> None:
        before = len(self.areas)
        self.areas.update(keys)
        self.size += (len(self.areas) - before) * (ROW_BYTES // 4 + NUMBER_BYTES * numbers)

    def tell_record(self, row: RecordRow, payload_bytes: int) -> None:
        self.records.append(row)
        self.size += ROW_BYTES + payload_bytes

    def tell_state(self, row: StateRow) -> None:
        self.states[row["offset"]] = row
        self.size += ROW_BYTES // 4
        for finding in row["findings"]:
            self.size += ROW_BYTES // 5 + len(finding["sentence_id"]) + len(finding["sentence_en"])

    def tell_station(self, key: tuple[int, int], row: StationRow) -> None:
        self.stations[key] = row
        self.size += ROW_BYTES + NUMBER_BYTES * len(row["contribution"] or ())


class _Place(NamedTuple):
    """A station in a contest."""

    station: int
    contest: ContestEntry
    slot: int


class FoldState(NamedTuple):
    """All that a fold knows between two blocks (fold_state.py makes it a file)."""

    next_offset: int
    last_leaf: bytes
    """Leaf hash of the record before `next_offset`: tells whether a ledger is the one that was folded."""
    genesis: bytes
    """Its event id."""
    through: dict[OfficeId, int]
    lives: PackedLives
    sequences: bytes
    tally_keys: bytes
    tally_numbers: bytes


class PartitionFold:
    """The state of one ledger partition: every station's life, and the tallies of areas up to the shard level."""

    def __init__(self, definition: Definition, partition: int) -> None:
        self.definition = definition
        self.partition = partition
        self.next_offset = 0
        self.is_silent = False
        """Whether what the records change has been told before: it is then not even written down."""
        self._judge = FormJudge(definition)
        self._cross = CrossJudge(definition)
        self._lives = Lives(definition.slots_of_partition[partition], with_cross=self._cross.is_on)
        self._lengths = _tally_lengths(definition)
        self._sequences = Sequences()
        self._out_of_sequence: tuple[Finding, ...] = ()
        """Findings about the record at hand: what is wrong with its place among the events of its key."""
        self._tallies = AreaTallies(self._lengths)
        offices: list[OfficeId] = [entry.id for entry in definition.offices]
        self._through: dict[OfficeId, int] = dict.fromkeys([*offices, UNATTRIBUTED], NOTHING_YET)
        self._told: dict[OfficeId, int] = dict(self._through)
        self._pending: dict[OfficeId, _Pending] = {}
        self._genesis: bytes | None = None
        self._last_leaf = b""
        self._shard_areas: list[list[tuple[int, int]]] = [[] for _ in definition.offices]
        """(contest, area) of the shard-level areas with a tally, by office, ascending."""
        self._noted = 0
        """How many tallies have been looked at for that."""

    # -- state out and in ------------------------------------------------------------------------------------------

    def state(self) -> FoldState:
        """All that the records so far have led to, once their blocks are taken: to go on from there later."""
        assert self._genesis is not None and not self._pending, (
            "a state holds no blocks, and nothing before the genesis"
        )
        return FoldState(
            self.next_offset,
            self._last_leaf,
            self._genesis,
            dict(self._through),
            self._lives.pack(),
            self._sequences.pack(),
            *self._tallies.pack(),
        )

    @classmethod
    def from_state(cls, definition: Definition, partition: int, state: FoldState) -> PartitionFold:
        """The fold as it was. The state must be of this definition, partition, and version of the rules."""
        fold = cls(definition, partition)
        fold.next_offset = state.next_offset
        fold._lives = Lives.unpack(state.lives, with_cross=fold._cross.is_on)
        fold._sequences = Sequences.unpack(state.sequences)
        fold._tallies = AreaTallies.unpack(_tally_lengths(definition), state.tally_keys, state.tally_numbers)
        fold._through = dict(state.through)
        fold._told = dict(state.through)
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
        refusal = self._refusal(record, signature_holds)
        self._out_of_sequence = self._sequence_findings(record, refusal)
        if record.offset == 0:
            self._open(record, refusal)
        elif event is None:
            self._keep(record, UNATTRIBUTED, ResultState.REFUSED, _finding(refusal))
        elif refusal is not None:
            self._keep(record, self._office_of(event), _state_of(refusal), _finding(refusal))
        elif isinstance(event, Report):
            self._report(record, event)
        elif isinstance(event, ResultReviewed):
            self._review(record, event)
        elif isinstance(event, ResultAnnulled):
            self._annul(record, event)
        elif isinstance(event, AnnulmentWithdrawn):
            self._withdraw(record, event)
        else:
            assert isinstance(event, ElectionOpened), f"{event.type} passed authority but has no fold"
            state = ResultState.DUPLICATE if record.event_id == self._genesis else ResultState.REFUSED
            self._keep(record, UNATTRIBUTED, state, (_already_open(),) if state is ResultState.REFUSED else ())

    def _refusal(self, record: Record, signature_holds: bool) -> Refusal | None:
        if record.event is None:
            return Refusal("M0", "record", f"Tidak terbaca: {record.problem}.", f"Unreadable: {record.problem}.")
        key = self.definition.keys.get(record.key_id)
        refusal = check_election(record.event, self.definition) or check_key(
            record.event, key, record.key_id, self.definition
        )
        if refusal is not None:
            return refusal
        if not signature_holds:
            return Refusal(
                "K2",
                "signatures.0.sig",
                "Tanda tangan tidak cocok dengan isi.",
                "The signature does not fit the payload.",
            )
        assert key is not None
        return check_place(record.event, key, self.definition) or self._wrong_partition(record.event)

    def _sequence_findings(self, record: Record, refusal: Refusal | None) -> tuple[Finding, ...]:
        """Q1, Q2. The genesis is in every partition, and has its place in none."""
        event = record.event
        if event is None or isinstance(event, ElectionOpened) or (refusal and refusal.rule not in SIGNED):
            return ()
        prev = bytes.fromhex(event.prev) if event.prev else None
        return self._sequences.note(record.key_id, event.seq, record.event_id, prev)

    def _wrong_partition(self, event: LedgerEvent) -> Refusal | None:
        if not isinstance(event, (Report, ResultReviewed, ResultAnnulled, AnnulmentWithdrawn)):
            return None
        home = self.definition.partition_of_station(self.definition.station_number[event.station])
        if home == self.partition:
            return None
        return Refusal(
            "E6",
            "station",
            f"TPS {event.station} termasuk partisi {home}, bukan {self.partition}.",
            f"Station {event.station} belongs to partition {home}, not {self.partition}.",
        )

    def _open(self, record: Record, refusal: Refusal | None) -> None:
        if not isinstance(record.event, ElectionOpened) or refusal is not None:
            reason = refusal.sentence_en if refusal else f"it is {record.event.type if record.event else 'unreadable'}"
            raise GenesisError(
                f"ledger partition {self.partition}, offset 0: expected the genesis of election "
                f"{self.definition.election.id} with definition {self.definition.hash}: {reason}"
            )
        self._genesis = record.event_id
        for office in self.definition.offices:
            self._through[office.id] = 0
            self._pending_of(office.id)
        self._keep(record, UNATTRIBUTED, ResultState.APPLIED, ())

    def _report(self, record: Record, event: Report) -> None:
        place = self._place(event.station, event.contest)
        contest = place.contest
        life = self._lives.get(place.slot)
        if life is not None and not self._is_new(record, place, life):
            return
        registered = self.definition.station_registered[place.station]
        submission = Submission(
            offset=record.offset,
            event_id=record.event_id,
            key=record.key_id,
            version=event.version,
            form_digest=record.form_digest,
            findings=(*self._judge.judge(event.form, contest, registered), *self._out_of_sequence),
            contribution=contribution_of(event.form, contest, registered),
            cross=cross_fields(event.form) if self._cross.is_on else None,
            supersedes=bytes.fromhex(event.supersedes) if event.supersedes else None,
        )
        pending = self._keep(record, contest.office, None, ())
        if life is None and submission.version == 1 and submission.supersedes is None:
            self._first(place, submission, pending)
        else:
            if life is None:
                life = Life(StationContest())
                life.said.has_room(record.key_id, record.event_id)
            self._settled(place, life, life.said.add(submission), record.offset)
        self._compare_contests(place.station, record.offset)

    def _review(self, record: Record, event: ResultReviewed) -> None:
        place, life = self._life(event.station, event.contest)
        said, form = life.said, bytes.fromhex(event.event)
        if self._is_new(record, place, life):
            if not said.has_form(form):
                self._refuse(record, place, life, unknown_review())
                return
            said.reviews[form] = Review(record.offset, event.decision == "accepted", event.reason)
            self._apply_to_forms(record, place, life)

    def _annul(self, record: Record, event: ResultAnnulled) -> None:
        place, life = self._life(event.station, event.contest)
        said = life.said
        if self._is_new(record, place, life):
            role = self.definition.keys[record.key_id].role
            form = None if event.event is None else bytes.fromhex(event.event)
            annulment = Annulment(record.offset, role, event.through_version or 0, form, event.reason)
            if annulment.through_version > said.reached or not (form is None or said.has_form(form)):
                self._refuse(record, place, life, unknown_annulment(said.reached))
                return
            said.annulments[record.event_id] = annulment
            self._apply_to_forms(record, place, life)

    def _withdraw(self, record: Record, event: AnnulmentWithdrawn) -> None:
        place, life = self._life(event.station, event.contest)
        if self._is_new(record, place, life):
            annulment = life.said.annulments.get(bytes.fromhex(event.annulment))
            if annulment is None or annulment.role != self.definition.keys[record.key_id].role:
                self._refuse(record, place, life, unknown_withdrawal())
                return
            del life.said.annulments[bytes.fromhex(event.annulment)]
            self._apply_to_forms(record, place, life)

    def _refuse(self, record: Record, place: _Place, life: Life, finding: Finding) -> None:
        """It may be submitted again: it counts where it stands after what it names."""
        self._keep(record, place.contest.office, ResultState.REFUSED, (finding,))
        self._lives.put(place.slot, life)

    def _is_new(self, record: Record, place: _Place, life: Life) -> bool:
        """Whether an event is to be applied; where not, it is kept as what it is: a repetition, or one too many of its key."""
        has_room = life.said.has_room(record.key_id, record.event_id)
        if life.said.has(record.event_id):
            self._keep(record, place.contest.office, ResultState.DUPLICATE, ())
        elif not has_room:
            self._keep(record, place.contest.office, ResultState.REFUSED, (too_many(record.key_id),))
        else:
            return True
        self._lives.put(place.slot, life)
        return False

    def _apply_to_forms(self, record: Record, place: _Place, life: Life) -> None:
        """What a review, an annulment or a withdrawal changes."""
        life.said.applied.add(record.event_id)
        self._keep(record, place.contest.office, ResultState.APPLIED, self._out_of_sequence)
        self._settled(place, life, life.said.settle(), record.offset)
        self._compare_contests(place.station, record.offset)

    # -- what stands -----------------------------------------------------------------------------------------------

    def _first(self, place: _Place, submission: Submission, pending: _Pending) -> None:
        """What `_settled` comes to where this is all that was submitted: of a night, nearly always."""
        submission.state = settle_one(submission)
        standing = Standing(submission.state, submission, submission.offset)
        if submission.state is ResultState.COUNTED and not submission.findings:
            self._lives.put_first(place.slot, submission)
        else:
            self._lives.put(place.slot, Life(life_of([submission]), standing))
        self._add(place, standing, 1, pending)
        if not self.is_silent:
            pending.tell_state(_state_row(submission, ()))
            pending.tell_station((place.station, place.contest.number), self._station_row(place, standing))

    def _settled(self, place: _Place, life: Life, changed: list[Submission], offset: int) -> None:
        """Tell the forms that an event has changed, and what stands after it where that is another than before."""
        before, said = life.standing, life.said
        stands = Standing(said.state, said.standing, offset)
        if before is not None and before.submission is stands.submission and stands.submission is not None:
            # Whether the rules across contests still say so is seen by `_compare_contests`.
            stands = stands._replace(state=_with_cross(stands.state, before.cross), cross=before.cross)
        if not self.is_silent:
            pending = self._pending_of(place.contest.office)
            if before is not None and before.cross and before.submission is not stands.submission:
                assert before.submission is not None
                # It may be held as before, but is no longer compared with other contests.
                pending.tell_state(_state_row(before.submission, ()))
            for form in changed:
                pending.tell_state(_state_row(form, stands.cross if form is stands.submission else ()))
        if before is not None and before.state is stands.state and before.submission is stands.submission:
            self._lives.put(place.slot, life)
        else:
            self._stand(place, life, stands)

    def _stand(self, place: _Place, life: Life, standing: Standing) -> None:
        """Let a station stand for this in a contest: take away what it added before, add what it adds now."""
        pending = self._pending_of(place.contest.office)
        if life.standing is not None:
            self._add(place, life.standing, -1, pending)
        self._add(place, standing, 1, pending)
        life.standing = standing
        self._lives.put(place.slot, life)
        if not self.is_silent:
            pending.tell_station((place.station, place.contest.number), self._station_row(place, standing))

    def _add(self, place: _Place, standing: Standing, sign: int, pending: _Pending) -> None:
        contest = place.contest.number
        areas = self.definition.counting_areas[self.definition.station_area[place.station]]
        keys = [(contest, area) for area in areas]
        tier = _TIER_OF_STATE.get(standing.state)
        if tier is not None:
            assert standing.submission is not None
            self._tallies.add(keys, tier, standing.submission.contribution, sign)
        elif standing.state is ResultState.ANNULLED:
            self._tallies.add_annulled(keys, sign)
        else:
            self._tallies.touch(keys)
        pending.tell_areas(keys, self._lengths[contest])

    def _compare_contests(self, station: int, offset: int) -> None:
        """Apply the rules across the contests of a station: what stands in one may flag what stands in another."""
        if not self._cross.is_on:
            return
        standing: dict[str, tuple[_Place, Life, Standing, Submission]] = {}
        for number in self.definition.contests_of_station(station):
            contest = self.definition.contests[number]
            place = _Place(station, contest, self.definition.slot(station, number))
            life = self._lives.get(place.slot)
            if life is not None and life.standing is not None and life.standing.submission is not None:
                standing[contest.contest.office] = (place, life, life.standing, life.standing.submission)
        forms = {
            office: submission.cross
            for office, (_, _, _, submission) in standing.items()
            if submission.cross is not None
        }
        for office, (place, life, current, submission) in standing.items():
            findings = self._cross.judge(office, forms)
            state = _with_cross(submission.state, findings)
            if findings != current.cross or state is not current.state:
                self._through[place.contest.office] = offset
                self._stand(place, life, Standing(state, submission, offset, findings))
                if not self.is_silent:
                    self._pending_of(place.contest.office).tell_state(_state_row(submission, findings))

    # -- blocks out ------------------------------------------------------------------------------------------------

    def take_blocks(self) -> list[Block]:
        """What has changed since the last call, one block for each office that was touched, in the package's order."""
        offices = [*(entry.id for entry in self.definition.offices), UNATTRIBUTED]
        return [block for office in offices if (block := self._take_block(office)) is not None]

    def take_full_blocks(self) -> list[Block]:
        """The blocks of those offices whose changes reach BLOCK_BYTES_MAX. To be called after each record: a larger block
        might be more than a message holds."""
        full = [office for office, pending in self._pending.items() if pending.size >= BLOCK_BYTES_MAX]
        return [block for office in full if (block := self._take_block(office)) is not None]

    def _take_block(self, office: OfficeId) -> Block | None:
        pending = self._pending.pop(office, None)
        if pending is None or self._through[office] == self._told[office]:
            return None
        block = Block(
            "block",
            office,
            self.partition,
            self._told[office],
            self._through[office],
            [self._area_tally(key) for key in sorted(pending.areas)],
            pending.records,
            [pending.states[offset] for offset in sorted(pending.states)],
            [pending.stations[key] for key in sorted(pending.stations)],
        )
        self._told[office] = self._through[office]
        return block

    def forget_changes(self) -> None:
        """Take what has changed as told: after a restart, for the records whose blocks were sent before it."""
        self._pending.clear()
        self._told = dict(self._through)

    def keyframes(self) -> list[Block]:
        """A full block of the shard-level areas for each office, as of the last block taken."""
        return [self.keyframe(office.id) for office in self.definition.offices]

    def keyframe(self, office: OfficeId) -> Block:
        """That of one office: of a nation's legislature 12 of these are 10 MB, so nobody should hold all at once."""
        assert not self._pending, "a keyframe between apply and take_blocks would tell what no block has told"
        self._note_shard_areas()
        areas = self._shard_areas[self.definition.office_number[office]]
        return keyframe(office, self.partition, self._through[office], [self._area_tally(key) for key in areas])

    def _note_shard_areas(self) -> None:
        """Look at the tallies that are new since the last keyframe: of a nation's, 1 of 12 is a shard-level area's."""
        definition = self.definition
        for contest, area in islice(self._tallies, self._noted, None):
            if definition.area_level[area] == definition.shard_level:
                insort(self._shard_areas[definition.contests[contest].office_number], (contest, area))
        self._noted = len(self._tallies)

    # -- pieces ----------------------------------------------------------------------------------------------------

    def _place(self, station: str, contest: str) -> _Place:
        number = self.definition.station_number[station]
        entry = self.definition.contests[self.definition.contest_number[contest]]
        return _Place(number, entry, self.definition.slot(number, entry.number))

    def _life(self, station: str, contest: str) -> tuple[_Place, Life]:
        place = self._place(station, contest)
        return place, self._lives.get(place.slot) or Life(StationContest())

    def _office_of(self, event: LedgerEvent) -> OfficeId:
        """The office in whose history a refused event is shown."""
        contest = self.definition.contest_number.get(getattr(event, "contest", ""))
        return UNATTRIBUTED if contest is None else self.definition.contests[contest].office

    def _pending_of(self, office: OfficeId) -> _Pending:
        pending = self._pending.get(office)
        if pending is None:
            pending = self._pending[office] = _Pending()
        return pending

    def _keep(
        self, record: Record, office: OfficeId, state: ResultState | None, findings: tuple[Finding, ...]
    ) -> _Pending:
        """Tell the record in the office's history; `state` None where settling will say it."""
        pending = self._pending_of(office)
        self._through[office] = record.offset
        if self.is_silent:
            return pending
        event = record.event
        row: RecordRow = {
            "offset": record.offset,
            "event": record.event_id.hex(),
            "type": event.type if event is not None else "unreadable",
            "key": record.key_id,
            "station": getattr(event, "station", None),
            "contest": getattr(event, "contest", None),
            "version": getattr(event, "version", None),
            "leaf": record.leaf.hex(),
            "received_us": record.received_us,
        }
        if event is not None:
            row["payload"] = orjson.Fragment(record.payload)
        pending.tell_record(row, len(record.payload))
        if state is not None:
            told = [finding.as_json() for finding in findings]
            pending.tell_state({"offset": record.offset, "state": state.value, "findings": told})
        return pending

    def _area_tally(self, key: tuple[int, int]) -> AreaTally:
        contest, area = key
        return (self.definition.contests[contest].id, self.definition.area_codes[area], self._tallies[key])

    def _station_row(self, place: _Place, standing: Standing) -> StationRow:
        submission = standing.submission
        return {
            "station": self.definition.station_codes[place.station],
            "contest": place.contest.id,
            "state": standing.state.value,
            "offset": None if submission is None else submission.offset,
            "event": None if submission is None else submission.event_id.hex(),
            "version": None if submission is None else submission.version,
            "contribution": None if submission is None else list(submission.contribution),
            "through": standing.through,
        }


def _tally_lengths(definition: Definition) -> tuple[int, ...]:
    return tuple(tally_length(len(contest.choices)) for contest in definition.contests)


def _with_cross(state: ResultState, cross: tuple[Finding, ...]) -> ResultState:
    """The state of a form that stands, given also what the rules across contests find."""
    if state is ResultState.COUNTED and any(finding.severity is not Severity.INFO for finding in cross):
        return ResultState.FLAGGED
    return state


def _state_row(submission: Submission, cross: tuple[Finding, ...]) -> StateRow:
    return {
        "offset": submission.offset,
        "state": _with_cross(submission.state, cross).value,
        "findings": [finding.as_json() for finding in (*submission.findings, *submission.judgement, *cross)],
    }


def _state_of(refusal: Refusal) -> ResultState:
    """An unknown station may become known by an amendment: such a form is held, all else is refused (DESIGN 3)."""
    return ResultState.HELD if refusal.rule == "S1" else ResultState.REFUSED


def _finding(refusal: Refusal | None) -> tuple[Finding, ...]:
    assert refusal is not None
    return (Finding(refusal.rule, Severity.HARD, refusal.sentence_id, refusal.sentence_en),)


def _already_open() -> Finding:
    return Finding(
        "E7", Severity.HARD, "Pemilu ini sudah dibuka di offset 0.", "This election was opened at offset 0 already."
    )
