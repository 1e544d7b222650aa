"""Rows of the tables of campaign finance, from what COPY writes and from what is listed."""

from __future__ import annotations

import csv
import io
from typing import Any

import orjson
import pytest

from projections.definition.compiled import Definition
from projections.tables.finance_rows import COPIED, copied_lines, finance_rows
from schemas.tables.finance import FINANCE_LINES, FINANCE_REPORTS
from schemas.tables.register import AREAS
from tests.support.small_finance import finance_package, finance_report

DEFINITION = Definition.of(finance_package())


def _copied(body: dict[str, Any], account: str, state: str = "counted", *rules: str) -> str:
    findings = [
        {"rule": rule, "severity": "soft", "sentence_id": "-", "sentence_en": 'with "quotes", commas'} for rule in rules
    ]
    cells: dict[str, Any] = {
        "account": account,
        "report": body["report"],
        "version": body["version"],
        "partition": 2,
        "offset": 7,
        "event": "ab" * 32,
        "state": state,
        "findings": orjson.dumps(findings).decode(),
        "payload": orjson.dumps(body).decode(),
        "received_us": 1_000_000,
    }
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\n").writerow([cells[name] for name in COPIED])
    return text.getvalue()


def _rows(table: Any, *copied: str) -> list[dict[str, Any]]:
    lines = copied_lines(DEFINITION, "".join(copied).splitlines(keepends=True))
    return [dict(zip(table.column_names, row, strict=True)) for row in finance_rows(DEFINITION, table, lines)]


def test_a_report_is_a_row_with_its_sums() -> None:
    held = _copied(finance_report(closing=-5), "parties/P1/1", "held", "D1", "D4")
    candidate = _copied(finance_report(None, "N", document={"sha256": "d0" * 32}), "candidates/president/01")
    first, second = _rows(FINANCE_REPORTS, held, candidate)
    assert first == {
        "event": "ab" * 32,
        "account": "parties/P1/1",
        "party": "P1",
        "contest": None,
        "choice": None,
        "area": "1",
        "report": "LADK",
        "version": 1,
        "state": "held",
        "rules": "D1 D4",
        "begins": "2028-11-01",
        "ends": "2028-11-30",
        "submitted": "2028-12-01",
        "due": "2028-12-01",
        "currency": "IDR",
        "decimals": 0,
        "opening": 1_000,
        "income": 14_000,
        "spending": 3_000,
        "closing": -5,
        "closing_calculated": 12_000,
        "opinion": None,
        "document_hash": "d0" * 32,
        "document_url": "https://kpu.example/ladk.pdf",
        "partition": 2,
        "offset": 7,
        "received_at": "1970-01-01T00:00:01.000Z",
    }
    assert (second["party"], second["contest"], second["choice"], second["area"]) == (None, "president", "01", "N")
    assert (second["rules"], second["document_url"]) == (None, None)


def test_each_line_is_a_row_with_its_number() -> None:
    rows = _rows(FINANCE_LINES, _copied(finance_report(), "parties/P1/1"))
    assert [(row["line"], row["side"], row["kind"], row["amount"], row["donors"], row["largest"]) for row in rows] == [
        (1, "income", "party", 10_000, None, None),
        (2, "income", "person", 4_000, 2, 2_500),
        (3, "spending", "meetings", 3_000, None, None),
    ]
    assert {row["account"] for row in rows} == {"parties/P1/1"}


def test_another_table_is_not_one_of_finance() -> None:
    with pytest.raises(AssertionError, match="areas is not a table of finance"):
        _rows(AREAS, _copied(finance_report(), "parties/P1/1"))


@pytest.mark.parametrize(
    ("last_cells", "error", "sentence"),
    [('"1', csv.Error, "unexpected end"), ("1,one more", ValueError, "longer"), ("1\n1", ValueError, "shorter")],
)
def test_cells_that_copy_does_not_write_are_no_report(last_cells: str, error: type[Exception], sentence: str) -> None:
    line = _copied(finance_report(), "parties/P1/1").removesuffix("1000000\n") + last_cells
    with pytest.raises(error, match=sentence):
        list(copied_lines(DEFINITION, line.splitlines(keepends=True)))
