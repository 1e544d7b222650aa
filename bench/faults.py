"""Break everything that can break, for minutes, and then count again what clients had acknowledged.

    python bench/faults.py [--faults 200] [--minutes 15] [--rate 20] [--seed 1] [--workers 2] [--brokers 1] [--pause 3]
                           [--only WORDS] [--report FILE]

The embedded stack runs as separate processes, with `--workers` of each role, behind two small proxies: one before the API
(it shares connections out to the replicas) and one before PostgreSQL. Clients submit signed events as `rekap submit` does:
new forms, corrections, versions out of order, repeats, wrong sums, two forms of one version, reviews, annulments, and some
that must be refused; somebody writes into the ledger past the gateway. Others follow the live feed as `rekap watch` does.
Meanwhile a schedule that follows from the seed kills, freezes and restarts workers, Kafka and PostgreSQL, cuts connections,
fills disks, sets clocks wrong and makes PostgreSQL slow (fault/injected.py). docs/faults.md describes them.

When the faults are over and all is well again, fault/oracle.py, which shares no code with Rekap, counts the ledger
again and holds against it: every receipt and refusal, every total at every level, which form counts for every station,
the roots of the public logs, and after each message of the live feed everything that its client knew by then.

Ends after `--faults` faults or `--minutes` minutes; `--report` writes what came out as JSON. Exit codes:

    0   all faults were injected, and the oracle agrees
    1   the oracle does not agree; its sentences are printed and the logs of all processes kept
    3   it agrees, but fewer faults were injected than `--faults` asked for
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import re
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition
from fault import oracle
from fault.election import PARTITIONS, election_package, facts_of, private_key
from fault.injected import (
    Clocks,
    Disk,
    Fault,
    Kind,
    Link,
    NotPossibleError,
    Parts,
    break_things,
    check_cutting,
    kinds_on,
    schedule,
)
from fault.load import Load, listen, read_answers

from rekap.embedded.ports import free_ports
from rekap.operate.stack import WORKERS, Stack, running_stack
from runtime.kafka.security import client_options
from runtime.kafka.topics import topics_of
from runtime.own_processes import python_module
from runtime.package.writing import write_package
from runtime.settings import read_settings, variable

CLIENTS = 6
CATCH_UP_SECONDS_MAX = 180
HEARTBEAT_SECONDS = 2
NO_MESSAGE: dict[str, Any] = {"type": "nothing"}
"""What the live feed sends when nothing changed. After a quiet one its client must know everything."""
DISK_MEGABYTES = {"kafka": 512, "postgres": 1536, "the public logs": 256}
SUBSCRIPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("president", {}),
    ("president", {"level": "district"}),
    ("president", {"level": "village"}),
    ("council", {}),
    ("council", {"area": "1.1"}),
)
"""The first is the one by which times to the next published change are taken."""
EXIT_DISAGREES = 1
EXIT_TOO_FEW_FAULTS = 3


# ── the run ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Ground:
    """What of this machine is needed for some kinds of faults."""

    disks: dict[str, Disk]
    clocks: Clocks | None
    not_possible: dict[str, str]
    """What begins the name of a kind → why it cannot be injected here."""


def prepare(directory: Path, brokers: tuple[str, ...], until_the_end: ExitStack) -> Ground:
    """Mount the disks that will be filled, and find out what else is possible."""
    ground = Ground({}, None, {})
    try:
        for target, name in {
            **{name: name for name in brokers},
            "postgres": "postgres",
            "the public logs": "log",
        }.items():
            megabytes = DISK_MEGABYTES["kafka" if target in brokers else target]
            disk = ground.disks[target] = Disk(directory / "data" / name, megabytes)
            disk.mount()
            until_the_end.callback(disk.unmount)
    except NotPossibleError as error:
        ground.not_possible["full disk"] = str(error)
    try:
        ground.clocks = Clocks(directory / "clocks")
    except NotPossibleError as error:
        ground.not_possible["clock"] = str(error)
    try:
        check_cutting()
    except NotPossibleError as error:
        ground.not_possible["cut Kafka"] = str(error)
    return ground


@dataclass
class Run:
    """What happened."""

    kinds: list[Kind]
    """That could be injected here."""
    not_possible: dict[str, str]
    """The other kinds, and why not."""
    took_s: float
    done: list[tuple[float, Fault]]
    over_at: float
    """When the last fault was over; like the other times in seconds of the loop's clock."""
    load: Load
    ledger: oracle.Ledger
    subscriptions: list[oracle.Subscription]
    polled: oracle.Polled
    findings: list[str]
    """Sentences of what the oracle found wrong; none is what everybody hopes for."""


async def run(asked: argparse.Namespace, directory: Path) -> Run:
    chance = random.Random(asked.seed)
    package = election_package()
    facts = facts_of(package)
    write_package(package, directory / "election")
    brokers = ("kafka",) if asked.brokers == 1 else tuple(f"kafka-{number}" for number in range(1, asked.brokers + 1))
    with ExitStack() as until_the_end:
        ground = prepare(directory, brokers, until_the_end)
        async with running_stack(
            directory / "election",
            directory / "data",
            private_key("authority"),
            log_directory=directory / "logs",
            workers=(),
            brokers=asked.brokers,
        ) as stack:
            parts = await start_workers(stack, asked.workers, brokers, ground, random.Random(chance.random()))
            try:
                return await break_and_compare(asked, facts, parts, ground, chance)
            finally:
                parts.front.close()
                parts.database.close()


async def break_and_compare(
    asked: argparse.Namespace, facts: oracle.Facts, parts: Parts, ground: Ground, chance: random.Random
) -> Run:
    stack = parts.stack
    url = f"http://127.0.0.1:{parts.front.port}"
    load = Load(facts, stack, random.Random(chance.random()))
    subscriptions = [oracle.Subscription(office, wish) for office, wish in SUBSCRIPTIONS]
    polled = oracle.Polled()
    not_possible: dict[str, str] = {}
    kinds = []
    for kind in (kind for kind in kinds_on(parts.workers, parts.brokers) if re.search(asked.only, kind.name)):
        why_not = next((why for words, why in ground.not_possible.items() if kind.name.startswith(words)), None)
        if why_not is None:
            kinds.append(kind)
        else:
            not_possible[kind.name] = why_not
    faults = schedule(chance, asked.faults, kinds, asked.pause)
    clock = asyncio.get_running_loop().time
    began = clock()
    clients = [asyncio.create_task(load.client(url, asked.rate / CLIENTS)) for _ in range(CLIENTS)]
    clients.append(asyncio.create_task(load.write_past_the_gateway(stack)))
    others = [asyncio.create_task(listen(url, each)) for each in subscriptions]
    others += [asyncio.create_task(read_answers(url, polled)), asyncio.create_task(parts.nurse())]
    try:
        await asyncio.sleep(2)
        done = await break_things(parts, faults, began + 60 * asked.minutes)
        over_at = clock()
        findings = await finish(load, clients, over_at)
        took_s = clock() - began
        ledger = await read_topic(stack, facts)
        differences = await compare(url, facts, ledger, subscriptions)
        while (grown := await read_topic(stack, facts)) != ledger:  # a record whose client had long tried again
            ledger = grown
            differences = await compare(url, facts, ledger, subscriptions)
        findings += differences
        findings += [f"a task of this program ended: {task.exception()!r}" for task in others if task.done()]
    finally:
        for task in (*clients, *others):
            task.cancel()
        await asyncio.gather(*clients, *others, return_exceptions=True)
    findings += oracle.check_answers(ledger, {sent.event: sent.answers for sent in load.sent})
    for each in subscriptions:
        findings += oracle.check_subscription(facts, ledger, each)
    findings += oracle.check_polled(facts, ledger, polled)
    findings += wrong_refusals(load)
    return Run(kinds, not_possible, took_s, done, over_at, load, ledger, subscriptions, polled, findings)


async def finish(load: Load, clients: list[asyncio.Task[None]], over_at: float) -> list[str]:
    """Let the clients continue until something that was sent after the last fault is acknowledged, and then come to an end."""
    findings = []
    ends = time.monotonic() + CATCH_UP_SECONDS_MAX
    while not any(sent.at > over_at and sent.is_acknowledged for sent in reversed(load.sent)):
        await asyncio.sleep(0.2)
        if time.monotonic() > ends:
            findings.append(f"nothing was acknowledged in the {CATCH_UP_SECONDS_MAX} s after the last fault")
            break
    load.stop = True
    ended, waiting = await asyncio.wait(clients, timeout=CATCH_UP_SECONDS_MAX)
    findings += [f"a client gave up: {task.exception()!r}" for task in ended if task.exception() is not None]
    if waiting:
        findings.append(f"{len(waiting)} clients waited for an answer for more than {CATCH_UP_SECONDS_MAX} s")
    return findings


async def start_workers(
    stack: Stack, number: int, brokers: tuple[str, ...], ground: Ground, chance: random.Random
) -> Parts:
    """`number` processes of each role, behind the proxies; all of them ready."""
    database = urlsplit(stack.environment[variable("database")])
    query = parse_qs(database.query)
    stack.environment[variable("live_heartbeat_s")] = str(HEARTBEAT_SECONDS)
    socket_file = f"{query['host'][0]}/.s.PGSQL.{query['port'][0]}"
    to_database = Link(lambda: asyncio.open_unix_connection(socket_file))
    await to_database.open()
    stack.environment[variable("database")] = (
        f"postgresql://{database.username}@127.0.0.1:{to_database.port}{database.path}?sslmode=disable"
    )
    ports = free_ports(number)
    front = Link(*(lambda port=port: asyncio.open_connection("127.0.0.1", port) for port in ports))
    await front.open()
    names = []
    for each in range(1, number + 1):
        for role in WORKERS:
            own = {"instance": f"{role}-{each}", "port": str(ports[each - 1]), "gateway": f"gateway-{each}"}
            names.append(own["instance"])
            clock = ground.clocks.environment(own["instance"]) if ground.clocks is not None else {}
            stack.supervisor.run(
                own["instance"],
                python_module("rekap", "run", role),
                environment={**stack.environment, **{variable(name): value for name, value in own.items()}, **clock},
                ready=probe(f"http://127.0.0.1:{ports[each - 1]}/livez") if role == "api" else None,
            )
    await stack.supervisor.wait_ready()
    await every_partition_has_spoken(f"http://127.0.0.1:{front.port}")
    broker_ports = tuple(int(each.rsplit(":", 1)[1]) for each in stack.environment[variable("kafka")].split(","))
    return Parts(stack, front, to_database, tuple(names), brokers, broker_ports, ground.disks, ground.clocks, chance)


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


async def read_topic(stack: Stack, facts: oracle.Facts) -> dict[int, list[oracle.Record]]:
    """The ledger straight from Kafka."""
    topic = topics_of(stack.definition.election).ledger
    consumer = AIOKafkaConsumer(**client_options(read_settings(stack.environment)), enable_auto_commit=False)
    await consumer.start()
    try:
        topic_partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(topic_partitions)
        await consumer.seek_to_beginning(*topic_partitions)
        ends = await consumer.end_offsets(topic_partitions)
        records: dict[int, list[bytes]] = {each.partition: [] for each in topic_partitions}
        while any(len(records[each.partition]) < end for each, end in ends.items()):
            for topic_partition, messages in (await consumer.getmany(timeout_ms=1000)).items():
                for message in messages:
                    assert message.offset == len(records[topic_partition.partition]), "the ledger has a hole"
                    records[topic_partition.partition].append(message.value or b"")
    finally:
        await consumer.stop()
    return oracle.read_ledger(facts, records)


async def compare(
    url: str, facts: oracle.Facts, ledger: oracle.Ledger, subscriptions: list[oracle.Subscription]
) -> list[str]:
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
            for each in subscriptions:
                at, last_message = each.messages[-1] if each.messages else (0.0, NO_MESSAGE)
                if last_message["type"] != "heartbeat" or at < quiet_since + HEARTBEAT_SECONDS:
                    return f"{each.name} waits for a heartbeat; the last message was {last_message['type']}"
                if not covers(last_message["as_of"][each.office], each.office):
                    return f"{each.name}: the heartbeat's as_of is {last_message['as_of']}, the ledger has {last[each.office]}"
            for partition, records in ledger.items():
                note = (await client.get(f"/log/{partition}/checkpoint")).raise_for_status().text.split("\n")
                if int(note[1]) != len(records):
                    return f"the log of partition {partition} has {note[1]} entries, the ledger {len(records)}"
                if base64.b64decode(note[2]) != oracle.tree_root([bytes.fromhex(record.leaf) for record in records]):
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
        unpublished = {each for recount in recounts.values() for each in recount.contest_areas} - published
        problems += [f"{contest} in {area}: no tally is published" for contest, area in sorted(unpublished)]
        for contest, office in facts.office_of.items():
            page = await get("/v1/areas/N/stations", contest=contest, limit=5000)
            shown = {line["station"]: (line["state"], line.get("version")) for line in page["stations"]}
            expected = recounts[office].stations(contest)
            problems += [
                f"{contest} at station {station}: published {shown.get(station)}, recounted {expected.get(station)}"
                for station in sorted(shown.keys() | expected.keys())
                if shown.get(station) != expected.get(station)
            ]
        for station in facts.lineage:
            page = await get(f"/v1/stations/{station}", limit=500)
            history = list(page["history"])
            while page["next"] is not None:
                page = await get(f"/v1/stations/{station}", limit=500, after=page["next"])
                history += page["history"]
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


def times_to_change(run: Run) -> dict[str, list[tuple[float, float]]]:
    """By kind, for each fault the seconds until the feed had something that was sent after the fault: of any partition, and
    of all. A fault that came too late in the run for that is left out."""
    sent = [
        (each.at, str(answer["partition"]), answer["offset"])
        for each in run.load.sent
        if each.contest == "president"
        for status, answer in each.answers
        if status == 201
    ]
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for at, fault in run.done:
        wanted: dict[str, int] = {}
        for when, partition, offset in sent:
            if when > at:
                wanted[partition] = min(offset, wanted.get(partition, offset))
        cuts = [
            (when - at, message["as_of"])
            for when, message in run.subscriptions[0].messages
            if when > at and "areas" in message
        ]
        moments = [
            next((when for when, cut in cuts if cut.get(partition, -1) >= offset), None)
            for partition, offset in wanted.items()
        ]
        times = [moment for moment in moments if moment is not None]
        if len(times) == PARTITIONS:
            found[fault.kind.name].append((round(min(times), 2), round(max(times), 2)))
    return found


def report_of(asked: argparse.Namespace, run: Run) -> dict[str, Any]:
    """All figures of a run, as --report writes them."""
    records = sum(len(each) for each in run.ledger.values()) - PARTITIONS
    valid = [record.event for each in run.ledger.values() for record in each if record.holds]
    injected = Counter(fault.kind.name for _, fault in run.done)
    return {
        "seed": asked.seed,
        "workers_of_each_role": asked.workers,
        "brokers": asked.brokers,
        "seconds": round(run.took_s),
        "faults_asked": asked.faults,
        "faults": len(run.done),
        "faults_by_kind": {kind.name: injected[kind.name] for kind in run.kinds},
        "not_possible": run.not_possible,
        "submitted_by_kind": dict(run.load.kinds),
        "events": len(run.load.sent),
        "acknowledged": sum(sent.is_acknowledged for sent in run.load.sent),
        "acknowledged_after_the_last_fault": sum(
            sent.is_acknowledged and sent.at > run.over_at for sent in run.load.sent
        ),
        "refused": sum(any(status >= 400 for status, _ in sent.answers) for sent in run.load.sent),
        "past_the_gateway_by_kind": dict(run.load.strays),
        "records": records,
        "records_that_repeat_an_event": len(valid) - len(set(valid)),
        "records_that_may_not_count": records - len(valid),
        "changes_recounted": sum("areas" in message for each in run.subscriptions for _, message in each.messages),
        "gaps_announced": sum(message["type"] == "gap" for each in run.subscriptions for _, message in each.messages),
        "answers_recounted": len(run.polled.areas),
        "answers_of_an_old_state": sum(is_old for _, is_old in run.polled.areas),
        "log_heads_recounted": sum(map(len, run.polled.checkpoints.values())),
        "findings": run.findings,
        "seconds_to_the_next_change": times_to_change(run),
        "seconds_to_the_next_change_is": "for each fault of a kind: [of any partition, of all partitions]",
    }


def show(report: dict[str, Any]) -> None:
    """The report as sentences and a table."""
    for name, value in report.items():
        if isinstance(value, int):
            print(f"{name.replace('_', ' '):40} {value:,}")
    for name in ("submitted_by_kind", "past_the_gateway_by_kind"):
        print(f"{name.replace('_', ' '):40} {', '.join(f'{kind} {count}' for kind, count in report[name].items())}")
    for name, why in report["not_possible"].items():
        print(f"not injected: {name}: {why}")
    print(
        f"\n{'seconds to the next published change':40} {'faults':>6} {'median':>8} {'max':>8} {'max of all partitions':>24}"
    )
    for name, count in report["faults_by_kind"].items():
        if times := report["seconds_to_the_next_change"].get(name):
            firsts, alls = sorted(first for first, _ in times), [every for _, every in times]
            print(f"{name:40} {count:6} {firsts[len(firsts) // 2]:8.2f} {firsts[-1]:8.2f} {max(alls):24.2f}")
        else:
            print(f"{name:40} {count:6}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=15.0, help="begin no fault after this")
    parser.add_argument("--rate", type=float, default=20.0, help="submissions a second, at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="workers of each role")
    parser.add_argument("--brokers", type=int, default=1, help="3 for a cluster with three copies of each topic")
    parser.add_argument("--pause", type=float, default=3.0, help="seconds from one fault to the next, on average")
    parser.add_argument(
        "--only", default="", help="kinds whose name this regular expression finds, such as 'kafka|cut'"
    )
    parser.add_argument("--report", type=Path, help="a file for all figures, as JSON")
    parser.add_argument("--keep", action="store_true", help="keep logs and data also where all is well")
    asked = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="rekap-faults-"))
    print(f"the logs of all processes are in {directory / 'logs'}", flush=True)
    report = report_of(asked, uvloop.run(run(asked, directory)))
    if asked.report is not None:
        asked.report.write_text(json.dumps(report, indent=2) + "\n")
    show(report)
    if findings := report["findings"]:
        print(f"THE ORACLE DISAGREES, {len(findings)} times; the logs are kept")
        print("\n".join(f"  {each}"[:600] for each in findings[:30]))
        return EXIT_DISAGREES
    if not asked.keep:
        shutil.rmtree(directory)
    if report["faults"] < asked.faults:
        print(
            f"the oracle agrees, but only {report['faults']} of {asked.faults} faults were injected in the time given"
        )
        return EXIT_TOO_FEW_FAULTS
    print("the oracle agrees")
    return 0


if __name__ == "__main__":
    sys.exit(main())
