"""Whether receipts notice the readers of the live feed: single submissions at a steady rate, without and with thousands of live
clients, with the API as one process and apart (gateway, feed, read and front, as `rekap up` starts them).

    python bench/roles.py [--clients 5000] [--rate 100] [--seconds 15] [--shapes together,apart]

The whole stack runs beside it on the same cores. Each live client is a WebSocket that follows the nation and reads what comes;
the clients are two processes at nice 19, because 5,000 clients of their own machines would not take the server's cores.
Where the cores are short, the clients then read late and the submitter is not delayed by them.

For each shape and number of clients it prints the time from a submission to its receipt, and the CPU seconds of each process of
the API in that time; then, for each shape, the p50 with clients as a multiple of the p50 without. Exit code 1: a submission
was refused, or clients were lost.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import os
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import psutil
import uvloop
from latency import OFFICE, WITHOUT_RATES, Connection, _ms, envelopes_of

from api.http.connections import raise_descriptor_limit
from rekap.elections.written_demo import write_demo
from rekap.operate.stack import WORKERS, WORKERS_APART, Stack, running_stack
from runtime.settings import variable

SHAPES = {"together": WORKERS, "apart": WORKERS_APART}
API_PROCESSES = ("api", "front", "gateway", "feed", "read")
READERS = 2
"""Processes that have the clients."""
CONNECTIONS = 32
WARM_UP_SECONDS = 3
JOINING_AT_ONCE = 50
JOIN_SECONDS_MAX = 240
ROOM = {
    **WITHOUT_RATES,
    **{
        variable(name): "20000"
        for name in (
            "connections",
            "connections_of_address",
            "live_clients",
            "live_clients_per_address",
            "live_joins_per_s",
        )
    },
}
"""All clients are one address here."""


# -- the clients ---------------------------------------------------------------------------------------------------


class Reader(asyncio.Protocol):
    """One client: a handshake, a subscription, and then it reads."""

    def __init__(self, joined: asyncio.Event) -> None:
        self._joined = joined
        self.bytes = 0
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16))
        transport.write(
            b"GET /v1/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % key
        )
        command = b'{"type":"subscribe","office":"%b"}' % OFFICE.encode()
        transport.write(b"\x81" + struct.pack("!B", 0x80 | len(command)) + bytes(4) + command)

    def data_received(self, data: bytes) -> None:
        self.bytes += len(data)
        if b'"snapshot"' in data:
            self._joined.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._joined.set()


async def read(url: str, clients: int) -> None:
    """Connect these clients, print `joined`, and read until the end of the input; then print how many were lost."""
    os.nice(19)
    raise_descriptor_limit(clients)
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    room = asyncio.Semaphore(JOINING_AT_ONCE)

    async def one() -> Reader:
        async with room:
            joined = asyncio.Event()
            _, reader = await loop.create_connection(lambda: Reader(joined), str(parts.hostname), int(parts.port or 80))
            await joined.wait()
            return reader

    readers = await asyncio.gather(*(one() for _ in range(clients)))
    print("joined", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    print(sum(reader.is_lost for reader in readers), sum(reader.bytes for reader in readers), flush=True)


class Readers:
    """The processes that have the clients."""

    def __init__(self, url: str, clients: int) -> None:
        command = [sys.executable, __file__, "--read", url, "--clients", str(clients // READERS)]
        self._processes = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(READERS if clients else 0)
        ]

    async def joined(self) -> None:
        async with asyncio.timeout(JOIN_SECONDS_MAX):
            for process in self._processes:
                assert process.stdout is not None
                await asyncio.to_thread(process.stdout.readline)

    async def end(self) -> tuple[int, int]:
        """How many clients were lost, and how many bytes all of them have read."""
        lost = read = 0
        for process in self._processes:
            output, _ = await asyncio.to_thread(process.communicate, "\n")
            lost, read = lost + int(output.split()[0]), read + int(output.split()[1])
        return lost, read


# -- the submitter -------------------------------------------------------------------------------------------------


async def submit(stack: Stack, envelopes: list[bytes], rate: int) -> tuple[list[float], int]:
    """Send each by the clock. Returns how long the receipts took, those of the warm-up left out, and how many were refused."""
    connections = [Connection(stack.url) for _ in range(CONNECTIONS)]
    for connection in connections:
        await connection.open()
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for connection in connections:
        free.put_nowait(connection)
    took: list[float] = []
    refused = 0

    async def one(number: int, envelope: bytes) -> None:
        nonlocal refused
        connection = await free.get()
        at = time.perf_counter()
        status, _ = await connection.request("POST", "/v1/submissions", envelope)
        if number >= WARM_UP_SECONDS * rate:
            took.append(time.perf_counter() - at)
        refused += status != 201
        free.put_nowait(connection)

    began = time.perf_counter()
    sending = []
    for number, envelope in enumerate(envelopes):
        await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
        sending.append(asyncio.create_task(one(number, envelope)))
    await asyncio.gather(*sending)
    for connection in connections:
        connection.close()
    return took, refused


def cpu_seconds(stack: Stack, workers: tuple[str, ...]) -> dict[str, float]:
    used = {}
    for name in workers:
        process_id = stack.supervisor.process_id(name)
        if name in API_PROCESSES and process_id is not None:
            times = psutil.Process(process_id).cpu_times()
            used[name] = times.user + times.system
    return used


async def measure(shape: str, clients: int, rate: int, seconds: int) -> tuple[float, bool]:
    """Returns the p50 of the receipts in seconds, and whether all went well."""
    with tempfile.TemporaryDirectory(prefix="rekap-roles-") as temporary:
        directory = Path(temporary)
        count = rate * (seconds + WARM_UP_SECONDS)
        package, keys, authority = write_demo(directory / "election", stations=max(2_000, count))
        async with running_stack(
            directory / "election",
            directory / "data",
            authority,
            log_directory=directory,
            settings=ROOM,
            workers=SHAPES[shape],
        ) as stack:
            envelopes = envelopes_of(stack, package, keys, count)
            readers = Readers(stack.url, clients)
            try:
                await readers.joined()
                before = cpu_seconds(stack, SHAPES[shape])
                took, refused = await submit(stack, envelopes, rate)
                used = {name: value - before[name] for name, value in cpu_seconds(stack, SHAPES[shape]).items()}
            finally:
                lost, read = await readers.end()
    parts = ", ".join(f"{name} {value:.1f}" for name, value in used.items())
    print(
        f"{shape:9} {clients:6,} clients: receipt p50 {_ms(took, 50)} p95 {_ms(took, 95)} p99 {_ms(took, 99)} ms; "
        f"{refused} refused, {lost} clients lost, {read / 1e6:,.0f} MB read; CPU s: {parts}",
        flush=True,
    )
    return sorted(took)[len(took) // 2], not (refused or lost)


async def main(clients: int, rate: int, seconds: int, shapes: list[str]) -> int:
    is_well = True
    for shape in shapes:
        p50 = []
        for count in (0, clients):
            value, went_well = await measure(shape, count, rate, seconds)
            p50.append(value)
            is_well &= went_well
        print(f"{shape:9} p50 with {clients:,} clients is {p50[1] / p50[0]:.2f} times the p50 without", flush=True)
    return 0 if is_well else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=5_000)
    parser.add_argument("--rate", type=int, default=100, help="submissions a second")
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--shapes", default=",".join(SHAPES), help="which of them, separated by commas")
    parser.add_argument("--read", metavar="URL", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.read:
        uvloop.run(read(asked.read, asked.clients))
    else:
        sys.exit(uvloop.run(main(asked.clients, asked.rate, asked.seconds, asked.shapes.split(","))))
