"""Kinds of events in a ledger, one class each; the field `type` names the class (DESIGN 3).

The payload that is signed is the canonical JSON (schemas/canonical.py) of one of them. `LEDGER_EVENT` reads all of them.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from schemas.codes import ELECTION_PATTERN, Code, Sha256
from schemas.definition.finance_settings import FINANCE_KINDS_MAX
from schemas.definition.package import PARTITIONS_MAX, Mode
from schemas.ledger.finance import Balance, DayText, Document, Income, Opinion, Spending
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
"""RFC 3339, by the submitter's clock. No fold reads it."""
Version = Annotated[int, Field(ge=1, le=VERSION_MAX, strict=True)]
ReasonCode = Annotated[str, Field(pattern=REASON_PATTERN)]
"""Reason of a change, for example `TYPING`, `RECOUNT`, `PSU` or `PSSU-MK` (DOMAIN 1.7). An election may define others."""


class Event(BaseModel):
    """Fields that every event has."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    election: Annotated[str, Field(pattern=ELECTION_PATTERN)]
    """Id of the election."""
    mode: Mode
    """Mode of the election, so that an event of a rehearsal cannot enter a live one."""
    definition: Sha256
    """Definition hash of the submitter's election package."""
    seq: Annotated[int, Field(ge=0, le=SEQ_MAX, strict=True)]
    """Sequence number that the key gives to this event. Two events with the same number are an equivocation (Q1). A missing
    number may be an event that the gateway refused, or that was never submitted. It is not a finding against other events,
    and the next number may be any larger one."""
    prev: Sha256 | None = None
    """Event id of the key's previous event; null for its first event."""
    created_at: Time
    """Time by the submitter's clock (RFC 3339, UTC)."""


class Image(BaseModel):
    """A photograph or scan of the form, by its hash. The picture itself is not in the ledger."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    sha256: Sha256
    """SHA-256 of the bytes, hexadecimal."""
    page: Annotated[int, Field(ge=1, le=PAGES_MAX, strict=True)] = 1
    """Page of the form."""
    url: Annotated[str, Field(max_length=URL_CHARACTERS_MAX, pattern=WEB_ADDRESS_PATTERN)] | None = None
    """Web address of the picture."""


class ElectionOpened(Event):
    """Genesis event, at offset 0 of every partition. The count starts at zero, with this definition."""

    type: Literal["election.opened"]
    """Type of the event."""
    partitions: Annotated[int, Field(ge=1, le=PARTITIONS_MAX, strict=True)]
    """Number of ledger partitions."""


class DefinitionAmended(Event):
    """A new version of the package, with its hash and the reason."""

    type: Literal["definition.amended"]
    """Type of the event."""
    amended_definition: Sha256
    """Definition hash of the new package."""
    reason: ReasonCode
    """Reason."""


class _OnStation(Event):
    station: Code
    """Code of the polling station (TPS)."""
    contest: Code
    """Id of the contest."""


class _FormEvent(_OnStation):
    version: Version
    """Version of the result, from 1; each correction has a higher one."""
    supersedes: Sha256 | None = None
    """Event id of the version that this one corrects; null for the first version."""
    reason: ReasonCode | None = None
    """Reason."""
    form_name: Annotated[str, Field(max_length=FORM_NAME_CHARACTERS_MAX, pattern=PLAIN_TEXT_PATTERN)] = "C.HASIL"
    """Name of the paper form, such as `C.HASIL-PPWP`."""
    form: ResultForm
    """The numbers of the form."""
    images: Annotated[tuple[Image, ...], Field(max_length=IMAGES_MAX)] = ()
    """Pictures of the form."""


class ResultReported(_FormEvent):
    """The result of one station in one contest, from one form, as version n."""

    type: Literal["result.reported"]
    """Type of the event."""


class ResultCopied(_FormEvent):
    """A witness's or observer's copy of a form. It is evidence, and is never counted."""

    type: Literal["result.copied"]
    """Type of the event."""


class ResultReviewed(_OnStation):
    """A held result is accepted (it counts, flagged) or rejected (it does not)."""

    type: Literal["result.reviewed"]
    """Type of the event."""
    event: Sha256
    """Event id of the reviewed result."""
    decision: Literal["accepted", "rejected"]
    """Whether the held result counts."""
    reason: ReasonCode
    """Reason."""


class ResultAnnulled(_OnStation):
    """An order after which results no longer count, because of a re-vote, a recount or a wrong form. With `through_version`, no
    version up to that one counts, also none that is reported later; with `event`, one form does not count."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["through_version"]}, {"required": ["event"]}]})

    type: Literal["result.annulled"]
    """Type of the event."""
    through_version: Version | None = None
    """Highest version that no longer counts."""
    event: Sha256 | None = None
    """Event id of the one form that no longer counts."""
    reason: ReasonCode
    """Reason."""

    @model_validator(mode="after")
    def _names_one(self) -> ResultAnnulled:
        if (self.through_version is None) == (self.event is None):
            raise ValueError("an annulment names either `through_version` or `event`")
        return self


class AnnulmentWithdrawn(_OnStation):
    """The end of an annulment, withdrawn by the role that ordered it."""

    type: Literal["annulment.withdrawn"]
    """Type of the event."""
    annulment: Sha256
    """Event id of the annulment."""
    reason: ReasonCode
    """Reason."""


class FinanceReported(Event):
    """A campaign finance report (LADK, LPSDK, LPPDK) of one account, as version n. The account is that of a party in an area,
    or that of a candidate, whose area is the smallest one that holds all voters of the contest."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": ["party"]}, {"required": ["contest", "choice"]}]}
    )

    type: Literal["finance.reported"]
    """Type of the event."""
    area: Code
    """Decides the ledger partition, as a station's area does for a result."""
    party: Code | None = None
    """Id of the party; null for a candidate."""
    contest: Code | None = None
    """Id of the contest; null for a party."""
    choice: Code | None = None
    """Id of the candidate's choice; null for a party."""
    report: Code
    """The kind of report, one of the package's."""
    version: Version
    """Version of the report, from 1; each correction has a higher one."""
    supersedes: Sha256 | None = None
    """Event id of the version that this one corrects; null for the first version."""
    reason: ReasonCode | None = None
    """Reason."""
    begins: DayText
    """First day of the period that the report covers."""
    ends: DayText
    """Last day of the period."""
    submitted: DayText
    """Day on which the party or candidate handed the report in."""
    opening: Balance
    """Balance before the period (saldo awal)."""
    income: Annotated[tuple[Income, ...], Field(max_length=FINANCE_KINDS_MAX)] = ()
    """Income by kind of donor."""
    spending: Annotated[tuple[Spending, ...], Field(max_length=FINANCE_KINDS_MAX)] = ()
    """Spending by kind."""
    closing: Balance
    """Balance after the period (saldo akhir), as the report states it."""
    opinion: Opinion | None = None
    """The accountant's opinion; null where the report states none."""
    document: Document
    """The document that the report was read from."""

    @model_validator(mode="after")
    def _names_one_account(self) -> FinanceReported:
        of_candidate = (self.contest is not None, self.choice is not None)
        if of_candidate != ((False, False) if self.party is not None else (True, True)):
            raise ValueError("a finance report names either `party`, or `contest` and `choice`")
        return self


class _OnArea(Event):
    area: Code
    """Code of the area."""


class RecapDeclared(_OnArea):
    """The official recapitulation of an area (D.HASIL). It is compared with our sum, and is never part of it."""

    type: Literal["recap.declared"]
    """Type of the event."""
    contest: Code
    """Id of the contest."""
    version: Version
    """Version of the result, from 1; each correction has a higher one."""
    form_name: Annotated[str, Field(max_length=FORM_NAME_CHARACTERS_MAX, pattern=PLAIN_TEXT_PATTERN)]
    """Name of the paper form, such as `D.HASIL`."""
    form: ResultForm
    """The numbers of the recapitulation."""


class AreaCertified(_OnArea):
    """The recapitulation of an area is final at its level."""

    type: Literal["area.certified"]
    """Type of the event."""
    office: Code
    """Id of the office."""
    event: Sha256
    """Event id of the recapitulation."""


class ObjectionFiled(_OnStation):
    """An objection of a witness, observer or supervisor to a record, which it names by its id, with an image of the form."""

    type: Literal["objection.filed"]
    """Type of the event."""
    event: Sha256
    """Event id of the record that is objected to."""
    image: Sha256 | None = None
    """SHA-256 of a picture of the form."""
    reason: ReasonCode
    """Reason."""


class ObjectionAnswered(_OnStation):
    type: Literal["objection.answered"]
    """Type of the event."""
    event: Sha256
    """Event id of the objection."""
    decision: Literal["upheld", "dismissed"]
    """Whether the objection is right."""
    reason: ReasonCode
    """Reason."""


AnyEvent = (
    ElectionOpened
    | DefinitionAmended
    | ResultReported
    | ResultCopied
    | ResultReviewed
    | ResultAnnulled
    | AnnulmentWithdrawn
    | FinanceReported
    | RecapDeclared
    | AreaCertified
    | ObjectionFiled
    | ObjectionAnswered
)

EVENT_TYPES: tuple[str, ...] = tuple(get_args(each.model_fields["type"].annotation)[0] for each in get_args(AnyEvent))

LEDGER_EVENT: TypeAdapter[AnyEvent] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="type")])

ACCEPTED_TYPES = frozenset(
    {
        "election.opened",
        "result.reported",
        "result.reviewed",
        "result.annulled",
        "annulment.withdrawn",
        "finance.reported",
    }
)
"""Types of event that this version of Rekap accepts. It knows the shape of the others, and refuses them with that reason."""
