"""A page in a real Chromium, without a driver: the page sends each line that it shows to the test, which served the page."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BODY_BYTES_MAX = 64 * 1024
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server",
)  # fmt: skip
SEND = """\
let queue = Promise.resolve();
const send = (text) => { queue = queue.then(() => fetch("/line", { method: "POST", body: text })); };
addEventListener("error", (event) => send(`error: ${event.message}`));
"""
"""Before the script of a page: `send` passes a line to the test, one after the other."""


@asynccontextmanager
async def lines_of_page(script: str, directory: Path) -> AsyncIterator[asyncio.StreamReader]:
    """The lines that a page with this module passes to `send`. Skips the test where no Chromium is installed."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    lines = asyncio.StreamReader()
    page = f'<!doctype html><meta charset="utf-8"><script type="module">{SEND}{script}</script>'.encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = head.partition(b"content-length:")[2].split(b"\r\n")[0].strip()
        if head.startswith(b"post /line "):
            assert int(length) <= BODY_BYTES_MAX
            lines.feed_data(await reader.readexactly(int(length)) + b"\n")
        body = page if head.startswith(b"get / ") else b""
        writer.write(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    process = await asyncio.create_subprocess_exec(
        CHROMIUM, *FLAGS, f"--user-data-dir={directory / 'profile'}", address,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        yield lines
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # its renderers are in its group
        await process.wait()
        server.close()
        await server.wait_closed()
