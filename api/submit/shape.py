"""Step 2: the shape of an envelope and of the event in it, in a time that has a bound whatever they contain."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from api.problems import Problem
from runtime.package.shape_sentences import field_of, sentence
from schemas.canonical import canonical_event
from schemas.ledger.envelope import (
    ENVELOPE,
    Envelope,
    MalformedRecordError,
    Opened,
    check_names,
    open_envelope,
    open_plain_envelope,
)
from schemas.ledger.events import LEDGER_EVENT, AnyEvent, ResultReported
from schemas.ledger.forms import Tally
from schemas.ledger.reports import LedgerEvent, report_from, report_of

TABLES = ("votes", "party_totals", "words")
"""The members of a form that have an entry for each choice."""
TABLE: TypeAdapter[Tally] = TypeAdapter(Tally)
MISTAKES_SHOWN_MAX = 20
"""Mistakes that one refusal lists. Where there are more, they usually have one cause."""
PIECE_ENTRIES = 64
"""Entries of a table of votes that are validated at once. At half, a right form of 1,500 choices costs more calls; at double,
twice as many mistakes are listed of which only the first are shown."""
MEMBERS_MAX = 64
"""Members of any other object of an event, and of any list: the schema has 24 names, and 50 images."""


def read_submission(body: bytes) -> tuple[Opened, LedgerEvent]:
    """The envelope, opened, and the event in it. Nearly all submissions are reports that are written plainly, which are read in
    a third of the time; the schemas read all others, and decide what is refused and with which sentence. Raises Problem."""
    envelope = open_plain_envelope(body)
    report = None if envelope is None else report_of(envelope.payload)
    if envelope is None or report is None:
        return read_by_schema(body)
    return envelope, report[0]


def read_by_schema(body: bytes) -> tuple[Opened, LedgerEvent]:
    """The envelope, opened, and the event in it, both read by the schemas. Raises Problem."""
    envelope = opened(body)
    event = read_event(envelope.payload)
    return envelope, report_from(event) if isinstance(event, ResultReported) else event


def opened(body: bytes) -> Opened:
    """The envelope, opened: payload, signatures and event id. Raises Problem."""
    try:
        return open_envelope(read_envelope(body))
    except MalformedRecordError as error:
        field, _, reason = str(error).partition(": ")
        raise Problem(422, "Not a DSSE envelope", f"{field}: {reason}.", field=field) from None


def read_envelope(body: bytes) -> Envelope:
    """Raises Problem."""
    try:
        check_utf8(body, "")
        envelope = orjson.loads(body)
        _check_breadth(envelope, "body")
        _check_breadth(envelope.get("signatures") if isinstance(envelope, dict) else None, "signatures")
        check_names(body)
        return ENVELOPE.validate_python(envelope)
    except ValidationError as error:
        raise _shape_problem("Not a DSSE envelope", error) from None
    except (ValueError, RecursionError) as error:
        raise Problem(422, "Not JSON", f"The body is not JSON: {error}.", field="") from None


def read_event(payload: bytes) -> AnyEvent:
    """Raises Problem."""
    try:
        check_utf8(payload, "payload")
        members = orjson.loads(payload)
    except (ValueError, RecursionError) as error:
        raise Problem(422, "Not JSON", f"The payload is not JSON: {error}.", field="payload") from None
    _look_for_mistakes(members)
    # Before the schema validates it, because the schema would name a thousand mistakes of a key that is given a thousand times.
    if canonical_event(payload) is None:
        raise Problem(
            422,
            "Not canonical",
            "The payload must be canonical JSON (RFC 8785): keys sorted, no spaces, no key twice, no fractions.",
            field="payload",
        )
    try:
        return LEDGER_EVENT.validate_json(payload)
    except ValidationError as error:
        raise _shape_problem("Not an event", error) from None


def check_utf8(data: bytes, field: str) -> None:
    """Raise Problem where bytes are not UTF-8, which the parser of JSON would explain by rules of characters."""
    try:
        data.decode()
    except UnicodeDecodeError as error:
        sentence = f"The {field or 'body'} is not JSON in UTF-8: byte {error.start + 1} is 0x{data[error.start]:02x}."
        raise Problem(422, "Not JSON", sentence, field=field) from None


def _look_for_mistakes(event: Any) -> None:
    """Raise Problem at the first mistakes of an event that may have thousands. The schema would list all of them at 3 µs each,
    and an envelope has room for 20,000, so all other clients would wait meanwhile."""
    _check_breadth(event, "payload")
    form = event.get("form") if isinstance(event, dict) else None
    for name, member in event.items() if isinstance(event, dict) else ():
        _check_breadth(member, name)
    for name, member in form.items() if isinstance(form, dict) else ():
        if name not in TABLES or not isinstance(member, dict):
            _check_breadth(member, f"form.{name}")
            continue
        entries = list(member.items())
        for start in range(0, len(entries), PIECE_ENTRIES):
            try:
                TABLE.validate_python(dict(entries[start : start + PIECE_ENTRIES]))
            except ValidationError as error:
                raise _shape_problem("Not an event", error, f"form.{name}.") from None


def _check_breadth(value: Any, field: str) -> None:
    if isinstance(value, (dict, list)) and len(value) > MEMBERS_MAX:
        sentence = f"{field}: has {len(value)} members, and may have {MEMBERS_MAX} at most."
        raise Problem(422, "Not an event", sentence, field=field)


def _shape_problem(title: str, error: ValidationError, above: str = "") -> Problem:
    found = error.errors(include_url=False)
    mistakes = [(above + field_of(each), sentence(each)) for each in found[:MISTAKES_SHOWN_MAX]]
    field, detail = mistakes[0]
    return Problem(
        422,
        title,
        f"{field or 'body'}: {detail}.",
        field=field,
        errors=[{"field": field, "detail": detail} for field, detail in mistakes],
    )
