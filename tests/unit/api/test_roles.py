"""Which role serves a request, read from its first line as the server itself reads it."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from api.app import create_app
from api.limits.limits import Limits
from api.roles import PATHS_OF_EACH, ApiRole, path_of, request_line, role_of, role_of_line
from projections.definition.compiled import Definition
from runtime.settings import Settings
from tests.support.small_election import small_package


@pytest.mark.parametrize(
    ("line", "role"),
    [
        (b"POST /v1/submissions HTTP/1.1\r", "gateway"),
        (b"POST /v1/submissions:batch HTTP/1.1\r", "gateway"),
        (b"POST /nowhere HTTP/1.1\r", "gateway"),
        (b"POST /api/3/action/package_list HTTP/1.1\r", "read"),
        (b"POST /v1/submissions?from=/api/ HTTP/1.1\r", "gateway"),
        (b"GET /v1/gateway HTTP/1.1\r", "gateway"),
        (b"GET /v1/submissions/abc HTTP/1.1\r", "read"),
        (b"GET /v1/live HTTP/1.1\r", "feed"),
        (b"GET /v1/live?office=president&area=3 HTTP/1.1\r", "feed"),
        (b"GET /v1/%6Cive HTTP/1.1\r", "feed"),
        (b"GET http://rekap.example:8000/v1/live?office=x HTTP/1.1\r", "feed"),
        (b"HEAD /v1/live HTTP/1.1\r", "feed"),
        (b"GET  /v1/live  HTTP/1.1\r", "feed"),
        (b"GET /v1/live#x HTTP/1.1\r", "feed"),
        (b"GET /v1/live#?office=president HTTP/1.1\r", "feed"),
        (b"GET /v1/lives HTTP/1.1\r", "read"),
        (b"GET /v1/live/ HTTP/1.1\r", "read"),
        (b"GET / HTTP/1.1", "read"),
        (b"OPTIONS * HTTP/1.1", "read"),
        (b"PRI * HTTP/2.0", "read"),
        (b"post /v1/submissions HTTP/1.1", "read"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "read"),
        (b"GET", "read"),
        (b"", "read"),
    ],
)
def test_the_role_is_that_of_the_line(line: bytes, role: str) -> None:
    assert role_of_line(line) == role


def test_a_request_line_is_the_first_that_is_not_empty_once_it_has_come() -> None:
    assert request_line(b"GET / HTTP/1.1\r\nHost: x\r\n") == b"GET / HTTP/1.1\r"
    assert request_line(b"\r\n\n\r\nGET / HTTP/1.1\n") == b"GET / HTTP/1.1"
    assert request_line(b"\r\nGET / HTT") is None
    assert request_line(b"\r\n\r\n") is None
    assert request_line(b"\x16\x03\x01\x02") == b"\x16\x03\x01\x02"


@pytest.mark.parametrize("first", [b"A", b"z"])
def test_a_line_that_begins_with_a_letter_is_waited_for(first: bytes) -> None:
    assert request_line(first) is None
    assert request_line(first + b"\x00") is None


@pytest.mark.parametrize("first", [b"@", b"{", b"\x80"])
def test_bytes_that_begin_no_method_are_not_waited_for(first: bytes) -> None:
    assert request_line(first + b"G") == first + b"G"


def test_the_path_is_read_as_the_server_reads_it() -> None:
    assert path_of(b"GET /a%20b?c=/v1/live HTTP/1.1") == "/a b"
    assert path_of(b"GET https://host HTTP/1.1") == "/"
    assert path_of(b"GET /v1/live") == "/v1/live", "without a version"
    assert path_of(b"GET /a HTTP/1.1 and more") == "/a"


def test_each_route_of_the_app_is_of_one_role() -> None:
    app: FastAPI = create_app(Settings(), Definition.of(small_package()), Limits(Settings()))
    of_role: dict[ApiRole, set[str]] = {}
    for path, methods in app.openapi()["paths"].items():
        for method in methods if path not in PATHS_OF_EACH else ():
            of_role.setdefault(role_of(method.upper(), path), set()).add(path)
    assert of_role[ApiRole.GATEWAY] == {"/v1/submissions", "/v1/submissions:batch", "/v1/gateway"}
    assert of_role[ApiRole.FEED] == {"/v1/live", "/v1/changes", "/v1/schemas/live"}
    assert {"/v1/areas/{area}", "/v1/log", "/v1/package.zip"} <= of_role[ApiRole.READ]
