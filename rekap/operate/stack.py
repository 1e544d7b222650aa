"""The whole stack on one machine: embedded Kafka and PostgreSQL, and a process for each worker.

Parts that the environment names (REKAP_KAFKA, REKAP_DATABASE) are used as they are; the others are embedded.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.errors import KafkaError
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.roles import ApiRole
from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from proofs.notes import ED25519, VerifierKey
from rekap.embedded.data_directory import hold_data_directory
from rekap.embedded.errors import StartError
from rekap.embedded.kafka import EmbeddedKafka, embedded_cluster
from rekap.embedded.ports import HOST, free_port, free_ports, see_that_port_is_free
from rekap.embedded.postgres import EmbeddedPostgres
from rekap.embedded.supervisor import Supervisor
from rekap.operate.ledger_files import checked_manifest, import_ledger
from rekap.operate.opening import check_opening_key, open_with_key
from rekap.operate.stack_settings import keep_settings, where_parts_are
from rekap.operate.worker import API_ROLES, FRONT, SERVING
from rekap.witness.server import READY, witness_key
from runtime.error_words import in_words
from runtime.files.key_files import KeyFileError, load_key_file
from runtime.files.temporary import directory_until_exit
from runtime.kafka.seals import make_seal_keys
from runtime.log_key import log_key, missing_log_key
from runtime.own_processes import python_module
from runtime.package.reading import load_package
from runtime.settings import read_settings, variable
from runtime.witnesses import Witness, parse_witnesses
from schemas.served.logs import origin_of

WORKERS = ("recorder", "tabulator", "rollup", "notary", "api")
"""Workers in the order of their start; the API is last, so that it finds the others."""
WORKERS_APART = (*WORKERS[:-1], FRONT, *map(str, ApiRole))
"""The workers with a process for each role of the API, and the front, which has the address of all of them."""
EXPORTER = "exporter"
"""Writes the bulk files. `rekap up` and the demo start it after the workers above; no other process waits for it."""
WITNESSES_MAX = 9
LOG_FILE = "rekap.log"
"""File in the data directory with what the terminal shows, with times. It and the file before it have 10 MB each."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A running Rekap: its supervisor, its address, and the definition of its election."""

    supervisor: Supervisor
    url: str
    definition: Definition
    environment: dict[str, str]
    witnesses: tuple[Witness, ...] = ()
    """Witnesses that were started with it."""
    metrics_port: int = 0
    """Port of the first worker; the others have the next ones, in the order of their start. 0: none serves metrics."""
    workers: tuple[str, ...] = WORKERS
    """Workers that were started with it. Where none were, `start` starts those of WORKERS."""
    of_role: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Settings of each role's process alone."""
    where: tuple[str, ...] = ()
    """Lines for the terminal: where its Kafka, its PostgreSQL and its log file are."""

    async def start(self, *roles: str) -> None:
        """Start a worker of each role, and wait until they are ready. Raises NotReadyError."""
        for role in roles:
            ready = f"rekap.run {SERVING} " if role == FRONT or role in API_ROLES else None
            command = python_module("rekap", "run", role)
            environment = {**self.environment, variable("instance"): f"{role}-1", **self.of_role.get(role, {})}
            if self.metrics_port and role not in API_ROLES:
                environment[variable("metrics_port")] = str(self.metrics_port + (self.workers or WORKERS).index(role))
            self.supervisor.run(role, command, environment=environment, ready=ready)
        await self.supervisor.wait_ready()


@asynccontextmanager
async def running_stack(
    package: Path,
    data: Path,
    authority: Ed25519PrivateKey,
    *,
    port: int = 0,
    log_directory: Path | None = None,
    settings: dict[str, str] | None = None,
    workers: tuple[str, ...] = WORKERS,
    witnesses: int = 0,
    metrics_port: int = 0,
    brokers: int = 1,
    ledger: Path | None = None,
    confirmed: str | None = None,
    is_kept: bool = True,
) -> AsyncIterator[Stack]:
    """All parts, started and ready, with the election open. They are stopped in order at the end. `witnesses` on this machine
    are an example only, because a witness proves something if another body runs it. Several `brokers` are a cluster, and each
    topic has up to three copies then. The records of `ledger`, a directory of exported files, are imported first. A live
    election is opened only if `confirmed` is its id. If the data is not kept, the parts are killed at the end, all at once.

    Raises PackageError, OpeningError, DataDirectoryError, EmbeddedError, SettingsError, TopicMismatchError, LedgerFilesError,
    KafkaError.
    """
    definition = Definition.of(load_package(package, problems))
    environment = _environment(package, data, settings or {})
    elsewhere = environment.get(variable("kafka"))
    database_elsewhere = environment.get(variable("database"))
    _check_before_anything_starts(definition, authority, environment, port, metrics_port, ledger, workers)
    with hold_data_directory(data):
        supervisor = Supervisor(
            log_directory=log_directory, log_file=data / LOG_FILE if log_directory is None else None
        )
        try:
            if not environment.get(variable("database")):
                supervisor.write_line("rekap", "starting PostgreSQL")
                environment[variable("database")] = await supervisor.adopt("postgres", EmbeddedPostgres(data))
            if not environment.get(variable("kafka")):
                supervisor.write_line(
                    "rekap", "starting Kafka; at the first start on a machine, Maven fetches it (45 MB)"
                )
                environment |= await _start_kafka(supervisor, data, brokers)
            port = port or free_port()
            environment[variable("port")] = str(port)
            make_seal_keys(Path(environment[variable("workers_key")]))
            parse_witnesses(environment.get(variable("witnesses"), ""))
            if ledger is not None:
                heads = await import_ledger(read_settings(environment), definition, ledger)
                for partition, head in enumerate(heads):
                    supervisor.write_line(
                        "rekap", f"imported partition {partition}: {head.size} records, root {head.root}"
                    )
            opened = await open_with_key(read_settings(environment), definition, authority, confirmed=confirmed)
            supervisor.write_line(
                "rekap", f"election {definition.election.id} {'is open now' if opened else 'was open already'}"
            )
            if "notary" in workers:
                await log_key(read_settings(environment), definition.election)
            own = await _start_witnesses(supervisor, witnesses, data, definition, environment)
            asked = [environment.get(variable("witnesses"), ""), *(f"{each.url} {each.key}" for each in own)]
            environment[variable("witnesses")] = ",".join(filter(None, asked))
            of_role = _apart(environment, workers, metrics_port) if FRONT in workers else {}
            url = f"http://127.0.0.1:{port}"
            keep_settings(data, environment)
            where = where_parts_are(data, environment, database_is_ours=not database_elsewhere)
            stack = Stack(supervisor, url, definition, environment, own, metrics_port, workers, of_role, where)
            supervisor.write_line("rekap", f"starting {', '.join(workers)}")
            await stack.start(*workers)
            yield stack
        except KafkaError as error:
            if environment.get(variable("kafka")) == elsewhere:
                raise
            raise StartError(f"the embedded Kafka cannot be used: {in_words(error)}") from None
        finally:
            await (supervisor.stop() if is_kept else supervisor.discard())


def _environment(package: Path, data: Path, settings: dict[str, str]) -> dict[str, str]:
    """Settings of all processes: those of the environment, and files in the data directory for those that it lacks."""
    # Not resolved, because a link that leads to itself is refused with a sentence where the path is used.
    environment = {**os.environ, **settings, variable("package"): str(package.absolute())}
    for setting, name in (
        ("log_directory", "log"),
        ("state_directory", "state"),
        ("files_directory", "files"),
        ("log_key", "log-key.pem"),
        ("gateway_key", "gateway-key.pem"),
        ("workers_key", "workers-key.txt"),
    ):
        environment.setdefault(variable(setting), str((data / name).absolute()))
    return environment


def _check_before_anything_starts(
    definition: Definition,
    authority: Ed25519PrivateKey,
    environment: dict[str, str],
    port: int,
    metrics_port: int,
    ledger: Path | None,
    workers: tuple[str, ...],
) -> None:
    """Find faults at once that would otherwise be found after Kafka has started or records were imported. Raises OpeningError,
    EmbeddedError, LedgerFilesError, KeyFileError."""
    check_opening_key(definition, authority)
    if port:
        see_that_port_is_free(port, "--port", environment.get(variable("host")) or HOST)
    for number, worker in enumerate(workers, start=metrics_port) if metrics_port else ():
        if worker != "api":  # which serves its metrics at its own port
            see_that_port_is_free(number, "--metrics-port")
    if ledger is not None:
        checked_manifest(definition, ledger)
    key_file = Path(environment[variable("log_key")])
    if ledger is not None and "notary" in workers and not key_file.exists():
        raise KeyFileError(missing_log_key(key_file, f"{ledger} has a ledger to begin with"))


def _apart(environment: dict[str, str], workers: tuple[str, ...], metrics_port: int) -> dict[str, dict[str, str]]:
    """The settings of each role of the API: a port of its own for its health and metrics, which are not those of the public
    address; and where the front is, which has that address."""
    environment[variable("front")] = str(directory_until_exit("rekap-front-") / "front.sock")
    free = free_ports(len(ApiRole))
    ports = {
        role: metrics_port + workers.index(role) if metrics_port else number
        for role, number in zip(ApiRole, free, strict=True)
    }
    own = {
        str(role): {variable("port"): str(port), **({} if metrics_port else {variable("host"): HOST})}
        for role, port in ports.items()
    }
    peers = (f"http://{HOST}:{ports[role]}" for role in ApiRole if role is not ApiRole.READ)
    own[ApiRole.READ][variable("peers")] = ",".join(peers)
    return own


async def _start_kafka(supervisor: Supervisor, data: Path, brokers: int) -> dict[str, str]:
    """Start the brokers. Returns the settings with which the other processes connect to them."""
    if brokers == 1:
        broker = EmbeddedKafka(data)
        await supervisor.adopt("kafka", broker)
        return broker.settings
    cluster = embedded_cluster(data, brokers)
    started = await asyncio.gather(*(supervisor.adopt(name, broker) for name, broker in cluster.items()))
    copies = {variable("kafka"): ",".join(started), variable("replication"): str(min(3, brokers))}
    return next(iter(cluster.values())).settings | copies


async def _start_witnesses(
    supervisor: Supervisor, count: int, data: Path, definition: Definition, environment: dict[str, str]
) -> tuple[Witness, ...]:
    """Witnesses on this machine, as an example only, because the operator of a log should not run its witnesses."""
    if not count:
        return ()
    public = load_key_file(Path(environment[variable("log_key")])).public_key().public_bytes_raw()
    origins = (origin_of(definition.election, partition) for partition in range(definition.partitions))
    logs = [argument for origin in origins for argument in ("--log", str(VerifierKey(origin, ED25519, public)))]
    started: list[tuple[str, Path, int]] = []
    for number in range(1, count + 1):
        name, key_file, port = f"witness-{number}", data / f"witness-{number}-key.pem", free_port()
        options = ("--name", f"rekap/{name}", "--port", port, "--key", key_file, "--state", data / f"{name}.sqlite")
        command = python_module("rekap", "witness", *options, *logs)
        supervisor.run(name, command, environment=environment, ready=READY)
        started.append((name, key_file, port))
    await supervisor.wait_ready(*(name for name, _, _ in started))
    return tuple(
        Witness(f"http://127.0.0.1:{port}", witness_key(f"rekap/{name}", load_key_file(key_file)))
        for name, key_file, port in started
    )
