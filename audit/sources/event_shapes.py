"""The shape of each type of event, as docs/reference/events.schema.json describes it."""

from __future__ import annotations

import re

from audit.sources.shapes import (
    CODE,
    COUNT_MAX,
    Check,
    address,
    day,
    list_of,
    matches,
    maybe,
    number,
    object_of,
    one_of,
    tally,
    text,
    time,
)

AMOUNT_MAX = 10**14
FINANCE_LINES_MAX = 50
CHOICES_MAX = 2_000
VOTER_ROWS = ("A", "B1", "B2", "B3", "B4", "D")
NUMBERS = ("S1", "S2", "S3", "S4", "VA", "VB", "VC", "VK", "VS")
IN_WORDS = ("VA", "VB", "VC", "VK", "VS")
"""Fields that may be written out in words, besides the choices."""
_ELECTION = re.compile(r"[a-z0-9][a-z0-9\-]{0,47}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REASON = re.compile(r"[A-Z][A-Z0-9\-_]{0,31}")

_count = number(0, COUNT_MAX)
_code, _sha256, _reason = matches(CODE), matches(_SHA256), matches(_REASON)
_version = number(1, 10_000)
_voters = object_of({}, {"L": maybe(_count), "P": maybe(_count), "J": maybe(_count)})
_form = object_of(
    {"votes": tally(CHOICES_MAX)},
    {
        **dict.fromkeys(VOTER_ROWS, maybe(_voters)),
        **dict.fromkeys(NUMBERS, maybe(_count)),
        "party_totals": maybe(tally(CHOICES_MAX)),
        "words": maybe(tally(CHOICES_MAX + len(IN_WORDS))),
        "signatures": maybe(object_of({}, {"officers": maybe(_count), "witnesses": maybe(_count)})),
    },
)
_image = object_of({"sha256": _sha256}, {"page": number(1, 200), "url": maybe(address)})
_amount, _balance = number(0, AMOUNT_MAX), number(-AMOUNT_MAX, AMOUNT_MAX)
_finance: tuple[dict[str, Check], dict[str, Check]] = (
    {
        "area": _code,
        "report": _code,
        "version": _version,
        "begins": day,
        "ends": day,
        "submitted": day,
        "opening": _balance,
        "closing": _balance,
        "document": object_of({"sha256": _sha256}, {"url": maybe(address)}),
    },
    {
        **dict.fromkeys(("party", "contest", "choice"), maybe(_code)),
        "supersedes": maybe(_sha256),
        "reason": maybe(_reason),
        "income": list_of(
            object_of({"kind": _code, "amount": _amount}, {"donors": maybe(_count), "largest": maybe(_amount)}),
            FINANCE_LINES_MAX,
        ),
        "spending": list_of(object_of({"kind": _code, "amount": _amount}, {}), FINANCE_LINES_MAX),
        "opinion": maybe(one_of("compliant", "not_compliant", "unqualified", "qualified", "adverse", "disclaimer")),
    },
)
_on_station: dict[str, Check] = {"station": _code, "contest": _code}
_with_form: tuple[dict[str, Check], dict[str, Check]] = (
    {**_on_station, "version": _version, "form": _form},
    {
        "supersedes": maybe(_sha256),
        "reason": maybe(_reason),
        "form_name": text(60),
        "images": list_of(_image, 50),
    },
)
_KINDS: dict[str, tuple[dict[str, Check], dict[str, Check]]] = {
    "election.opened": ({"partitions": number(1, 256)}, {}),
    "definition.amended": ({"amended_definition": _sha256, "reason": _reason}, {}),
    "result.reported": _with_form,
    "result.copied": _with_form,
    "result.reviewed": (
        {**_on_station, "event": _sha256, "decision": one_of("accepted", "rejected"), "reason": _reason},
        {},
    ),
    "result.annulled": (
        {**_on_station, "reason": _reason},
        {"through_version": maybe(_version), "event": maybe(_sha256)},
    ),
    "annulment.withdrawn": ({**_on_station, "annulment": _sha256, "reason": _reason}, {}),
    "finance.reported": _finance,
    "recap.declared": (
        {"area": _code, "contest": _code, "version": _version, "form_name": text(60), "form": _form},
        {},
    ),
    "area.certified": ({"area": _code, "office": _code, "event": _sha256}, {}),
    "objection.filed": ({**_on_station, "event": _sha256, "reason": _reason}, {"image": maybe(_sha256)}),
    "objection.answered": (
        {**_on_station, "event": _sha256, "decision": one_of("upheld", "dismissed"), "reason": _reason},
        {},
    ),
}
EVENTS: dict[str, Check] = {
    kind: object_of(
        {
            "type": one_of(kind),
            "election": matches(_ELECTION),
            "mode": one_of("rehearsal", "live"),
            "definition": _sha256,
            "seq": number(0, 2**53 - 1),
            "created_at": time,
            **required,
        },
        {"prev": maybe(_sha256), **optional},
    )
    for kind, (required, optional) in _KINDS.items()
}
"""The check of a whole event, by its type."""
