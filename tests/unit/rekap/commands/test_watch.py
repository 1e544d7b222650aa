"""`rekap watch` at an address where anything may answer."""

from __future__ import annotations

import gzip

import pytest
from click.testing import CliRunner

import rekap.client.server
from rekap.cli import main
from schemas.served.examples import EXAMPLES
from schemas.served.snapshots import ElectionSnapshot
from tests.support.fake_gateway import FakeGateway, answer, in_a_thread


@pytest.mark.parametrize(
    ("made", "code"),
    [
        (answer(200, gzip.compress(b"x" * 10**7), "application/json", "Content-Encoding: gzip"), 3),
        (answer(200, b"x" * 3_000_000), 3),
        (answer(302, b"", "text/html", "Location: http://elsewhere.example/"), 3),
        (answer(502, b"<html>bad gateway</html>", "text/html"), 3),
        (answer(200, b"<html>Welcome</html>", "text/html"), 3),
        (answer(200, {"offices": None}), 3),
        (answer(200, {"offices": [{}]}), 3),
        (answer(200, b"[1]"), 3),
        (answer(200, {**EXAMPLES[ElectionSnapshot], "offices": []}), 2),
        (answer(404, {"status": 404, "detail": "not\nhere\x1b[2J"}), 2),
        (b"nonsense\r\n\r\n", 3),
    ],
)
def test_what_is_no_answer_is_one_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, made: bytes, code: int
) -> None:
    monkeypatch.setattr(rekap.client.server, "ANSWER_BYTES_MAX", 1_000_000)
    with in_a_thread(FakeGateway(respond=lambda *_: made)) as gateway:
        done = CliRunner().invoke(main, ["watch", "--once", "--url", gateway.url])
    assert done.exit_code == code
    assert isinstance(done.exception, SystemExit)
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("url", ["here", "ftp://here", "http://", "http://a\x00b"])
def test_an_address_that_is_none_is_a_sentence(url: str) -> None:
    done = CliRunner().invoke(main, ["watch", "--once", "--url", url])
    assert done.exit_code == 2
    assert done.stderr.startswith("Error: --url: ")
