"""The report of an audit: the same facts for programs and for people, whatever a server or a witness has signed."""

from __future__ import annotations

import orjson
import pytest

from audit.logs.heads import Head
from audit.report.outcome import Report
from audit.report.report import as_html, as_json

BEGAN_AT = 1_865_769_600.9


def report(source: str = "https://results.example", **signed: int) -> Report:
    return Report(source, BEGAN_AT, heads=[Head(3, "results.example/log/3", 1_234, b"\xab" * 32, signed)])


def test_a_report_states_what_was_checked_and_who_signed_it_when() -> None:
    facts = orjson.loads(as_json(report(witness=1_865_769_600, clock=1_865_769_601)))
    assert facts["line"] == "VERIFIED: 1,234 records of 1 logs, 0 published tallies"
    assert facts["began_at"] == "2029-02-14T13:20:00+00:00"
    assert facts["logs"] == [
        {
            "partition": 3,
            "origin": "results.example/log/3",
            "size": 1_234,
            "root": "ab" * 32,
            "signed_at": {"clock": "2029-02-14T13:20:01+00:00", "witness": "2029-02-14T13:20:00+00:00"},
        }
    ]
    html = as_html(report(witness=1_865_769_600)).decode()
    assert f"<td>3</td><td>1,234</td><td>{'ab' * 32}</td><td>witness 2029-02-14T13:20:00+00:00</td>" in html


@pytest.mark.parametrize("signed_at", [253_402_300_800, 2**40, 2**63, 2**64 - 1])
def test_a_signed_time_that_no_calendar_has_is_shown_in_seconds(signed_at: int) -> None:
    shown = f"{signed_at} s after 1970"
    [log] = orjson.loads(as_json(report(witness=signed_at)))["logs"]
    assert log["signed_at"] == {"witness": shown}
    assert f"<td>witness {shown}</td>" in as_html(report(witness=signed_at)).decode()


def test_no_text_of_a_server_is_taken_for_markup() -> None:
    assert "<img" not in as_html(report("https://<img src=x>")).decode()
