"""What an attack of bench/attacks.py is given, and the raw sockets with which it works."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from urllib.parse import urlsplit

import orjson

CONNECTIONS_MAX = 3_000
"""Connections of one attack: enough to pass every bound of the server, and fewer than an attacker's own descriptors."""


@dataclass(frozen=True)
class Target:
    """One attack: its target, its addresses and its time."""

    url: str
    source: str
    """The loopback address that the attacker's connections come from."""
    seconds: int
    envelopes: tuple[str, ...]
    """Forms with a right signature, which nobody else sends."""
    officer: str
    """Private key that signed the first of them, in hex; none of the honest forms has it."""
    environment: dict[str, str]
    """Settings of the stack without its workers' key: for attackers who reach Kafka."""
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if not self.host.startswith("127.") or not self.source.startswith("127."):
            raise ValueError(f"only loopback is attacked, not {self.host} from {self.source}")

    @property
    def host(self) -> str:
        return str(urlsplit(self.url).hostname)

    @property
    def port(self) -> int:
        return int(urlsplit(self.url).port or 80)

    @property
    def is_over(self) -> bool:
        return time.monotonic() - self.began > self.seconds

    async def last(self) -> None:
        """Wait until the attack is over."""
        await asyncio.sleep(max(0.0, self.began + self.seconds - time.monotonic()))

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Wire]:
        """One TCP connection. Raises OSError where the server lets none in."""
        async with asyncio.timeout(self.seconds):
            reader, writer = await asyncio.open_connection(self.host, self.port, local_addr=(self.source, 0))
        try:
            yield Wire(reader, writer)
        finally:
            writer.transport.abort()

    async def at_once(self, count: int, once: Callable[[Wire], Awaitable[None]]) -> int:
        """Do the same on `count` connections at once until the attack is over; gives how many the server ended before."""
        assert count <= CONNECTIONS_MAX
        ended = 0

        async def one() -> None:
            nonlocal ended
            try:
                async with self.connection() as wire:
                    await once(wire)
            except (OSError, EOFError, TimeoutError):
                ended += 1

        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.1, self.began + self.seconds - time.monotonic())):
                await asyncio.gather(*(one() for _ in range(count)))
        return ended

    async def over_and_over(self, count: int, once: Callable[[Wire], Awaitable[None]]) -> int:
        """The same on `count` connections at once, a new one after each end; gives how often it was done."""
        done = 0

        async def again() -> None:
            nonlocal done
            while not self.is_over:
                with suppress(OSError, EOFError, TimeoutError):
                    async with self.connection() as wire:
                        await once(wire)
                done += 1
                await asyncio.sleep(0)

        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.1, self.began + self.seconds - time.monotonic())):
                await asyncio.gather(*(again() for _ in range(count)))
        return done

    @asynccontextmanager
    async def open_wires(self, count: int) -> AsyncIterator[list[Wire]]:
        """As many connections as the server lets in, up to `count`."""
        async with AsyncExitStack() as stack:
            wires = []
            for _ in range(count):
                with suppress(OSError, TimeoutError):
                    wires.append(await stack.enter_async_context(self.connection()))
            yield wires

    def to_json(self) -> bytes:
        return orjson.dumps({name: value for name, value in asdict(self).items() if name != "began"})


def read_target(data: bytes) -> Target:
    fields = orjson.loads(data)
    return Target(**{**fields, "envelopes": tuple(fields["envelopes"])})


class Wire:
    """One connection, written and read as bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        if self._writer.transport.is_closing():
            raise ConnectionResetError("the server has ended it")
        self._writer.write(data)
        await self._writer.drain()

    async def answer(self) -> bytes:
        """The head of the next answer, and its body up to what came with it. Raises EOFError at the end."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def status(self) -> int:
        """The status of the next answer, whose body is read and dropped."""
        head = await self.answer()
        at = head.lower().find(b"content-length:")
        if at >= 0:
            await self.reader.readexactly(int(head[at + 15 : head.index(b"\r\n", at)]))
        return int(head[9:12])

    async def whole(self) -> tuple[int, bytes]:
        """The status and the body of the next answer."""
        head = await self.answer()
        at = head.lower().index(b"content-length:")
        body = await self.reader.readexactly(int(head[at + 15 : head.index(b"\r\n", at)]))
        return int(head[9:12]), body

    async def until_closed(self) -> None:
        """Read and drop all that comes. Raises EOFError at the end."""
        while await self.reader.read(65_536):
            pass
        raise EOFError


Attack = Callable[[Target], Coroutine[None, None, str]]
"""Gives a line with what was done and how the server took it."""


async def ask_on(target: Target, connections: int, request: bytes) -> str:
    """One request as fast as it is answered, on connections that are made anew when they end."""
    return await ask_each(target, connections, itertools.repeat(request))


async def ask_each(target: Target, connections: int, requests: Iterator[bytes]) -> str:
    """The next request as fast as one is answered, on connections that are made anew when they end."""
    answers: Counter[int] = Counter()

    async def once(wire: Wire) -> None:
        while True:
            await wire.send(next(requests))
            answers[await wire.status()] += 1

    await target.over_and_over(connections, once)
    return f"answered {dict(answers)}"
