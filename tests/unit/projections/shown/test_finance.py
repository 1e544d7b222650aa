"""Answers about campaign finance: sums, links, and what a report leaves out."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from projections.definition.compiled import Definition
from projections.shown.finance import finance_cut, finance_line, finance_settings, kinds_answer
from schemas.served.finance import FinanceKinds, FinanceLine
from tests.support.small_election import small_package
from tests.support.small_finance import finance_package, finance_report

DEFINITION = Definition.of(finance_package())
FINDING = {"rule": "D1", "severity": "hard", "sentence_id": "salah", "sentence_en": "wrong"}


def _line(body: dict[str, Any], account: str) -> FinanceLine:
    row = {
        "account": account,
        "partition": 2,
        "offset": 7,
        "event": "ab" * 32,
        "state": "held",
        "findings": orjson.dumps([FINDING]),
        "payload": orjson.dumps(body),
        "received_us": 1,
    }
    return FinanceLine.model_validate(finance_line(DEFINITION, row))


def test_a_report_of_a_party_has_its_sums_and_findings_and_links_to_its_profile() -> None:
    line = _line(finance_report(closing=5), "parties/P1/1")
    assert (line.income_total, line.spending_total, line.closing_calculated, line.closing) == (14_000, 3_000, 12_000, 5)
    assert (line.rules, line.due, line.name) == (["D1"], "2028-12-01", None)
    assert (line.income[0].donors, line.income[1].largest) == (None, 2_500)
    assert line.links.model_dump() == {
        "self": "/v1/finance/parties/P1/1",
        "event": "/v1/events/2/7",
        "entry": "/v1/events/2/7/entry",
        "proof": "/v1/proof/2/7",
        "profile": "/v1/parties/P1",
        "result": None,
    }


def test_a_report_of_a_candidate_has_the_name_and_links_to_the_result() -> None:
    body = finance_report(None, "N", report="LXX", document={"sha256": "d0" * 32})
    del body["income"], body["spending"]
    line = _line(body, "candidates/president/01")
    assert (line.name, line.due, line.income_total, line.document.url) == ("Pair 1", None, 0, None)
    assert (line.links.profile, line.links.result) == ("/v1/candidates/president/01", "/v1/contests/president")


def test_the_cut_of_finance_has_each_partition() -> None:
    blocks = {("-finance", 1): 4, ("president", 0): 9}
    assert finance_cut(DEFINITION, blocks) == {"0": -1, "1": 4, "2": -1}


def test_the_kinds_are_those_of_the_package() -> None:
    head = {"election": "small", "mode": "rehearsal", "definition": DEFINITION.hash, "licence": "CC0-1.0"}
    kinds = FinanceKinds.model_validate(head | kinds_answer(DEFINITION))
    assert [kind.id for kind in kinds.reports] == ["LADK", "LPPDK", "OTHER"]
    assert kinds.donors[1].limits == {"president": 9_000}


def test_an_election_without_finance_has_no_kinds() -> None:
    with pytest.raises(LookupError, match="does not describe campaign finance"):
        finance_settings(Definition.of(small_package()))
