"""The demo's night continues where a line about it cannot be had."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

import rekap.operate.night
from rekap.operate.night import Night
from runtime.http_client import client_for
from tests.support.fake_gateway import FakeGateway, answer, listening

TALLY = {
    "tally": {"stations": {"counted": 1, "expected": 2_000, "held": 0}, "counted": {"votes": {"01": 1_234, "02": 0}}}
}


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (answer(200, TALLY), "submitted=7 | president 1/2,000 held 0 votes 01:1,234 02:0"),
        (answer(404, {"detail": "nothing counted yet"}), "submitted=7"),
        (answer(503, {"detail": "overloaded"}), "submitted=7 | president: it asks to come back later (503)"),
        (answer(200, b"<html>"), "submitted=7 | president: a web page came"),
        (answer(200, {"tally": None}), "submitted=7 | president: the answer is not a gateway's (status 200"),
        (answer(200, b"[1]"), "submitted=7 | president: the answer is not a gateway's (status 200"),
        (answer(200, b"x" * 2_000_000), "submitted=7 | president: the answer has more than"),
        (b"nonsense\r\n\r\n", "submitted=7 | president: "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", "submitted=7 | president: "),
    ],
)
async def test_a_line_that_cannot_be_had_does_not_end_the_night(
    monkeypatch: pytest.MonkeyPatch, made: bytes, shown: str
) -> None:
    monkeypatch.setattr(rekap.operate.night, "TALLY_SECONDS_MAX", 1.0)
    lines: list[str] = []
    async with (
        listening(FakeGateway(respond=lambda *_: made)) as gateway,
        client_for(gateway.url, seconds_max=1) as client,
    ):
        supervisor = SimpleNamespace(write_line=lambda name, line: lines.append(line))
        stack = cast(Any, SimpleNamespace(url=gateway.url, supervisor=supervisor))
        await Night(stack, cast(Any, None), {}, seed=1, seconds=0)._show(client, Counter(submitted=7))
    assert len(lines) == 1
    assert lines[0].startswith(shown)
