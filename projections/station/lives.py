"""The lives of all stations of a partition, kept as bytes.

As Python objects a result takes 660 bytes, and the garbage collector walks them; as bytes it takes its numbers and 73
more, and the state of a partition is written and read as it stands (fold_state.py). A life is written in one of two ways:

    ordinary   a single form that counts, with nothing to say about it: packed
    other      any other: JSON

Bytes are only ever appended, to chunks of about 1 MB. Of a life that changes the older bytes are left where they are,
until they are the greater part of all and the lives are copied.

The lives that changed last are kept as objects too, and written when others take their place or the state is packed: a
station with hundreds of forms would otherwise be written and read as a whole for each of them.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from projections.form.across_contests import CrossFields
from projections.station.contest import Annulment, ResultState, Review, StationContest, Submission, life_of
from schemas.definition.package import Severity
from schemas.findings import Finding

CHUNK_BYTES = 1 << 20
LEFT_OVER_BYTES = 16 * CHUNK_BYTES
"""With less left over, copying is not worth the moment it takes."""
AT_HAND_EVENTS_MAX = 4_096
"""Events of the lives that are kept as objects: about 10 MB a partition. At half, someone who floods 20 stations in turn has
each written as a whole for each form; at double, twelve partitions of a worker take a quarter of a gigabyte."""
_PLACE_BITS = 32
"""Bits of a position for the place within its chunk; above them is the chunk's number."""
_HEAD = struct.Struct("<BI")
"""Kind, and how many bytes follow."""
_ORDINARY, _OTHER = 1, 2
_FORM = struct.Struct("<cHQ8s32s16s")
"""Layout of an ordinary life: type code of the numbers that follow, version, offset, key id, event id, digest of the form."""
_CROSS = len(CrossFields._fields)


class Standing(NamedTuple):
    """What a station adds to its areas in a contest."""

    state: ResultState
    submission: Submission | None
    through: int
    """Offset of the event that last changed it."""
    cross: tuple[Finding, ...] = ()
    """Findings of the rules across the contests of the station."""


@dataclass(slots=True)
class Life:
    submitted: StationContest
    standing: Standing | None = None
    """None until something is settled."""


class PackedLives(NamedTuple):
    """All lives as they are stored: positions by slot (unsigned 64 bit), and the chunks that they point into."""

    positions: bytes
    chunks: list[bytes]
    left_over: int

    def digest(self) -> bytes:
        """SHA-256 over the lives in the order of their slots. Where and in which order they were written depends on when
        states were packed; what they say does not."""
        positions = array("Q")
        positions.frombytes(self.positions)
        digest = hashlib.sha256()
        for slot, position in enumerate(positions):
            if position:
                chunk, place = self.chunks[position >> _PLACE_BITS], position & ((1 << _PLACE_BITS) - 1)
                size = _HEAD.size + _HEAD.unpack_from(chunk, place)[1]
                digest.update(slot.to_bytes(8) + chunk[place : place + size])
        return digest.digest()


class Lives:
    """By slot (Definition.slot): what was submitted about a station in a contest, and what stands."""

    def __init__(self, slots: int, *, with_cross: bool) -> None:
        """`with_cross`: the package has rules across contests, and forms keep the fields that these compare."""
        self._with_cross = with_cross
        self._positions = array("Q", bytes(8 * slots))
        # The first byte is nobody's: position 0 says that nothing was heard.
        self._chunks: list[bytes | bytearray] = [bytearray(1)]
        self._left_over = 0
        self._at_hand: OrderedDict[int, tuple[Life, int]] = OrderedDict()
        """By slot, the one used last at the end: a life, and how many events it counts as."""
        self._at_hand_events = 0
        self._unwritten: set[int] = set()
        """Slots whose life at hand is newer than their bytes."""

    def pack(self) -> PackedLives:
        for slot in sorted(self._unwritten):
            self._write(slot, self._at_hand[slot][0])
        self._unwritten.clear()
        return PackedLives(self._positions.tobytes(), [bytes(chunk) for chunk in self._chunks], self._left_over)

    @classmethod
    def unpack(cls, packed: PackedLives, *, with_cross: bool) -> Lives:
        lives = cls(0, with_cross=with_cross)
        lives._positions.frombytes(packed.positions)
        lives._chunks = [*packed.chunks[:-1], bytearray(packed.chunks[-1])]
        lives._left_over = packed.left_over
        return lives

    def get(self, slot: int) -> Life | None:
        """The life; what is changed in it must be `put`. None where nothing was submitted."""
        at_hand = self._at_hand.get(slot)
        if at_hand is not None:
            self._at_hand.move_to_end(slot)
            return at_hand[0]
        position = self._positions[slot]
        if not position:
            return None
        kind, body = self._read(position)
        return self._from_ordinary(body) if kind == _ORDINARY else _from_json(orjson.loads(body))

    def put_first(self, slot: int, form: Submission) -> None:
        """The life of a station of which nothing was known before: a single form that counts, with nothing to say about it."""
        self._positions[slot] = self._append(self._packed_ordinary(form))

    def put(self, slot: int, life: Life) -> None:
        """Keep a life as it is now."""
        self._at_hand_events -= self._at_hand.get(slot, (life, 0))[1]
        self._at_hand[slot] = life, life.submitted.events
        self._at_hand_events += life.submitted.events
        self._at_hand.move_to_end(slot)
        self._unwritten.add(slot)
        while self._at_hand_events > AT_HAND_EVENTS_MAX and len(self._at_hand) > 1:
            oldest, (old, events) = self._at_hand.popitem(last=False)
            self._at_hand_events -= events
            if oldest in self._unwritten:  # else `pack` has written it
                self._unwritten.remove(oldest)
                self._write(oldest, old)

    def _write(self, slot: int, life: Life) -> None:
        before = self._positions[slot]
        if before:
            self._left_over += _HEAD.size + len(self._read(before)[1])
        self._positions[slot] = self._append(self._packed(life))
        if self._left_over > max(LEFT_OVER_BYTES, len(self._chunks) * CHUNK_BYTES // 2):
            self._drop_left_over()

    def _read(self, position: int) -> tuple[int, memoryview]:
        chunk = self._chunks[position >> _PLACE_BITS]
        place = position & ((1 << _PLACE_BITS) - 1)
        kind, size = _HEAD.unpack_from(chunk, place)
        place += _HEAD.size
        return kind, memoryview(chunk)[place : place + size]

    def _append(self, value: bytes) -> int:
        chunk = self._chunks[-1]
        if len(chunk) >= CHUNK_BYTES:
            self._chunks[-1] = bytes(chunk)
            chunk = bytearray()
            self._chunks.append(chunk)
        assert isinstance(chunk, bytearray)
        position = (len(self._chunks) - 1) << _PLACE_BITS | len(chunk)
        chunk += value
        return position

    def _drop_left_over(self) -> None:
        old = self._chunks
        self._chunks = [bytearray(1)]
        for slot, position in enumerate(self._positions):
            if position:
                chunk, place = old[position >> _PLACE_BITS], position & ((1 << _PLACE_BITS) - 1)
                size = _HEAD.size + _HEAD.unpack_from(chunk, place)[1]
                self._positions[slot] = self._append(bytes(chunk[place : place + size]))
        self._left_over = 0

    def _packed(self, life: Life) -> bytes:
        submitted, standing = life.submitted, life.standing
        form = submitted.submissions[0] if len(submitted.submissions) == submitted.events == 1 else None
        if (
            form is not None
            and standing is not None
            and standing.state is ResultState.COUNTED
            and standing.through == form.offset
            and not (form.findings or form.judgement or standing.cross)
        ):
            return self._packed_ordinary(form)
        body = orjson.dumps(_as_json(life))
        return _HEAD.pack(_OTHER, len(body)) + body

    def _packed_ordinary(self, form: Submission) -> bytes:
        numbers: Sequence[int] = form.contribution
        if self._with_cross:
            assert form.cross is not None
            numbers = [*numbers, *(0 if number is None else number + 1 for number in form.cross)]
        largest = max(numbers)
        code = "B" if largest < 1 << 8 else "H" if largest < 1 << 16 else "Q"
        packed = array(code, numbers).tobytes()
        key = bytes.fromhex(form.key)
        return (
            _HEAD.pack(_ORDINARY, _FORM.size + len(packed))
            + _FORM.pack(code.encode(), form.version, form.offset, key, form.event_id, form.form_digest)
            + packed
        )

    def _from_ordinary(self, body: memoryview) -> Life:
        code, version, offset, key, event_id, digest = _FORM.unpack_from(body)
        numbers = memoryview(bytes(body[_FORM.size :])).cast(code.decode()).tolist()
        cross = None
        if self._with_cross:
            cross = CrossFields(*(number - 1 if number else None for number in numbers[-_CROSS:]))
            del numbers[-_CROSS:]
        form = Submission(offset, event_id, key.hex(), version, digest, (), tuple(numbers), cross)
        submitted = life_of([form])
        return Life(submitted, Standing(ResultState.COUNTED, form, offset))


def _as_json(life: Life) -> dict[str, Any]:
    """What was submitted, and of what became of it only what the rules across contests added: the rest follows again."""
    submitted, standing = life.submitted, life.standing
    of_forms = {(form.key, form.event_id) for form in submitted.submissions}
    return {
        "forms": [
            {
                "offset": form.offset,
                "event": form.event_id.hex(),
                "key": form.key,
                "version": form.version,
                "digest": form.form_digest.hex(),
                "findings": [tuple(finding) for finding in form.findings],
                "contribution": form.contribution,
                "cross": None if form.cross is None else tuple(form.cross),
                "supersedes": None if form.supersedes is None else form.supersedes.hex(),
            }
            for form in submitted.submissions
        ],
        "reviews": [(event.hex(), *review) for event, review in submitted.reviews.items()],
        "annulments": [
            (event.hex(), *each._replace(form=None), None if each.form is None else each.form.hex())
            for event, each in submitted.annulments.items()
        ],
        "applied": sorted(event.hex() for event in submitted.applied),
        "heard": sorted(
            (key, event.hex())
            for key, events in submitted.heard.items()
            for event in events
            if (key, event) not in of_forms
        ),
        "standing": None
        if standing is None
        else {
            "state": standing.state,
            "through": standing.through,
            "cross": [tuple(finding) for finding in standing.cross],
        },
    }


def _from_json(value: dict[str, Any]) -> Life:
    forms = [
        Submission(
            offset=form["offset"],
            event_id=bytes.fromhex(form["event"]),
            key=form["key"],
            version=form["version"],
            form_digest=bytes.fromhex(form["digest"]),
            findings=_findings(form["findings"]),
            contribution=tuple(form["contribution"]),
            cross=None if form["cross"] is None else CrossFields(*form["cross"]),
            supersedes=None if form["supersedes"] is None else bytes.fromhex(form["supersedes"]),
        )
        for form in value["forms"]
    ]
    submitted = life_of(
        forms,
        reviews={bytes.fromhex(event): Review(*review) for event, *review in value["reviews"]},
        annulments={
            bytes.fromhex(event): Annulment(*rest)._replace(form=None if form is None else bytes.fromhex(form))
            for event, *rest, form in value["annulments"]
        },
        applied={bytes.fromhex(event) for event in value["applied"]},
        heard=((key, bytes.fromhex(event)) for key, event in value["heard"]),
    )
    life = Life(submitted)
    if (standing := value["standing"]) is not None:
        life.standing = Standing(
            ResultState(standing["state"]), submitted.standing, standing["through"], _findings(standing["cross"])
        )
    return life


def _findings(rows: list[list[str]]) -> tuple[Finding, ...]:
    return tuple(Finding(rule, Severity(severity), *sentences) for rule, severity, *sentences in rows)
