"""Answers about campaign finance: sums, links, and what a report leaves out."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from projections.definition.compiled import Definition
from projections.shown.finance import finance_cut, finance_head, finance_line, finance_settings, kinds_answer
from schemas.derived.blocks import FINANCE
from schemas.served.finance import FinanceKinds, FinanceLine
from tests.support.small_election import small_package
from tests.support.small_finance import SETTINGS, finance_package, finance_report

DEFINITION = Definition.of(finance_package())
FINDING = {"rule": "D1", "severity": "hard", "sentence_id": "salah", "sentence_en": "wrong"}


def _listed(body: dict[str, Any], account: str) -> dict[str, Any]:
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
    return finance_line(DEFINITION, row)


def _line(body: dict[str, Any], account: str) -> FinanceLine:
    return FinanceLine.model_validate(_listed(body, account))


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
    assert (line.party, line.contest, line.choice) == (None, "president", "01")
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


def test_a_report_is_listed_with_every_number_and_where_it_is_in_the_ledger() -> None:
    line = _listed(finance_report(), "parties/P1/1")
    document = {"url": "https://kpu.example/ladk.pdf", "sha256": "d0" * 32}
    assert {name: value for name, value in line.items() if name not in {"links", "income", "spending"}} == {
        "account": "parties/P1/1",
        "area": "1",
        "party": "P1",
        "contest": None,
        "choice": None,
        "name": None,
        "report": "LADK",
        "version": 1,
        "state": "held",
        "rules": ["D1"],
        "findings": [FINDING],
        "begins": "2028-11-01",
        "ends": "2028-11-30",
        "submitted": "2028-12-01",
        "due": "2028-12-01",
        "opening": 1_000,
        "income_total": 14_000,
        "spending_total": 3_000,
        "closing": 12_000,
        "closing_calculated": 12_000,
        "opinion": None,
        "document": document,
        "event": "ab" * 32,
        "partition": 2,
        "offset": 7,
        "received_at": "1970-01-01T00:00:00.000001Z",
    }
    assert line["income"] == [
        {"kind": "party", "amount": 10_000, "donors": None, "largest": None},
        {"kind": "person", "amount": 4_000, "donors": 2, "largest": 2_500},
    ]
    assert line["spending"] == [{"kind": "meetings", "amount": 3_000}]


def test_a_report_without_income_or_spending_has_empty_lists_and_its_opinion() -> None:
    body = finance_report(opinion="unqualified")
    del body["income"], body["spending"]
    line = _listed(body, "parties/P1/1")
    assert (line["income"], line["spending"], line["spending_total"]) == ([], [], 0)
    assert (line["closing_calculated"], line["opinion"]) == (1_000, "unqualified")


def test_a_page_of_reports_begins_with_its_cut_and_the_currency() -> None:
    assert finance_head(DEFINITION, {(FINANCE, 2): 8}) == {
        "as_of": {"0": -1, "1": -1, "2": 8},
        "currency": "IDR",
        "decimals": SETTINGS.decimals,
    }
    with pytest.raises(LookupError, match="does not describe campaign finance"):
        finance_head(Definition.of(small_package()), {})
