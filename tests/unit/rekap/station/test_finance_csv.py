"""Finance reports in a CSV file: exact amounts, rows that belong together, and mistakes named with their line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from projections.definition.compiled import Definition
from rekap.station.event_files import EventFileError
from rekap.station.finance_csv import finance_bodies
from tests.support.small_election import small_package
from tests.support.small_finance import SETTINGS, finance_package, finance_report

SHA = "d0" * 32
HEAD = "party,area,report,begins,ends,submitted,opening,closing,document_sha256,document_url,line,kind,amount,donors,largest"
OF_P1 = f"P1,1,LADK,2028-11-01,2028-11-30,2028-12-01,1000,12000,{SHA},https://kpu.example/ladk.pdf"
ROWS = (
    f"{OF_P1},income,party,10000,,",
    f"{OF_P1},income,person,4000,2,2500",
    f"{OF_P1},spending,meetings,3000,,",
)


def _definition(decimals: int = 0) -> Definition:
    package = finance_package()
    finance = SETTINGS.model_copy(update={"decimals": decimals})
    return Definition.of(replace(package, election=package.election.model_copy(update={"finance": finance})))


def _write(path: Path, *lines: str) -> Path:
    file = path / "reports.csv"
    file.write_bytes(("\r\n".join(lines) + "\r\n").encode())
    return file


def test_rows_of_one_report_are_one_event(tmp_path: Path) -> None:
    other = ROWS[2].replace("P1,1", "P2,1.1").replace("12000", "-2000")
    file = _write(tmp_path, HEAD, ROWS[0], other, "", ROWS[1], ROWS[2])
    first, second = finance_bodies(file, _definition())
    assert first.value == finance_report()
    assert (first.line, second.line) == (2, 3)
    assert (second.value["party"], second.value["area"], second.value["closing"]) == ("P2", "1.1", -2_000)
    assert "income" not in second.value


def test_a_candidates_area_is_that_of_the_contest_and_a_report_may_have_no_lines(tmp_path: Path) -> None:
    head = "contest,choice,report,version,begins,ends,submitted,opening,closing,document_sha256,opinion"
    row = f"president,01,LPPDK,3,2028-11-01,2028-11-30,2028-12-01,0,0,{SHA},compliant"
    (given,) = finance_bodies(_write(tmp_path, "\ufeff" + head, row), _definition())
    assert given.value == {
        "type": "finance.reported",
        "area": "N",
        "contest": "president",
        "choice": "01",
        "opinion": "compliant",
        "report": "LPPDK",
        "begins": "2028-11-01",
        "ends": "2028-11-30",
        "submitted": "2028-12-01",
        "version": 3,
        "opening": 0,
        "closing": 0,
        "document": {"sha256": SHA},
    }


@pytest.mark.parametrize(
    ("cell", "amount"),
    [("0.10", 10), ("10000.1", 1_000_010), ("10000", 1_000_000), ("90071992547.41", 9_007_199_254_741)],
)
def test_amounts_are_exact_in_the_minor_unit(tmp_path: Path, cell: str, amount: int) -> None:
    file = _write(tmp_path, HEAD, f"{OF_P1},income,party,{cell},,")
    (given,) = finance_bodies(file, _definition(decimals=2))
    assert given.value["income"] == [{"kind": "party", "amount": amount}]


AGREE = "closing: '12001' is not '12000', as line 2 of the same report"
SEPARATED = ROWS[0].replace("10000", '"10,000"')


@pytest.mark.parametrize(
    ("lines", "line", "sentence"),
    [
        ((HEAD,), None, "has no row below the names of its columns"),
        ((HEAD.replace("amount", "sum"), ROWS[0]), 1, "there is no column 'sum'"),
        ((HEAD.replace("closing,", ""), ROWS[0]), 1, "the column closing is missing"),
        ((HEAD + ",line", ROWS[0]), 1, "a column is named twice"),
        ((HEAD, ROWS[0] + ",more"), 2, "has 16 cells, but the first line names 15 columns"),
        ((HEAD, '"' + ROWS[0]), 2, "is not CSV: unexpected end of data"),
        ((HEAD, ROWS[0], ROWS[1].replace("12000", "12001")), 3, AGREE),
        ((HEAD, ROWS[0].replace("2028-11-30", "")), 2, "ends: is empty"),
        ((HEAD, ROWS[0].replace("income", "gift")), 2, "line: 'gift' is neither income nor spending"),
        ((HEAD, ROWS[2] + "3"), 2, "donors and largest belong to lines of income"),
        ((HEAD, SEPARATED), 2, "amount: expected an amount such as 1500000"),
        ((HEAD, ROWS[0].replace("10000", "100.5")), 2, "amount: IDR has 0 digits after the point here, got '100.5'"),
        ((HEAD, ROWS[0].replace("10000", "100000000000001")), 2, "amount: 100000000000001 is above the largest amount"),
        ((HEAD, ROWS[1].replace(",2,2500", ",two,2500")), 2, "donors: expected a whole number, got 'two'"),
        ((HEAD, *[ROWS[0]] * 51), 52, "a report has at most 50 lines of income"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, lines: tuple[str, ...], line: int | None, sentence: str
) -> None:
    file = _write(tmp_path, *lines)
    with pytest.raises(EventFileError) as caught:
        list(finance_bodies(file, _definition()))
    position = str(file) if line is None else f"{file}:{line}"
    assert str(caught.value).startswith(f"{position}: {sentence}")


def test_a_file_that_is_not_there_or_not_utf8_or_too_large_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(EventFileError, match="cannot be read"):
        list(finance_bodies(tmp_path / "none.csv", _definition()))
    file = _write(tmp_path, HEAD)
    file.write_bytes(HEAD.encode() + b"\n\xff")
    with pytest.raises(EventFileError, match=r"reports\.csv:2: byte 0xff is not UTF-8"):
        list(finance_bodies(file, _definition()))
    monkeypatch.setattr("rekap.station.finance_csv.FILE_BYTES_MAX", 10)
    with pytest.raises(EventFileError, match="has more than 10 bytes"):
        list(finance_bodies(file, _definition()))


def test_rows_have_a_bound_however_short_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rekap.station.finance_csv.ROWS_MAX", len(ROWS))
    assert list(finance_bodies(_write(tmp_path, HEAD, *ROWS), _definition()))
    with pytest.raises(EventFileError, match=f"more than {len(ROWS)} rows"):
        list(finance_bodies(_write(tmp_path, HEAD, *ROWS, ROWS[0]), _definition()))


def test_an_election_without_finance_takes_no_reports(tmp_path: Path) -> None:
    with pytest.raises(EventFileError, match="the package does not describe campaign finance"):
        list(finance_bodies(_write(tmp_path, HEAD, *ROWS), Definition.of(small_package())))


def test_a_contest_that_is_not_there_has_no_area(tmp_path: Path) -> None:
    head = HEAD.replace("party,area", "contest,choice")
    (given,) = finance_bodies(_write(tmp_path, head, ROWS[2].replace("P1,1", "mayor,01")), _definition())
    assert given.value["area"] == ""
