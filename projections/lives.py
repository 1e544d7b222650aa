"""The lives of all stations of a partition, kept as bytes.

As Python objects a result takes 660 bytes, and the garbage collector walks them; as bytes it takes its numbers and 73
more, and the state of a partition is written and read as it stands (fold_state.py). A life is told in one of two ways:

    ordinary   a single form that counts, with nothing to say about it: packed
    other      any other: JSON

Bytes are only ever appended, to chunks of about 1 MB. Of a life that changes the older bytes are left where they are,
until they are the greater part of all and the lives are copied.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from projections.rules import CrossFields
from projections.station import ResultState, Review, StationContest, Submission
from schemas.findings import Finding
from schemas.package import Severity

CHUNK_BYTES = 1 << 20
LEFT_OVER_BYTES = 16 * CHUNK_BYTES
"""With less left over, copying is not worth the moment it takes."""
_PLACE_BITS = 32
"""Of a position, for the place within its chunk; above them is the chunk's number."""
_HEAD = struct.Struct("<BI")
"""Kind, and how many bytes follow."""
_ORDINARY, _OTHER = 1, 2
_FORM = struct.Struct("<cHQ32s16s")
"""Of an ordinary life: type code of the numbers that follow, version, offset, event id, digest of the form."""
_CROSS = len(CrossFields._fields)


class Standing(NamedTuple):
    """What a station adds to its areas in a contest."""

    state: ResultState
    submission: Submission | None
    through: int
    """Offset of the event that last changed it."""
    cross: tuple[Finding, ...] = ()
    """Of the rules across the contests of the station."""


@dataclass(slots=True)
class Life:
    said: StationContest
    standing: Standing | None = None
    """None until something is settled."""


class PackedLives(NamedTuple):
    """All lives as they are stored: positions by slot (unsigned 64 bit), and the chunks that they point into."""

    positions: bytes
    chunks: list[bytes]
    left_over: int


class Lives:
    """By slot (Definition.slot): what was said about a station in a contest, and what stands."""

    def __init__(self, slots: int, *, with_cross: bool) -> None:
        """`with_cross`: the package has rules across contests, and forms keep the fields that these compare."""
        self._with_cross = with_cross
        self._positions = array("Q", bytes(8 * slots))
        # The first byte is nobody's: position 0 says that nothing was heard.
        self._chunks: list[bytes | bytearray] = [bytearray(1)]
        self._left_over = 0

    def pack(self) -> PackedLives:
        return PackedLives(self._positions.tobytes(), [bytes(chunk) for chunk in self._chunks], self._left_over)

    @classmethod
    def unpack(cls, packed: PackedLives, *, with_cross: bool) -> Lives:
        lives = cls(0, with_cross=with_cross)
        lives._positions.frombytes(packed.positions)
        lives._chunks = [*packed.chunks[:-1], bytearray(packed.chunks[-1])]
        lives._left_over = packed.left_over
        return lives

    def get(self, slot: int) -> Life | None:
        """The life, made anew by each call; what is changed in it is kept by `put`. None where nothing was said."""
        position = self._positions[slot]
        if not position:
            return None
        kind, body = self._read(position)
        return self._from_ordinary(body) if kind == _ORDINARY else _from_json(orjson.loads(body))

    def put_first(self, slot: int, form: Submission) -> None:
        """The life of a station of which nothing was said before: a single form that counts, with nothing to say about it."""
        self._positions[slot] = self._append(self._packed_ordinary(form))

    def put(self, slot: int, life: Life) -> None:
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
        said, standing = life.said, life.standing
        if (
            standing is not None
            and standing.state is ResultState.COUNTED
            and len(said.submissions) == 1
            and not said.reviews
            and not said.annulled_through
        ):
            form = said.submissions[0]
            if standing.through == form.offset and not (form.findings or form.judgement or standing.cross):
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
        return (
            _HEAD.pack(_ORDINARY, _FORM.size + len(packed))
            + _FORM.pack(code.encode(), form.version, form.offset, form.event_id, form.form_digest)
            + packed
        )

    def _from_ordinary(self, body: memoryview) -> Life:
        code, version, offset, event_id, digest = _FORM.unpack_from(body)
        numbers = memoryview(bytes(body[_FORM.size :])).cast(code.decode()).tolist()
        cross = None
        if self._with_cross:
            cross = CrossFields(*(number - 1 if number else None for number in numbers[-_CROSS:]))
            del numbers[-_CROSS:]
        form = Submission(offset, event_id, version, digest, (), tuple(numbers), cross)
        return Life(StationContest([form]), Standing(ResultState.COUNTED, form, offset))


def _as_json(life: Life) -> dict[str, Any]:
    said, standing = life.said, life.standing
    return {
        "forms": [
            {
                "offset": form.offset,
                "event": form.event_id.hex(),
                "version": form.version,
                "digest": form.form_digest.hex(),
                "findings": [tuple(finding) for finding in form.findings],
                "contribution": form.contribution,
                "cross": None if form.cross is None else tuple(form.cross),
                "state": form.state,
                "judgement": [tuple(finding) for finding in form.judgement],
            }
            for form in said.submissions
        ],
        "reviews": [(event.hex(), *review) for event, review in said.reviews.items()],
        "annulled": (said.annulled_through, said.annulment_reason),
        "review_events": sorted(event.hex() for event in said.review_events),
        "standing": None
        if standing is None
        else {
            "state": standing.state,
            "offset": None if standing.submission is None else standing.submission.offset,
            "through": standing.through,
            "cross": [tuple(finding) for finding in standing.cross],
        },
    }


def _from_json(value: dict[str, Any]) -> Life:
    forms = [
        Submission(
            offset=form["offset"],
            event_id=bytes.fromhex(form["event"]),
            version=form["version"],
            form_digest=bytes.fromhex(form["digest"]),
            findings=_findings(form["findings"]),
            contribution=tuple(form["contribution"]),
            cross=None if form["cross"] is None else CrossFields(*form["cross"]),
            state=ResultState(form["state"]),
            judgement=_findings(form["judgement"]),
        )
        for form in value["forms"]
    ]
    reviews = {bytes.fromhex(event): Review(*review) for event, *review in value["reviews"]}
    review_events = {bytes.fromhex(event) for event in value["review_events"]}
    annulled_through, annulment_reason = value["annulled"]
    life = Life(StationContest(forms, reviews, annulled_through, annulment_reason, review_events))
    if (standing := value["standing"]) is not None:
        form = next((form for form in forms if form.offset == standing["offset"]), None)
        life.standing = Standing(
            ResultState(standing["state"]), form, standing["through"], _findings(standing["cross"])
        )
    return life


def _findings(rows: list[list[str]]) -> tuple[Finding, ...]:
    return tuple(Finding(rule, Severity(severity), *sentences) for rule, severity, *sentences in rows)
