"""Objects of NIST SP 1500-100 as XML, piece by piece, valid by the standard's XML Schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from runtime.tables.xml_text import escaped
from schemas.nist.objects import NAMESPACE, TOTAL, TYPE_PREFIX, Object, Stream, VoteCounts

_ATTRIBUTES = {"@id": "ObjectId", "Language": "Language", "Label": "Label", "Annotation": "Annotation"}
"""Member → the attribute that it is in XML. All others are elements."""
_CONTENT = "Content"
"""Member that is the text of its element."""
_OF_A_SUBTYPE = {
    "BallotMeasureContest",
    "BallotMeasureSelection",
    "CandidateContest",
    "CandidateSelection",
    "PartyContest",
    "PartySelection",
    "ReportingUnit",
}
"""Types whose element is declared with another, abstract type, so that `xsi:type` names them."""
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<ElectionReport xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
)
_BEFORE_ID = "<VoteCounts><GpUnitId>"
_BEFORE_COUNT = f"</GpUnitId><Type>{TOTAL}</Type><Count>"
_AFTER_COUNT = "</Count></VoteCounts>"


def xml_pieces(report: Object) -> Iterator[bytes]:
    """The report. `Count` is an xsd:double in the schema. It is written as a whole number with all its digits, which is a
    double's lexical form too, so that a reader which takes the text for a whole number has the exact count."""
    yield _HEAD.encode()
    for name, value in report.items():
        if name != "@type":
            yield from _member(name, value)
    yield b"</ElectionReport>\n"


def _member(name: str, value: Any) -> Iterator[bytes]:
    if isinstance(value, VoteCounts):
        for ids, numbers in value.batches:
            yield "".join(
                [
                    f"{_BEFORE_ID}{id}{_BEFORE_COUNT}{number}{_AFTER_COUNT}"
                    for id, number in zip(ids, numbers, strict=True)
                ]
            ).encode()
    elif isinstance(value, Stream):
        for each in value.objects:
            yield b"\n"
            yield from _member(name, each)
    elif isinstance(value, dict) and any(isinstance(each, (Stream, VoteCounts)) for each in value.values()):
        yield f"<{name}{_attributes(value)}>".encode()
        for inner, each in value.items():
            if inner not in _ATTRIBUTES and inner != "@type":
                yield from _member(inner, each)
        yield f"</{name}>".encode()
    else:
        yield _plain(name, value).encode()


def _plain(name: str, value: Any) -> str:
    """An element without streams."""
    if isinstance(value, str):
        return f"<{name}>{escaped(value)}</{name}>"
    if isinstance(value, bool):
        return f"<{name}>{'true' if value else 'false'}</{name}>"
    if isinstance(value, int):
        return f"<{name}>{value}</{name}>"
    if isinstance(value, dict):
        content = "".join(
            [
                escaped(each) if inner == _CONTENT else _plain(inner, each)
                for inner, each in value.items()
                if inner not in _ATTRIBUTES and inner != "@type"
            ]
        )
        return f"<{name}{_attributes(value)}>{content}</{name}>"
    return _list(name, value)


def _list(name: str, values: Sequence[Any]) -> str:
    """References to several objects are one element (xsd:IDREFS); any other list is an element for each."""
    if name.endswith("Ids"):
        return f"<{name}>{' '.join(values)}</{name}>"
    return "".join([_plain(name, each) for each in values])


def _attributes(value: Object) -> str:
    type = value["@type"].removeprefix(TYPE_PREFIX)
    found = f' xsi:type="{type}"' if type in _OF_A_SUBTYPE else ""
    for name, attribute in _ATTRIBUTES.items():
        if name in value:
            found += f' {attribute}="{escaped(value[name])}"'
    return found
