"""Kafka as Compose starts it, with the users and permissions that `rekap kafka-roles` makes: each role can do its work, and
not that of another."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
)
from click.testing import CliRunner

from rekap.cli import main as command
from rekap.embedded.kafka import EmbeddedKafka
from rekap.embedded.ports import free_port
from rekap.operate.stack import WORKERS, Stack, running_stack
from runtime.files.key_files import load_or_make_key_file
from runtime.kafka.admin import allow, make_user, set_topic
from runtime.kafka.clients import admin_client, plain_consumer
from runtime.kafka.roles import ROLES, Operation, Resource, grants, table
from runtime.kafka.security import client_options
from runtime.kafka.topics import generations_topic, group_of, topics_of
from runtime.package.writing import write_package
from runtime.settings import Settings, read_settings
from tests.conftest import Parts
from tests.support.ledger import private_key
from tests.support.small_election import reported, small_package
from tests.support.stacks import Voices, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[2]
UNSEEN_SECONDS = 3.0
REFUSED = (TopicAuthorizationFailedError, GroupAuthorizationFailedError, ClusterAuthorizationFailedError)


class ComposeKafka(EmbeddedKafka):
    """The broker of docker-compose.yml: its settings, with ports and directories of this machine."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.roles_port = free_port()

    def _write_configuration(self, node: Any) -> None:
        super()._write_configuration(node)
        password = self.password_file.read_text().strip()
        ours = dict(line.split("=", 1) for line in (self.directory / "server.properties").read_text().splitlines())
        properties = {
            **ours,
            **compose_properties(password),
            "listeners": f"ROLES://127.0.0.1:{self.roles_port},ADMIN://127.0.0.1:{node.port},"
            f"CONTROLLER://127.0.0.1:{node.controller_port}",
            "advertised.listeners": f"ROLES://127.0.0.1:{self.roles_port},ADMIN://127.0.0.1:{node.port}",
            "controller.quorum.voters": f"1@127.0.0.1:{node.controller_port}",
            "log.dirs": "log",
        }
        del properties["sasl.enabled.mechanisms"]  # Compose has it for each listener
        lines = "".join(f"{name}={value}\n" for name, value in properties.items())
        (self.directory / "server.properties").write_text(lines)


def compose_properties(password: str) -> dict[str, str]:
    """The broker's settings in docker-compose.yml, named as the image of Apache Kafka does it; the administrator is here the
    embedded broker's own user."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    plain = re.search(r"&plain >-\n((?: {8}.*\n)+)", text)
    assert plain is not None
    login = " ".join(line.strip() for line in plain[1].splitlines())
    login = re.sub(r"\$\{[^}]*\}", password, login).replace("admin", "rekap")
    values = {
        name: value.strip("\"'")
        for name, value in re.findall(r"^ {6}KAFKA_(?!ADMIN_PASSWORD)([A-Z0-9_]+): (.*)$", text, re.MULTILINE)
    }
    named = {
        name.replace("___", "-").replace("__", "%").replace("_", ".").replace("%", "_").lower(): value
        for name, value in values.items()
    }
    return {
        name: login if value in ("&plain >-", "*plain") else value.replace("User:admin", "User:rekap")
        for name, value in named.items()
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ComposeKafka]:
    kafka = ComposeKafka(tmp_path_factory.mktemp("compose"))
    await kafka.start()
    try:
        yield kafka
    finally:
        await kafka.stop()


@pytest.fixture(scope="module")
def passwords(tmp_path_factory: pytest.TempPathFactory, broker: ComposeKafka) -> Path:
    """As `rekap kafka-roles` writes them, which runs as the administrator."""
    directory = tmp_path_factory.mktemp("roles")
    package = small_package()
    write_package(
        replace(package, election=package.election.model_copy(update={"id": "kafka-roles"})), directory / "election"
    )
    environment = {
        **broker.settings,
        "REKAP_PACKAGE": str(directory / "election"),
        "REKAP_STATE_DIRECTORY": str(directory),
    }
    for _ in range(2):  # safe to repeat
        done = CliRunner(env=environment).invoke(command, ["kafka-roles", "--passwords", str(directory / "passwords")])
        assert done.exit_code == 0, done.output
    assert {path.stat().st_mode & 0o777 for path in (directory / "passwords").glob("*/kafka-password.txt")} == {0o600}
    return directory


class Role:
    """The settings of a role."""

    def __init__(self, broker: ComposeKafka, directory: Path) -> None:
        self._broker, self._directory = broker, directory

    def environment(self, role: str) -> dict[str, str]:
        return {
            "REKAP_KAFKA": f"127.0.0.1:{self._broker.roles_port}",
            "REKAP_KAFKA_USER": role,
            "REKAP_KAFKA_MECHANISM": "SCRAM-SHA-512",
            "REKAP_KAFKA_PASSWORD": str(self._directory / "passwords" / role / "kafka-password.txt"),
        }

    def settings(self, role: str) -> Settings:
        return read_settings(self.environment(role))


@pytest.fixture(scope="module")
def role(broker: ComposeKafka, passwords: Path) -> Role:
    return Role(broker, passwords)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, role: Role, passwords: Path, parts: Parts
) -> AsyncIterator[Stack]:
    """Opened by the operator; each worker as its role."""
    settings = {**parts, **role.environment("operator")}
    directory = tmp_path_factory.mktemp("stack")
    load_or_make_key_file(directory / "data" / "log-key.pem")
    async with running_stack(
        passwords / "election",
        directory / "data",
        private_key("authority"),
        log_directory=directory,
        settings=settings,
        workers=(),
    ) as stack:
        for worker in WORKERS:
            own = replace(stack, environment={**stack.environment, **role.environment(worker)})
            await own.start(worker)
        yield stack


async def test_each_worker_can_do_its_work_as_its_role(stack: Stack, role: Role) -> None:
    """Opened, submitted, counted, recorded, signed, and healthy."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=30) as client:
        station = next(iter(stack.definition.stations.number))
        answer = await client.post("/v1/submissions", content=Voices(stack).sign(reported(station)))
        assert answer.status_code == 201, answer.text

        async def is_counted_and_healthy() -> bool:
            [contest] = (await client.get("/v1/offices/president")).json()["contests"]
            health = (await client.get("/v1/health")).json()
            return bool(contest["counted"]["votes"] == {"01": 10, "02": 20, "03": 30} and health["status"] == "ok")

        await eventually(is_counted_and_healthy)
    result = CliRunner(env={**stack.environment, **role.environment("operator")}).invoke
    done = await asyncio.to_thread(result, command, ["doctor"])
    assert "TopicAuthorization" not in done.output, done.output
    assert "records" in done.output or "record" in done.output


async def _refused(attempt: Callable[[], Awaitable[Any]]) -> bool:
    """A topic that a role may not even see is to aiokafka one whose metadata has yet to come: it asks until it is stopped."""
    try:
        async with asyncio.timeout(UNSEEN_SECONDS):
            await attempt()
    except (*REFUSED, TimeoutError):
        return True
    return False


def _may(stack: Stack, role: str, resource: Resource, name: str, operation: Operation) -> bool:
    return any(
        grant.resource == resource and operation in grant.operations and (grant.name == name)
        for grant in grants(stack.definition.election, role)
    )


@pytest.mark.parametrize("who", ROLES)
async def test_no_role_can_do_the_work_of_another(stack: Stack, role: Role, who: str) -> None:
    election, settings = stack.definition.election, role.settings(who)
    topics = [*topics_of(election), generations_topic(election)]
    producer, admin = AIOKafkaProducer(**client_options(settings)), admin_client(settings)
    await producer.start()
    await admin.start()
    try:
        for topic in topics:
            if not _may(stack, who, Resource.TOPIC, topic, Operation.WRITE):
                assert await _refused(partial(producer.send_and_wait, topic, b"x", partition=0)), topic
            if not _may(stack, who, Resource.TOPIC, topic, Operation.READ):
                assert await _refused(partial(_read, settings, topic)), topic
            if not _may(stack, who, Resource.TOPIC, topic, Operation.ALTER_CONFIGS):
                assert await _refused(partial(set_topic, admin, topic, {"retention.ms": "1000"})), topic
            if not _may(stack, who, Resource.TOPIC, topic, Operation.DELETE):
                answer = await admin.delete_topics([topic])
                assert [code for _, code in answer.topic_error_codes] == [TopicAuthorizationFailedError.errno], topic
        for name in ("tabulator", "rollup"):
            if not _may(stack, who, Resource.GROUP, group_of(election, name), Operation.READ):
                assert await _refused(partial(_commit, settings, group_of(election, name), topics[0])), name
        # Nobody makes users or permissions.
        assert await _refused(lambda: make_user(admin, "mallory", "m" * 64))
        assert await _refused(lambda: allow(admin, who, Resource.TOPIC, topics[0], Operation.DELETE, is_prefix=False))
    finally:
        await producer.stop()
        await admin.close()


async def _read(settings: Settings, topic: str) -> None:
    consumer = plain_consumer(settings)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        consumer.seek(TopicPartition(topic, 0), 0)
        await consumer.getmany(timeout_ms=5_000)
    finally:
        await consumer.stop()


async def _commit(settings: Settings, group: str, topic: str) -> None:
    consumer = AIOKafkaConsumer(**client_options(settings), group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.commit({TopicPartition(topic, 0): 1})
    finally:
        await consumer.stop()


async def test_nobody_comes_in_without_the_password(role: Role, tmp_path: Path) -> None:
    (tmp_path / "wrong").touch(0o600)
    (tmp_path / "wrong").write_text("0" * 64)
    wrong = replace(role.settings("operator"), kafka_password=tmp_path / "wrong")
    nobody = replace(role.settings("operator"), kafka_user="")
    for settings in (wrong, nobody):
        admin = admin_client(settings)
        with pytest.raises(KafkaError) as refused:
            await admin.start()
        await admin.close()
        assert "0" * 64 not in str(refused.value)


async def test_the_documented_table_is_the_one_that_is_granted() -> None:
    assert table() in (ROOT / "docs/operations.md").read_text(encoding="utf-8")
