"""The two readers of a record, the quick one and the schema, never disagree: whatever the quick one takes, the schema
takes too, and reads the same in it. So with the two looks at a form, the one at its sums and the rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from api.problems import Problem
from api.submit.shape import read_by_schema, read_submission
from projections.definition.compiled import Definition
from projections.form.adds_up import ADDS_UP, STATED_WHERE_IT_ADDS_UP, adds_up
from projections.form.case import Case
from projections.form.rules import RULES, FormJudge
from proofs.signatures import sign_envelope
from schemas.canonical import canonical_event, form_digest
from schemas.definition.package import RuleSetting, Severity
from schemas.ledger.envelope import MalformedRecordError, Opened, ledger_record, open_by_schema, open_record
from schemas.ledger.events import LEDGER_EVENT, ResultReported
from schemas.ledger.reports import Form, LedgerEvent, Report, Row, report_from, report_of
from tests.support.ledger import CREATED_AT, private_key
from tests.support.small_election import small_package

HASH = "0123456789abcdef" * 4
REPORT: dict[str, Any] = {
    "contest": "president",
    "created_at": CREATED_AT,
    "definition": HASH,
    "election": "small-2029",
    "form": {
        "A": {"J": 9, "L": 4, "P": 5},
        "B1": {"J": 6, "L": 3, "P": 3},
        "B2": {"J": 0, "L": 0, "P": 0},
        "B3": {"J": 1, "L": 1, "P": 0},
        "B4": {"J": 7, "L": 4, "P": 3},
        "D": {"J": 1, "L": 1, "P": 0},
        "S1": 10,
        "S2": 7,
        "S3": 0,
        "S4": 3,
        "VA": 6,
        "VB": 1,
        "VC": 7,
        "party_totals": {"P1": 6},
        "signatures": {"officers": 7, "witnesses": 2},
        "votes": {"01": 3, "02": 3, "03": 0},
        "words": {"VA": 6},
    },
    "form_name": "C.HASIL-PPWP",
    "images": [{"page": 2, "sha256": HASH, "url": "https://example.org/1.jpg"}],
    "mode": "rehearsal",
    "prev": HASH,
    "reason": "TYPING",
    "seq": 7,
    "station": "1.1.1-1",
    "supersedes": HASH,
    "type": "result.reported",
    "version": 2,
}
OPTIONAL = ("form_name", "images", "reason", "supersedes", "prev")
OPTIONAL_OF_FORM = tuple(name for name in REPORT["form"] if name != "votes")

odd = st.one_of(
    st.sampled_from((None, True, False, 0, 1, -1, 1.0, 0.5, 1e30, 10_001, 999_999_999, 10**9, 2**53, 2**63, 2**64)),
    st.sampled_from(("", "x", "01", "a\n", "01\n", "٣", "é", "\x7f", "\x00", '"', "\\", "x" * 65)),
    st.sampled_from((CREATED_AT + "\n", "2029-02-14T13:00:0٣Z", HASH + "\n", HASH.upper(), "RECOUNT\n", "live")),
    st.sampled_from(("election.opened", "result.copied", "result.reported\n")),
    st.sampled_from(([], {}, [1], [{}], [[]], {"L": 1}, {"L": None}, {"P01": 1}, {"\n": 1}, {"01": None}, {"é": 1})),
    st.just([{"sha256": HASH, "page": 1}]),
    st.integers(),
    st.text(max_size=5),
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    paths = [path] if path else []
    if isinstance(value, dict):
        return paths + [each for key, inner in value.items() for each in _paths(inner, (*path, key))]
    if isinstance(value, list):
        return paths + [each for key, inner in enumerate(value) for each in _paths(inner, (*path, key))]
    return paths


PATHS = _paths(REPORT)


def _holder(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        value = value[key]
    return value


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """Payloads of a report with parts left out, one thing changed, bytes changed, or written in another way."""
    report = orjson.loads(orjson.dumps(REPORT))
    for name in draw(st.sets(st.sampled_from(OPTIONAL))):
        del report[name]
    for name in draw(st.sets(st.sampled_from(OPTIONAL_OF_FORM), max_size=4)):
        del report["form"][name]
    how = draw(st.sampled_from(("as it is", "value", "value", "value", "more", "bytes", "order", "spaces", "null")))
    path = draw(st.sampled_from(PATHS))
    try:
        holder = _holder(report, path)
        if how == "value":
            holder[path[-1]] = draw(odd)
        elif how == "more":
            holder[draw(st.sampled_from(("zz", "VA", "J", "prev", "é", "01\n")))] = draw(odd)
        elif how == "null":
            holder[path[-1]] = None
    except (KeyError, IndexError, TypeError):  # what the path leads to was left out
        pass
    try:
        sort = 0 if how == "order" else orjson.OPT_SORT_KEYS
        payload = orjson.dumps(report, option=sort | (orjson.OPT_INDENT_2 if how == "spaces" else 0))
    except (TypeError, ValueError):  # beyond 64 bits
        payload = orjson.dumps(REPORT).replace(b'"seq":7', b'"seq":%d' % 10**25)
    if how == "bytes":
        at = draw(st.integers(0, len(payload)))
        cut = draw(st.integers(0, 2))
        new = draw(
            st.one_of(st.binary(max_size=2), st.sampled_from((b'"seq":7,', b"\\u0041", b" ", b"-", b"0", b".0")))
        )
        payload = payload[:at] + new + payload[at + cut :]
    return payload


@settings(max_examples=1500, deadline=None)
@given(payloads())
def test_what_the_quick_reader_takes_the_schema_reads_the_same(payload: bytes) -> None:
    found = report_of(payload)
    try:
        event = LEDGER_EVENT.validate_json(payload)
    except ValueError:
        event = None
    canonical = canonical_event(payload) if isinstance(event, ResultReported) else None
    if canonical is None:
        assert found is None
    elif found is not None:
        assert isinstance(event, ResultReported)
        report, digest = found
        assert digest == form_digest(canonical["form"])
        assert report_from(event) == report_from(ResultReported.model_validate(orjson.loads(payload)))
        assert _values(report) == _values(report_from(event))
    else:
        assert not payload.isascii() or b"\\" in payload, "written plainly, and yet not taken by the quick reader"


def _values(report: Any) -> tuple[Any, ...]:
    """What the fold looks at."""
    return report.election, report.mode, report.definition, report.station, report.contest, report.version, report.form


@pytest.mark.parametrize("left_out", [(), OPTIONAL, ("images",), ("prev", "reason")])
def test_plain_reports_are_read_quickly(left_out: tuple[str, ...]) -> None:
    report = {name: value for name, value in REPORT.items() if name not in left_out}
    found = report_of(orjson.dumps(report, option=orjson.OPT_SORT_KEYS))
    assert found is not None
    assert found[0].form.votes == REPORT["form"]["votes"]
    assert Row(4, 3, 7) == found[0].form.B4


RECORD = ledger_record(sign_envelope(private_key("officer"), orjson.dumps(REPORT)), "gateway-1", CREATED_AT)


def _read_by(reader: Callable[[bytes], Opened], value: bytes) -> Opened | str:
    try:
        return reader(value)
    except MalformedRecordError as error:
        return str(error)


@settings(max_examples=1500, deadline=None)
@given(
    st.one_of(st.integers(0, 30), st.integers(len(RECORD) - 260, len(RECORD)), st.integers(0, len(RECORD))),
    st.integers(0, 3),
    st.one_of(
        st.binary(max_size=2),
        st.sampled_from(
            (b'"payload":"YWJj",', b'"x":1,', b"\\u0041", b" ", b"\x00", b"\n", b"=", b'"sig":"",', b"null")
        ),
    ),
)
def test_a_record_is_opened_the_same_by_both_readers(at: int, cut: int, new: bytes) -> None:
    value = RECORD[:at] + new + RECORD[at + cut :]
    assert _read_by(open_record, value) == _read_by(open_by_schema, value)


ENVELOPE = sign_envelope(private_key("officer"), orjson.dumps(REPORT, option=orjson.OPT_SORT_KEYS))
BEHIND_THE_PAYLOAD = ENVELOPE.index(b'"payloadType"')


def _refused_or_read(
    reader: Callable[[bytes], tuple[Opened, LedgerEvent]], body: bytes
) -> tuple[Any, ...] | dict[str, Any]:
    try:
        envelope, event = reader(body)
    except Problem as problem:
        return problem.body
    if isinstance(event, Report):
        return envelope, _values(event), event.type, event.seq, event.prev or None, event.supersedes or None
    return envelope, event


@settings(max_examples=1500, deadline=None)
@given(
    st.one_of(st.integers(0, 30), st.integers(BEHIND_THE_PAYLOAD - 10, len(ENVELOPE)), st.integers(0, len(ENVELOPE))),
    st.integers(0, 3),
    st.one_of(
        st.binary(max_size=2),
        st.sampled_from((b'"payload":"YWJj",', b'"x":1,', b"\\u0041", b" ", b"\x00", b"=", b'"sig":"",', b'"Sig":"",')),
    ),
)
def test_the_gateway_reads_and_refuses_an_envelope_as_the_schemas_do(at: int, cut: int, new: bytes) -> None:
    body = ENVELOPE[:at] + new + ENVELOPE[at + cut :]
    assert _refused_or_read(read_submission, body) == _refused_or_read(read_by_schema, body)


@settings(max_examples=1500, deadline=None)
@given(payloads())
def test_the_gateway_reads_and_refuses_a_payload_as_the_schemas_do(payload: bytes) -> None:
    body = sign_envelope(private_key("officer"), payload)
    assert _refused_or_read(read_submission, body) == _refused_or_read(read_by_schema, body)


few = st.integers(0, 3)


@st.composite
def forms(draw: st.DrawFn) -> Form:
    """Forms that add up, and such of which some numbers are then changed or taken away."""
    cells = [draw(few) for _ in range(8)]
    b1, b2, b3 = ((cells[index], cells[index + 1]) for index in (0, 2, 4))
    b4 = (b1[0] + b2[0] + b3[0], b1[1] + b2[1] + b3[1])
    total = sum(b4)
    invalid = min(cells[6], total)
    first = draw(st.integers(0, total - invalid))
    numbers: dict[str, Any] = {
        "A": [b1[0] + cells[6], b1[1] + cells[7], sum(b1) + cells[6] + cells[7]],
        **{name: [*row, sum(row)] for name, row in (("B1", b1), ("B2", b2), ("B3", b3), ("B4", b4))},
        "D": [min(cells[7], b4[0]), 0, min(cells[7], b4[0])],
        "S1": total + cells[7],
        "S2": total,
        "S3": 0,
        "S4": cells[7],
        "VA": total - invalid,
        "VB": invalid,
        "VC": total,
        "votes": {"01": first, "02": total - invalid - first, "03": 0},
    }
    for _ in range(draw(st.integers(0, 2))):
        name = draw(st.sampled_from(sorted(numbers)))
        change = draw(st.one_of(st.none(), st.integers(-2, 2)))
        value = numbers[name]
        if name == "votes" and change is None:
            value.pop("03", None)
        elif name == "votes":
            value["01"] = max(0, value["01"] + change)
        elif isinstance(value, list):
            column = draw(st.integers(0, 2))
            value[column] = None if change is None or value[column] is None else max(0, value[column] + change)
        elif value is not None:
            numbers[name] = None if change is None else max(0, value + change)
        if name != "votes" and draw(st.integers(0, 9)) == 0:
            del numbers[name]
    stated: dict[str, Any] = {
        name: Row(*value) if isinstance(value, list) else value for name, value in numbers.items()
    }
    return Form(**stated)


ASKED: dict[str, dict[str, int | str | list[str]]] = {"M1": {"fields": sorted(STATED_WHERE_IT_ADDS_UP)}}
EACH_RULE = [RuleSetting(id=rule, severity=Severity.HARD, parameters=ASKED.get(rule, {})) for rule in RULES]
DEFINITION = Definition.of(small_package(tuple(EACH_RULE)))
PRESIDENT = DEFINITION.ballots.contest("president")
JUDGE = FormJudge(DEFINITION)


@settings(max_examples=1500, deadline=None)
@given(forms())
def test_a_form_that_adds_up_breaks_none_of_the_rules_on_sums(form: Form) -> None:
    broken = {rule for rule, check in RULES.items() if check(form, Case(PRESIDENT, 5, 0, ASKED.get(rule, {})))}
    if adds_up(form):
        assert not ADDS_UP & broken
    assert {finding.rule for finding in JUDGE.judge(form, PRESIDENT, 5)} == broken


def test_a_whole_form_adds_up_and_one_with_a_number_changed_does_not() -> None:
    form = report_from(ResultReported.model_validate(REPORT)).form
    assert adds_up(form)
    assert not adds_up(replace(form, VB=2))
    assert not adds_up(replace(form, B2=None))
