"""One record of the log as the auditor reads it: is it an event, who signed it, and what does it state?

Written from the published description (`docs/reference/events.schema.json`, DESIGN 3) and not from the server's models.
A record that is not an event in its exact form is kept with its `problem`: it must not count, and the report lists it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from proofs.signatures import PAYLOAD_TYPE

COUNT_MAX = 999_999_999
AMOUNT_MAX = 10**14
FINANCE_LINES_MAX = 50
PAYLOAD_CHARACTERS_MAX = 60 * 1024
CHOICES_MAX = 2_000
NESTED_MAX = 64
"""Objects and lists in a record."""
VOTER_ROWS = ("A", "B1", "B2", "B3", "B4", "D")
NUMBERS = ("S1", "S2", "S3", "S4", "VA", "VB", "VC", "VK", "VS")
IN_WORDS = ("VA", "VB", "VC", "VK", "VS")
"""Fields that may be written out in words, besides the choices."""

_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,63}")
_ELECTION = re.compile(r"[a-z0-9][a-z0-9\-]{0,47}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_KEY_ID = re.compile(r"[0-9a-f]{16}")
_TIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]{1,6})?(?:Z|[+-]([0-9]{2}):([0-9]{2}))"
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HIDDEN = frozenset(
    chr(number)
    for first, last in (
        (0, 0x1F), (0x7F, 0x9F), (0x61C, 0x61C), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069), (0xFEFF, 0xFEFF),
    )
    for number in range(first, last + 1)
)  # fmt: skip
"""Control and direction characters, and line ends that only some readers know."""
_ADDRESS = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:[/?#][!#-;=?-Z\[\]_a-z~]*)?")
_REASON = re.compile(r"[A-Z][A-Z0-9\-_]{0,31}")


class ShapeError(ValueError):
    """Not what the description asks for; the sentence names the field."""


Check = Callable[[str, Any], None]


def _matches(pattern: re.Pattern[str]) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ShapeError(f"{name}: {value!r:.80} does not match {pattern.pattern}")

    return check


def _number(low: int, high: int) -> Check:
    def check(name: str, value: Any) -> None:
        if type(value) is not int or not low <= value <= high:
            raise ShapeError(f"{name}: expected a whole number from {low} to {high}, got {value!r:.80}")

    return check


def _text(characters_max: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, str) or len(value) > characters_max or not _HIDDEN.isdisjoint(value):
            raise ShapeError(f"{name}: expected a text of up to {characters_max} characters, none of them hidden")

    return check


def _address(name: str, value: Any) -> None:
    if not isinstance(value, str) or len(value) > 500 or not _ADDRESS.fullmatch(value):
        raise ShapeError(f"{name}: expected an address that begins with http:// or https://")


def _time(name: str, value: Any) -> None:
    found = _TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ShapeError(f"{name}: {value!r:.80} is not a time of RFC 3339")
    year, month, day, hour, minute, second, zone_hour, zone_minute = (int(part or 0) for part in found.groups())
    days = 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    of_month = (31, days, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1] if 1 <= month <= 12 else 0
    if not (1000 <= year <= 2999 and 1 <= day <= of_month and max(hour, zone_hour) <= 23):
        raise ShapeError(f"{name}: {value!r:.80} is not a day or hour that there is")
    if max(minute, second, zone_minute) > 59:
        raise ShapeError(f"{name}: {value!r:.80} is not a minute or second that there is")


def _day(name: str, value: Any) -> None:
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise ShapeError(f"{name}: {value!r:.80} is not a day such as 2029-02-14")
    _time(name, f"{value}T00:00:00Z")


def _one_of(*words: str) -> Check:
    def check(name: str, value: Any) -> None:
        if value not in words or not isinstance(value, str):
            raise ShapeError(f"{name}: {value!r:.80} is none of {', '.join(words)}")

    return check


def _maybe(inner: Check) -> Check:
    """The value, or null, or nothing."""

    def check(name: str, value: Any) -> None:
        if value is not None:
            inner(name, value)

    return check


def _object(required: Mapping[str, Check], optional: Mapping[str, Check]) -> Check:
    known = {**required, **optional}

    def check(name: str, value: Any) -> None:
        if not isinstance(value, dict):
            raise ShapeError(f"{name}: expected an object")
        for key in required:
            if key not in value:
                raise ShapeError(f"{name}.{key}: is missing")
        for key, each in value.items():
            inner = known.get(key)
            if inner is None:
                raise ShapeError(f"{name}.{key:.80}: there is no such field")
            inner(key, each)

    return check


def _list(inner: Check, entries_max: int) -> Check:
    def check(name: str, value: Any) -> None:
        if not isinstance(value, list) or len(value) > entries_max:
            raise ShapeError(f"{name}: expected a list of up to {entries_max}")
        for each in value:
            inner(name, each)

    return check


_codes_seen: set[str] = set()
"""Codes that match _CODE. A nation's forms repeat 150,000 of them, and to look one up costs a tenth of matching it."""
CODES_SEEN_MAX = 500_000
"""About 50 MB in each process. Records with other codes are matched one by one, as before."""


def _tally(entries_max: int) -> Check:
    count, code = _number(0, COUNT_MAX), _matches(_CODE)

    def check(name: str, value: Any) -> None:
        if not isinstance(value, dict) or len(value) > entries_max:
            raise ShapeError(f"{name}: expected up to {entries_max} numbers by code")
        if value.keys() <= _codes_seen and _are_counts(value):
            return
        for key, each in value.items():
            code(name, key)
            count(name, each)
        if len(_codes_seen) + len(value) <= CODES_SEEN_MAX:
            _codes_seen.update(value)

    return check


def _are_counts(value: dict[str, Any]) -> bool:
    numbers = value.values()
    return set(map(type, numbers)) == {int} and min(numbers) >= 0 and max(numbers) <= COUNT_MAX


_count = _number(0, COUNT_MAX)
_code, _sha256, _reason = _matches(_CODE), _matches(_SHA256), _matches(_REASON)
_version = _number(1, 10_000)
_voters = _object({}, {"L": _maybe(_count), "P": _maybe(_count), "J": _maybe(_count)})
_form = _object(
    {"votes": _tally(CHOICES_MAX)},
    {
        **dict.fromkeys(VOTER_ROWS, _maybe(_voters)),
        **dict.fromkeys(NUMBERS, _maybe(_count)),
        "party_totals": _maybe(_tally(CHOICES_MAX)),
        "words": _maybe(_tally(CHOICES_MAX + len(IN_WORDS))),
        "signatures": _maybe(_object({}, {"officers": _maybe(_count), "witnesses": _maybe(_count)})),
    },
)
_image = _object({"sha256": _sha256}, {"page": _number(1, 200), "url": _maybe(_address)})
_amount, _balance = _number(0, AMOUNT_MAX), _number(-AMOUNT_MAX, AMOUNT_MAX)
_finance: tuple[dict[str, Check], dict[str, Check]] = (
    {
        "area": _code,
        "report": _code,
        "version": _version,
        "begins": _day,
        "ends": _day,
        "submitted": _day,
        "opening": _balance,
        "closing": _balance,
        "document": _object({"sha256": _sha256}, {"url": _maybe(_address)}),
    },
    {
        **dict.fromkeys(("party", "contest", "choice"), _maybe(_code)),
        "supersedes": _maybe(_sha256),
        "reason": _maybe(_reason),
        "income": _list(
            _object({"kind": _code, "amount": _amount}, {"donors": _maybe(_count), "largest": _maybe(_amount)}),
            FINANCE_LINES_MAX,
        ),
        "spending": _list(_object({"kind": _code, "amount": _amount}, {}), FINANCE_LINES_MAX),
        "opinion": _maybe(_one_of("compliant", "not_compliant", "unqualified", "qualified", "adverse", "disclaimer")),
    },
)
_on_station: dict[str, Check] = {"station": _code, "contest": _code}
_with_form: tuple[dict[str, Check], dict[str, Check]] = (
    {**_on_station, "version": _version, "form": _form},
    {
        "supersedes": _maybe(_sha256),
        "reason": _maybe(_reason),
        "form_name": _text(60),
        "images": _list(_image, 50),
    },
)
_KINDS: dict[str, tuple[dict[str, Check], dict[str, Check]]] = {
    "election.opened": ({"partitions": _number(1, 256)}, {}),
    "definition.amended": ({"amended_definition": _sha256, "reason": _reason}, {}),
    "result.reported": _with_form,
    "result.copied": _with_form,
    "result.reviewed": (
        {**_on_station, "event": _sha256, "decision": _one_of("accepted", "rejected"), "reason": _reason},
        {},
    ),
    "result.annulled": (
        {**_on_station, "reason": _reason},
        {"through_version": _maybe(_version), "event": _maybe(_sha256)},
    ),
    "annulment.withdrawn": ({**_on_station, "annulment": _sha256, "reason": _reason}, {}),
    "finance.reported": _finance,
    "recap.declared": (
        {"area": _code, "contest": _code, "version": _version, "form_name": _text(60), "form": _form},
        {},
    ),
    "area.certified": ({"area": _code, "office": _code, "event": _sha256}, {}),
    "objection.filed": ({**_on_station, "event": _sha256, "reason": _reason}, {"image": _maybe(_sha256)}),
    "objection.answered": (
        {**_on_station, "event": _sha256, "decision": _one_of("upheld", "dismissed"), "reason": _reason},
        {},
    ),
}
_EVENTS: dict[str, Check] = {
    kind: _object(
        {
            "type": _one_of(kind),
            "election": _matches(_ELECTION),
            "mode": _one_of("rehearsal", "live"),
            "definition": _sha256,
            "seq": _number(0, 2**53 - 1),
            "created_at": _time,
            **required,
        },
        {"prev": _maybe(_sha256), **optional},
    )
    for kind, (required, optional) in _KINDS.items()
}


class Opened:
    """A record taken apart. `event` is None where it is not one, and `problem` has the reason."""

    __slots__ = ("event", "event_id", "key_id", "payload", "problem", "signature")

    def __init__(self, record: bytes) -> None:
        self.event: dict[str, Any] | None = None
        self.event_id = hashlib.sha256(record).hexdigest()
        self.key_id = ""
        self.payload = b""
        self.signature = b""
        self.problem = ""
        try:
            self._open(record)
        except (ShapeError, RecursionError) as error:
            self.problem = str(error)

    def _open(self, record: bytes) -> None:
        self.payload, self.key_id, self.signature = _envelope(record)
        self.event_id = hashlib.sha256(self.payload).hexdigest()
        event = _json("payload", self.payload)
        kind = event.get("type") if isinstance(event, dict) else None
        check = _EVENTS.get(kind) if isinstance(kind, str) else None
        if check is None:
            raise ShapeError("payload: not an event of a known type")
        check("payload", event)
        if kind == "result.annulled" and (event.get("through_version") is None) == (event.get("event") is None):
            raise ShapeError("payload: an annulment names either through_version or event")
        if kind == "finance.reported":
            named = [event.get(name) is not None for name in ("party", "contest", "choice")]
            if named not in ([True, False, False], [False, True, True]):
                raise ShapeError("payload: a finance report names either party, or contest and choice")
        if orjson.dumps(event, option=orjson.OPT_SORT_KEYS) != self.payload:
            raise ShapeError("payload: not in canonical form (RFC 8785)")
        self.event = event


def _envelope(record: bytes) -> tuple[bytes, str, bytes]:
    """(payload, key id and signature of the first signer). Raises ShapeError."""
    outer = _json("record", record)
    if sum(map(record.count, (b"{", b"["))) > NESTED_MAX:
        raise ShapeError("record: too many objects and lists")
    if orjson.dumps(outer) == record:  # the same bytes again: each name is there once, as it is written
        _check_names(outer)
    else:
        _check_pairs(record)
    envelope = outer.get("envelope") if isinstance(outer, dict) else None
    if not isinstance(envelope, dict) or not envelope.keys() >= {"payload", "payloadType", "signatures"}:
        raise ShapeError("envelope: expected payload, payloadType and signatures")
    text, signatures = envelope["payload"], envelope["signatures"]
    if not isinstance(text, str) or not 4 <= len(text) <= PAYLOAD_CHARACTERS_MAX:
        raise ShapeError("envelope.payload: has a wrong length")
    if envelope["payloadType"] != PAYLOAD_TYPE:
        raise ShapeError("envelope.payloadType: not that of an event")
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise ShapeError("envelope.signatures: expected one")
    return _base64("envelope.payload", text), *_signature(signatures[0])


def _signature(value: Any) -> tuple[str, bytes]:
    if not isinstance(value, dict) or not value.keys() >= {"keyid", "sig"}:
        raise ShapeError("envelope.signatures: expected keyid and sig")
    key_id, text = value["keyid"], value["sig"]
    if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id) or not isinstance(text, str) or len(text) != 88:
        raise ShapeError("envelope.signatures: not a key id and a signature")
    raw = _base64("envelope.signatures.sig", text)
    if len(raw) != 64:
        raise ShapeError("envelope.signatures.sig: not 64 bytes")
    return key_id, raw


def _check_names(value: Any) -> None:
    """_each_once for objects that were read already."""
    if isinstance(value, dict):
        _each_once(list(value.items()))
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            _check_names(inner)


def _check_pairs(record: bytes) -> None:
    """_each_once for every object of a record. Raises ShapeError."""
    try:
        json.loads(record, object_pairs_hook=_each_once)
    except ShapeError:
        raise
    except ValueError as error:
        raise ShapeError(f"record: not JSON ({error})") from None


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    """Names are compared without letter case: some readers take either for the same."""
    if len({name.casefold() for name, _ in pairs}) < len(pairs):
        raise ShapeError("record: a name is given twice")


def _json(name: str, data: bytes) -> Any:
    try:
        return orjson.loads(data)
    except ValueError as error:
        raise ShapeError(f"{name}: not JSON ({error})") from None


def _base64(name: str, text: str) -> bytes:
    """Bytes of base64 in the standard or the URL-safe alphabet, with padding, and in its only spelling."""
    standard = text
    if "-" in text or "_" in text:
        if "+" in text or "/" in text:
            raise ShapeError(f"{name}: base64 of both alphabets")
        standard = text.replace("-", "+").replace("_", "/")
    try:
        data = binascii.a2b_base64(standard, strict_mode=True)
    except ValueError:
        raise ShapeError(f"{name}: not base64") from None
    if base64.b64encode(data).decode() != standard:
        raise ShapeError(f"{name}: base64 with bits left over")
    return data
