"""What the live feed costs for each client: the server of the feed beside naive FastAPI, `websockets.broadcast`, a loop in Go
and the library centrifuge (Go), with the same messages in the same run.

    python bench/fanout.py [--clients 2000] [--rate 20] [--seconds 10] [--channel nation|area] [--servers rekap,go,…]

Each server is a process of its own (bench/fanout_server.py, bench/fanout_go), one after the other, and the clients are one
process in Go that is built once. A made election is counted beforehand, one form a message. The server of the feed is given the
messages of the topic `results` and makes frames of them; the peers are given the very frames, ready to send. Frames of the
channel `nation` have about 4.5 kB: the nation, a province, and their offices. Those of `area` have about 480 bytes: how far the
contest is.

For each server it prints

    deliveries/CPU s   frames that clients read, for each CPU second of the server alone (user and system)
    changes/s          changes that clients have learned of, for each second of the clock; a frame may hold several
    p50, p99           from the moment a change is published until a client has read it
    kB a client        memory of the server (resident) that came with the clients

Exit code 1: a client did not get the last change.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import psutil
from count import genesis_record
from made_ledger import MadeLedger, made_ledger

from api.feed.frames import TEXT
from api.feed.hub.hub import Hub
from api.http.connections import raise_descriptor_limit
from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from projections.fold.records import read_record
from projections.fold.rollup import Rollup
from projections.fold.tabulation import PartitionFold
from rekap.elections.demo_contests import PRESIDENT
from runtime.package.reading import load_package
from schemas.codes import OfficeId, Partition
from schemas.served.feed_cursors import Positions
from schemas.served.live import Subscribe

HERE = Path(__file__).parent
GO_ELSEWHERE = "/usr/local/go/bin"
CLIENTS_MAX, SECONDS_MAX, CHANGES_MAX = 10_000, 60, 20_000
BUILD_SECONDS_MAX = 300
RUN_SECONDS_MAX = SECONDS_MAX + 120
WARM = 2
"""Messages before the clients connect, so that the office has published."""
CHANNELS: dict[str, dict[str, str]] = {"nation": {}, "area": {"area": "11.01"}}
SERVERS = ("rekap", "fastapi", "websockets", "go", "centrifuge")


@dataclass(frozen=True, slots=True)
class Made:
    """The messages of a run, in order: the number of each is the sum of the offsets in its `as_of`."""

    package: Path
    numbers: list[int]
    results: list[bytes]
    frames: list[bytes]


class Collected:
    """A connection that keeps the text of each frame."""

    form = TEXT
    is_full = False
    descriptor = -1

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def write_now(self, data: bytes) -> None:
        self.frames.append(data)


def make(ledger: MadeLedger, changes: int, channel: dict[str, str]) -> Made:
    definition = Definition.of(load_package(ledger.package, problems))
    folds = [PartitionFold(definition, partition) for partition in range(definition.partitions)]
    rollup = Rollup(definition)
    hub = Hub(definition, 1)
    hub.begin(Positions(0, (0,)))
    outlet = Collected()
    made = Made(ledger.package, [], [], [])

    def publish() -> None:
        if (result := rollup.offices[OfficeId(PRESIDENT)].take_change()) is None:
            return
        outlet.frames.clear()
        made.numbers.append(sum(offset for offset in result.as_of if offset > 0))
        made.results.append(result.to_bytes())
        hub.apply_result(len(made.results) - 1, made.results[-1])
        hub.flush()
        hub.deliver(lambda: True)
        made.frames.append(b"".join(outlet.frames[-1:]))
        if len(made.results) == WARM:
            subscriber = hub.join(outlet, lambda: None)
            hub.subscribe(subscriber, Subscribe(office=PRESIDENT, **channel))  # type: ignore[arg-type]
            while subscriber.take() is not None:
                pass

    for partition, offset, value in chain(_geneses(definition), _in_turn(ledger, definition)):
        if len(made.results) == changes + WARM:
            return made
        folds[partition].apply(read_record(offset, value), signature_holds=True)
        for block in folds[partition].take_blocks():
            rollup.apply(block)
        if offset > 0 or partition == definition.partitions - 1:
            publish()
    raise AssertionError("the made ledger has too few results")


def _geneses(definition: Definition) -> Iterator[tuple[Partition, int, bytes]]:
    for partition in range(definition.partitions):
        yield Partition(partition), 0, genesis_record(definition)


def _in_turn(ledger: MadeLedger, definition: Definition) -> Iterator[tuple[Partition, int, bytes]]:
    """The records after the geneses, one of each partition after the other."""
    partitions = [ledger.records(partition) for partition in range(definition.partitions)]
    for offset, records in enumerate(zip_longest(*partitions), 1):
        for partition, record in enumerate(records):
            if record is not None:
                yield Partition(partition), offset, record[1]


def write_messages(path: Path, made: Made, values: list[bytes]) -> None:
    with path.open("wb") as file:
        for number, value in zip(made.numbers, values, strict=True):
            file.write(number.to_bytes(8, "big") + len(value).to_bytes(4, "big") + value)


def built(directory: Path) -> Path | None:
    """The Go half, or None with a sentence on standard error where it cannot be built."""
    go = shutil.which("go") or shutil.which("go", path=GO_ELSEWHERE)
    if go is None:
        print(
            "Go is not installed: the clients of this bench are a program in Go, so nothing is measured",
            file=sys.stderr,
        )
        return None
    binary = directory / "fanout"
    try:
        done = subprocess.run(
            [go, "build", "-o", str(binary), "."],
            cwd=HERE / "fanout_go",
            env={**os.environ, "GOFLAGS": "-mod=readonly -buildvcs=false"},
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS_MAX,
        )
    except subprocess.TimeoutExpired:
        print("the Go modules did not come in time, so nothing is measured", file=sys.stderr)
        return None
    if done.returncode != 0:
        print(f"bench/fanout_go cannot be built: {done.stderr.strip()[-500:]}", file=sys.stderr)
        return None
    return binary


def measure(server: str, binary: Path, made: Made, options: argparse.Namespace, directory: Path) -> dict[str, Any]:
    control, messages = directory / f"{server}.sock", directory / "messages"
    write_messages(messages, made, made.results if server == "rekap" else made.frames)
    subscribe = json.dumps({"type": "subscribe", "office": PRESIDENT, **CHANNELS[options.channel]})
    client = [str(binary), "client", "-clients", str(options.clients), "-rate", str(options.rate), "-warm", str(WARM)]
    client += ["-control", str(control), "-messages", str(messages)]
    if server in ("go", "centrifuge"):
        command = [str(binary), {"go": "loop"}.get(server, server), "-control", str(control)]
    else:
        command = [sys.executable, str(HERE / "fanout_server.py"), server, "--control", str(control)]
        command += ["--package", str(made.package)]
    if server == "rekap":
        client += ["-path", "/v1/live", "-say", subscribe, "-wait", '"snapshot"']
    elif server == "centrifuge":
        client += ["-say", '{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"feed"}}', "-wait", '"subscribe"']
    serving = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    reading: subprocess.Popen[str] | None = None
    try:
        assert serving.stdout is not None
        port = int(serving.stdout.readline())
        process = psutil.Process(serving.pid)
        memory = process.memory_info().rss
        while not control.exists():
            time.sleep(0.01)
        reading = subprocess.Popen(
            [*client, "-address", f"127.0.0.1:{port}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert reading.stdin is not None
        assert reading.stdout is not None
        if reading.stdout.readline() != "ready\n":
            raise RuntimeError(f"the clients of {server} did not connect")
        kilobytes = (process.memory_info().rss - memory) / 1e3 / options.clients
        before = process.cpu_times()
        output, _ = reading.communicate("go\n", timeout=RUN_SECONDS_MAX)
        after = process.cpu_times()
    finally:
        for each in (serving, reading):
            if each is not None:
                each.kill()
                each.wait()
        control.unlink(missing_ok=True)
    figures: dict[str, Any] = json.loads(output)
    user, system = after.user - before.user, after.system - before.system
    figures |= {"server": server, "cpu_s": user + system, "user_s": user, "system_s": system, "kb_a_client": kilobytes}
    figures["deliveries_per_cpu_s"] = figures["frames"] / figures["cpu_s"]
    figures["changes_per_s"] = figures["changes"] / figures["all_s"]
    figures["frame_bytes"] = figures["bytes"] / figures["frames"]
    return figures


HEAD = (
    "server",
    "deliveries/CPU s",
    "µs each",
    "system",
    "bytes",
    "changes/s",
    "p50 ms",
    "p99 ms",
    "kB a client",
    "lost",
)


def row(figures: dict[str, Any]) -> tuple[str, ...]:
    each = 1e6 / figures["deliveries_per_cpu_s"]
    return (
        figures["server"],
        f"{figures['deliveries_per_cpu_s']:,.0f}",
        f"{each:.1f}",
        f"{each * figures['system_s'] / figures['cpu_s']:.1f}",
        f"{figures['frame_bytes']:,.0f}",
        f"{figures['changes_per_s']:,.0f}",
        f"{figures['p50_ms']:,.1f}",
        f"{figures['p99_ms']:,.1f}",
        f"{figures['kb_a_client']:.1f}",
        str(figures["lost"]),
    )


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="fan-out of the live feed beside its peers")
    parser.add_argument("--clients", type=int, default=2_000)
    parser.add_argument("--rate", type=float, default=20, help="changes a second")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--channel", choices=CHANNELS, default="nation")
    parser.add_argument("--servers", default=",".join(SERVERS))
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "rekap-bench")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON lines")
    options = parser.parse_args()
    options.servers = options.servers.split(",")
    if unknown := [each for each in options.servers if each not in SERVERS]:
        parser.error(f"no such server: {', '.join(unknown)}; there are {', '.join(SERVERS)}")
    if not (0 < options.clients <= CLIENTS_MAX and 0 < options.seconds <= SECONDS_MAX):
        parser.error(f"1 to {CLIENTS_MAX:,} clients, and up to {SECONDS_MAX} seconds")
    if not 1 <= options.rate * options.seconds <= CHANGES_MAX:
        parser.error(f"rate times seconds: 1 to {CHANGES_MAX:,} changes")
    return options


def main() -> int:
    options = _parsed()
    if raise_descriptor_limit(options.clients) < options.clients:
        print("the limit of open files is too low for these clients (ulimit -n)", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        if (binary := built(directory)) is None:
            return 2
        changes = int(options.rate * options.seconds)
        ledger = made_ledger(options.cache, max(1_100, (changes + WARM) * 11 // 10), seed=1)
        made = make(ledger, changes, CHANNELS[options.channel])
        all_figures = [measure(server, binary, made, options, directory) for server in options.servers]
    if options.json:
        for figures in all_figures:
            print(json.dumps(figures))
        return int(any(figures["lost"] for figures in all_figures))
    print(
        f"{options.clients:,} clients, {options.rate:g} changes/s for {options.seconds:g} s, channel: {options.channel}"
    )
    rows = [HEAD, *map(row, all_figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows:
        print("  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)))
    own = next((each for each in all_figures if each["server"] == "rekap"), None)
    for figures in all_figures if own is not None else ():
        if own is not None and figures is not own:
            ratio = own["deliveries_per_cpu_s"] / figures["deliveries_per_cpu_s"]
            print(f"rekap : {figures['server']} = {ratio:.2f} : 1 deliveries for a CPU second")
    return int(any(figures["lost"] for figures in all_figures))


if __name__ == "__main__":
    sys.exit(main())
