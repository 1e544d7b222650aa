"""Serves a worker's metrics to Prometheus, over HTTP in a thread of its own.

A client that reaches the port can block neither the worker nor other clients. Each connection has a deadline and a bound on the
bytes of its request, and where there are many connections a new one replaces the oldest. A port that cannot be bound is a
warning only, because a count must not stop for lack of a gauge.
"""

from __future__ import annotations

import asyncio
import logging
import threading

from prometheus_client import CONTENT_TYPE_LATEST, ProcessCollector, generate_latest

from runtime.logs import log_line
from runtime.metrics import REGISTRIES

logger = logging.getLogger("rekap.metrics")

CONNECTIONS_MAX = 32
"""Limit for open connections. Each replica of Prometheus has one."""
CONNECTION_SECONDS_MAX = 5.0
"""Limit from the start of a connection to the last byte of the answer, which has 20 kB."""
HEAD_BYTES_MAX = 8 * 1024


def serve_metrics(role: str, host: str, port: int) -> None:
    """Serve the metrics of this worker at /metrics; port 0 serves none."""
    if port == 0:
        return
    ProcessCollector(registry=REGISTRIES[role])
    begun = threading.Event()
    threading.Thread(target=lambda: asyncio.run(_serve(role, host, port, begun)), name="metrics", daemon=True).start()
    begun.wait()


async def _serve(role: str, host: str, port: int, begun: threading.Event) -> None:
    open_ones: dict[MetricsPage, None] = {}
    try:
        server = await asyncio.get_running_loop().create_server(lambda: MetricsPage(role, open_ones), host, port)
    except OSError as error:
        logger.warning(log_line("metrics-not-served", port=port, error=error))
        return
    finally:
        begun.set()
    await server.serve_forever()


class MetricsPage(asyncio.Protocol):
    """A connection, for one answer."""

    def __init__(self, role: str, open_ones: dict[MetricsPage, None]) -> None:
        self._role = role
        self._open_ones = open_ones
        """All connections of the server, the oldest first."""
        self._head = b""
        self._transport: asyncio.Transport
        self._deadline: asyncio.TimerHandle

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._deadline = asyncio.get_running_loop().call_later(CONNECTION_SECONDS_MAX, transport.abort)
        if len(self._open_ones) >= CONNECTIONS_MAX:
            oldest = next(iter(self._open_ones))
            del self._open_ones[oldest]
            oldest._transport.abort()
        self._open_ones[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        self._open_ones.pop(self, None)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if len(self._head) > HEAD_BYTES_MAX:
            self._answer("431 Request Header Fields Too Large", b"A request has up to %d bytes.\n" % HEAD_BYTES_MAX)
        elif b"\r\n\r\n" in self._head:
            method, _, rest = self._head.partition(b" ")
            path = rest.partition(b" ")[0].partition(b"?")[0]
            if method not in (b"GET", b"HEAD"):
                self._answer("405 Method Not Allowed", b"Only GET.\n")
            elif path not in (b"/metrics", b"/"):
                self._answer("404 Not Found", b"The metrics are at /metrics.\n")
            else:
                page = generate_latest(REGISTRIES[self._role])
                self._answer("200 OK", page, CONTENT_TYPE_LATEST, with_body=method == b"GET")

    def _answer(
        self, status: str, body: bytes, kind: str = "text/plain; charset=utf-8", with_body: bool = True
    ) -> None:
        self._transport.pause_reading()  # one answer for each connection
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        self._transport.write(head.encode() + (body if with_body else b""))
        self._transport.close()
