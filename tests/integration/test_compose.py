"""docker-compose.yml, read by Compose's own loader, and the command of each of its containers, run by hand."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from projections.checks.package_checks import problems
from projections.definition.compiled import Definition
from rekap.embedded.ports import free_ports
from rekap.embedded.postgres import EmbeddedPostgres
from rekap.operate.worker import ROLES
from rekap.station.signing import Signer
from runtime.files.key_files import write_key_file
from runtime.files.temporary import temporary_directory
from runtime.kafka.clients import admin_client
from runtime.kafka.security import client_options
from runtime.kafka.topics import topics_of
from runtime.package.reading import load_package
from runtime.package.writing import write_package
from runtime.settings import read_settings, settings_help
from tests.support.containers import PASSWORDS, ContainerKafka, Containers, Service, project_directory, services
from tests.support.go_programs import build
from tests.support.ledger import CREATED_AT, private_key
from tests.support.small_election import reported, small_package
from tests.support.stacks import eventually

THIRD_PARTY = {"kafka", "kafka-2", "kafka-3", "postgres", "proxy", "prometheus", "grafana"}
FIXED = {
    "REKAP_KAFKA", "REKAP_KAFKA_USER", "REKAP_KAFKA_PASSWORD", "REKAP_KAFKA_MECHANISM", "REKAP_KAFKA_CA", "REKAP_DATABASE",
    "REKAP_PACKAGE", "REKAP_HOST", "REKAP_PORT", "REKAP_FRONT", "REKAP_PEERS", "REKAP_TRUSTED_PROXIES", "REKAP_GATEWAY_KEY",
    "REKAP_WORKERS_KEY", "REKAP_STATE_DIRECTORY", "REKAP_FILES_DIRECTORY", "REKAP_METRICS_PORT", "REKAP_LOG_DIRECTORY",
    "REKAP_LOG_KEY",
    # Settings of a single process. Kafka itself distinguishes the containers of a role, and `rekap rebuild` sets generations.
    "REKAP_INSTANCE", "REKAP_GENERATION",
}  # fmt: skip
"""Settings that the containers fix."""
ALL_PROFILES = ("public", "operator")


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("deployment", tmp_path_factory.mktemp("go"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project directory, with an election and its authority's key."""
    directory = project_directory(tmp_path_factory.mktemp("project"), REKAP_LIVE_CLIENTS="77")
    package = small_package()
    write_package(
        replace(package, election=package.election.model_copy(update={"id": "compose"})), directory / "election"
    )
    (directory / "keys").mkdir()
    write_key_file(private_key("authority"), directory / "keys" / "authority.pem")
    return directory


@pytest.fixture(scope="module")
def of_one_broker(reader: Path, project: Path) -> dict[str, Service]:
    return services(reader, project, profiles=ALL_PROFILES)


def _environment(service: Service) -> dict[str, str | None]:
    return service.get("environment") or {}


def test_each_setting_of_env_reaches_the_containers_or_is_fixed_by_them(of_one_broker: dict[str, Service]) -> None:
    ours = {name: service for name, service in of_one_broker.items() if "run" in (service["command"] or ())}
    assert {service["command"][2] for service in ours.values()} == set(ROLES) - {"api"}
    for name, service in ours.items():
        if name != "front":
            passed_on = {variable for variable, _, _ in settings_help()} - FIXED
            assert passed_on <= _environment(service).keys(), f"{name}: name the setting in docker-compose.yml, x-role"
            assert _environment(service)["REKAP_LIVE_CLIENTS"] == "77"
            assert _environment(service)["REKAP_LIVE_TICK_MS"] is None
        for variable, value in _environment(service).items():
            assert value is None or PASSWORDS["REKAP_KAFKA_ADMIN_PASSWORD"] not in value, (name, variable)


def test_one_service_builds_the_image_and_all_others_that_use_it_wait_for_it(
    of_one_broker: dict[str, Service], reader: Path, project: Path
) -> None:
    for all_services in (of_one_broker, services(reader, project, "three-brokers", profiles=ALL_PROFILES)):
        assert [name for name, service in all_services.items() if "build" in service] == ["workers-key"]
        for name, service in all_services.items():
            if name not in THIRD_PARTY:
                assert service["image"] == "rekap:local"
                assert "workers-key" in {name, *_needed(all_services, name)}
                assert service["cap_drop"] == ["ALL"]


def _needed(all_services: dict[str, Service], name: str) -> set[str]:
    needed: set[str] = set()
    waiting = [name]
    while waiting:
        for each in all_services[waiting.pop()].get("depends_on") or {}:
            if each not in needed:
                needed.add(each)
                waiting.append(each)
    return needed


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("REKAP_DATABASE_PASSWORD", "set it in the file .env, see the top of docker-compose.yml"),
        ("REKAP_KAFKA_ADMIN_PASSWORD", "set it in the file .env, see the top of docker-compose.yml"),
    ],
)
def test_a_password_that_is_missing_is_named(reader: Path, tmp_path: Path, missing: str, sentence: str) -> None:
    project_directory(tmp_path, **{missing: ""})
    with pytest.raises(subprocess.CalledProcessError) as error:
        services(reader, tmp_path)
    assert f"{missing} is missing a value: {sentence}" in error.value.stderr


def test_a_kafka_of_your_own_takes_the_place_of_the_container(reader: Path, tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as error:
        services(reader, project_directory(tmp_path / "a"), "external-kafka")
    assert "REKAP_KAFKA is missing a value" in error.value.stderr
    project = project_directory(tmp_path / "b", REKAP_KAFKA="b1:9093,b2:9093", REKAP_REPLICATION="3")
    found = services(reader, project, "external-kafka", profiles=ALL_PROFILES)
    assert "kafka" not in found
    assert {name for name, service in found.items() if "network_mode" in service} == {"workers-key"}
    for name, service in found.items():
        if name not in THIRD_PARTY | {"workers-key", "front"}:
            environment = _environment(service)
            assert environment["REKAP_KAFKA"] == "b1:9093,b2:9093", name
            assert environment["REKAP_REPLICATION"] == "3", name
            mounted = {volume["target"] for volume in service["volumes"]}
            assert environment["REKAP_KAFKA_CA"] in mounted, name
            needed = {each for each, how in service["depends_on"].items() if how["required"]}
            assert needed <= found.keys(), name
    assert _environment(found["open"])["REKAP_KAFKA_MECHANISM"] == "SCRAM-SHA-512"


def test_a_postgresql_of_your_own_takes_the_place_of_the_container(reader: Path, tmp_path: Path) -> None:
    project = project_directory(tmp_path, REKAP_DATABASE_HOST="db.example:5433")
    found = services(reader, project, "external-postgres", profiles=ALL_PROFILES)
    assert "postgres" not in found
    for name, service in found.items():
        if "REKAP_DATABASE" in _environment(service):
            assert _environment(service)["REKAP_DATABASE"] == (
                f"postgresql://rekap:{PASSWORDS['REKAP_DATABASE_PASSWORD']}@db.example:5433/rekap"
                "?sslmode=verify-full&sslrootcert=/etc/rekap/database-ca.pem"
            )
            assert "/etc/rekap/database-ca.pem" in {volume["target"] for volume in service["volumes"]}, name


def test_all_files_can_be_combined(reader: Path, tmp_path: Path) -> None:
    own = {"REKAP_KAFKA": "b:9093", "REKAP_DATABASE_HOST": "db", "REKAP_GRAFANA_PASSWORD": "x"}
    project = project_directory(tmp_path, **own)
    found = services(reader, project, "external-kafka", "external-postgres", "monitoring", profiles=ALL_PROFILES)
    assert {"kafka", "postgres"} & found.keys() == set()
    for name in ("prometheus", "grafana"):
        for volume in found[name]["volumes"]:
            if volume["type"] == "bind":
                assert Path(volume["source"]).is_file(), volume["source"]
    combined = services(reader, project, "three-brokers", "monitoring", profiles=ALL_PROFILES)
    assert {"kafka", "kafka-2", "kafka-3", "grafana"} <= combined.keys()


# ── the containers' commands ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def directory() -> Iterator[Path]:
    with temporary_directory("rekap-c-") as directory:
        yield directory


async def test_the_containers_count_an_election(
    of_one_broker: dict[str, Service], project: Path, directory: Path
) -> None:
    roles_port, admin_port, controller_port = free_ports(3)
    kafka = ContainerKafka(
        directory / "kafka",
        {name: value or "" for name, value in _environment(of_one_broker["kafka"]).items()},
        {"9092": roles_port, "9094": admin_port, "9093": controller_port},
    )
    database = EmbeddedPostgres(directory / "database")
    containers = None
    try:
        dsn, _ = await asyncio.gather(database.start(), kafka.start())
        password = PASSWORDS["REKAP_DATABASE_PASSWORD"]
        containers = Containers(
            directory / "c",
            of_one_broker,
            {
                "kafka:9092": f"127.0.0.1:{roles_port}",
                "127.0.0.1:9094": f"127.0.0.1:{admin_port}",
                f"postgresql://rekap:{password}@postgres:5432/rekap": dsn,
            },
        )
        for once in ("workers-key", "kafka-roles", "open"):
            await containers.run_once(once)
        workers = ("recorder", "tabulator", "rollup", "notary")
        await containers.run(*workers, "front", "gateway", "feed", "read")
        for role in ("gateway", "feed", "read", "front"):
            await containers.become_healthy(role)
        await containers.run("exporter", "publisher")

        url = f"http://127.0.0.1:{containers.ports['front', '8000']}"
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            definition = Definition.of(load_package(project / "election", problems))
            await _count_a_form(client, definition)

            async def has_files() -> bool:
                return (await client.get("/v1/files")).status_code == 200

            await eventually(has_files)
            published = directory / "c" / "volumes" / "published"

            async def is_published() -> bool:
                return bool(list(published.glob("**/latest.json")))

            await eventually(is_published)
            assert (await client.get("/v1/health")).json()["status"] == "ok"

            for role in (*workers, "front", "exporter"):
                answer = await client.get(f"http://127.0.0.1:{containers.ports[role, '9100']}/metrics")
                assert "process_resident_memory_bytes" in answer.text, role
            for role in ("gateway", "feed", "read"):
                answer = await client.get(f"http://127.0.0.1:{containers.ports[role, '8000']}/metrics")
                assert "rekap_part_up" in answer.text, role
                assert "process_resident_memory_bytes" in answer.text, role
        assert "all is as in the ledger" in await containers.run_once("operator")
        await containers.run_once("open")  # `docker compose up` a second time
    finally:
        codes = await containers.stop() if containers is not None else {}
        await kafka.stop()
        await database.stop()
    # A server ends by the signal that it was sent, after it has answered what was open.
    assert set(codes.values()) <= {0, -signal.SIGTERM}, codes


async def _count_a_form(client: httpx.AsyncClient, definition: Definition) -> None:
    election = definition.election
    signer = Signer(private_key("officer"), election=election.id, mode=election.mode.value, definition=definition.hash)
    signed = signer.sign({"created_at": CREATED_AT, **reported("1.1.1-1")})
    answer = await client.post("/v1/submissions", content=signed.envelope)
    assert answer.status_code == 201, answer.text

    async def is_counted() -> bool:
        answer = await client.get("/v1/stations/1.1.1-1")
        return answer.status_code == 200 and answer.json()["contests"][0]["state"] == "counted"

    await eventually(is_counted)


async def test_three_brokers_keep_three_copies_and_one_may_be_down(
    reader: Path, project: Path, directory: Path
) -> None:
    found = services(reader, project, "three-brokers")
    names = ("kafka", "kafka-2", "kafka-3")
    numbers = [str(base + hundred) for hundred in (0, 100, 200) for base in (9092, 9094, 9093)]
    ports = dict(zip(numbers, free_ports(len(numbers)), strict=True))
    brokers = [
        ContainerKafka(
            directory / "kafka", {setting: value or "" for setting, value in _environment(found[name]).items()}, ports
        )
        for name in names
    ]
    try:
        await asyncio.gather(*(broker.start() for broker in brokers))
        addresses = {f"kafka:{number}": f"127.0.0.1:{port}" for number, port in ports.items()}
        addresses |= {f"127.0.0.1:{number}": f"127.0.0.1:{port}" for number, port in ports.items()}
        containers = Containers(directory / "c", found, addresses)
        for once in ("workers-key", "kafka-roles", "open"):
            await containers.run_once(once)
        election = small_package().election.model_copy(update={"id": "compose"})
        gateway = read_settings(containers.environment("gateway"))
        admin = admin_client(read_settings(brokers[0].settings))
        await admin.start()
        [topic] = await admin.describe_topics([topics_of(election).ledger])
        await admin.close()
        assert {len(partition["replicas"]) for partition in topic["partitions"]} == {3}

        await brokers[2].kill()
        async with AIOKafkaProducer(**client_options(gateway), acks="all") as producer:
            for partition in range(len(topic["partitions"])):
                await producer.send_and_wait(topics_of(election).ledger, b"{}", partition=partition)
    finally:
        await asyncio.gather(*(broker.stop() for broker in brokers))
