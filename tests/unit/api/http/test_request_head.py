"""The head of a request at each of its bounds: the last that is taken, and the first that is refused."""

from __future__ import annotations

import pytest

from api.http.raw_problems import HEAD_BYTES_MAX, HEADERS_MAX
from api.http.request_head import (
    HEAD_SECONDS_MAX,
    METHOD_AND_VERSION_BYTES,
    REQUEST_LINE_BYTES_MAX,
    RequestHead,
    RequestLine,
    address_problem,
)
from api.problems import Problem


def _status(problem: Problem | None) -> int | None:
    return None if problem is None else problem.status


def _begun(now: float = 10.0) -> RequestHead:
    head = RequestHead()
    head.begin(now)
    return head


def test_one_more_header_line_than_the_limit_is_431() -> None:
    head = _begun()
    statuses = [_status(head.add(b"a", b"")) for _ in range(HEADERS_MAX + 1)]
    assert statuses == [None] * HEADERS_MAX + [431]


def test_one_more_byte_than_the_limit_is_431() -> None:
    value = b"x" * (HEAD_BYTES_MAX - len(b"a: \r\n"))
    assert _begun().add(b"a", value) is None
    assert _status(_begun().add(b"a", value + b"x")) == 431


def test_bytes_that_the_parser_has_not_given_are_counted_from_the_second_slice_on() -> None:
    head = _begun()
    assert head.end_slice(HEAD_BYTES_MAX + 1) is None  # the head began in it
    assert head.end_slice(HEAD_BYTES_MAX) is None
    assert _status(head.end_slice(1)) == 431


def test_a_new_head_is_counted_from_zero() -> None:
    head = _begun()
    for _ in range(HEADERS_MAX):
        head.add(b"host", b"x" * 100)
    head.end_slice(1)
    head.end_slice(HEAD_BYTES_MAX)
    head.begin(20.0)
    assert (head.add(b"Host", b"y"), head.bytes, head.since) == (None, 9, 20.0)
    assert head.end_slice(HEAD_BYTES_MAX) is None
    assert head.end_slice(HEAD_BYTES_MAX) is None
    assert head.end("1.1") is None


@pytest.mark.parametrize(
    ("names", "version", "status"),
    [
        ((b"Host",), "1.1", None),
        ((b"HOST", b"a"), "1.1", None),
        ((), "1.0", None),
        ((), "1.1", 400),
        ((b"hosts",), "1.1", 400),
        ((b"host", b"Host"), "1.1", 400),
        ((b"host", b"Host"), "1.0", 400),
    ],
)
def test_a_head_has_one_host(names: tuple[bytes, ...], version: str, status: int | None) -> None:
    head = _begun()
    for name in names:
        assert head.add(name, b"x") is None
    assert _status(head.end(version)) == status
    assert head.since is None


def test_a_head_is_late_after_its_time_and_not_before() -> None:
    head = _begun(now=10.0)
    assert head.look(10.0 + HEAD_SECONDS_MAX) is None
    assert _status(head.look(10.1 + HEAD_SECONDS_MAX)) == 408
    assert RequestHead().look(1e9) is None


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (b"/" * REQUEST_LINE_BYTES_MAX, None),
        (b"/" * (REQUEST_LINE_BYTES_MAX + 1), 414),
        ("/é".encode(), 400),
    ],
)
def test_an_address_is_short_and_ascii(address: bytes, status: int | None) -> None:
    assert _status(address_problem(address)) == status


def test_a_line_is_gathered_until_it_is_whole() -> None:
    line = RequestLine()
    assert line.gather(b"\r\nGET /v1") == b""
    assert line.begun == b"GET /v1"
    assert line.gather(b"/areas HTTP/1.1") == b""
    assert line.gather(b"\r\nHost: x") == b"GET /v1/areas HTTP/1.1\r\nHost: x"
    assert line.begun == b""


def test_a_line_without_an_end_is_given_to_the_parser() -> None:
    longest = REQUEST_LINE_BYTES_MAX + METHOD_AND_VERSION_BYTES
    line = RequestLine()
    assert line.gather(b"x" * longest) == b""
    assert line.gather(b"x") == b"x" * (longest + 1)
    assert line.begun == b""


def test_empty_lines_before_a_request_are_not_a_line() -> None:
    line = RequestLine()
    assert line.gather(b"\r\n\r\n") == b""
    assert line.begun == b""
