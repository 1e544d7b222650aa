"""A service that a supervisor keeps running, and a command as such a service."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Protocol

from rekap.embedded.leash import STOP_DEADLINE_S, LeashedProcess
from rekap.embedded.log_files import LINE_BYTES_MAX

PROBE_INTERVAL_S = 0.1


class Service(Protocol):
    """A process that a supervisor keeps running: EmbeddedKafka, EmbeddedPostgres, ChildProcess."""

    @property
    def process_id(self) -> int | None: ...

    async def start(self) -> str:
        """Return when the service is ready, or when a child process has ended before. Returns the address of the service, or an
        empty text."""

    async def wait(self) -> int: ...

    async def stop(self) -> None: ...

    async def kill(self) -> None: ...

    def signal_group(self, which: signal.Signals) -> None: ...


Readiness = str | Callable[[], Awaitable[bool]] | None
"""How a child shows that it is ready: words in a line of its output, a probe that returns True, or (None) its start."""


class ChildProcess:
    """A command as a Service. Each line of its output is passed to `write`."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        ready: Readiness = None,
        stop_deadline_s: float = STOP_DEADLINE_S,
        write: Callable[[bytes], None],
    ) -> None:
        self._command = list(command)
        self._environment = environment
        self._ready = ready
        self._stop_deadline_s = stop_deadline_s
        self._write = write
        self._leashed = LeashedProcess()
        self._copying: asyncio.Task[None] | None = None

    @property
    def process_id(self) -> int | None:
        return self._leashed.process_id

    async def start(self) -> str:
        ready = asyncio.Event()
        # A pipe of our own, because with asyncio's `wait` would wait for each process that has inherited the pipe.
        ours, theirs = os.pipe()
        try:
            await self._leashed.spawn(self._command, environment=self._environment, output=theirs)
        except BaseException:
            os.close(ours)
            raise
        finally:
            os.close(theirs)
        self._copying = asyncio.create_task(self._copy(os.fdopen(ours, "rb", buffering=0), ready))
        waiting: list[asyncio.Task[object]] = [
            asyncio.create_task(self._leashed.wait()),
            asyncio.create_task(self._become_ready(ready)),
        ]
        try:
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # raises what a probe with a bug has raised
        finally:
            for task in waiting:
                task.cancel()
        return ""

    async def wait(self) -> int:
        code = await self._leashed.wait()
        if self._copying is not None:
            # Copy the last lines, but not for ever, because a grandchild may hold the pipe open.
            await asyncio.wait([self._copying], timeout=1.0)
            self._copying.cancel()
        return code

    async def stop(self) -> None:
        await self._leashed.stop(deadline_s=self._stop_deadline_s)

    async def kill(self) -> None:
        await self._leashed.kill()

    def signal_group(self, which: signal.Signals) -> None:
        self._leashed.signal_group(which)

    async def _copy(self, pipe: IO[bytes], ready: asyncio.Event) -> None:
        words = self._ready.encode() if isinstance(self._ready, str) else None
        output = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(output), pipe)
        try:
            async for line in _lines(output):
                self._write(line)
                if words is not None and words in line:
                    ready.set()
        finally:
            transport.close()

    async def _become_ready(self, ready: asyncio.Event) -> None:
        if isinstance(self._ready, str):
            await ready.wait()
        elif self._ready is not None:
            while True:
                with suppress(OSError):  # the port is not open yet
                    if await self._ready():
                        return
                await asyncio.sleep(PROBE_INTERVAL_S)


async def _lines(output: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Lines without their line ends. `readline` is not used, because it raises for a line longer than its limit."""
    rest = b""
    while chunk := await output.read(LINE_BYTES_MAX):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line.rstrip(b"\r")
        if len(rest) >= LINE_BYTES_MAX:
            yield rest
            rest = b""
    if rest:
        yield rest
