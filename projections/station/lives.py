"""The lives of all stations of a partition, kept as bytes.

A *life* is all that was submitted about one station in one contest, with its *standing*: the state, the form that counts (or is
held, where none counts), and what the rules across contests find of that form.

As Python objects a life with one form takes 660 bytes, and the garbage collector walks them; as bytes it takes its numbers and
72 more, and the fold state of a partition is written and read without conversion (fold/state.py). A life is written in one of
two ways:

    ordinary   a single form that counts, with no finding: packed
    other      any other: JSON

Bytes are only appended, to chunks of about 1 MB. The older bytes of a life that changes are left over where they are, until
these are the greater part of all bytes and the lives are copied.

The lives that changed last are kept as objects too, and written when others replace them or the fold state is packed: a station
with hundreds of forms would otherwise be written and read as a whole for each form.
"""

from __future__ import annotations

import hashlib
import struct
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import orjson

from projections.form.across_contests import CrossFields
from projections.station.contest import StationContest, settled
from projections.station.submissions import Annulment, ResultState, Review, Submission
from schemas.definition.package import Severity
from schemas.findings import Finding

CHUNK_BYTES = 1 << 20
LEFT_OVER_BYTES = 16 * CHUNK_BYTES
"""Bytes left over up to which the lives are not copied, because the copy takes a moment."""
AT_HAND_EVENTS_MAX = 4_096
"""Events of the lives that are kept as objects: about 10 MB a partition. At half, a key that floods 20 stations in turn has
each life written as a whole for each form; at double, twelve partitions of a worker take a quarter of a gigabyte."""
_INDEX_BITS = 32
"""Bits of a position for the index of the first byte within its chunk; the higher bits are the chunk's number."""
_HEAD = struct.Struct("<BI")
"""Kind, and how many bytes follow."""
_ORDINARY, _OTHER = 1, 2
_FORM = struct.Struct("<cHQ8s32s16s")
"""Layout of an ordinary life: type code of the numbers that follow, version, offset, key id, event id, digest of the form."""
_CROSS = len(CrossFields._fields)


class Standing(NamedTuple):
    """What counts for a station in a contest, and is added to its areas."""

    state: ResultState
    submission: Submission | None
    through: int
    """Offset of the event that last changed the standing."""
    cross: tuple[Finding, ...] = ()
    """Findings of the rules across the contests of the station."""


@dataclass(slots=True)
class Life:
    submitted: StationContest
    standing: Standing | None = None
    """None before the first form is judged."""


class PackedLives(NamedTuple):
    """All lives as they are stored: positions by slot (unsigned 64 bit), and the chunks that they point into."""

    positions: bytes
    chunks: list[bytes]
    left_over: int

    def digest(self) -> bytes:
        """SHA-256 over the lives in the order of their slots, so that it is the same wherever and in which order lives were
        written, which depends on when fold states were packed."""
        positions = array("Q")
        positions.frombytes(self.positions)
        digest = hashlib.sha256()
        for slot, position in enumerate(positions):
            if position:
                chunk, start = self.chunks[position >> _INDEX_BITS], position & ((1 << _INDEX_BITS) - 1)
                size = _HEAD.size + _HEAD.unpack_from(chunk, start)[1]
                digest.update(slot.to_bytes(8) + chunk[start : start + size])
        return digest.digest()


class Lives:
    """The lives of a partition, by slot (Definition.slot)."""

    def __init__(self, slots: int, *, with_cross: bool) -> None:
        """`with_cross`: the package has rules across contests, and forms keep the fields that these compare."""
        self._with_cross = with_cross
        self._positions = array("Q", bytes(8 * slots))
        # The first byte belongs to no life, because position 0 means that nothing was submitted.
        self._chunks: list[bytes | bytearray] = [bytearray(1)]
        self._left_over = 0
        self._at_hand: OrderedDict[int, tuple[Life, int]] = OrderedDict()
        """Lives by slot, the one used last at the end, each with how many events it counts as."""
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
        """The life, or None where nothing was submitted. A caller that changes the life must `put` it."""
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
        """Keep the first form of a station, which counts with no finding."""
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
        chunk = self._chunks[position >> _INDEX_BITS]
        start = position & ((1 << _INDEX_BITS) - 1)
        kind, size = _HEAD.unpack_from(chunk, start)
        start += _HEAD.size
        return kind, memoryview(chunk)[start : start + size]

    def _append(self, value: bytes) -> int:
        chunk = self._chunks[-1]
        if len(chunk) >= CHUNK_BYTES:
            self._chunks[-1] = bytes(chunk)
            chunk = bytearray()
            self._chunks.append(chunk)
        assert isinstance(chunk, bytearray)
        position = (len(self._chunks) - 1) << _INDEX_BITS | len(chunk)
        chunk += value
        return position

    def _drop_left_over(self) -> None:
        old = self._chunks
        self._chunks = [bytearray(1)]
        for slot, position in enumerate(self._positions):
            if position:
                chunk, start = old[position >> _INDEX_BITS], position & ((1 << _INDEX_BITS) - 1)
                size = _HEAD.size + _HEAD.unpack_from(chunk, start)[1]
                self._positions[slot] = self._append(bytes(chunk[start : start + size]))
        self._left_over = 0

    def _packed(self, life: Life) -> bytes:
        submitted, standing = life.submitted, life.standing
        form = submitted.submissions[0] if len(submitted.submissions) == submitted.events == 1 else None
        if (
            form is not None
            and standing is not None
            and standing.through == form.offset
            and not (form.findings or form.judgement or standing.cross)
        ):
            assert standing.state is ResultState.COUNTED, "a form that does not count, or is flagged, has a finding"
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
        layout, size = _ordinary_layout(code, len(numbers))
        key = bytes.fromhex(form.key)
        return layout.pack(
            _ORDINARY, size, code.encode(), form.version, form.offset, key, form.event_id, form.form_digest, *numbers
        )

    def _from_ordinary(self, body: memoryview) -> Life:
        code, version, offset, key, event_id, digest = _FORM.unpack_from(body)
        packed = body[_FORM.size :]
        numbers = [*struct.unpack(f"<{len(packed) // struct.calcsize(code)}{code.decode()}", packed)]
        cross = None
        if self._with_cross:
            cross = CrossFields(*(number - 1 if number else None for number in numbers[-_CROSS:]))
            del numbers[-_CROSS:]
        form = Submission(offset, event_id, key.hex(), version, digest, (), tuple(numbers), cross)
        submitted = settled([form])
        return Life(submitted, Standing(ResultState.COUNTED, form, offset))


@cache
def _ordinary_layout(code: str, numbers: int) -> tuple[struct.Struct, int]:
    """Layout of an ordinary life with so many numbers, and how many bytes follow its head."""
    layout = struct.Struct(f"{_HEAD.format}{_FORM.format[1:]}{numbers}{code}")
    return layout, layout.size - _HEAD.size


def _as_json(life: Life) -> dict[str, Any]:
    """What was submitted, and what the rules across contests found. All other verdicts follow from what was submitted."""
    submitted, standing = life.submitted, life.standing
    forms_of_keys = {(form.key, form.event_id) for form in submitted.submissions}
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
        "other_events_of_key": sorted(
            (key, event.hex())
            for key, events in submitted.events_of_key.items()
            for event in events
            if (key, event) not in forms_of_keys
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
    submitted = settled(
        forms,
        reviews={bytes.fromhex(event): Review(*review) for event, *review in value["reviews"]},
        annulments={
            bytes.fromhex(event): Annulment(*rest)._replace(form=None if form is None else bytes.fromhex(form))
            for event, *rest, form in value["annulments"]
        },
        applied={bytes.fromhex(event) for event in value["applied"]},
        events_of_key=((key, bytes.fromhex(event)) for key, event in value["other_events_of_key"]),
    )
    life = Life(submitted)
    if (standing := value["standing"]) is not None:
        life.standing = Standing(
            ResultState(standing["state"]), submitted.standing_form, standing["through"], _findings(standing["cross"])
        )
    return life


def _findings(rows: list[list[str]]) -> tuple[Finding, ...]:
    return tuple(Finding(rule, Severity(severity), *sentences) for rule, severity, *sentences in rows)
