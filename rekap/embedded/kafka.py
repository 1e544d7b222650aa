"""Apache Kafka on this machine: one KRaft node, broker and controller in one JVM, its data in one directory; or a cluster.

Maven copies the jars named in pom.xml into the cache, once for each content of that file. The first clean stop also
leaves a class data archive there, which halves the JVM's later starts (2.1 s to 1.2 s where this was written).

Clients show a password, which is in the data directory for this user only: no other user of the machine can read or write.

In the data directory, under `kafka/`: `log/` (the records), `node.json` (cluster id and ports, kept from the first
start), `server.properties` and `log4j2.properties` (written anew at each start), `kafka.log` (warnings and errors).

acks=all on one node means "in the page cache": it outlives `kill -9` of the broker, not a power cut. A topic that has
to outlive that too sets `flush.messages=1`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import logging
import os
import re
import secrets
import shutil
import signal
import tempfile
import uuid
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from rekap.embedded.data_directory import hold_data_directory
from rekap.embedded.errors import EmbeddedError, StartError, ToolMissingError
from rekap.embedded.leash import LeashedProcess, run_to_end
from rekap.embedded.log_files import last_lines, open_log
from rekap.embedded.ports import HOST, free_port, free_ports, is_free
from runtime.files.atomic_write import create_file, replace_file
from runtime.kafka.security import client_options
from runtime.settings import read_settings, variable

logger = logging.getLogger("rekap.embedded")

POM = Path(__file__).with_name("pom.xml")
JAVA_VERSION_MIN = 17  # Kafka 4 brokers, KIP-1013

RESOLVE_DEADLINE_S = 600.0  # 45 MB from a registry, perhaps over a village's line
FORMAT_DEADLINE_S = 60.0
START_DEADLINE_S = 60.0  # at half, a log recovery after kill -9 on a slow disk is taken for a failure
STOP_DEADLINE_S = 30.0  # includes writing the class data archive, 3 s, at the first stop
POLL_S = 0.03
METADATA_REQUEST_MS = 5_000
MESSAGE_BYTES_MAX = 4 * 1024 * 1024  # a keyframe of a large partition fits several times; the broker's default is 1 MiB

OWN_USER = "rekap"
_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule"

INSTEAD = "or use Kafka from elsewhere: `docker compose up`, or its bootstrap servers in REKAP_KAFKA."


@dataclass(frozen=True, slots=True)
class _Node:
    """What is kept from start to start. The ports only so that clients find it again: where taken, they change."""

    cluster_id: str
    port: int
    controller_port: int


def embedded_cluster(data_directory: Path, brokers: int, *, heap_megabytes: int = 384) -> dict[str, EmbeddedKafka]:
    """So many brokers, each also a controller, to be started together: one alone waits for the majority. By name, which is
    also that of the broker's directory. They keep their ports: each has to find the others again.

    Raises EmbeddedError where the data directory holds a cluster of another size.
    """
    path = data_directory.absolute() / "kafka-cluster.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        cluster_id = _new_cluster_id()
        ports = free_ports(2 * brokers)
        made = [_Node(cluster_id, *pair) for pair in zip(ports[:brokers], ports[brokers:], strict=True)]
        _write_whole(path, json.dumps([asdict(node) for node in made], indent=2) + "\n")
    nodes = tuple(_Node(**each) for each in json.loads(path.read_text()))
    if len(nodes) != brokers:
        raise EmbeddedError(
            f"{path} is of {len(nodes)} brokers, and {brokers} were asked for: the number cannot change."
        )
    return {
        f"kafka-{number}": EmbeddedKafka(
            data_directory, name=f"kafka-{number}", heap_megabytes=heap_megabytes, cluster=nodes, number=number
        )
        for number in range(1, brokers + 1)
    }


class EmbeddedKafka:
    """A broker that answers on 127.0.0.1 between `start` and `stop`; every later start goes on with the same data."""

    def __init__(
        self,
        data_directory: Path,
        *,
        name: str = "kafka",
        heap_megabytes: int = 512,
        port: int | None = None,
        cluster: tuple[_Node, ...] = (),
        number: int = 1,
    ) -> None:
        """`cluster` and `number` (from 1) are for `embedded_cluster`."""
        self.password_file = data_directory.absolute() / "kafka-password.txt"
        self.directory = data_directory.absolute() / name
        self._heap_megabytes = heap_megabytes
        self._cluster = cluster
        self._number = number
        self._port = cluster[number - 1].port if cluster else port
        """When given, or once started: the only port accepted, because clients have been told it."""
        self._leashed = LeashedProcess()
        self._held = ExitStack()
        self._new_archive: tuple[Path, Path] | None = None

    @property
    def settings(self) -> dict[str, str]:
        """With which processes of this user find it, once started."""
        assert self._port is not None
        return {variable("kafka"): f"{HOST}:{self._port}", **_credentials(self.password_file)}

    @property
    def process_id(self) -> int | None:
        return self._leashed.process_id

    async def start(self) -> str:
        """The bootstrap servers, once a metadata request has named a broker.

        Raises ToolMissingError, DataDirectoryInUseError or StartError; then nothing is left running.
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
                return await self._start_once(java, jars)  # somebody was faster; now with other ports
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
        """SIGKILL, for tests: the next start recovers the log."""
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
        with open_log(self.directory / "kafka.log") as output:
            begins = os.fstat(output.fileno()).st_size
            await self._leashed.spawn(
                [*command, "kafka.Kafka", "server.properties"],
                environment=_environment(),
                directory=self.directory,
                output=output,
            )
        bootstrap = f"{HOST}:{node.port}"
        await self._wait_until_it_answers(bootstrap, begins)
        self._port = node.port
        return bootstrap

    def _choose_node(self) -> _Node:
        """The node of the last start, with other ports where those are taken by now; in a cluster the one that it is."""
        if self._cluster:
            node = self._cluster[self._number - 1]
            if taken := [port for port in (node.port, node.controller_port) if not is_free(port)]:
                raise _PortTakenError(f"Kafka: port {taken[0]} of {HOST} is taken by another process: end that one.")
            return node
        path = self.directory / "node.json"
        node = _Node(**json.loads(path.read_text())) if path.exists() else _Node(_new_cluster_id(), 0, 0)
        port, controller_port = self._port or node.port, node.controller_port
        if self._port is not None and not is_free(self._port):
            raise _PortTakenError(
                f"Kafka: port {self._port} of {HOST} is taken by another process: end that one, or choose another port."
            )
        if not is_free(port):
            port = free_port()
        while controller_port == port or not is_free(controller_port):
            controller_port = free_port()
        node = _Node(node.cluster_id, port, controller_port)
        _write_whole(path, json.dumps(asdict(node), indent=2) + "\n")
        return node

    def _write_configuration(self, node: _Node) -> None:
        # Relative paths, from the JVM's working directory: properties know neither UTF-8 nor a comma in log.dirs.
        members = self._cluster or (node,)
        copies = str(min(3, len(members)))
        in_sync_min = str(max(1, min(3, len(members)) - 1))
        voters = (f"{number}@{HOST}:{each.controller_port}" for number, each in enumerate(members, start=1))
        password = self.password_file.read_text().strip()
        login = f'{_LOGIN} required username="{OWN_USER}" password="{password}" user_{OWN_USER}="{password}";'
        properties = {
            "process.roles": "broker,controller",
            "node.id": str(self._number),
            "controller.quorum.voters": ",".join(voters),
            "listeners": f"BROKER://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
            "advertised.listeners": f"BROKER://{HOST}:{node.port}",
            "inter.broker.listener.name": "BROKER",
            "controller.listener.names": "CONTROLLER",
            # Any user of this machine reaches a port of it: only who can read our files knows the password.
            "listener.security.protocol.map": "CONTROLLER:SASL_PLAINTEXT,BROKER:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "sasl.mechanism.inter.broker.protocol": "PLAIN",
            "sasl.mechanism.controller.protocol": "PLAIN",
            "listener.name.broker.plain.sasl.jaas.config": login,
            "listener.name.controller.plain.sasl.jaas.config": login,
            "log.dirs": "log",
            # A topic exists because somebody decided its partitions and retention, never because of a typing error;
            # and one whose retention was forgotten keeps its votes.
            "auto.create.topics.enable": "false",
            "log.retention.ms": "-1",
            "message.max.bytes": str(MESSAGE_BYTES_MAX),
            "replica.fetch.max.bytes": str(MESSAGE_BYTES_MAX),
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": in_sync_min,
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": copies,
            "share.coordinator.state.topic.min.isr": in_sync_min,
            "share.coordinator.state.topic.num.partitions": "4",
            # Workers come and go in seconds here.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "2000",
            # After kill -9 the controller refuses the broker (DUPLICATE_BROKER_REGISTRATION) until its old session
            # ends: with Kafka's 9 s the restart took 11 s. At 2 s a machine under full load might fence its only one.
            "broker.session.timeout.ms": "3000",
            "broker.heartbeat.interval.ms": "500",
            # Sized for a laptop: the cleaner's buffer alone is 128 MB of heap by default, an index file 10 MB.
            "log.cleaner.threads": "1",
            "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
            "log.index.size.max.bytes": str(2 * 1024 * 1024),
            "num.network.threads": "2",
            "num.io.threads": "4",
            "num.recovery.threads.per.data.dir": "2",
        }
        lines = "".join(f"{key}={value}\n" for key, value in properties.items())
        _write_whole(self.directory / "server.properties", lines)
        _write_whole(self.directory / "log4j2.properties", _LOG4J2)

    def _jvm_options(self, java: Java, jars: Path) -> list[str]:
        options = [
            f"-Xmx{self._heap_megabytes}m",
            f"-Xms{min(128, self._heap_megabytes)}m",
            "-XX:+UseG1GC",
            "-XX:MaxGCPauseMillis=20",
            # On two cores the second compiler takes longer to pay than most runs last.
            "-XX:TieredStopAtLevel=1",
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:ErrorFile=jvm-crash.log",
            "-Djava.awt.headless=true",
            "-Dlog4j2.configurationFile=log4j2.properties",
            "-Xlog:cds=off",  # an archive that does not fit is left aside; no need to say so
            "-Xlog:cds+dynamic=off",
        ]
        # By name, not `jars/*`: an archive is good only for the very class path it was made with.
        classpath = os.pathsep.join(str(jar) for jar in sorted(jars.glob("*.jar")))
        return [*options, *self._archive_options(java, jars), "-cp", classpath]

    def _archive_options(self, java: Java, jars: Path) -> list[str]:
        """Use the class data archive of this Java, or have the JVM write one at its exit (JEP 350)."""
        archive = jars.parent / f"classes-java-{java.version}.jsa"
        if archive.exists():
            return [f"-XX:SharedArchiveFile={archive}"]
        fresh = archive.with_name(f".{archive.name}.{uuid.uuid4().hex}")
        self._new_archive = (fresh, archive)
        return [f"-XX:ArchiveClassesAtExit={fresh}"]

    def _keep_archive(self) -> None:
        """Whole or not at all: the JVM that wrote it has ended; one that was killed has left nothing, or a part."""
        if self._new_archive is None or self._leashed.process_id is not None:
            return
        fresh, archive = self._new_archive
        self._new_archive = None
        with suppress(OSError):
            if self._leashed.exit_code in (0, 128 + signal.SIGTERM):
                fresh.replace(archive)
            fresh.unlink(missing_ok=True)

    async def _format_once(self, command: list[str], node: _Node) -> None:
        """Give the log directory its identity. `meta.properties` is the last thing that formatting writes."""
        if (self.directory / "log" / "meta.properties").exists():
            return
        command = [word for word in command if not word.startswith("-XX:ArchiveClassesAtExit")]
        arguments = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "--cluster-id", node.cluster_id]
        code, said = await run_to_end(
            [*command, *arguments, "--config", "server.properties"],
            environment=_environment(),
            directory=self.directory,
            deadline_s=FORMAT_DEADLINE_S,
        )
        if code != 0:
            raise StartError(f"Kafka: formatting {self.directory / 'log'} failed with exit code {code}:\n{said}")

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
        said = last_lines(path, since=begins)
        kind = _PortTakenError if "Address already in use" in said or "BindException" in said else StartError
        raise kind(f"Kafka: expected an answer on {bootstrap}, but it {outcome}. The end of {path}:\n{said}")


class _PortTakenError(StartError):
    pass


async def _names_a_broker(bootstrap: str, password_file: Path) -> bool:
    """Whether a metadata request succeeds and names a broker (it names none before the controller has let it in)."""
    try:
        _, writer = await asyncio.open_connection(*bootstrap.rsplit(":", 1))
    except OSError:
        return False  # quietly: the client below logs an error for what is only a matter of a second
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


# ── Java and the jars ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Java:
    path: str
    version: str


async def find_java() -> Java:
    """The `java` of JAVA_HOME, else of PATH; new enough, or ToolMissingError."""
    install = f"install Java {JAVA_VERSION_MIN} or newer (on Debian and Ubuntu: apt install openjdk-17-jre-headless)"
    home = os.environ.get("JAVA_HOME")
    path = (shutil.which("java", path=str(Path(home, "bin"))) if home else None) or shutil.which("java")
    if path is None:
        raise ToolMissingError(f"The embedded Kafka needs Java, and there is none: {install}, {INSTEAD}")
    code, said = await run_to_end([path, "-version"], deadline_s=30.0)
    found = re.search(r'version "((\d+)[^"]*)"', said)
    if code != 0 or found is None or int(found[2]) < JAVA_VERSION_MIN:
        is_what = f"is version {found[1]}" if code == 0 and found else "does not run"
        raise ToolMissingError(f"The embedded Kafka needs a newer Java, {path} {is_what}: {install}, {INSTEAD}")
    return Java(path, found[1])


def cache_directory() -> Path:
    """REKAP_CACHE, else `rekap` in the XDG cache directory."""
    if chosen := os.environ.get("REKAP_CACHE"):
        return Path(chosen).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache").absolute() / "rekap"


async def resolve_jars() -> Path:
    """The directory with Kafka's jars: filled beside its place and renamed into it, so there whole or not at all."""
    pom = POM.read_bytes()
    found = re.search(rb"<artifactId>kafka_[\d.]+</artifactId>\s*<version>([^<]+)</version>", pom)
    assert found is not None, f"no Kafka in {POM}"
    version = found[1].decode()
    place = cache_directory() / f"kafka-{version}-{hashlib.sha256(pom).hexdigest()[:12]}"
    jars = place / "jars"
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise ToolMissingError(
            "The embedded Kafka needs Maven once, to fetch its jars, and there is no `mvn`: "
            f"install Maven (on Debian and Ubuntu: apt install maven), {INSTEAD}"
        )
    place.mkdir(parents=True, exist_ok=True)
    logger.info("fetching Apache Kafka %s by Maven, once, into %s", version, place)
    with tempfile.TemporaryDirectory(prefix=".jars-", dir=place) as temporary:
        fresh = Path(temporary) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
        # Not in the caller's directory, whose .mvn/ would otherwise have a say.
        code, said = await run_to_end(
            [maven, "-B", "-q", "-f", str(POM), *goal],
            environment=_environment(),
            directory=Path(temporary),
            deadline_s=RESOLVE_DEADLINE_S,
        )
        if code != 0 or not any(fresh.glob("kafka_*.jar")):
            raise StartError(
                f"Maven could not fetch Apache Kafka {version} (exit code {code}): is its registry reachable? "
                f"Then start again, {INSTEAD} It said last:\n{said}"
            )
        with suppress(OSError):
            fresh.rename(jars)
    assert jars.is_dir(), jars  # ours, or that of another process that was faster
    return jars


def _environment() -> dict[str, str]:
    # Java reads file names in the locale's encoding: in the C locale a directory named Jérôme would not be found.
    return {**os.environ, "LC_ALL": "C.UTF-8"}


# ── Small parts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _new_cluster_id() -> str:
    """A UUID as Kafka writes it, in URL-safe base64; the first character no dash, which would look like an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


def _write_whole(path: Path, text: str) -> None:
    """For nobody but this user, who may have written a password into it."""
    replace_file(path, [text.encode()], mode=0o600)


def _make_password(path: Path) -> None:
    """Once for a data directory. The brokers of a cluster are started at the same time: the first one's stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        create_file(path, f"{secrets.token_hex(32)}\n".encode(), mode=0o600)


def _credentials(password_file: Path) -> dict[str, str]:
    return {
        variable("kafka_user"): OWN_USER,
        variable("kafka_mechanism"): "PLAIN",
        variable("kafka_password"): str(password_file),
    }


_LOG4J2 = """\
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
appender.file.type = File
appender.file.name = file
appender.file.fileName = kafka.log
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSS} %p %c{1}: %m%n
"""
