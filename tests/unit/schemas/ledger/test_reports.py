"""The fast reader of reports: what it reads, and what it leaves to the schema. Any report: tests/properties/test_reports.py."""

from __future__ import annotations

import hashlib
from typing import Any

import orjson
import pytest

from schemas.canonical import canonical_event, form_digest
from schemas.ledger.events import LEDGER_EVENT, ResultReported
from schemas.ledger.reports import Form, Row, Signed, report_from, report_of
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
