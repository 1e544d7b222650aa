"""Break everything that can break, for minutes, and then count again what clients had acknowledged.

    python bench/faults.py [--faults 200] [--minutes 15] [--rate 20] [--seed 1] [--workers 2] [--pause 3]

The embedded stack runs as separate processes, with `--workers` of each role, behind two small proxies: one before the API
(it shares connections out to the replicas) and one before PostgreSQL. Clients submit signed forms as `rekap submit` does:
new ones, corrections, versions out of order, repeats, wrong sums, two forms of one version, and some that must be refused.
Others follow the live feed as `rekap watch` does. Meanwhile a schedule that follows from the seed kills, freezes and
restarts workers, Kafka and PostgreSQL, cuts connections, and makes PostgreSQL slow. docs/faults.md says which and how.

When the faults are over and all is well again, bench/faults_oracle.py, which shares no code with Rekap, counts the ledger
again and holds against it: every receipt and refusal, every total at every level, what stands for every station, the roots
of the public logs, and after each message of the live feed everything that its client knew by then.

Ends after `--faults` faults or `--minutes` minutes. Exit code 0: the oracle agrees. 1: it does not; its sentences are
printed and the logs of all processes kept.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import random
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import faults_oracle as oracle
import httpx
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from faults_election import OFFICERS, PARTITIONS, election_package, facts_of, private_key

from rekap.live_client import follow
from rekap.sending import send_batch
from rekap.signing import Signer
from rekap.up import WORKERS, Stack, running_stack
from runtime.kafka import topics_of
from runtime.package_files import write_package
from runtime.settings import variable

CLIENTS = 6
BATCH_MAX = 6
CATCH_UP_SECONDS_MAX = 180
NURSE_SECONDS = 2.0
"""A worker that ended by itself (Kafka was away, say) is started again after this, not after the supervisor's growing
backoff: with faults every few seconds it would soon be down most of the time, and nothing would be tested."""
HEARTBEAT_SECONDS = 2
"""Of the live feed: after a quiet one its client must know everything."""
CREATED_AT = "2029-02-14T13:00:00Z"
SUBSCRIPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("president", {}),
    ("president", {"level": "district"}),
    ("president", {"level": "village"}),
    ("council", {}),
    ("council", {"area": "1.1"}),
)
"""The first is the one by which times to the next published change are taken."""


# ── a proxy ──────────────────────────────────────────────────────────────────────────────────────────────────────────

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class Link:
    """A TCP port before one or several servers: new connections go round, to the next one that accepts."""

    def __init__(self, *targets: Connect) -> None:
        self._targets = list(targets)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.delay_s = 0.0
        """What each piece of data waits on its way, in both directions."""
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.cut()

    def cut(self) -> None:
        """End all connections at once, whatever is on its way."""
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in self._targets:
            self._targets.append(target := self._targets.pop(0))
            with suppress(OSError):
                there_reader, there_writer = await target()
                break
        else:
            writer.transport.abort()
            return
        self._writers |= {writer, there_writer}
        try:
            await asyncio.gather(self._carry(reader, there_writer), self._carry(there_reader, writer))
        finally:
            self._writers -= {writer, there_writer}

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        writer.close()


# ── the load ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Sent:
    """One event, and the final answers to it."""

    event: str
    envelope: bytes
    kind: str
    contest: str
    at: float = float("inf")
    """When it was sent first, in seconds of the loop's clock."""
    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=list)


class Load:
    """What stations say, one after the other, from the seed."""

    def __init__(self, facts: oracle.Facts, stack: Stack, chance: random.Random) -> None:
        self._facts = facts
        self._chance = chance
        election = stack.definition.election
        self._signers = {
            province: Signer(
                private_key(f"officer-{province}"),
                election=election.id,
                mode=election.mode.value,
                definition=stack.definition.hash,
            )
            for province in OFFICERS
        }
        self._slots = [(station, contest) for contest, there in facts.stations_of.items() for station in there]
        self._versions: Counter[tuple[str, str]] = Counter()
        self._late: list[tuple[tuple[str, str], int]] = []
        """Versions that were left out, to come after higher ones."""
        self.sent: list[Sent] = []
        self.kinds: Counter[str] = Counter()
        self.stop = False

    def next(self) -> Sent:
        kind = self._chance.choices(
            ("ordinary", "out of order", "wrong sum", "conflict", "repeat", "refused"), (60, 8, 10, 4, 13, 5)
        )[0]
        if kind == "repeat" and self.sent:
            sent = self._chance.choice(self.sent[-500:])
        else:
            sent = self._new(kind)
            self.sent.append(sent)
        self.kinds[kind] += 1
        return sent

    def _new(self, kind: str) -> Sent:
        chance = self._chance
        if kind == "out of order" and self._late and chance.random() < 0.5:
            slot, version = self._late.pop(chance.randrange(len(self._late)))
        else:
            slot = chance.choice(self._slots)
            if kind == "out of order":
                self._versions[slot] += 1
                self._late.append((slot, self._versions[slot]))
            if kind != "conflict" or not self._versions[slot]:
                self._versions[slot] += 1
            version = self._versions[slot]
        station, contest = slot
        votes = {choice: chance.randrange(60) for choice in self._facts.choices[contest]}
        valid = sum(votes.values()) + (kind == "wrong sum")
        invalid = chance.randrange(5)
        if kind == "refused":
            votes["nobody"] = 1
        signed = self._signers[station[0]].sign(
            {
                "type": "result.reported",
                "created_at": CREATED_AT,
                "station": station,
                "contest": contest,
                "version": version,
                "form": {"votes": votes, "VA": valid, "VB": invalid, "VC": valid + invalid},
            }
        )
        return Sent(signed.event_id, signed.envelope, kind, contest)

    async def client(self, url: str, rate: float) -> None:
        """Submit on and on, at most so many a second, as `rekap submit --keep-trying` does."""
        async with httpx.AsyncClient(timeout=15) as client:
            while not self.stop:
                batch = [self.next() for _ in range(self._chance.randint(1, BATCH_MAX))]
                now = asyncio.get_running_loop().time()
                for each in batch:
                    each.at = min(each.at, now)
                answers = await send_batch(client, url, [each.envelope for each in batch])
                for each, answer in zip(batch, answers, strict=True):
                    each.answers.append((answer["status"], answer.get("receipt") or answer["problem"]))
                await asyncio.sleep(max(0.0, now + len(batch) / rate - asyncio.get_running_loop().time()))


async def listen(url: str, heard: oracle.Heard) -> None:
    async for message in follow(url, office=heard.office, **heard.wish):
        heard.messages.append((asyncio.get_running_loop().time(), message))


async def read_answers(url: str, polled: oracle.Polled) -> None:
    """Ask for the nation's totals and the heads of the logs, twice a second, from whichever replica answers."""
    async with httpx.AsyncClient(base_url=url, timeout=15) as client:
        while True:
            await asyncio.sleep(0.5)
            with suppress(httpx.HTTPError):
                answer = (await client.get("/v1/areas/N")).raise_for_status()
                polled.areas.append((answer.json(), "age" in answer.headers))
                for partition in range(PARTITIONS):
                    note = (await client.get(f"/log/{partition}/checkpoint")).raise_for_status().text.split("\n")
                    polled.checkpoints[partition].append((int(note[1]), base64.b64decode(note[2])))


# ── the faults ───────────────────────────────────────────────────────────────────────────────────────────────────────


class Fault(NamedTuple):
    after_s: float
    """Since the fault before."""
    kind: str
    target: str
    lasts_s: float


@dataclass
class Parts:
    """What faults are done to."""

    stack: Stack
    front: Link
    database: Link
    workers: tuple[str, ...]
    busy: set[str] = field(default_factory=set)
    """Targets of faults that are not over yet."""

    async def do(self, fault: Fault) -> None:
        supervisor, target = self.stack.supervisor, fault.target
        match fault.kind:
            case "kill":
                await supervisor.kill(target)
                await asyncio.sleep(fault.lasts_s)
                await self.revive(target)
            case "freeze" | "zombie":
                supervisor.pause(target)
                await asyncio.sleep(fault.lasts_s)
                supervisor.resume(target)
            case "restart":
                await supervisor.restart(target)
            case "cut":
                (self.front if target == "connections to the API" else self.database).cut()
            case "slow":
                self.database.delay_s = 0.05
                await asyncio.sleep(fault.lasts_s)
                self.database.delay_s = 0.0

    async def revive(self, name: str) -> None:
        if self.stack.supervisor.process_id(name) is None:
            await self.stack.supervisor.restart(name)

    async def nurse(self) -> None:
        """Cut short the backoff of whoever ended without being asked."""
        down: Counter[str] = Counter()
        while True:
            await asyncio.sleep(NURSE_SECONDS / 2)
            for name in ("kafka", "postgres", *self.workers):
                is_down = name not in self.busy and self.stack.supervisor.process_id(name) is None
                down[name] = down[name] + 1 if is_down else 0
                if down[name] > 1:
                    await self.revive(name)


def schedule(chance: random.Random, count: int, workers: tuple[str, ...], pause_s: float) -> list[Fault]:
    """The faults of a run, from its seed: every kind at least once where there are enough, then by weight."""
    of_workers = [
        ("kill", 8, lambda: chance.uniform(0, 2)),
        ("freeze", 4, lambda: chance.uniform(0.3, 4)),
        ("zombie", 4, lambda: chance.uniform(7, 10)),  # longer than a group's session: others take over meanwhile
        ("restart", 2, lambda: 0.0),
    ]
    possible = [(kind, worker, weight / 2, lasts) for worker in workers for kind, weight, lasts in of_workers]
    possible += [
        ("kill", "kafka", 4, lambda: chance.uniform(0, 3)),
        ("freeze", "kafka", 4, lambda: chance.uniform(0.5, 6)),
        ("kill", "postgres", 4, lambda: chance.uniform(0, 3)),
        ("restart", "postgres", 4, lambda: 0.0),
        ("slow", "connections to PostgreSQL", 5, lambda: chance.uniform(2, 8)),
        ("cut", "connections to PostgreSQL", 6, lambda: 0.0),
        ("cut", "connections to the API", 8, lambda: 0.0),
    ]
    weights = [weight for _, _, weight, _ in possible]
    chosen = chance.sample(possible, len(possible)) if count >= len(possible) else []
    chosen += chance.choices(possible, weights, k=count - len(chosen))
    return [
        Fault(min(chance.expovariate(1 / pause_s), 3 * pause_s), kind, target, lasts())
        for kind, target, _, lasts in chosen
    ]


async def break_things(parts: Parts, faults: list[Fault], ends: float) -> list[tuple[float, Fault]]:
    """Do the faults, each when its time has come and its target is not broken already. Gives when each was done."""
    done: list[tuple[float, Fault]] = []
    clock = asyncio.get_running_loop().time

    async def one(fault: Fault) -> None:
        try:
            await parts.do(fault)
        finally:
            parts.busy.discard(fault.target)

    async with asyncio.TaskGroup() as group:
        for fault in faults:
            await asyncio.sleep(fault.after_s)
            while fault.target in parts.busy and clock() < ends:
                await asyncio.sleep(0.1)
            if clock() >= ends:
                break
            parts.busy.add(fault.target)
            done.append((clock(), fault))
            parts.stack.supervisor.say("fault", f"{len(done)}: {fault.kind} {fault.target} {fault.lasts_s:.1f} s")
            group.create_task(one(fault))
    return done


# ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def run(asked: argparse.Namespace, place: Path) -> list[str]:
    """Sentences of what the oracle found wrong; none is what everybody hopes for."""
    chance = random.Random(asked.seed)
    package = election_package()
    facts = facts_of(package)
    write_package(package, place / "election")
    async with running_stack(
        place / "election", place / "data", private_key("authority"), log_directory=place / "logs", workers=()
    ) as stack:
        parts = await start_workers(stack, asked.workers)
        url = f"http://127.0.0.1:{parts.front.port}"
        load = Load(facts, stack, random.Random(chance.random()))
        heard = [oracle.Heard(office, wish) for office, wish in SUBSCRIPTIONS]
        faults = schedule(chance, asked.faults, parts.workers, asked.pause)
        clock = asyncio.get_running_loop().time
        began = clock()
        listening = [asyncio.create_task(listen(url, each)) for each in heard]
        polled = oracle.Polled()
        reading = asyncio.create_task(read_answers(url, polled))
        clients = [asyncio.create_task(load.client(url, asked.rate / CLIENTS)) for _ in range(CLIENTS)]
        nurse = asyncio.create_task(parts.nurse())
        try:
            await asyncio.sleep(2)
            done = await break_things(parts, faults, began + 60 * asked.minutes)
            await asyncio.sleep(2)
            load.stop = True
            async with asyncio.timeout(CATCH_UP_SECONDS_MAX):
                await asyncio.gather(*clients)
            took = clock() - began
            ledger = await read_topic(stack)
            problems = await compare(url, facts, ledger, heard)
            while (grown := await read_topic(stack)) != ledger:  # a record whose client had long tried again
                ledger = grown
                problems = await compare(url, facts, ledger, heard)
            for task in (*listening, reading, nurse):
                if task.done():
                    problems.append(f"a task of this program ended: {task.exception()!r}")
        finally:
            for task in (*clients, *listening, reading, nurse):
                task.cancel()
            await asyncio.gather(*clients, *listening, reading, nurse, return_exceptions=True)
            parts.front.close()
            parts.database.close()
    answers = {sent.event: sent.answers for sent in load.sent}
    problems += oracle.check_answers(ledger, answers)
    for each in heard:
        problems += oracle.check_heard(facts, ledger, each)
    problems += oracle.check_polled(facts, ledger, polled)
    problems += wrong_refusals(load)
    report(asked, took, done, load, ledger, heard, polled)
    return problems


async def start_workers(stack: Stack, number: int) -> Parts:
    """So many of each role, behind the proxies; all of them ready."""
    database = urlsplit(stack.environment[variable("database")])
    query = parse_qs(database.query)
    stack.environment[variable("live_heartbeat_s")] = str(HEARTBEAT_SECONDS)
    socket_file = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
    to_database = Link(lambda: asyncio.open_unix_connection(socket_file))
    await to_database.open()
    stack.environment[variable("database")] = (
        f"postgresql://{database.username}@127.0.0.1:{to_database.port}{database.path}?sslmode=disable"
    )
    ports = [free_port() for _ in range(number)]
    front = Link(*(lambda port=port: asyncio.open_connection("127.0.0.1", port) for port in ports))
    await front.open()
    names = []
    for each in range(1, number + 1):
        for role in WORKERS:
            own = {"instance": f"{role}-{each}", "port": str(ports[each - 1]), "gateway": f"gateway-{each}"}
            names.append(own["instance"])
            stack.supervisor.run(
                own["instance"],
                [sys.executable, "-m", "rekap", "run", role],
                environment={**stack.environment, **{variable(name): value for name, value in own.items()}},
                ready=probe(f"http://127.0.0.1:{ports[each - 1]}/livez") if role == "api" else None,
            )
    await stack.supervisor.wait_ready()
    await every_partition_has_spoken(f"http://127.0.0.1:{front.port}")
    return Parts(stack, front, to_database, tuple(names))


async def every_partition_has_spoken(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=15) as client, asyncio.timeout(CATCH_UP_SECONDS_MAX):
        while True:
            with suppress(httpx.HTTPError):
                offices = (await client.get("/v1/areas/N")).raise_for_status().json()["offices"]
                if all(len(office[cut]) == PARTITIONS for office in offices for cut in ("as_of", "shard_as_of")):
                    return
            await asyncio.sleep(0.2)


def probe(url: str) -> Callable[[], Awaitable[bool]]:
    async def answers() -> bool:
        with suppress(httpx.HTTPError):
            async with httpx.AsyncClient(timeout=2) as client:
                return (await client.get(url)).status_code == 200
        return False

    return answers


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


async def read_topic(stack: Stack) -> dict[int, list[oracle.Said]]:
    """The ledger straight from Kafka."""
    topic = topics_of(stack.definition.election).ledger
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.environment[variable("kafka")], enable_auto_commit=False)
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        records: dict[int, list[bytes]] = {place.partition: [] for place in places}
        while any(len(records[place.partition]) < end for place, end in ends.items()):
            for place, messages in (await consumer.getmany(timeout_ms=1000)).items():
                for message in messages:
                    assert message.offset == len(records[place.partition]), "the ledger has a hole"
                    records[place.partition].append(message.value)
    finally:
        await consumer.stop()
    return oracle.read_ledger(records)


async def compare(url: str, facts: oracle.Facts, ledger: oracle.Ledger, heard: list[oracle.Heard]) -> list[str]:
    """Wait until all that is in the ledger is published, by GET, on the feed and in the logs; then compare by GET."""
    ends = time.monotonic() + CATCH_UP_SECONDS_MAX
    quiet_since = asyncio.get_running_loop().time()
    last = {office: oracle.last_new_offsets(ledger, facts, office) for office in ("president", "council")}

    def covers(cut: dict[str, int], office: str) -> bool:
        return all(cut.get(partition, -1) >= offset for partition, offset in last[office].items())

    async with httpx.AsyncClient(base_url=url, timeout=15) as client:

        async def get(path: str, **asked: Any) -> dict[str, Any]:
            answer: dict[str, Any] = (await client.get(path, params=asked)).raise_for_status().json()
            return answer

        async def what_is_late() -> str | None:
            root = await get("/v1/areas/N")
            for office in root["offices"]:
                for cut in ("as_of", "shard_as_of"):
                    if not covers(office[cut], office["office"]):
                        return f"{cut} of {office['office']} is {office[cut]}, the ledger has {last[office['office']]}"
            for each in heard:
                at, told = each.messages[-1] if each.messages else (0.0, {"type": "nothing"})
                if told["type"] != "heartbeat" or at < quiet_since + HEARTBEAT_SECONDS:
                    return f"{each.name} waits for a heartbeat; the last message was {told['type']}"
                if not covers(told["as_of"][each.office], each.office):
                    return f"{each.name}: the heartbeat's as_of is {told['as_of']}, the ledger has {last[each.office]}"
            for partition, records in ledger.items():
                note = (await client.get(f"/log/{partition}/checkpoint")).raise_for_status().text.split("\n")
                if int(note[1]) != len(records):
                    return f"the log of partition {partition} has {note[1]} entries, the ledger {len(records)}"
                if base64.b64decode(note[2]) != oracle.tree_root([bytes.fromhex(said.leaf) for said in records]):
                    return f"the log of partition {partition} has another root than its ledger"
            return None

        late: str | None = "nothing was answered"
        while late is not None and time.monotonic() < ends:
            try:
                late = await what_is_late()
            except httpx.HTTPError as error:
                late = f"{type(error).__name__}: {error}"
            if late is not None:
                await asyncio.sleep(0.5)
        if late is not None:
            return [f"after {CATCH_UP_SECONDS_MAX} s: {late}"]

        problems: list[str] = []
        whole = {partition: len(records) - 1 for partition, records in ledger.items()}
        recounts = {office: oracle.Recount(facts, ledger, office) for office in last}
        for recount in recounts.values():
            assert recount.advance({str(partition): offset for partition, offset in whole.items()}) is None
        published: set[tuple[str, str]] = set()
        for area in sorted({area for areas in facts.lineage.values() for area in areas}):
            for office in (await get(f"/v1/areas/{area}"))["offices"]:
                recount = recounts[office["office"]]
                for tally in office["contests"]:
                    published.add((tally["contest"], area))
                    problems += oracle.differs(
                        f"{tally['contest']} in {area}", tally, recount.tally(tally["contest"], area)
                    )
                if area in facts.above:
                    problems += oracle.differs(
                        f"{office['office']} in {area}", office["tally"], recount.office_tally(area)
                    )
        unpublished = {place for recount in recounts.values() for place in recount.places} - published
        problems += [f"{contest} in {area}: no tally is published" for contest, area in sorted(unpublished)]
        for contest, office in facts.office_of.items():
            page = await get("/v1/areas/N/stations", contest=contest, limit=5000)
            shown = {line["station"]: (line["state"], line["version"]) for line in page["stations"]}
            expected = recounts[office].stations(contest)
            problems += [
                f"{contest} at station {station}: published {shown.get(station)}, recounted {expected.get(station)}"
                for station in sorted(shown.keys() | expected.keys())
                if shown.get(station) != expected.get(station)
            ]
        for station in facts.lineage:
            history = (await get(f"/v1/stations/{station}"))["history"]
            listed = sorted((each["partition"], each["offset"], each["event"]) for each in history)
            if listed != (expected_history := oracle.records_about(ledger, station)):
                problems.append(f"the history of station {station} lists {listed}, the ledger has {expected_history}")
    return problems


def wrong_refusals(load: Load) -> Iterator[str]:
    """What was refused though it is in order, or let in though it is not."""
    for sent in load.sent:
        for status, answer in sent.answers:
            if (status in (200, 201)) == (sent.kind == "refused"):
                yield f"{sent.event} ({sent.kind}): answered with {status} {answer}"


# ── the figures ──────────────────────────────────────────────────────────────────────────────────────────────────────


def times_to_change(
    done: list[tuple[float, Fault]], load: Load, heard: oracle.Heard
) -> dict[str, list[tuple[float, float]]]:
    """By kind and target, for each fault the seconds until the feed had something that was sent after the fault: of any
    partition, and of all. A fault that came too late in the run for that is left out."""
    sent = [
        (each.at, str(answer["partition"]), answer["offset"])
        for each in load.sent
        if each.contest == "president"
        for status, answer in each.answers
        if status == 201
    ]
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for at, fault in done:
        wanted: dict[str, int] = {}
        for when, partition, offset in sent:
            if when > at:
                wanted[partition] = min(offset, wanted.get(partition, offset))
        told = [(when - at, said["as_of"]) for when, said in heard.messages if when > at and "areas" in said]
        moments = [
            next((when for when, cut in told if cut.get(partition, -1) >= offset), None)
            for partition, offset in wanted.items()
        ]
        times = [moment for moment in moments if moment is not None]
        if len(times) == PARTITIONS:
            found[f"{fault.kind} {fault.target.rsplit('-', 1)[0]}"].append((min(times), max(times)))
    return found


def report(
    asked: argparse.Namespace,
    took: float,
    done: list[tuple[float, Fault]],
    load: Load,
    ledger: oracle.Ledger,
    heard: list[oracle.Heard],
    polled: oracle.Polled,
) -> None:
    records = sum(len(each) for each in ledger.values()) - PARTITIONS
    events = {said.event for each in ledger.values() for said in each}
    acknowledged = sum(any(status in (200, 201) for status, _ in each.answers) for each in load.sent)
    print(f"seed {asked.seed}: {len(done)} faults in {took:.0f} s, {asked.workers} workers of each role")
    print(f"submitted {dict(load.kinds)}; {len(load.sent):,} events, {acknowledged:,} acknowledged")
    print(f"ledger: {records:,} records, {records - len(events) + 1:,} of them repeats of an event")
    print(
        f"read by GET: {len(polled.areas):,} totals, {sum(is_old for _, is_old in polled.areas):,} of them said to be old; "
        f"{sum(map(len, polled.checkpoints.values())):,} heads of logs"
    )
    for each in heard:
        kinds = Counter(said.get("reason") or said["type"] for _, said in each.messages)
        print(f"{each.name}: {dict(kinds)}")
    print(
        f"{'seconds to the next published change':40} {'faults':>6} {'median':>8} {'max':>8} {'max of all partitions':>24}"
    )
    for name, times in sorted(times_to_change(done, load, heard[0]).items()):
        nexts, alls = sorted(first for first, _ in times), [every for _, every in times]
        print(f"{name:40} {len(times):6} {nexts[len(nexts) // 2]:8.2f} {nexts[-1]:8.2f} {max(alls):24.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=15.0, help="begin no fault after this")
    parser.add_argument("--rate", type=float, default=20.0, help="submissions a second, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="workers of each role")
    parser.add_argument("--pause", type=float, default=3.0, help="seconds from one fault to the next, on average")
    parser.add_argument("--keep", action="store_true", help="keep logs and data also where all is well")
    asked = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="rekap-faults-"))
    print(f"the logs of all processes are in {place / 'logs'}", flush=True)
    problems = uvloop.run(run(asked, place))
    if problems:
        print(f"THE ORACLE DISAGREES, {len(problems)} times; the logs are kept")
        print("\n".join(f"  {each}"[:600] for each in problems[:30]))
        return 1
    if not asked.keep:
        shutil.rmtree(place)
    print("the oracle agrees")
    return 0


if __name__ == "__main__":
    sys.exit(main())
