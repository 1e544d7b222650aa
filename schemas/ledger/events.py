"""The kinds of events a ledger holds, one class each, told apart by `type` (DESIGN 3).

The payload that is signed is the canonical JSON (schemas/canonical.py) of one of these. `LEDGER_EVENT` reads any of them.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from schemas.codes import ELECTION_PATTERN, Code, Sha256
from schemas.definition.package import PARTITIONS_MAX, Mode
from schemas.ledger.forms import ResultForm
from schemas.texts import PLAIN_TEXT_PATTERN, REAL_DAY, REAL_HOUR, WEB_ADDRESS_PATTERN

VERSION_MAX = 10_000
SEQ_MAX = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""
FORM_NAME_CHARACTERS_MAX = 60
IMAGES_MAX = 50
PAGES_MAX = 200
URL_CHARACTERS_MAX = 500
TIME_PATTERN = rf"^({REAL_DAY})T{REAL_HOUR}:[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,6}})?(Z|[+-]{REAL_HOUR}:[0-5][0-9])$"

REASON_PATTERN = r"^[A-Z][A-Z0-9\-_]{0,31}$"

Time = Annotated[str, Field(pattern=TIME_PATTERN, max_length=32)]
"""RFC 3339, as the submitter's clock had it. No fold reads it."""
Version = Annotated[int, Field(ge=1, le=VERSION_MAX, strict=True)]
ReasonCode = Annotated[str, Field(pattern=REASON_PATTERN)]
"""Why something changed: `TYPING`, `RECOUNT`, `PSU`, `PSSU-MK`, … (DOMAIN 1.7). The package may document its own."""


class Event(BaseModel):
    """What every event says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    election: Annotated[str, Field(pattern=ELECTION_PATTERN)]
    mode: Mode
    definition: Sha256
    """Definition hash of the election package the submitter had."""
    seq: Annotated[int, Field(ge=0, le=SEQ_MAX, strict=True)]
    """This key's own numbering of its events. A number used twice is an equivocation (Q1). One that is missing may be an event
    that was refused at the door, or withheld: it is no fault of another event, and a key may go on far above."""
    prev: Sha256 | None = None
    """Event id of the key's event with the number before; null for its first."""
    created_at: Time


class Image(BaseModel):
    """A photograph or scan of the form, named by its hash; the picture itself is not in the ledger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Sha256
    page: Annotated[int, Field(ge=1, le=PAGES_MAX, strict=True)] = 1
    url: Annotated[str, Field(max_length=URL_CHARACTERS_MAX, pattern=WEB_ADDRESS_PATTERN)] | None = None


class ElectionOpened(Event):
    """Genesis: offset 0 of every partition. The count starts at zero, under this definition and no other."""

    type: Literal["election.opened"]
    partitions: Annotated[int, Field(ge=1, le=PARTITIONS_MAX, strict=True)]


class DefinitionAmended(Event):
    """A new version of the package, with its hash and the reason."""

    type: Literal["definition.amended"]
    amended_definition: Sha256
    reason: ReasonCode


class _OnStation(Event):
    station: Code
    contest: Code


class _FormEvent(_OnStation):
    version: Version
    supersedes: Sha256 | None = None
    """Event id of the version this one corrects; null for the first."""
    reason: ReasonCode | None = None
    form_name: Annotated[str, Field(max_length=FORM_NAME_CHARACTERS_MAX, pattern=PLAIN_TEXT_PATTERN)] = "C.HASIL"
    form: ResultForm
    images: Annotated[tuple[Image, ...], Field(max_length=IMAGES_MAX)] = ()


class ResultReported(_FormEvent):
    """The result of one station in one contest, from one form, as version n."""

    type: Literal["result.reported"]


class ResultCopied(_FormEvent):
    """The same form as a witness or observer holds it: evidence, never the counted value."""

    type: Literal["result.copied"]


class ResultReviewed(_OnStation):
    """A held result is accepted (it counts, flagged) or rejected (it does not)."""

    type: Literal["result.reviewed"]
    event: Sha256
    """Event id of the result that was reviewed."""
    decision: Literal["accepted", "rejected"]
    reason: ReasonCode


class ResultAnnulled(_OnStation):
    """A re-vote or recount is ordered, or a form is found to be wrong: either all versions up to one that is in the ledger no
    longer count, also where they come later, or one form does not."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["through_version"]}, {"required": ["event"]}]})

    type: Literal["result.annulled"]
    through_version: Version | None = None
    event: Sha256 | None = None
    """Event id of the one form."""
    reason: ReasonCode

    @model_validator(mode="after")
    def _names_one(self) -> ResultAnnulled:
        if (self.through_version is None) == (self.event is None):
            raise ValueError("an annulment names either `through_version` or `event`")
        return self


class AnnulmentWithdrawn(_OnStation):
    """An annulment no longer holds; withdrawn by the role that ordered it."""

    type: Literal["annulment.withdrawn"]
    annulment: Sha256
    """Its event id."""
    reason: ReasonCode


class _OnArea(Event):
    area: Code


class RecapDeclared(_OnArea):
    """The official recapitulation of an area (D.HASIL): compared with our sum, never mixed into it."""

    type: Literal["recap.declared"]
    contest: Code
    version: Version
    form_name: Annotated[str, Field(max_length=FORM_NAME_CHARACTERS_MAX, pattern=PLAIN_TEXT_PATTERN)]
    form: ResultForm


class AreaCertified(_OnArea):
    """The recapitulation of an area is final at its level."""

    type: Literal["area.certified"]
    office: Code
    event: Sha256


class ObjectionFiled(_OnStation):
    """A witness, observer or supervisor objects to a record, bound to its id and to an image of the form."""

    type: Literal["objection.filed"]
    event: Sha256
    image: Sha256 | None = None
    reason: ReasonCode


class ObjectionAnswered(_OnStation):
    type: Literal["objection.answered"]
    event: Sha256
    decision: Literal["upheld", "dismissed"]
    reason: ReasonCode


AnyEvent = (
    ElectionOpened
    | DefinitionAmended
    | ResultReported
    | ResultCopied
    | ResultReviewed
    | ResultAnnulled
    | AnnulmentWithdrawn
    | RecapDeclared
    | AreaCertified
    | ObjectionFiled
    | ObjectionAnswered
)

EVENT_TYPES: tuple[str, ...] = tuple(get_args(each.model_fields["type"].annotation)[0] for each in get_args(AnyEvent))

LEDGER_EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="type")])

ACCEPTED_TYPES = frozenset(
    {"election.opened", "result.reported", "result.reviewed", "result.annulled", "annulment.withdrawn"}
)
"""Kinds that this version of Rekap lets in and counts. The others have their shape, and are refused with that reason."""
