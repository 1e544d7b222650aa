"""The metrics page is there whatever else is connected to its port."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator

import pytest

from runtime import metrics_server
from runtime.metrics import REGISTRIES
from runtime.metrics_server import CONNECTIONS_MAX, HEAD_BYTES_MAX, MetricsPage


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(metrics_server, "CONNECTION_SECONDS_MAX", 0.5)
    open_ones: dict[MetricsPage, None] = {}
    server = await asyncio.get_running_loop().create_server(lambda: MetricsPage("notary", open_ones), "127.0.0.1", 0)
    async with server:
        yield int(server.sockets[0].getsockname()[1])


async def _get(port: int, path: str = "/metrics", method: str = "GET") -> tuple[int, str]:
    def get() -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""

    return await asyncio.to_thread(get)


@contextlib.contextmanager
def _silent(port: int, count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(count)]


async def test_the_page(port: int) -> None:
    assert REGISTRIES["notary"] is not None
    status, page = await _get(port)
    assert status == 200
    assert "# HELP rekap_" in page
    assert (await _get(port, method="HEAD")) == (200, "")
    assert (await _get(port, "/elsewhere"))[0] == 404
    assert (await _get(port, method="POST"))[0] == 405


async def test_a_new_connection_replaces_a_silent_one(port: int) -> None:
    with _silent(port, 3 * CONNECTIONS_MAX):
        assert (await _get(port))[0] == 200


async def test_a_silent_connection_has_a_deadline(port: int) -> None:
    with _silent(port, 1) as (silent,):
        silent.setblocking(False)
        silent.send(b"GET /metrics HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(5):
                assert await asyncio.get_running_loop().sock_recv(silent, 100) == b""


async def test_a_long_head_is_refused(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics HTTP/1.1\r\nx: " + b"y" * HEAD_BYTES_MAX)
    assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
    writer.close()
