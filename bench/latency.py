"""How long from a submission to the live feed: signed forms over HTTP, one a request, at a steady rate; a WebSocket client
that follows the nation; for each form the time from the first byte sent to the message whose `as_of` holds it.

    python bench/latency.py [--rate 1000] [--seconds 30]

The whole stack of `rekap up` runs beside it on the same cores: Kafka, PostgreSQL, tabulator, roll-up, recorder, API. As the
limit of the same run it prints what the same client needs for a request that does nothing (`/livez`). A rate that the
stack cannot take shows in `sent late`: requests leave by the clock and not after the answer before.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from websockets.asyncio.client import connect

from rekap.client.live_feed import MESSAGE_BYTES_MAX, feed_url
from rekap.elections.written_demo import write_demo
from rekap.operate.night import form_of, plan
from rekap.operate.stack import WORKERS, Stack, running_stack
from rekap.station.signing import Signer
from runtime.settings import variable
from schemas.definition.package import Role

CONNECTIONS = 256
"""Polling stations do not share connections. With 32, answers that take 30 ms are 1,000 a second and no more: after any hiccup
every request left late until the end of the run."""
WARM_UP_SECONDS = 3
OFFICE = "president"
WITHOUT_RATES = {variable(name): "0" for name in ("requests_per_s", "submissions_per_s", "submissions_of_key_per_s")}
"""All of a nation's stations are one address here."""


class Connection:
    """One HTTP/1.1 connection that sends what it is given and reads the answers: a client as cheap as can be."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._host, self._port = str(parts.hostname), int(parts.port or 80)
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self.is_open = False
        self.used_at = 0.0

    async def open(self, address: str | None = None) -> None:
        """Connect, from this loopback address where one is given."""
        local = None if address is None else (address, 0)
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, local_addr=local)
        self.is_open = True

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        self._writer.write(
            b"%b %b HTTP/1.1\r\nHost: bench\r\nContent-Length: %d\r\n\r\n%b"
            % (method.encode(), path.encode(), len(body), body)
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        lowered = head.lower()
        at = lowered.index(b"content-length:") + 15
        length = int(lowered[at : lowered.index(b"\r\n", at)])
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


class Watch:
    """What has been sent and not been seen yet, and how long the rest took."""

    def __init__(self) -> None:
        self._open: dict[int, deque[tuple[int, float]]] = {}
        self._as_of: dict[int, int] = {}
        self.waited: list[float] = []
        self.messages = 0

    def sent(self, partition: int, offset: int, at: float) -> None:
        if self._as_of.get(partition, -1) >= offset:  # the feed was faster than the receipt
            self.waited.append(time.perf_counter() - at)
        else:
            self._open.setdefault(partition, deque()).append((offset, at))

    def seen(self, as_of: dict[str, int]) -> None:
        now = time.perf_counter()
        self.messages += 1
        for name, through in as_of.items():
            partition = int(name)
            if self._as_of.get(partition, -1) >= through:
                continue
            self._as_of[partition] = through
            waiting = self._open.get(partition)
            if waiting:
                left = deque((offset, at) for offset, at in waiting if offset > through)
                self.waited += [now - at for offset, at in waiting if offset <= through]
                self._open[partition] = left

    @property
    def unseen(self) -> int:
        return sum(len(waiting) for waiting in self._open.values())


async def main(rate: int, seconds: int) -> int:
    with tempfile.TemporaryDirectory(prefix="rekap-latency-") as temporary:
        directory = Path(temporary)
        count = rate * (seconds + WARM_UP_SECONDS)
        package, keys, authority = write_demo(directory / "election", stations=max(2_000, count))
        async with running_stack(
            directory / "election", directory / "data", authority, log_directory=directory, settings=WITHOUT_RATES
        ) as stack:
            print(f"signing {count:,} forms …", flush=True)
            envelopes = envelopes_of(stack, package, keys, count)
            return await _measure(stack, envelopes, rate)


def envelopes_of(stack: Stack, package: Any, keys: dict[Any, Ed25519PrivateKey], count: int) -> list[bytes]:
    """The forms of these stations, each signed by the key whose scope it is in."""
    definition, election = stack.definition, package.election
    signers = {
        slot.scope: Signer(key, election=election.id, mode=election.mode.value, definition=definition.hash)
        for slot, key in keys.items()
        if slot.role is Role.STATION_OFFICER
    }
    envelopes: list[bytes] = []
    contest = definition.ballots.contest_number[OFFICE]
    for planned in plan(definition, 1):
        if planned.contest != contest or planned.version != 1:
            continue
        lineage = (
            definition.tree.codes[area] for area in definition.tree.lineage[definition.stations.area[planned.station]]
        )
        signer = next(signers[code] for code in lineage if code in signers)
        body = {
            "type": "result.reported",
            "station": definition.stations.codes[planned.station],
            "contest": OFFICE,
            "version": 1,
            "form": form_of(definition, package, planned, 1),
            "created_at": "2029-02-14T13:00:00Z",
        }
        envelopes.append(signer.sign(body).envelope)
        if len(envelopes) == count:
            break
    return envelopes


async def _measure(stack: Stack, envelopes: list[bytes], rate: int) -> int:
    free: asyncio.Queue[Connection] = asyncio.Queue()
    connections = [Connection(stack.url) for _ in range(CONNECTIONS)]
    for connection in connections:
        await connection.open()
        free.put_nowait(connection)
    nothing = await _nothing(connections[0])
    watch = Watch()
    listening = asyncio.create_task(_listen(stack.url, watch))
    await asyncio.sleep(1)
    late: list[float] = []
    answered: list[float] = []
    refused: list[bytes] = []

    async def submit(due: float, envelope: bytes) -> None:
        connection = await free.get()
        late.append(time.perf_counter() - due)
        try:
            status, body = await connection.request("POST", "/v1/submissions", envelope)
        finally:
            free.put_nowait(connection)
        if status == 201:
            answered.append(time.perf_counter() - due)
            receipt = orjson.loads(body)
            watch.sent(receipt["partition"], receipt["offset"], due)
        else:
            refused.append(body)

    before = cpu_seconds(stack)
    tasks: set[asyncio.Task[None]] = set()
    warm = rate * WARM_UP_SECONDS
    began = time.perf_counter()
    for number, envelope in enumerate(envelopes):
        if number == warm:
            watch.waited.clear()
            answered.clear()
            late.clear()
        due = began + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(submit(due, envelope))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    took = time.perf_counter() - began
    ends = time.perf_counter() + 10
    while watch.unseen and time.perf_counter() < ends:
        await asyncio.sleep(0.05)
    listening.cancel()
    for connection in connections:
        connection.close()
    print(
        f"{len(envelopes):,} forms in {took:.1f} s: {len(envelopes) / took:,.0f}/s; "
        f"{len(refused)} refused, {watch.unseen} unseen"
    )
    print(f"{watch.messages:,} messages on the feed")
    for name, sample in (
        ("a request that does nothing", nothing),
        ("sent late", late),
        ("submission to receipt", answered),
        ("submission to live feed", watch.waited),
    ):
        print(f"{name:30} {percentiles(sample)}")
    used = {name: seconds - before[name] for name, seconds in cpu_seconds(stack).items()}
    print("cores used:", {name: round(seconds / took, 2) for name, seconds in used.items()})
    print("CPU ms a submission:", cpu_each(used, len(envelopes)))
    return 1 if refused or watch.unseen else 0


def cpu_each(seconds: dict[str, float], submissions: int) -> str:
    """CPU milliseconds for each submission, by process; the client's are not in the sum."""
    each = {name: used / submissions * 1000 for name, used in seconds.items()}
    parts = ", ".join(f"{name} {milliseconds:.3f}" for name, milliseconds in each.items())
    return f"{sum(each.values()) - each['client']:.3f} ({parts})"


def cpu_seconds(stack: Stack) -> dict[str, float]:
    """CPU seconds of each process of the stack since its start, of the processes that check signatures for the tabulator, and
    of this process. PostgreSQL's are together with those of its children."""
    names = {stack.supervisor.process_id(name): name for name in ("kafka", "postgres", *WORKERS)}
    names[os.getpid()] = "client"
    children = {"postgres": "postgres", "tabulator": "its checkers"}
    used = dict.fromkeys(("kafka", "postgres", "recorder", "tabulator", "its checkers", *WORKERS[2:], "client"), 0.0)
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            fields = (directory / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has just ended
            continue
        parent = names.get(int(fields[1]))
        name = names.get(int(directory.name)) or children.get(parent or "", parent if parent != "client" else None)
        if name is not None:
            used[name] += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


async def _nothing(connection: Connection) -> list[float]:
    sample = []
    for _ in range(500):
        at = time.perf_counter()
        await connection.request("GET", "/livez")
        sample.append(time.perf_counter() - at)
    return sample


async def _listen(url: str, watch: Watch) -> None:
    async with connect(feed_url(url), max_size=MESSAGE_BYTES_MAX) as socket:
        await socket.send('{"type":"subscribe","office":"%s"}' % OFFICE)  # noqa: UP031  # braces
        async for text in socket:
            message = orjson.loads(text)
            if message["type"] in ("snapshot", "change"):
                watch.seen(message["as_of"])


def percentiles(sample: list[float]) -> str:
    return f"p50 {_ms(sample, 50)}  p95 {_ms(sample, 95)}  p99 {_ms(sample, 99)}  max {_ms(sample, 100)} ms"


def _ms(sample: list[float], percent: int) -> str:
    ranked = sorted(sample)
    value = ranked[min(len(ranked) - 1, len(ranked) * percent // 100)] if ranked else float("nan")
    return f"{value * 1000:7.1f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1_000, help="submissions a second")
    parser.add_argument("--seconds", type=int, default=30)
    asked = parser.parse_args()
    sys.exit(uvloop.run(main(asked.rate, asked.seconds)))
