"""What a hostile server answers an auditor: bounded, never unpacked, never written outside the archive, never a traceback."""

from __future__ import annotations

import gzip
import socket
from pathlib import Path
from threading import Thread

import pytest

import audit.sources.archive
from audit.findings import AuditError
from audit.sources.archive import Archive, Server
from tests.support.fake_gateway import FakeGateway, answer, in_a_thread


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (answer(200, gzip.compress(b"x" * 10**8), "text/plain", "Content-Encoding: gzip"), "came packed"),
        (answer(200, b"x" * 3_000_000), "has more than 1,000,000 bytes"),
        (answer(302, b"", "text/html", "Location: http://elsewhere.example/"), "status 302"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc",
            "log cannot be had: the answer stopped coming$",
        ),
        (b"nonsense\r\n\r\n", "log cannot be had: what answers there is not HTTP, or broke off$"),
    ],
)
def test_an_answer_is_bounded_and_its_failure_a_sentence(
    monkeypatch: pytest.MonkeyPatch, made: bytes, sentence: str
) -> None:
    monkeypatch.setattr(audit.sources.archive, "ANSWER_BYTES_MAX", 1_000_000)
    monkeypatch.setattr(audit.sources.archive, "ATTEMPTS", 1)
    monkeypatch.setattr(audit.sources.archive, "READ_SECONDS_MAX", 1.0)
    with in_a_thread(FakeGateway(respond=lambda *_: made)) as gateway:
        server = Server(gateway.url)
        with pytest.raises(AuditError, match=sentence):
            server.get("v1/log")
        server.close()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:9", r"no server answers there \(connection refused\)$"),
        ("http://nowhere.invalid", r"no server answers there \(its host name is not known\)$"),
    ],
)
def test_no_text_of_the_library_reaches_the_auditor(monkeypatch: pytest.MonkeyPatch, url: str, sentence: str) -> None:
    monkeypatch.setattr(audit.sources.archive, "ATTEMPTS", 1)
    server = Server(url)
    with pytest.raises(AuditError, match=sentence):
        server.get("v1/log")
    server.close()


def test_tls_where_the_server_has_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit.sources.archive, "ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(f"https://127.0.0.1:{listening.getsockname()[1]}")
        thread = Thread(target=_answer_without_tls, args=(listening,))
        thread.start()
        with pytest.raises(AuditError, match="is it http:// and not https://"):
            server.get("v1/log")
        server.close()
        thread.join()


def _answer_without_tls(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "a\0b"])
def test_nothing_is_read_or_written_outside_the_archive(tmp_path: Path, path: str) -> None:
    archive = Archive(tmp_path / "archive", None)
    with pytest.raises(AuditError, match="leads out"):
        archive.keep(path, b"x")
    with pytest.raises(AuditError, match="leads out"):
        archive.kept(path)


@pytest.mark.parametrize("url", ["http://", "http://[::1", "http://a\x00b"])
def test_an_address_that_is_none_is_a_sentence(url: str) -> None:
    with pytest.raises(AuditError):
        Server(url)


@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
def test_a_proxy_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:1")
    with in_a_thread(FakeGateway(respond=lambda *_: answer(200, b"here"))) as gateway:
        server = Server(gateway.url)
        assert server.get("v1/log") == b"here"
        server.close()
