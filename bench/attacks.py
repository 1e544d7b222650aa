"""Attack a running stack from one address, and print for each attack what everybody else noticed.

    python bench/attacks.py [--only slow_bodies,many_404] [--seconds 8]

The whole stack of `rekap up` runs on this machine. Before and during each attack honest clients on another loopback
address submit forms, read snapshots and follow the live feed at a steady rate. Printed are their p50, p95 and slowest
answers before (calm) and during the attack, what failed, the API's memory, what health answered, and whether the published
count holds each acknowledged form once. Attackers run in a process of their own at a low priority: their computing is
done elsewhere in the world. Each attack is one function in bench/attack/*.py, bounded in count and time, on loopback
only. The exit code is 1 where an aim (below) is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import uvloop
from attack.gateway import GATEWAY_ATTACKS
from attack.http import HTTP_ATTACKS
from attack.kafka import KAFKA_ATTACKS
from attack.live import LIVE_ATTACKS
from attack.questions import QUESTION_ATTACKS
from attack.size import SIZE_ATTACKS
from attack.target import Attack, Target, read_target
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from latency import OFFICE, Connection, Watch, envelopes_of
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from proofs.signatures import key_id
from rekap.client.live_feed import MESSAGE_BYTES_MAX, feed_url
from rekap.elections.written_demo import write_demo
from rekap.operate.stack import EXPORTER, WORKERS, Stack, running_stack
from runtime.settings import variable

ATTACKS: dict[str, Attack] = {
    **HTTP_ATTACKS,
    **GATEWAY_ATTACKS,
    **LIVE_ATTACKS,
    **QUESTION_ATTACKS,
    **SIZE_ATTACKS,
    **KAFKA_ATTACKS,
}

RATIO_MAX = 3.0
"""Aim: under an attack from one address the others' p95 is at most this many times what it was."""
CALM_FLOOR_S = 0.015
"""A calm p95 below this counts as this: on two cores shared with the attacker, less is the scheduler's noise."""
MEMORY_GROWTH_MB_MAX = 400
"""Aim: what one attack may add to the API's memory. Its budgets together (docs/operations.md) allow about 300 MB."""
QUESTIONS_PER_S = 5
FAILED_SHARE_MAX = 0.0
"""Aim: no honest request is refused, and none stays without an answer."""
ANSWER_SECONDS_MAX = 15.0
COUNTED_SECONDS_MAX = 60.0
EXPORTED_SECONDS_MAX = 300.0
KEPT_SECONDS_MAX = 2.0
"""An open connection that waited longer is not used again: the server may be closing it just now."""
STATIONS = 3_000
ATTACKER = "127.0.0.2"
KAFKA_SETTINGS = tuple(variable(name) for name in ("kafka", "package", "generation"))


@dataclass
class Noticed:
    """What honest clients measured in one phase."""

    waited: dict[str, list[float]] = field(
        default_factory=lambda: {"submit": [], "read": [], "connect": [], "question": []}
    )
    live: list[float] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    memory_peak_mb: float = 0.0
    health: set[str] = field(default_factory=set)

    def fail(self, what: str) -> None:
        self.failed[what] = self.failed.get(what, 0) + 1


class Honest:
    """Clients of another address: one form, one read on an open connection, one on a new connection, one question whose answer
    is made when it is asked for, at a steady rate."""

    def __init__(self, stack: Stack, envelopes: list[bytes], rate: int) -> None:
        self._stack = stack
        self._envelopes = iter(envelopes)
        self._rate = rate
        self._watch = Watch()
        self._questions = self._all_questions()
        self.noticed = Noticed()
        self.sent = self.acknowledged = 0

    async def run(self) -> None:
        """Until it is cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (
                self._submit, self._read, self._connect, self._ask, self._sample, self._ask_health, self._listen
            ):  # fmt: skip
                group.create_task(work())

    def begin_phase(self) -> Noticed:
        """What was noticed in the phase that ends now."""
        self.noticed.live = self._watch.waited
        ended, self.noticed, self._watch.waited = self.noticed, Noticed(), []
        return ended

    async def _submit(self) -> None:
        await self._steadily("submit", self._rate, self._submit_one)

    async def _submit_one(self, connection: Connection) -> None:
        envelope = next(self._envelopes)
        at = time.perf_counter()
        self.sent += 1
        status, body = await connection.request("POST", "/v1/submissions", envelope)
        if status != 201:
            raise RuntimeError(f"{status}")
        self.acknowledged += 1
        receipt = orjson.loads(body)
        self._watch.sent(receipt["partition"], receipt["offset"], at)

    async def _read(self) -> None:
        await self._steadily("read", self._rate, self._read_one)

    async def _read_one(self, connection: Connection) -> None:
        status, _ = await connection.request("GET", f"/v1/areas/{self._stack.definition.tree.codes[0]}?office={OFFICE}")
        if status != 200:
            raise RuntimeError(f"{status}")

    async def _connect(self) -> None:
        await self._steadily("connect", 5, self._connect_one)

    async def _connect_one(self, _: Connection) -> None:
        fresh = Connection(self._stack.url)
        await fresh.open()
        try:
            status, _body = await fresh.request("GET", "/livez")
            if status != 200:
                raise RuntimeError(f"{status}")
        finally:
            fresh.close()

    async def _ask(self) -> None:
        await self._steadily("question", QUESTIONS_PER_S, self._ask_one)

    async def _ask_one(self, connection: Connection) -> None:
        status, _ = await connection.request("GET", next(self._questions))
        if status != 200:
            raise RuntimeError(f"{status}")

    def _all_questions(self) -> Iterator[str]:
        tree = self._stack.definition.tree
        levels = tree.level_ids
        areas = [code for code, level in zip(tree.codes, tree.level, strict=True) if level == len(levels) - 2]
        for number in count():
            area = areas[number % len(areas)]
            above = tree.codes[tree.parent[tree.number[area]]]
            yield f"/v1/stations?office={OFFICE}&area={above}&limit=50"
            yield f"/v1/search?q={quote(tree.names[tree.number[area]])}"
            yield f"/v1/files/areas/{area}/station-votes.csv?office={OFFICE}"
            yield f"/v1/areas?office={OFFICE}&area={above}&sort=-valid"
            yield f"/v1/areas/{area}/results/nist.json?office={OFFICE}"
            yield f"/v1/maps/{levels[1]}.svg?results={OFFICE}"

    async def _steadily(self, what: str, rate: int, once: Callable[[Connection], Awaitable[None]]) -> None:
        """By the clock and not after the answer before, so that a stalled server is asked as often as a quick one."""
        async with asyncio.TaskGroup() as group:
            due = time.perf_counter()
            free: list[Connection] = []
            while True:
                group.create_task(self._timed(what, once, free, due))
                due += 1 / rate
                await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def _timed(
        self, what: str, once: Callable[[Connection], Awaitable[None]], free: list[Connection], due: float
    ) -> None:
        noticed = self.noticed
        connection = free.pop() if free else None
        if connection is not None and time.perf_counter() - connection.used_at > KEPT_SECONDS_MAX:
            connection.close()
            connection = None
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                if connection is None:
                    connection = Connection(self._stack.url)
                    await connection.open()
                await once(connection)
            connection.used_at = time.perf_counter()
            free.append(connection)
        except (OSError, EOFError, TimeoutError, RuntimeError) as error:
            noticed.fail(f"{what} {error if isinstance(error, RuntimeError) else type(error).__name__}")
            if connection is not None and connection.is_open:
                connection.close()
        noticed.waited[what].append(time.perf_counter() - due)

    async def _sample(self) -> None:
        while True:
            self.noticed.memory_peak_mb = max(self.noticed.memory_peak_mb, memory_mb(self._stack))
            await asyncio.sleep(0.05)

    async def _ask_health(self) -> None:
        async with httpx.AsyncClient(base_url=self._stack.url, timeout=ANSWER_SECONDS_MAX) as client:
            while True:
                noticed = self.noticed
                try:
                    health = (await client.get("/v1/health")).json()
                    noticed.health.add(health["status"] if "status" in health else health["detail"])
                except httpx.HTTPError as error:
                    noticed.health.add(type(error).__name__)
                await asyncio.sleep(0.5)

    async def _listen(self) -> None:
        while True:
            with suppress(OSError, ConnectionClosed):
                async with connect(feed_url(self._stack.url), max_size=MESSAGE_BYTES_MAX) as socket:
                    await socket.send(orjson.dumps({"type": "subscribe", "office": OFFICE}).decode())
                    async for text in socket:
                        message = orjson.loads(text)
                        if message["type"] in ("snapshot", "change"):
                            self._watch.seen(message["as_of"])
            self.noticed.fail("live: connection lost")
            await asyncio.sleep(0.2)


def memory_mb(stack: Stack) -> float:
    """What the API holds in memory just now."""
    process = stack.supervisor.process_id("api")
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:  # it has ended
        return 0.0
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


@asynccontextmanager
async def attacked_stack(
    directory: Path, stations: int
) -> AsyncIterator[tuple[Stack, list[bytes], dict[str, Ed25519PrivateKey]]]:
    """A stack with the demo's election, a form of each station, signed and not sent yet, and the keys by their ids."""
    package, keys, authority = write_demo(directory / "election", stations=stations)
    parts = (*WORKERS, EXPORTER)
    async with running_stack(
        directory / "election", directory / "data", authority, log_directory=directory, workers=parts
    ) as stack:
        await _until_there(stack, "/v1/files", "/v1/maps")
        by_id = {key_id(key.public_key().public_bytes_raw()): key for key in keys.values()}
        yield stack, envelopes_of(stack, package, keys, stations), by_id


async def _until_there(stack: Stack, *paths: str) -> None:
    """Wait until the exporter has written what is at these paths. Raises TimeoutError."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=ANSWER_SECONDS_MAX) as client:
        async with asyncio.timeout(EXPORTED_SECONDS_MAX):
            for path in paths:
                while (await client.get(path)).status_code != httpx.codes.OK:
                    await asyncio.sleep(0.5)


async def main(names: list[str], seconds: int, calm_seconds: int, rate: int) -> int:
    missed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="rekap-attacks-") as temporary:
        directory = Path(temporary)
        needed = rate * (seconds + calm_seconds + 10) * len(names) + 200
        async with attacked_stack(directory, max(STATIONS, needed)) as (stack, envelopes, keys):
            officer = _key_of(envelopes[0])
            honest = Honest(stack, [each for each in envelopes[100:] if _key_of(each) != officer], rate)
            target = Target(
                stack.url,
                ATTACKER,
                seconds,
                tuple(map(bytes.decode, envelopes[:100])),
                keys[officer].private_bytes_raw().hex(),
                {name: value for name, value in stack.environment.items() if name.startswith(KAFKA_SETTINGS)},
            )
            working = asyncio.create_task(honest.run())
            await asyncio.sleep(calm_seconds)
            print(HEAD, flush=True)
            try:
                for name in names:
                    missed += await _one(honest, stack, target, name, calm_seconds)
                    if working.done():
                        await working
            finally:
                working.cancel()
                with suppress(asyncio.CancelledError):
                    await working
            if not await _all_counted(stack, honest, len(target.envelopes)):
                missed.append("not all that was acknowledged is counted once")
    print("\n".join(["", *(f"MISSED: {sentence}" for sentence in missed)]) if missed else "\nall aims met")
    return 1 if missed else 0


def _key_of(envelope: bytes) -> str:
    return str(orjson.loads(envelope)["signatures"][0]["keyid"])


HEAD = (
    f"{'attack':26} {'of':8} {'calm p50':>9} {'p95':>7} {'max':>7} {'during p50':>11} {'p95':>7} {'max':>7} {'ratio':>6}"
    "  failed, memory, health"
)


async def _one(honest: Honest, stack: Stack, target: Target, name: str, calm_seconds: int) -> list[str]:
    honest.begin_phase()
    await asyncio.sleep(calm_seconds)
    calm = honest.begin_phase()
    summary = await _attack(target, name)
    during = honest.begin_phase()
    missed = []
    for what in calm.waited:
        before, now = calm.waited[what], during.waited[what]
        ratio = _percentile(now, 95) / max(CALM_FLOOR_S, _percentile(before, 95))
        print(
            f"{name if what == 'submit' else '':26} {what:8} {_ms(before, 50, 9)} {_ms(before, 95)} {_ms(before, 100)}"
            f" {_ms(now, 50, 11)} {_ms(now, 95)} {_ms(now, 100)} {ratio:6.1f}"
        )
        if ratio > RATIO_MAX:
            missed.append(f"{name}: p95 of {what} is {ratio:.1f} times what it was")
    print(
        f"{'':26} {'live':8} {_ms(calm.live, 50, 9)} {_ms(calm.live, 95)} {_ms(calm.live, 100)}"
        f" {_ms(during.live, 50, 11)} {_ms(during.live, 95)} {_ms(during.live, 100)}        failed"
        f" {during.failed or 'none'}; memory {calm.memory_peak_mb:.0f} -> {during.memory_peak_mb:.0f} MB;"
        f" health {', '.join(sorted(during.health))}; attacker: {summary}",
        flush=True,
    )
    grown = during.memory_peak_mb - calm.memory_peak_mb
    if grown > MEMORY_GROWTH_MB_MAX:
        missed.append(f"{name}: the API's memory grew by {grown:.0f} MB")
    if sum(during.failed.values()) > FAILED_SHARE_MAX * sum(map(len, during.waited.values())):
        missed.append(f"{name}: honest requests failed: {during.failed}")
    if stack.supervisor.process_id("api") is None:
        missed.append(f"{name}: the API has ended")
    return missed


async def _attack(target: Target, name: str) -> str:
    """Run an attack in a process of its own; gives its last line, which is what it did."""
    attacker = await asyncio.create_subprocess_exec(
        *("nice", "-n", "10", sys.executable, __file__, "--attacker", name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(3 * target.seconds + 30):
            output, _ = await attacker.communicate(target.to_json())
    except TimeoutError:
        attacker.kill()
        return "did not end in time"
    return output.decode().strip().rsplit("\n", 1)[-1] or f"exit code {attacker.returncode}"


async def _all_counted(stack: Stack, honest: Honest, of_attackers: int) -> bool:
    """Whether the nation's count holds each acknowledged form once, and no more than was sent, by attackers too."""
    ends = time.monotonic() + COUNTED_SECONDS_MAX
    counted = -1
    async with httpx.AsyncClient(base_url=stack.url, timeout=ANSWER_SECONDS_MAX) as client:
        while time.monotonic() < ends:
            with suppress(httpx.HTTPError, KeyError):
                nation = (await client.get(f"/v1/areas/{stack.definition.tree.codes[0]}?office={OFFICE}")).json()
                counted = nation["offices"][0]["contests"][0]["stations"]["reported"]
                if honest.acknowledged <= counted <= honest.sent + of_attackers:
                    break
            await asyncio.sleep(0.5)
    print(f"\nacknowledged {honest.acknowledged}, sent {honest.sent}, counted {counted}")
    return honest.acknowledged <= counted <= honest.sent + of_attackers


def _percentile(sample: list[float], percent: int) -> float:
    ranked = sorted(sample)
    return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)] if ranked else float("nan")


def _ms(sample: list[float], percent: int, width: int = 7) -> str:
    return f"{_percentile(sample, percent) * 1000:{width}.1f}"


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help=f"attacks, separated by commas, of: {', '.join(ATTACKS)}")
    parser.add_argument("--seconds", type=int, default=8, help="of each attack")
    parser.add_argument("--calm-seconds", type=int, default=4, help="measured before each attack")
    parser.add_argument("--rate", type=int, default=20, help="honest forms, and as many reads, a second")
    parser.add_argument("--attacker", choices=ATTACKS, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    asked = arguments()
    if asked.attacker:
        against = read_target(sys.stdin.buffer.read())
        print(uvloop.run(ATTACKS[asked.attacker](against)))
        sys.exit(0)
    chosen = [name for name in asked.only.split(",") if name] or list(ATTACKS)
    if unknown := [name for name in chosen if name not in ATTACKS]:
        sys.exit(f"Error: no such attack: {', '.join(unknown)}; there are: {', '.join(ATTACKS)}")
    sys.exit(uvloop.run(main(chosen, asked.seconds, asked.calm_seconds, asked.rate)))
