"""Which requests may be answered without the application, and how many of them are remembered."""

from __future__ import annotations

from typing import cast

import pytest

from api.http.from_memory import (
    REMEMBERED_BYTES_MAX,
    REMEMBERED_FIELDS_MAX,
    REMEMBERED_MAX,
    AnswersInMemory,
    Asked,
    FromMemory,
    RememberedRequests,
    asked_of,
)

ADDRESS = b"/v1/contests/president"
ASKED = Asked(is_head=False, address=ADDRESS, fields=())


@pytest.mark.parametrize(("method", "is_head"), [(b"GET", False), (b"HEAD", True)])
def test_a_request_that_only_reads_is_asked_with_the_fields_that_its_answer_depends_on(
    method: bytes, is_head: bool
) -> None:
    fields = [
        (b"host", b"results.example"),
        (b"accept-encoding", b"gzip"),
        (b"user-agent", b"curl"),
        (b"if-none-match", b'"a"'),
        (b"connection", b"Keep-Alive"),
        (b"x-forwarded-for", b"192.0.2.1"),
    ]
    assert asked_of(method, "1.1", ADDRESS, fields) == Asked(is_head, ADDRESS, (fields[1], fields[3], fields[5]))


@pytest.mark.parametrize("method", [b"POST", b"OPTIONS", b"get"])
def test_a_request_that_does_more_than_read_goes_to_the_application(method: bytes) -> None:
    assert asked_of(method, "1.1", ADDRESS, ()) is None


@pytest.mark.parametrize("version", ["1.0", "2"])
def test_a_request_of_another_version_goes_to_the_application(version: str) -> None:
    assert asked_of(b"GET", version, ADDRESS, ()) is None


@pytest.mark.parametrize(
    "field",
    [
        (b"content-length", b"0"),
        (b"transfer-encoding", b"chunked"),
        (b"expect", b"100-continue"),
        (b"upgrade", b"websocket"),
        (b"te", b"trailers"),
        (b"trailer", b"x"),
        (b"connection", b"close"),
        (b"connection", b"keep-alive, upgrade"),
    ],
)
def test_a_request_that_asks_the_server_for_more_than_an_answer_goes_to_the_application(
    field: tuple[bytes, bytes],
) -> None:
    assert asked_of(b"GET", "1.1", ADDRESS, [(b"host", b"x"), field]) is None


def test_the_lines_that_the_server_adds_are_written_once_for_each_list_of_them() -> None:
    shared = FromMemory(cast(AnswersInMemory, None))
    fields = [(b"Date", b"Wed, 14 Feb 2029 06:00:00 GMT"), (b"Server", b"rekap")]
    lines = shared.default_head(fields)
    assert lines == b"date: Wed, 14 Feb 2029 06:00:00 GMT\r\nserver: rekap\r\n"
    assert shared.default_head(fields) is lines
    assert shared.default_head([*fields[1:]]) == b"server: rekap\r\n"


def test_a_long_request_is_not_remembered() -> None:
    remembered = RememberedRequests()
    longest = b"x" * REMEMBERED_BYTES_MAX
    remembered.add(longest, ASKED)
    remembered.add(longest + b"x", ASKED)
    assert (remembered.get(longest), remembered.get(longest + b"x"), len(remembered)) == (ASKED, None, 1)


def test_a_request_with_many_fields_that_an_answer_depends_on_is_not_remembered() -> None:
    remembered = RememberedRequests()
    for count in (REMEMBERED_FIELDS_MAX, REMEMBERED_FIELDS_MAX + 1):
        remembered.add(b"%d" % count, ASKED._replace(fields=((b"if-none-match", b'"a"'),) * count))
    assert remembered.get(b"%d" % REMEMBERED_FIELDS_MAX) is not None
    assert remembered.get(b"%d" % (REMEMBERED_FIELDS_MAX + 1)) is None


def test_of_too_many_requests_the_one_that_came_longest_ago_is_forgotten() -> None:
    remembered = RememberedRequests()
    for number in range(REMEMBERED_MAX):
        remembered.add(b"%d" % number, ASKED)
    assert remembered.get(b"0") is ASKED
    remembered.add(b"one more", ASKED)
    assert len(remembered) == REMEMBERED_MAX
    assert (remembered.get(b"0"), remembered.get(b"1"), remembered.get(b"one more")) == (ASKED, None, ASKED)
