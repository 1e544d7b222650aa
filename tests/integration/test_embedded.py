"""The embedded parts, with the real Java, Kafka and PostgreSQL: what they promise about data and about processes."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

import rekap.embedded
from rekap.embedded.child import ChildProcess
from rekap.embedded.data_directory import hold_data_directory
from rekap.embedded.errors import (
    DataDirectoryError,
    DataDirectoryInUseError,
    NotReadyError,
    StartError,
    ToolMissingError,
)
from rekap.embedded.java import find_java
from rekap.embedded.kafka import EmbeddedKafka, embedded_cluster
from rekap.embedded.kafka_configuration import OWN_USER
from rekap.embedded.kafka_jars import resolve_jars
from rekap.embedded.postgres import EmbeddedPostgres
from rekap.embedded.supervisor import Supervisor
from runtime.kafka.security import client_options
from runtime.settings import Settings
from tests.support.waiting import until

REPOSITORY = Path(rekap.embedded.__file__).parents[2]
TOPIC = "ledger"


# ── Kafka ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_kafka_keeps_its_records_over_stop_kill_and_a_taken_port(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path)
    try:
        first = await kafka.start()
        await create_topic(tmp_path, first)
        await produce(tmp_path, first, b"one")
        await kafka.stop()
        assert kafka.process_id is None

        second = EmbeddedKafka(tmp_path)
        assert await second.start() == first
        assert await consume(tmp_path, first) == [b"one"]
        await produce(tmp_path, first, b"two")
        await second.kill()

        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            stranger.bind(("127.0.0.1", port_of(first)))
            stranger.listen()
            kafka = EmbeddedKafka(tmp_path)
            elsewhere = await kafka.start()
            assert elsewhere != first
            assert await consume(tmp_path, elsewhere) == [b"one", b"two"]
    finally:
        await kafka.stop()


async def test_a_topic_nobody_created_is_refused_and_a_second_start_on_the_directory_too(tmp_path: Path) -> None:
    kafka = EmbeddedKafka(tmp_path)
    bootstrap = await kafka.start()
    try:
        admin = AIOKafkaAdminClient(**options(tmp_path, bootstrap))
        await admin.start()
        await admin.describe_topics(["typing-eror"])
        assert await admin.list_topics() == []
        await admin.close()

        with pytest.raises(DataDirectoryInUseError, match=f"in use by process {os.getpid()}"):
            await EmbeddedKafka(tmp_path).start()
        assert kafka.process_id is not None
    finally:
        await kafka.stop()


async def test_who_cannot_read_our_files_neither_reads_nor_writes_nor_rules(tmp_path: Path) -> None:
    """Another user of this machine reaches both ports, and has no password."""
    kafka = EmbeddedKafka(tmp_path)
    bootstrap = await kafka.start()
    try:
        await create_topic(tmp_path, bootstrap)
        node = json.loads((tmp_path / "kafka" / "node.json").read_text())
        (tmp_path / "guess").touch(0o600)
        (tmp_path / "guess").write_text("guess")
        nobody = Settings()
        guess = replace(nobody, kafka_user=OWN_USER, kafka_mechanism="PLAIN", kafka_password=tmp_path / "guess")
        for port in (node["port"], node["controller_port"]):
            for settings in (nobody, guess):
                client = AIOKafkaAdminClient(
                    **client_options(replace(settings, kafka=f"127.0.0.1:{port}")), request_timeout_ms=3_000
                )
                with pytest.raises(KafkaError):
                    await client.start()
                await client.close()
        secret = (tmp_path / "kafka-password.txt").read_text().strip()
        holding = [
            path
            for path in tmp_path.rglob("*")
            if path.is_file() and secret.encode() in path.read_bytes() and path.stat().st_mode & 0o077
        ]
        assert holding == []
        assert secret not in Path(f"/proc/{kafka.process_id}/cmdline").read_text()
    finally:
        await kafka.stop()


async def test_a_port_that_was_asked_for_and_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(StartError, match=f"port {port} of 127.0.0.1 is taken"):
            await EmbeddedKafka(tmp_path, port=port).start()


async def test_the_error_of_a_broker_that_cannot_start_has_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(StartError, match=r"(?s)failed with exit code 1.*(heap|memory)"):
        await EmbeddedKafka(tmp_path, heap_megabytes=1).start()


async def test_without_java_one_sentence_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ToolMissingError) as caught:
        await EmbeddedKafka(tmp_path).start()
    assert str(caught.value) == (
        "The embedded Kafka needs Java, and there is none: install Java 17 or newer (on Debian and Ubuntu: apt install "
        "openjdk-17-jre-headless), or use Kafka from elsewhere: `docker compose up`, or its bootstrap servers in "
        "REKAP_KAFKA."
    )


async def test_a_java_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ToolMissingError, match=r"needs a newer Java, .*java is version 11\.0\.2: install Java 17"):
        await find_java()


async def test_without_maven_only_the_first_start_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = await resolve_jars()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await resolve_jars() == there
    monkeypatch.setenv("REKAP_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ToolMissingError, match=r"needs Maven once.*install Maven"):
        await resolve_jars()


async def test_jars_that_maven_could_not_fetch_leave_no_half_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho 'Could not transfer artifact'\nexit 1\n")
    maven.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    monkeypatch.setenv("REKAP_CACHE", str(tmp_path / "cache"))
    with pytest.raises(StartError, match=r"(?s)exit code 1.*registry reachable.*Could not transfer artifact"):
        await resolve_jars()
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file() or path.name == "jars"] == []


# ── PostgreSQL ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_postgres_keeps_its_rows_over_stop_and_kill(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    try:
        dsn = await postgres.start()
        await execute(dsn, "CREATE TABLE tally (votes bigint)")
        await execute(dsn, "INSERT INTO tally VALUES (1)")
        await postgres.stop()
        assert postgres.process_id is None

        postgres = EmbeddedPostgres(tmp_path)
        assert await postgres.start() == dsn
        await execute(dsn, "INSERT INTO tally VALUES (2)")
        await postgres.kill()

        # The number in the pid file of the killed server belongs to somebody else by now: to us.
        pid_file = tmp_path / "postgres" / "cluster" / "postmaster.pid"
        _, *rest = pid_file.read_text().splitlines(keepends=True)
        pid_file.write_text("".join([f"{os.getpid()}\n", *rest]))
        await postgres.start()
        assert await fetch(dsn, "SELECT votes FROM tally ORDER BY votes") == [(1,), (2,)]
    finally:
        await postgres.stop()


async def test_postgres_in_a_path_too_long_for_a_socket_and_with_odd_characters(tmp_path: Path) -> None:
    directory = tmp_path / ("kotak suara & 'hasil', 100% é " + "x" * 80)
    postgres = EmbeddedPostgres(directory)
    dsn = await postgres.start()
    try:
        assert await fetch(dsn, "SELECT current_database(), current_user") == [("rekap", "rekap")]
        short = Path(dsn.partition("host=")[2].partition("&")[0])
        assert short.is_dir()
    finally:
        await postgres.stop()
    assert not short.exists()


async def test_postgres_listens_on_no_network_and_nobody_else_may_enter_its_socket_directory(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    dsn = await postgres.start()
    try:
        assert await fetch(dsn, "SELECT current_setting('listen_addresses')") == [("",)]
        assert (tmp_path / "postgres" / "socket").stat().st_mode & 0o777 == 0o700
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            await asyncpg.connect(dsn.replace("rekap@", "stranger@"))
    finally:
        await postgres.stop()


# ── One directory, one owner ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_held_data_directory_is_refused_until_its_holder_ends_however_it_ends(tmp_path: Path) -> None:
    script = (
        "import sys, time, pathlib\n"
        "from rekap.embedded.data_directory import hold_data_directory\n"
        "with hold_data_directory(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    with start_python(script, str(tmp_path)) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(DataDirectoryInUseError, match=f"in use by process {holder.pid}: stop that process first"),
            hold_data_directory(tmp_path),
        ):
            pass
        holder.kill()
    with hold_data_directory(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


# ── The supervisor ───────────────────────────────────────────────────────────────────────────────────────────────────


class Bench:
    """A supervisor and what its terminal shows."""

    def __init__(self) -> None:
        self.terminal = io.StringIO()
        self.supervisor = Supervisor(terminal=self.terminal, name_width=6, stop_deadline_s=0.5)

    def lines(self) -> list[str]:
        return self.terminal.getvalue().splitlines()

    def run(self, name: str, script: str, ready: str | None = None) -> None:
        self.supervisor.run(name, [sys.executable, "-I", "-S", "-u", "-c", script], ready=ready)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    yield bench
    await bench.supervisor.stop()


WAIT = "import time; print('ready'); time.sleep(60)"


async def test_output_comes_line_by_line_behind_the_name(bench: Bench) -> None:
    bench.run("api", "import sys\nprint('one')\nprint('two', file=sys.stderr)\nprint('re\\nady')\n" + WAIT, "ready")
    await bench.supervisor.wait_ready("api")
    assert bench.lines() == [f"api    | {line}" for line in ("one", "two", "re", "ady", "ready")]


async def test_output_goes_to_a_file_where_there_is_a_log_directory(tmp_path: Path) -> None:
    terminal = io.StringIO()
    supervisor = Supervisor(log_directory=tmp_path, terminal=terminal)
    supervisor.run("api", [sys.executable, "-u", "-c", WAIT], ready="ready")
    await supervisor.wait_ready()
    await supervisor.stop()
    assert (tmp_path / "api.log").read_text() == "ready\n"
    assert terminal.getvalue() == ""


async def test_what_is_not_kept_ends_at_once_and_in_no_order(bench: Bench) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(600)"
    bench.supervisor = Supervisor(terminal=bench.terminal, stop_deadline_s=60)
    for name in ("first", "second"):
        bench.run(name, deaf, "ready")
    await bench.supervisor.wait_ready()
    ids = [bench.supervisor.process_id(name) for name in ("first", "second")]
    async with asyncio.timeout(20):  # a stop in order would wait for a minute
        await bench.supervisor.discard()
    assert not any(Path(f"/proc/{each}").exists() for each in ids)
    assert [line.split(" | ")[1] for line in bench.lines()] == ["ready", "ready"], "no end is reported"


async def test_the_lines_can_go_to_another_terminal(bench: Bench) -> None:
    other = io.StringIO()
    bench.supervisor.write_line("a", "here")
    bench.supervisor.write_to(other)
    bench.supervisor.write_line("a", "there")
    assert [bench.terminal.getvalue(), other.getvalue()] == ["a      | here\n", "a      | there\n"]


async def test_a_killed_child_is_restarted_and_the_terminal_shows_why(bench: Bench) -> None:
    bench.run("worker", WAIT, "ready")
    await bench.supervisor.wait_ready("worker")
    before = bench.supervisor.process_id("worker")
    await bench.supervisor.kill("worker")
    await bench.supervisor.wait_ready("worker")
    assert bench.supervisor.process_id("worker") not in (None, before)
    [ended] = [line for line in bench.lines() if "--" in line]
    assert ended.startswith("worker | -- was ended by SIGKILL after ")
    assert ended.endswith(" s; starting again in 0.5 s")


async def test_a_child_that_keeps_ending_is_started_after_longer_and_longer_waits(bench: Bench) -> None:
    bench.run("broken", "raise SystemExit(3)")
    await until(lambda: len([line for line in bench.lines() if "exit code 3" in line]) == 3)
    assert [line.rpartition("in ")[2] for line in bench.lines()] == ["0.5 s", "1 s", "2 s"]
    began = time.monotonic()
    await bench.supervisor.stop("broken")
    assert time.monotonic() - began < 1.0, "a stop does not sit out the wait"


async def test_a_command_that_does_not_exist_is_named_in_a_line(bench: Bench) -> None:
    bench.supervisor.run("typo", ["/nowhere/rekap", "run", "api"])
    await until(lambda: any("exit code 127" in line for line in bench.lines()))
    assert bench.lines()[0] == ("typo   | cannot start /nowhere/rekap: [Errno 2] No such file or directory")


async def test_restart_is_in_order_and_at_once(bench: Bench) -> None:
    bench.run("worker", WAIT, "ready")
    await bench.supervisor.wait_ready()
    before = bench.supervisor.process_id("worker")
    await bench.supervisor.restart("worker")
    await bench.supervisor.wait_ready("worker")
    assert bench.supervisor.process_id("worker") not in (None, before)
    assert [line for line in bench.lines() if "--" in line] == []


async def test_all_are_stopped_in_reverse_order_and_the_deaf_one_is_killed(bench: Bench, tmp_path: Path) -> None:
    program = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('SIGTERM'), {end}))\n"
        "print('ready')\n"
        "while True: time.sleep(60)\n"
    )
    bench.run("first", program.format(end="sys.exit()"), "ready")
    bench.run("deaf", program.format(end="None"), "ready")
    bench.run("last", program.format(end="sys.exit()"), "ready")
    await bench.supervisor.wait_ready()
    processes = [bench.supervisor.process_id(name) for name in ("first", "deaf", "last")]
    await bench.supervisor.stop()
    stops = [line for line in bench.lines() if "SIGTERM" in line]
    assert stops == ["last   | SIGTERM", "deaf   | SIGTERM", "first  | SIGTERM"]
    assert [process for process in processes if process is None or lives(process)] == []


async def test_a_paused_child_does_nothing_and_continues_when_resumed_and_can_be_stopped(bench: Bench) -> None:
    bench.run("ticker", "import time\nwhile True: print('tick'); time.sleep(0.02)", "tick")
    await bench.supervisor.wait_ready()
    bench.supervisor.pause("ticker")
    await asyncio.sleep(0.2)
    paused_at = len(bench.lines())
    await asyncio.sleep(0.3)
    assert len(bench.lines()) == paused_at
    bench.supervisor.resume("ticker")
    await until(lambda: len(bench.lines()) > paused_at)
    bench.supervisor.pause("ticker")
    await bench.supervisor.stop("ticker")


async def test_who_is_not_ready_in_time_is_named_with_its_last_words(bench: Bench) -> None:
    bench.run("slow", "import time; print('waiting for Kafka'); time.sleep(60)", "ready")
    with pytest.raises(NotReadyError) as caught:
        await bench.supervisor.wait_ready("slow", deadline_s=1.0)
    assert str(caught.value) == (
        "slow: expected to be ready within 1 s, and is not. Its last lines:\n  waiting for Kafka"
    )


async def test_the_terminal_names_what_is_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rekap.embedded.supervisor.WAITING_LINE_S", 0.2)
    bench.run("quick", "import time; print('ready'); time.sleep(60)", "ready")
    bench.run("slow", "import time; time.sleep(60)", "ready")
    with pytest.raises(NotReadyError):
        await bench.supervisor.wait_ready(deadline_s=3.0)
    lines = [line for line in bench.lines() if line.startswith("rekap")]
    assert lines[-1].endswith(" s")
    assert "waits for slow since " in lines[-1]


async def test_a_probe_decides_who_is_ready(bench: Bench) -> None:
    answers: list[OSError | bool] = [OSError("nobody listens"), False, True]

    async def probe() -> bool:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    bench.supervisor.run("api", [sys.executable, "-c", WAIT], ready=probe)
    await bench.supervisor.wait_ready("api")
    assert answers == []


async def test_a_probe_with_a_bug_is_not_taken_for_a_slow_child(bench: Bench) -> None:
    async def probe() -> bool:
        raise LookupError("a bug")

    bench.supervisor.run("api", [sys.executable, "-c", WAIT], ready=probe)
    with pytest.raises(LookupError, match="a bug"):
        await bench.supervisor.wait_ready("api")
    process = bench.supervisor.process_id("api")
    assert process is not None
    with pytest.raises(LookupError, match="a bug"):
        await bench.supervisor.stop()
    assert not lives(process)


async def test_what_a_child_started_ends_with_it(bench: Bench) -> None:
    bench.run(
        "parent",
        "import subprocess, time\n"
        "print('grandchild', subprocess.Popen(['sleep', '60']).pid, flush=True)\n"
        "time.sleep(60)\n",
        "grandchild",
    )
    await bench.supervisor.wait_ready()
    grandchild = int(bench.lines()[0].split()[-1])
    assert lives(grandchild)
    await bench.supervisor.stop()
    await until(lambda: not lives(grandchild))


async def test_an_adopted_postgres_comes_back_with_the_same_address(bench: Bench, tmp_path: Path) -> None:
    dsn = await bench.supervisor.adopt("db", EmbeddedPostgres(tmp_path))
    await bench.supervisor.kill("db")
    await bench.supervisor.wait_ready("db")
    assert await fetch(dsn, "SELECT 1") == [(1,)]


async def test_an_adopted_service_that_never_started_is_an_error_at_once(bench: Bench, tmp_path: Path) -> None:
    with hold_data_directory(tmp_path / "postgres"), pytest.raises(DataDirectoryInUseError):
        await bench.supervisor.adopt("db", EmbeddedPostgres(tmp_path))
    assert bench.lines() == []


async def test_an_adopted_service_that_starts_slowly_is_named_meanwhile(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the first start on a machine, Maven may fetch Kafka for minutes."""
    monkeypatch.setattr("rekap.embedded.supervisor.WAITING_LINE_S", 0.05)
    began = asyncio.Event()
    child = ChildProcess([sys.executable, "-c", WAIT], ready=began.wait, write=lambda _: None)
    adopting = asyncio.create_task(bench.supervisor.adopt("kafka", child))
    await until(lambda: any("waits for kafka since " in line for line in bench.lines()))
    began.set()
    await adopting
    lines = len(bench.lines())
    await asyncio.sleep(0.15)
    assert len(bench.lines()) == lines


async def test_a_child_has_a_process_group_of_its_own_so_that_ctrl_c_reaches_the_supervisor_alone(bench: Bench) -> None:
    bench.run("worker", WAIT, "ready")
    await bench.supervisor.wait_ready()
    child = bench.supervisor.process_id("worker")
    assert child is not None
    assert os.getpgid(child) == child != os.getpgid(0)


def test_ctrl_c_stops_the_children_in_order_and_a_second_one_changes_nothing() -> None:
    script = (
        "import asyncio, sys\n"
        "from rekap.embedded.supervisor import Supervisor, stop_signal\n"
        "async def main(child):\n"
        "    stop = stop_signal()\n"
        "    supervisor = Supervisor()\n"
        "    for name in ('first', 'last'):\n"
        "        supervisor.run(name, [sys.executable, '-u', '-c', child], ready='ready')\n"
        "    await supervisor.wait_ready()\n"
        "    supervisor.write_line('rekap', 'up')\n"
        "    supervisor.write_line('rekap', (await stop).name)\n"
        "    await supervisor.stop()\n"
        "    supervisor.write_line('rekap', 'down')\n"
        "asyncio.run(main(sys.argv[1]))\n"
    )
    child = (
        "import signal, sys, time\n"
        "def stop(*_): time.sleep(0.3); print('SIGTERM'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "print('ready'); time.sleep(60)\n"
    )
    with start_python(script, child) as supervisor:
        assert supervisor.stdout is not None
        while "up" not in supervisor.stdout.readline():
            pass
        os.killpg(supervisor.pid, signal.SIGINT)  # as a terminal does: to the whole foreground group
        time.sleep(0.2)
        os.killpg(supervisor.pid, signal.SIGINT)
        assert [line.split(" | ")[1].strip() for line in supervisor.stdout] == ["SIGINT", *["SIGTERM"] * 2, "down"]
        assert supervisor.wait() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals a parent's death")
async def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    script = (
        "import asyncio, json, pathlib, sys\n"
        "from rekap.embedded.kafka import EmbeddedKafka\n"
        "from rekap.embedded.postgres import EmbeddedPostgres\n"
        "from rekap.embedded.supervisor import Supervisor\n"
        "async def main(data):\n"
        "    supervisor = Supervisor(terminal=sys.stderr)\n"
        "    await supervisor.adopt('postgres', EmbeddedPostgres(data))\n"
        "    await supervisor.adopt('kafka', EmbeddedKafka(data))\n"
        "    supervisor.run('worker', [sys.executable, '-u', '-c', sys.argv[2]], ready='ready')\n"
        "    await supervisor.wait_ready()\n"
        "    names = ('postgres', 'kafka', 'worker')\n"
        "    print(json.dumps([supervisor.process_id(name) for name in names]), flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main(pathlib.Path(sys.argv[1])))\n"
    )
    with start_python(script, str(tmp_path), WAIT) as supervisor:
        assert supervisor.stdout is not None
        processes = json.loads(await asyncio.to_thread(supervisor.stdout.readline))
        assert [lives(process) for process in processes] == [True, True, True]
        supervisor.send_signal(signal.SIGKILL)
    await until(lambda: not any(lives(process) for process in processes))
    # And what they leave on disk does not stop the next start.
    postgres = EmbeddedPostgres(tmp_path)
    await postgres.start()
    await postgres.stop()


async def test_a_cluster_works_without_one_of_its_brokers_which_then_catches_up(tmp_path: Path) -> None:
    brokers = list(embedded_cluster(tmp_path, 3).values())
    try:
        bootstrap = ",".join(await asyncio.gather(*(broker.start() for broker in brokers)))
        await create_topic(tmp_path, bootstrap, copies=3)
        await produce(tmp_path, bootstrap, b"to all three")
        for number, broker in enumerate(brokers):
            await broker.kill()
            await produce(tmp_path, bootstrap, b"without %d" % number)
            await broker.start()
            await until_in_sync(tmp_path, bootstrap, 3)
        assert await consume(tmp_path, bootstrap) == [b"to all three", *(b"without %d" % number for number in range(3))]
    finally:
        await asyncio.gather(*(broker.stop() for broker in brokers))
    assert [broker.directory for broker in embedded_cluster(tmp_path, 3).values()] == [
        broker.directory for broker in brokers
    ]
    with pytest.raises(DataDirectoryError, match="is of a cluster of 3 brokers, but 5 are to be started"):
        embedded_cluster(tmp_path, 5)


# ── Words for the above ──────────────────────────────────────────────────────────────────────────────────────────────


def port_of(bootstrap: str) -> int:
    return int(bootstrap.rpartition(":")[2])


def options(directory: Path, bootstrap: str) -> dict[str, Any]:
    """What a client of this user is made with."""
    return client_options(
        Settings(
            kafka=bootstrap,
            kafka_user=OWN_USER,
            kafka_mechanism="PLAIN",
            kafka_password=directory / "kafka-password.txt",
        )
    )


async def create_topic(directory: Path, bootstrap: str, copies: int = 1) -> None:
    admin = AIOKafkaAdminClient(**options(directory, bootstrap))
    await admin.start()
    topic = NewTopic(TOPIC, num_partitions=1, replication_factor=copies)
    topic.topic_configs["min.insync.replicas"] = str(max(1, copies - 1))
    await admin.create_topics([topic])
    await admin.close()


async def until_in_sync(directory: Path, bootstrap: str, copies: int) -> None:
    admin = AIOKafkaAdminClient(**options(directory, bootstrap))
    await admin.start()
    try:
        async with asyncio.timeout(30):
            while len((await admin.describe_topics([TOPIC]))[0]["partitions"][0]["isr"]) < copies:
                await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def produce(directory: Path, bootstrap: str, value: bytes) -> None:
    producer = AIOKafkaProducer(**options(directory, bootstrap), acks="all", enable_idempotence=True)
    await producer.start()
    await producer.send_and_wait(TOPIC, value, partition=0)
    await producer.stop()


async def consume(directory: Path, bootstrap: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(**options(directory, bootstrap))
    await consumer.start()
    partition = TopicPartition(TOPIC, 0)
    consumer.assign([partition])
    await consumer.seek_to_beginning(partition)
    end = (await consumer.end_offsets([partition]))[partition]
    values: list[bytes] = []
    async with asyncio.timeout(10):
        while len(values) < end:
            batches = await consumer.getmany(timeout_ms=1_000)
            values += [record.value for records in batches.values() for record in records]
    await consumer.stop()
    return values


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


async def fetch(dsn: str, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    rows = [tuple(row) for row in await connection.fetch(query)]
    await connection.close()
    return rows


def start_python(script: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def lives(process_id: int) -> bool:
    """Whether it runs; a zombie, which only waits to be counted, does not."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    return bool(state.stdout.strip()) and not state.stdout.startswith("Z")
