"""What one submission costs the gateway: signed forms over HTTP, one a request, at a steady rate over 256 connections; and
whether an address with many requests has its share while another address has some.

    python bench/gateway.py [--rate 1000] [--seconds 8]

Only Kafka, PostgreSQL and the API run, so that the API's CPU time is the gateway's. As the limit of the same run the program
prints what one check and one signature of Ed25519 cost, without which no gateway can answer, and what `GET /livez` costs the
same server. The parts of the work that are functions are measured again in this process, one after the other.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import orjson
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from latency import CONNECTIONS, WITHOUT_RATES, Connection, envelopes_of, percentiles

from api.submit.answers import AnswerSigner
from api.submit.checks import Checks
from proofs.signatures import sign_envelope
from rekap.elections.written_demo import write_demo
from rekap.operate.stack import Stack, running_stack
from runtime.settings import read_settings
from schemas.ledger.envelope import ledger_record

OTHER_ADDRESS = "127.0.0.3"
OTHER_RATES = (10, 200)
"""Submissions a second of the other address; with the second rate it has a request under way nearly always."""
WARM_UP = 2_000
PARTS_MEASURED = 2_000


async def main(rate: int, seconds: int) -> int:
    with tempfile.TemporaryDirectory(prefix="rekap-gateway-") as temporary:
        directory = Path(temporary)
        count = rate * seconds
        total = WARM_UP + count + sum(count + other * seconds for other in OTHER_RATES)
        package, keys, authority = write_demo(directory / "election", stations=max(2_000, total))
        async with running_stack(
            directory / "election",
            directory / "data",
            authority,
            log_directory=directory,
            settings=WITHOUT_RATES,
            workers=("api",),
        ) as stack:
            print(f"signing {total:,} forms …", flush=True)
            envelopes = envelopes_of(stack, package, keys, total)
            process = stack.supervisor.process_id("api")
            print(f"the API is process {process}", flush=True)
            await _submitted(stack, envelopes[:WARM_UP], rate)
            nothing = await _cpu_of(process, _asked(stack, count // 2, rate))
            sent = envelopes[WARM_UP : WARM_UP + count]
            used, waited, refused = await _measured(process, _submitted(stack, sent, rate))
            print(f"{count:,} submissions at {rate:,}/s: {percentiles(waited)}; {refused} refused")
            each = used / count * 1e6
            print(f"CPU of the API: {each:.0f} µs a submission; GET /livez {nothing / (count // 2) * 1e6:.0f} µs")
            limit = _parts(stack, sent[:PARTS_MEASURED], authority)
            print(
                f"so a submission costs {each / limit:.1f} times one check and one signature, and {each - limit:.0f} µs more"
            )
            rest = envelopes[WARM_UP + count :]
            for other in OTHER_RATES:
                together = count + other * seconds
                refused += await _shares(stack, rest[:together], rate, other, count)
                rest = rest[together:]
            return refused


async def _shares(stack: Stack, envelopes: Sequence[bytes], rate: int, other: int, count: int) -> int:
    """One address sends `rate` submissions a second, another `other`."""
    began = time.perf_counter()

    async def of_many() -> tuple[list[float], int, float]:
        waited, refused = await _submitted(stack, envelopes[:count], rate)
        return waited, refused, time.perf_counter() - began

    many, few = await asyncio.gather(
        of_many(), _submitted(stack, envelopes[count:], other, connections=32, address=OTHER_ADDRESS)
    )
    print(f"two addresses: one sends {rate:,}/s and has {count / many[2]:,.0f}/s answered, {percentiles(many[0])};")
    print(f"    the other sends {other}/s, {percentiles(few[0])}")
    return many[1] + few[1]


def cpu_of_process(process: int | None) -> float:
    """CPU seconds of a process since its start."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def _measured(
    process: int | None, work: Coroutine[Any, Any, tuple[list[float], int]]
) -> tuple[float, list[float], int]:
    before = cpu_of_process(process)
    waited, refused = await work
    return cpu_of_process(process) - before, waited, refused


async def _cpu_of(process: int | None, work: Coroutine[Any, Any, None]) -> float:
    before = cpu_of_process(process)
    await work
    return cpu_of_process(process) - before


async def _opened(stack: Stack, count: int, address: str | None) -> asyncio.Queue[Connection]:
    free: asyncio.Queue[Connection] = asyncio.Queue()
    for _ in range(count):
        connection = Connection(stack.url)
        await connection.open(address)
        free.put_nowait(connection)
    return free


async def _submitted(
    stack: Stack, envelopes: Sequence[bytes], rate: int, connections: int = CONNECTIONS, address: str | None = None
) -> tuple[list[float], int]:
    """Send by the clock. Gives the seconds from when each was due to its receipt, and how many had none."""
    return await _sent(stack, [("POST", "/v1/submissions", each) for each in envelopes], rate, connections, address)


async def _asked(stack: Stack, count: int, rate: int) -> None:
    await _sent(stack, [("GET", "/livez", b"")] * count, rate, CONNECTIONS, None)


async def _sent(
    stack: Stack, requests: Sequence[tuple[str, str, bytes]], rate: int, connections: int, address: str | None
) -> tuple[list[float], int]:
    free = await _opened(stack, connections, address)
    waited: list[float] = []
    failed = 0

    async def send(due: float, request: tuple[str, str, bytes]) -> None:
        nonlocal failed
        connection = await free.get()
        try:
            status, _ = await connection.request(*request)
        finally:
            free.put_nowait(connection)
        waited.append(time.perf_counter() - due)
        failed += status not in (200, 201)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(requests):
            due = began + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            group.create_task(send(due, request))
    while not free.empty():
        free.get_nowait().close()
    return waited, failed


def _parts(stack: Stack, envelopes: Sequence[bytes], key: Ed25519PrivateKey) -> float:
    """Print what the functions of a submission cost in this process; gives what its check and its signature cost."""
    settings = read_settings(stack.environment)
    checks, signer = Checks(stack.definition), AnswerSigner(settings, stack.definition.election)
    time_text = "2029-02-14T13:00:00.000000Z"
    public, payload = key.public_key(), orjson.dumps({"votes": "9" * 600})
    signature = key.sign(payload)
    envelope = sign_envelope(key, payload)
    verifying = _each(lambda _: public.verify(signature, payload), envelopes)
    signing = _each(lambda _: key.sign(payload[:300]), envelopes)
    parts = {
        "one check of Ed25519": verifying,
        "one signature": signing,
        "steps 2 to 6, with the check": _each(checks.check, envelopes),
        "the record": _each(lambda body: ledger_record(body, "gw-1", time_text), envelopes),
        "the receipt, with the signature": _each(
            lambda body: signer.receipt("0" * 64, 1, 1, body, time_text, "gw-1").to_json(),
            envelopes,
        ),
    }
    print(
        "in this process:", ", ".join(f"{name} {cost:.0f} µs" for name, cost in parts.items()), f"({len(envelope)} B)"
    )
    return verifying + signing


def _each(work: Callable[[bytes], object], envelopes: Sequence[bytes]) -> float:
    """CPU microseconds of each call."""
    began = time.thread_time()
    for envelope in envelopes:
        work(envelope)
    return (time.thread_time() - began) / len(envelopes) * 1e6


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=1_000, help="submissions a second")
    parser.add_argument("--seconds", type=int, default=8, help="of each of the two measurements")
    asked = parser.parse_args()
    sys.exit(1 if uvloop.run(main(asked.rate, asked.seconds)) else 0)
