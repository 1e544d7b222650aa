"""Fast reading of reported results, which nearly all ledger records hold, in a fifth of the time of the schema of all events.

`report_of` reads a report that is written plainly, which is in ASCII, without escapes, and with each part in the shape that
`ResultReported` (events.py) requires. For anything else it returns None, and the caller reads the event with `LEDGER_EVENT`,
which alone decides what is refused and with which sentence.

The shape of a report is therefore in two files: pydantic names every mistake of an event and msgspec only the first, but is
five times as fast. Both have the same fields and bounds (tests/unit/schemas/ledger/test_reports.py) and read the same
(tests/properties/test_reports.py). Names and meanings are those of events.py and forms.py.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Annotated, Literal

from msgspec import UNSET, DecodeError, Meta, Struct, UnsetType, convert
from msgspec.json import Decoder, Encoder

from schemas.canonical import canonical_event
from schemas.codes import CODE_PATTERN, COUNT_MAX, ELECTION_PATTERN, SHA256_PATTERN, exactly
from schemas.definition.package import CHOICES_MAX, Mode
from schemas.ledger.events import (
    FORM_NAME_CHARACTERS_MAX,
    IMAGES_MAX,
    PAGES_MAX,
    REASON_PATTERN,
    SEQ_MAX,
    TIME_PATTERN,
    URL_CHARACTERS_MAX,
    VERSION_MAX,
    AnyEvent,
    ResultReported,
)
from schemas.ledger.forms import STATED_NUMBERS
from schemas.texts import PLAIN_TEXT_PATTERN, WEB_ADDRESS_PATTERN

Count = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
Counts = Annotated[dict[str, Count], Meta(max_length=CHOICES_MAX)]
Sha256 = Annotated[str, Meta(pattern=exactly(SHA256_PATTERN))]


class _Shape(Struct, gc=False, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of a report. The garbage collector does not track it (`gc=False`), because no part can be in a reference cycle."""


class Row(_Shape, frozen=True):
    L: Count | None = None
    P: Count | None = None
    J: Count | None = None


class Signed(_Shape, frozen=True):
    officers: Count | None = None
    witnesses: Count | None = None


class Form(_Shape, frozen=True):
    votes: Counts
    A: Row | None = None
    B1: Row | None = None
    B2: Row | None = None
    B3: Row | None = None
    B4: Row | None = None
    D: Row | None = None
    S1: Count | None = None
    S2: Count | None = None
    S3: Count | None = None
    S4: Count | None = None
    VA: Count | None = None
    VB: Count | None = None
    VC: Count | None = None
    VK: Count | None = None
    VS: Count | None = None
    party_totals: Counts | None = None
    words: Annotated[dict[str, Count], Meta(max_length=CHOICES_MAX + len(STATED_NUMBERS))] | None = None
    signatures: Signed | None = None


class _Image(_Shape, frozen=True):
    sha256: Sha256
    page: Annotated[int, Meta(ge=1, le=PAGES_MAX)] = 1
    url: Annotated[str, Meta(max_length=URL_CHARACTERS_MAX, pattern=exactly(WEB_ADDRESS_PATTERN))] | None = None


class Report(_Shape, frozen=True):
    """A reported result. `report_of` checks the patterns of `definition`, `election`, `contest` and of the names in the form,
    which have none here."""

    contest: str
    created_at: Annotated[str, Meta(pattern=exactly(TIME_PATTERN))]
    definition: str
    election: str
    form: Form
    mode: Mode
    seq: Annotated[int, Meta(ge=0, le=SEQ_MAX)]
    station: Annotated[str, Meta(pattern=exactly(CODE_PATTERN))]
    type: Literal["result.reported"]
    version: Annotated[int, Meta(ge=1, le=VERSION_MAX)]
    prev: Sha256 | UnsetType | None = UNSET
    supersedes: Sha256 | UnsetType | None = UNSET
    reason: Annotated[str, Meta(pattern=exactly(REASON_PATTERN))] | UnsetType | None = UNSET
    form_name: (
        Annotated[str, Meta(max_length=FORM_NAME_CHARACTERS_MAX, pattern=exactly(PLAIN_TEXT_PATTERN))] | UnsetType
    ) = UNSET
    images: Annotated[tuple[_Image, ...], Meta(max_length=IMAGES_MAX)] | UnsetType = UNSET


LedgerEvent = AnyEvent | Report
"""An event as the fold gets it. A reported result is always a `Report`, also where `LEDGER_EVENT` read it."""


def report_from(event: ResultReported) -> Report:
    return convert(event.model_dump(mode="json", exclude_none=True), Report)


_REPORT = Decoder(Report)
_CANONICAL = Encoder(order="sorted")


def report_of(payload: bytes) -> tuple[Report, bytes] | None:
    """The report in a signed payload, and the digest of its form (canonical.py, `form_digest`); None where the payload is not a
    report that is written plainly."""
    if not payload.isascii() or b"\\" in payload:
        return None
    try:
        report = _REPORT.decode(payload)
    except DecodeError:
        return None
    form = report.form
    names = tuple(form.votes)
    if form.party_totals is not None or form.words is not None:
        names += (*(form.party_totals or ()), *(form.words or ()))
    if not _are_well_formed(report.election, report.definition, report.contest, names):
        return None
    # The encoder leaves out null values and defaults. Where the payload has one, the slower comparison decides.
    if _CANONICAL.encode(report) != payload and canonical_event(payload) is None:
        return None
    return report, hashlib.sha256(_CANONICAL.encode(form)).digest()[:16]


_CODE = re.compile(exactly(CODE_PATTERN))
_ELECTION = re.compile(exactly(ELECTION_PATTERN))
_SHA256 = re.compile(exactly(SHA256_PATTERN))


@lru_cache(maxsize=8192)
def _are_well_formed(election: str, definition: str, contest: str, names: tuple[str, ...]) -> bool:
    """Whether these match their patterns. Nearly all forms of a contest have the same names, so the answers are cached. The
    cache has room for all 2,600 contests of a nation."""
    return (
        _ELECTION.match(election) is not None
        and _SHA256.match(definition) is not None
        and _CODE.match(contest) is not None
        and all(_CODE.match(name) for name in names)
    )
