"""Apache Kafka on this machine: one KRaft node, broker and controller in one JVM, its data in one directory; or a cluster.

The jars are in a cache (kafka_jars.py). The first clean stop also leaves a class data archive there, which shortens the JVM's
later starts from 2.1 s to 1.2 s on the machine where this was written.

Clients authenticate with a password. Its file is in the data directory and only this user can read it, so no other user of the
machine can read or write records.

In the data directory, under `kafka/`: `log/` (the records), `node.json` (cluster id and ports, kept from the first
start), `server.properties` and `log4j2.properties` (written anew at each start), `kafka.log` (warnings and errors).

With one node, acks=all means that a record is in the page cache: it outlives `kill -9` of the broker, but not a power cut. A
topic whose records must outlive a power cut sets `flush.messages=1`.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import signal
import uuid
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from rekap.embedded.data_directory import hold_data_directory
from rekap.embedded.errors import DataDirectoryError, StartError
from rekap.embedded.java import Java, find_java, java_environment
from rekap.embedded.kafka_configuration import LOG4J2_PROPERTIES, OWN_USER, Node, server_properties
from rekap.embedded.kafka_jars import resolve_jars
from rekap.embedded.leash import LeashedProcess, run_to_end
from rekap.embedded.log_files import last_lines, open_log_file
from rekap.embedded.ports import HOST, free_port, free_ports, is_free
from runtime.files.atomic_write import create_file, replace_file
from runtime.kafka.security import client_options
from runtime.settings import read_settings, variable

FORMAT_DEADLINE_S = 180.0
START_DEADLINE_S = 180.0  # at a third, a JVM on two cores that 40 other processes wanted was taken for a failure
STOP_DEADLINE_S = 30.0  # includes writing the class data archive, 3 s, at the first stop
POLL_S = 0.03
METADATA_REQUEST_MS = 5_000


def embedded_cluster(data_directory: Path, brokers: int, *, heap_megabytes: int = 384) -> dict[str, EmbeddedKafka]:
    """This number of brokers, each also a controller, by name; a broker's directory has its name. Start them together, because
    one alone waits for the majority. The brokers keep their ports, so that each finds the others after a restart.

    Raises DataDirectoryError where the data directory holds a cluster of another size.
    """
    path = data_directory.absolute() / "kafka-cluster.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        cluster_id = _new_cluster_id()
        ports = free_ports(2 * brokers)
        new_nodes = [Node(cluster_id, *pair) for pair in zip(ports[:brokers], ports[brokers:], strict=True)]
        _write_private(path, json.dumps([asdict(node) for node in new_nodes], indent=2) + "\n")
    nodes = tuple(Node(**each) for each in json.loads(path.read_text()))
    if len(nodes) != brokers:
        raise DataDirectoryError(
            f"{path} is of a cluster of {len(nodes)} brokers, but {brokers} are to be started; the number cannot change."
        )
    return {
        f"kafka-{number}": EmbeddedKafka(
            data_directory, name=f"kafka-{number}", heap_megabytes=heap_megabytes, cluster=nodes, number=number
        )
        for number in range(1, brokers + 1)
    }


class EmbeddedKafka:
    """A broker that answers on 127.0.0.1 between `start` and `stop`. Each later start continues with the same data."""

    def __init__(
        self,
        data_directory: Path,
        *,
        name: str = "kafka",
        heap_megabytes: int = 512,
        port: int | None = None,
        cluster: tuple[Node, ...] = (),
        number: int = 1,
    ) -> None:
        """`cluster` and `number` (from 1) are for `embedded_cluster`."""
        self.password_file = data_directory.absolute() / "kafka-password.txt"
        self.directory = data_directory.absolute() / name
        self._heap_megabytes = heap_megabytes
        self._cluster = cluster
        self._number = number
        self._port = cluster[number - 1].port if cluster else port
        """The only port on which the broker may start, because its clients know it. None for a broker without a given port
        before its first start."""
        self._leashed = LeashedProcess()
        self._held = ExitStack()
        self._new_archive: tuple[Path, Path] | None = None

    @property
    def settings(self) -> dict[str, str]:
        """The settings with which other processes of this user connect to the broker. Requires that it was started."""
        assert self._port is not None
        return {variable("kafka"): f"{HOST}:{self._port}", **_credentials(self.password_file)}

    @property
    def process_id(self) -> int | None:
        return self._leashed.process_id

    async def start(self) -> str:
        """Start, and return the bootstrap servers once the answer to a metadata request names a broker.

        Raises ToolMissingError, DataDirectoryInUseError or StartError, and then leaves no process running.
        """
        java = await find_java()
        jars = await resolve_jars()
        self._held.close()
        self._held.enter_context(hold_data_directory(self.directory))
        try:
            try:
                return await self._start_once(java, jars)
            except _PortTakenError:
                if self._port is not None:
                    raise
                return await self._start_once(
                    java, jars
                )  # another process has taken the port meanwhile, so choose other ports
        except BaseException:
            await self._leashed.kill()
            self._held.close()
            raise

    async def wait(self) -> int:
        code = await self._leashed.wait()
        self._held.close()
        return code

    async def stop(self) -> None:
        await self._leashed.stop(deadline_s=STOP_DEADLINE_S)
        self._held.close()
        self._keep_archive()

    async def kill(self) -> None:
        """Send SIGKILL, for tests. The next start recovers the log."""
        await self._leashed.kill()
        self._held.close()
        self._keep_archive()

    def signal_group(self, which: signal.Signals) -> None:
        self._leashed.signal_group(which)

    async def _start_once(self, java: Java, jars: Path) -> str:
        node = self._choose_node()
        _make_password(self.password_file)
        self._write_configuration(node)
        command = [java.path, *self._jvm_options(java, jars)]
        await self._format_once(command, node)
        with open_log_file(self.directory / "kafka.log") as output:
            begins = os.fstat(output.fileno()).st_size
            await self._leashed.spawn(
                [*command, "kafka.Kafka", "server.properties"],
                environment=java_environment(),
                directory=self.directory,
                output=output,
            )
        bootstrap = f"{HOST}:{node.port}"
        await self._wait_until_it_answers(bootstrap, begins)
        self._port = node.port
        return bootstrap

    def _choose_node(self) -> Node:
        """The node of the last start, with other ports where another process has taken them. A node of a cluster keeps its
        ports. Raises _PortTakenError."""
        if self._cluster:
            node = self._cluster[self._number - 1]
            if taken := [port for port in (node.port, node.controller_port) if not is_free(port)]:
                raise _PortTakenError(
                    f"Kafka: port {taken[0]} of {HOST} is taken by another process: end that process."
                )
            return node
        path = self.directory / "node.json"
        node = Node(**json.loads(path.read_text())) if path.exists() else Node(_new_cluster_id(), 0, 0)
        port, controller_port = self._port or node.port, node.controller_port
        if self._port is not None and not is_free(self._port):
            raise _PortTakenError(
                f"Kafka: port {self._port} of {HOST} is taken by another process: end that process, or choose another port."
            )
        if not is_free(port):
            port = free_port()
        while controller_port == port or not is_free(controller_port):
            controller_port = free_port()
        node = Node(node.cluster_id, port, controller_port)
        _write_private(path, json.dumps(asdict(node), indent=2) + "\n")
        return node

    def _write_configuration(self, node: Node) -> None:
        password = self.password_file.read_text().strip()
        properties = server_properties(self._cluster or (node,), self._number, password)
        _write_private(self.directory / "server.properties", properties)
        _write_private(self.directory / "log4j2.properties", LOG4J2_PROPERTIES)

    def _jvm_options(self, java: Java, jars: Path) -> list[str]:
        options = [
            f"-Xmx{self._heap_megabytes}m",
            f"-Xms{min(128, self._heap_megabytes)}m",
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            # On two cores, most runs end before the second compiler has saved the time that it takes.
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:ErrorFile=jvm-crash.log",
            "-Djava.awt.headless=true",
            "-Dlog4j2.configurationFile=log4j2.properties",
            "-Xlog:cds=off",  # the JVM ignores an archive that does not fit, and need not log that
            "-Xlog:cds+dynamic=off",
        ]
        # Each jar by name, not `jars/*`, because an archive fits only the class path with which it was made.
        classpath = os.pathsep.join(str(jar) for jar in sorted(jars.glob("*.jar")))
        return [*options, *self._archive_options(java, jars), "-cp", classpath]

    def _archive_options(self, java: Java, jars: Path) -> list[str]:
        """Options to use the class data archive of this Java, or to write one at the JVM's exit (JEP 350)."""
        archive = jars.parent / f"classes-java-{java.version}.jsa"
        if archive.exists():
            return [f"-XX:SharedArchiveFile={archive}"]
        fresh = archive.with_name(f".{archive.name}.{uuid.uuid4().hex}")
        self._new_archive = (fresh, archive)
        return [f"-XX:ArchiveClassesAtExit={fresh}"]

    def _keep_archive(self) -> None:
        """Rename the new archive if the JVM that wrote it has ended in order. A JVM that was killed leaves no archive, or a
        part of one, which is deleted."""
        if self._new_archive is None or self._leashed.process_id is not None:
            return
        fresh, archive = self._new_archive
        self._new_archive = None
        with suppress(OSError):
            if self._leashed.exit_code in (0, 128 + signal.SIGTERM):
                fresh.replace(archive)
            fresh.unlink(missing_ok=True)

    async def _format_once(self, command: list[str], node: Node) -> None:
        """Format the log directory if it is new. Formatting writes `meta.properties` last."""
        if (self.directory / "log" / "meta.properties").exists():
            return
        command = [word for word in command if not word.startswith("-XX:ArchiveClassesAtExit")]
        arguments = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "--cluster-id", node.cluster_id]
        code, output = await run_to_end(
            [*command, *arguments, "--config", "server.properties"],
            environment=java_environment(),
            directory=self.directory,
            deadline_s=FORMAT_DEADLINE_S,
        )
        if code != 0:
            raise StartError(f"Kafka: formatting {self.directory / 'log'} failed with exit code {code}:\n{output}")

    async def _wait_until_it_answers(self, bootstrap: str, begins: int) -> None:
        ended = asyncio.create_task(self._leashed.wait())
        try:
            async with asyncio.timeout(START_DEADLINE_S):
                while not ended.done():
                    if await _names_a_broker(bootstrap, self.password_file):
                        return
                    await asyncio.wait([ended], timeout=POLL_S)
            outcome = f"ended with exit code {ended.result()}"
        except TimeoutError:
            outcome = f"did not answer within {START_DEADLINE_S:g} s"
        finally:
            ended.cancel()
        path = self.directory / "kafka.log"
        output = last_lines(path, since=begins)
        kind = _PortTakenError if "Address already in use" in output or "BindException" in output else StartError
        raise kind(f"Kafka: expected an answer on {bootstrap}, but it {outcome}. The end of {path}:\n{output}")


class _PortTakenError(StartError):
    pass


async def _names_a_broker(bootstrap: str, password_file: Path) -> bool:
    """Whether a metadata request succeeds and its answer names a broker. The answer names none before the controller has
    accepted the broker."""
    try:
        _, writer = await asyncio.open_connection(*bootstrap.rsplit(":", 1))
    except OSError:
        return False  # before the client below, which would log an error, although the broker answers within a second
    writer.close()
    options = client_options(read_settings({variable("kafka"): bootstrap, **_credentials(password_file)}))
    client = AIOKafkaAdminClient(**options, request_timeout_ms=METADATA_REQUEST_MS)
    try:
        await client.start()
        return bool((await client.describe_cluster())["brokers"])
    except (KafkaError, OSError):
        return False
    finally:
        await client.close()


def _new_cluster_id() -> str:
    """A UUID as Kafka writes it, in URL-safe base64. The first character is not a dash, which would look like an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read, because it may contain the password."""
    replace_file(path, [text.encode()], mode=0o600)


def _make_password(path: Path) -> None:
    """Write a password once for a data directory. The brokers of a cluster start at the same time, so the first of them writes
    the password for all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        create_file(path, f"{secrets.token_hex(32)}\n".encode(), mode=0o600)


def _credentials(password_file: Path) -> dict[str, str]:
    return {
        variable("kafka_user"): OWN_USER,
        variable("kafka_mechanism"): "PLAIN",
        variable("kafka_password"): str(password_file),
    }
