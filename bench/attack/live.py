"""Attacks on the live feed: connections that are left, that do not read, or that make work."""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from contextlib import suppress

import orjson

from attack.target import Attack, Target, Wire
from schemas.served.feed_cursors import Positions, cursor_of

STREAM = b"GET /v1/live?office=president HTTP/1.1\r\nHost: x\r\n\r\n"
LEVEL = b"GET /v1/live?office=president&level=%b HTTP/1.1\r\nHost: x\r\n\r\n"
CONTINUED, TEXT, BINARY, PING = 0, 1, 2, 9


def frame(opcode: int, data: bytes, *, fin: bool = True) -> bytes:
    """A frame as a client sends it (RFC 6455 5.2), with a mask of zeros."""
    head = bytes([(0x80 if fin else 0) | opcode])
    head += bytes([0x80 | len(data)]) if len(data) < 126 else bytes([0x80 | 126]) + struct.pack("!H", len(data))
    return head + bytes(4) + data


async def _upgrade(wire: Wire) -> bytes:
    """Become a WebSocket; what came with the answer. Raises EOFError where the server wants none."""
    key = base64.b64encode(os.urandom(16))
    await wire.send(
        b"GET /v1/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % key
    )
    head = await wire.answer()
    if not head.startswith(b"HTTP/1.1 101"):
        raise EOFError(head[:60])
    return await wire.reader.readuntil(b"}")


def _command(**fields: object) -> bytes:
    return frame(TEXT, orjson.dumps({"type": "subscribe", "office": "president", **fields}))


async def streams_left_with_a_request_behind(target: Target) -> str:
    """2,000 connections with two pipelined requests, of which the first is an event stream; then they close."""
    done = 0
    for _ in range(20):
        async with target.open_wires(100) as wires:
            for wire in wires:
                with suppress(OSError):
                    await wire.send(STREAM + STREAM)
                    done += 1
            await asyncio.sleep(0.05)
    await target.last()
    return f"{done} opened and left"


async def readers_who_never_read(target: Target) -> str:
    """A dozen that ask for the largest channels there are and read nothing, by WebSocket and as event streams."""

    async def once(wire: Wire) -> None:
        await _upgrade(wire)
        for level in ("province", "regency", "district", "provinsi", "kabupaten-kota", "kecamatan"):
            await wire.send(_command(level=level))
        await target.last()

    async def stream(wire: Wire) -> None:
        await wire.send(LEVEL % b"kecamatan")
        await target.last()

    ended = await asyncio.gather(target.at_once(6, once), target.at_once(6, stream))
    return f"{sum(ended)} of 12 ended"


async def pings_never_read(target: Target) -> str:
    """Sockets that send pings as fast as they are taken, and read no pong."""
    pings = frame(PING, b"x" * 125) * 200

    async def once(wire: Wire) -> None:
        await _upgrade(wire)
        while True:
            await wire.send(pings)

    return f"{await target.at_once(50, once)} of 50 ended"


async def frames_of_nothing(target: Target) -> str:
    """Sockets that send the smallest frames there are: pings, and messages of many empty frames."""
    flood = frame(PING, b"") * 1_000 + frame(TEXT, b"", fin=False) + frame(CONTINUED, b"", fin=False) * 5_000

    async def once(wire: Wire) -> None:
        await _upgrade(wire)
        await wire.send(flood)
        await wire.until_closed()

    return f"{await target.over_and_over(50, once)} were shown out"


async def cursors_of_the_future(target: Target) -> str:
    """200 sockets with 50 subscriptions each, which have seen what no replica has come to."""
    definition = ""

    async def once(wire: Wire) -> None:
        nonlocal definition
        hello = await _upgrade(wire)
        definition = definition or orjson.loads(hello[hello.index(b"{") :])["definition"]
        cursor = cursor_of(Positions(10**12, (10**12,) * 4), definition)
        for number in range(50):
            await wire.send(_command(id=str(number), cursor=cursor, stations=bool(number % 2)))
        await wire.until_closed()

    return f"{await target.at_once(200, once)} of 200 ended"


async def thousands_of_mistakes(target: Target) -> str:
    """Messages with as many unknown fields as fit, and binary ones, from 100 sockets, again and again."""
    wrong = frame(TEXT, orjson.dumps({f"{number}": 0 for number in range(1_500)})[:16_000])
    binary = frame(BINARY, b"x" * 1_000)

    async def once(wire: Wire) -> None:
        await _upgrade(wire)
        for _ in range(30):
            await wire.send(wrong + binary)
        await wire.until_closed()

    return f"{await target.over_and_over(100, once)} were shown out"


async def all_live_slots(target: Target) -> str:
    """As many sockets as may be open at once. Others must still be let in."""

    async def once(wire: Wire) -> None:
        await _upgrade(wire)
        await wire.until_closed()

    return f"{await target.at_once(2_200, once)} of 2,200 were refused because all slots were taken"


async def subscribing_over_and_over(target: Target) -> str:
    """100 sockets that end and begin their subscriptions again as often as they may, and read what comes."""

    async def once(wire: Wire) -> None:
        await _upgrade(wire)
        reading = asyncio.create_task(wire.until_closed())
        try:
            while not reading.done():
                await wire.send(_command(id="a") + frame(TEXT, b'{"type":"unsubscribe","id":"a"}'))
                await asyncio.sleep(0.05)
            await reading
        finally:
            reading.cancel()

    return f"{await target.over_and_over(100, once)} were shown out"


async def bulletins_and_held_results(target: Target) -> str:
    """100 sockets that begin both bulletins, the held results and the deltas of the nation again as often as they may."""
    commands = b"".join(
        (
            frame(TEXT, b'{"type":"follow","bulletin":"health","id":"h"}'),
            frame(TEXT, b'{"type":"follow","bulletin":"checkpoints","id":"c"}'),
            _command(id="r", held=True, stations=True),
            _command(id="d", deltas=True),
        )
    )

    async def once(wire: Wire) -> None:
        await _upgrade(wire)
        reading = asyncio.create_task(wire.until_closed())
        try:
            while not reading.done():
                await wire.send(commands)
                await asyncio.sleep(0.1)
            await reading
        finally:
            reading.cancel()

    return f"{await target.over_and_over(100, once)} were shown out"


LIVE_ATTACKS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        streams_left_with_a_request_behind,
        readers_who_never_read,
        pings_never_read,
        frames_of_nothing,
        cursors_of_the_future,
        thousands_of_mistakes,
        all_live_slots,
        subscribing_over_and_over,
        bulletins_and_held_results,
    )
}
