"""The fast reader of reports: what it reads, and what it leaves to the schema. Any report: tests/properties/test_reports.py."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec.json
import orjson
import pytest
from pydantic import ValidationError

from schemas.canonical import canonical_event, form_digest
from schemas.ledger.events import LEDGER_EVENT, ResultReported
from schemas.ledger.reports import Form, Report, Row, Signed, report_from, report_of
from tests.support.ledger import CREATED_AT
from tests.support.small_election import reported

FRAME = {"election": "small", "mode": "rehearsal", "definition": "ab" * 32, "seq": 3, "created_at": CREATED_AT}
BODY = {**FRAME, **reported("1.1.1-1")}


def payload(**more: Any) -> bytes:
    return orjson.dumps({**BODY, **more}, option=orjson.OPT_SORT_KEYS)


def with_form(**more: Any) -> bytes:
    return payload(form={**BODY["form"], **more})


def test_a_plain_report_is_read_with_the_digest_of_its_form() -> None:
    found = report_of(with_form(A={"L": 1, "P": 2}, signatures={"officers": 7}))
    assert found is not None
    report, digest = found
    assert (report.station, report.contest, report.version, report.seq) == ("1.1.1-1", "president", 1, 3)
    assert report.form == Form(
        votes={"01": 10, "02": 20, "03": 30}, A=Row(L=1, P=2), VA=60, VB=1, VC=61, signatures=Signed(officers=7)
    )
    sorted_form = orjson.dumps(orjson.loads(with_form(A={"L": 1, "P": 2}, signatures={"officers": 7}))["form"])
    assert digest == hashlib.sha256(sorted_form).digest()[:16]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(payload(form_name="n°"), id="not ASCII"),
        pytest.param(payload(form_name="a\\b"), id="an escape"),
        pytest.param(payload(version=0), id="a wrong version"),
        pytest.param(payload(more=1), id="an unknown field"),
        pytest.param(payload(election="Small"), id="a wrong election"),
        pytest.param(payload(definition="ab"), id="a wrong definition"),
        pytest.param(payload(contest="no contest"), id="a wrong contest"),
        pytest.param(with_form(votes={"no choice": 1}), id="a wrong choice"),
        pytest.param(with_form(party_totals={"no party": 1}), id="a wrong party"),
        pytest.param(with_form(words={"no field": 1}), id="a wrong field in words"),
        pytest.param(payload(form=[]), id="a wrong form"),
        pytest.param(payload().replace(b":", b": ", 1), id="a blank"),
        pytest.param(orjson.dumps(BODY), id="names that are not sorted"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_anything_else_is_left_to_the_schema(value: bytes) -> None:
    assert report_of(value) is None


@pytest.mark.parametrize("more", [{"A": None}, {"A": {"J": None}}, {"party_totals": None}, {"words": None}])
def test_a_null_that_is_written_out_is_read_as_left_out(more: dict[str, Any]) -> None:
    """The canonical form of such an event has the null, which the fast encoder leaves out."""
    found = report_of(with_form(**more))
    assert found is not None
    canonical = canonical_event(with_form(**more))
    assert canonical is not None
    assert found[1] == form_digest(canonical["form"])


@pytest.mark.parametrize("more", [{"party_totals": {"P1": 60}}, {"words": {"VA": 60}}, {}])
def test_names_in_each_part_of_a_form_are_read(more: dict[str, Any]) -> None:
    found = report_of(with_form(**more))
    assert found is not None
    assert (found[0].form.party_totals, found[0].form.words) == (more.get("party_totals"), more.get("words"))


def test_what_the_schema_has_read_is_the_same_report() -> None:
    value = payload(
        supersedes="cd" * 32, images=[{"sha256": "ef" * 32, "page": 2}], form_name="C.HASIL", reason="TYPING"
    )
    event = LEDGER_EVENT.validate_json(value)
    assert isinstance(event, ResultReported)
    found = report_of(value)
    assert found is not None
    assert report_from(event) == found[0]


def choices(count: int) -> dict[str, int]:
    return {f"c{number}": 1 for number in range(count)}


LIMITS = [
    # what is limited, the largest report, and one that is larger by one
    ("seq", payload(seq=9_007_199_254_740_991), payload(seq=9_007_199_254_740_992)),
    ("version", payload(version=10_000), payload(version=10_001)),
    ("a count", with_form(VA=999_999_999), with_form(VA=1_000_000_000)),
    ("a count of voters", with_form(A={"J": 999_999_999}), with_form(A={"J": 1_000_000_000})),
    ("a code", payload(station="s" * 64), payload(station="s" * 65)),
    ("a contest", payload(contest="c" * 64), payload(contest="c" * 65)),
    ("an election", payload(election="e" * 48), payload(election="e" * 49)),
    ("a reason", payload(reason="R" * 32), payload(reason="R" * 33)),
    ("the name of a form", payload(form_name="C" * 60), payload(form_name="C" * 61)),
    ("choices", with_form(votes=choices(2_000)), with_form(votes=choices(2_001))),
    ("party totals", with_form(party_totals=choices(2_000)), with_form(party_totals=choices(2_001))),
    ("numbers in words", with_form(words=choices(2_005)), with_form(words=choices(2_006))),
    ("images", payload(images=[{"sha256": "ef" * 32}] * 50), payload(images=[{"sha256": "ef" * 32}] * 51)),
    (
        "a page",
        payload(images=[{"page": 200, "sha256": "ef" * 32}]),
        payload(images=[{"page": 201, "sha256": "ef" * 32}]),
    ),
    (
        "an address",
        payload(images=[{"sha256": "ef" * 32, "url": "https://x.example/" + "a" * 482}]),
        payload(images=[{"sha256": "ef" * 32, "url": "https://x.example/" + "a" * 483}]),
    ),
]


@pytest.mark.parametrize(("largest", "larger"), [limit[1:] for limit in LIMITS], ids=[limit[0] for limit in LIMITS])
def test_both_readers_take_the_largest_of_each_and_nothing_larger(largest: bytes, larger: bytes) -> None:
    event = LEDGER_EVENT.validate_json(largest)
    assert isinstance(event, ResultReported)
    found = report_of(largest)
    assert found is not None
    assert found[0].form == report_from(event).form
    assert report_of(larger) is None
    with pytest.raises(ValidationError):
        LEDGER_EVENT.validate_json(larger)


@pytest.mark.parametrize(
    "less",
    [
        payload(seq=-1),
        payload(version=0),
        with_form(VA=-1),
        payload(station=""),
        payload(reason=""),
        payload(images=[{"page": 0, "sha256": "ef" * 32}]),
    ],
)
def test_both_readers_refuse_less_than_the_least(less: bytes) -> None:
    assert report_of(less) is None
    with pytest.raises(ValidationError):
        LEDGER_EVENT.validate_json(less)


def test_the_least_of_each_is_taken() -> None:
    least = payload(seq=0, version=1, station="s", reason="R", election="e", images=[{"page": 1, "sha256": "ef" * 32}])
    assert report_of(least) is not None
    assert report_of(with_form(VA=0, votes={})) is not None
    assert isinstance(LEDGER_EVENT.validate_json(least), ResultReported)


CHECKED_APART = {
    "contest": "pattern",
    "definition": "pattern",
    "election": "pattern",
    "created_at": "maxLength",  # the longest text of the pattern
}
"""Field → what its schema of all events has and the fast reader's has not, because `report_of` checks it, or it follows."""


def _bare(node: Any, parts: dict[str, Any]) -> Any:
    """A JSON Schema without words and names, written in one of the ways that mean the same."""
    if isinstance(node, list):
        return [_bare(each, parts) for each in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _bare(parts[node["$ref"].rsplit("/", 1)[1]], parts)
    bare: dict[str, Any] = {}
    for name, value in node.items():
        match name:
            case "title" | "description" | "default" | "$defs":
                pass
            case "const":
                bare["enum"] = [value]
            case "enum" | "required":
                bare[name] = sorted(value)
            case "pattern":
                bare[name] = value.replace(r"\Z", "$")
            case "properties":
                bare[name] = {field: _bare(each, parts) for field, each in value.items()}
            case "patternProperties":  # names are checked by `report_of`
                (bare["additionalProperties"],) = (_bare(each, parts) for each in value.values())
            case _:
                bare[name] = _bare(value, parts)
    if "enum" in bare:
        bare.pop("type", None)
    if bare.get("type") == "object":
        bare.setdefault("required", [])
    return bare


def test_both_shapes_of_a_report_have_the_same_fields_and_bounds() -> None:
    fast, whole = msgspec.json.schema(Report), ResultReported.model_json_schema()
    expected = _bare(whole, whole["$defs"])
    for field, keyword in CHECKED_APART.items():
        del expected["properties"][field][keyword]
    assert _bare(fast, fast["$defs"]) == expected
