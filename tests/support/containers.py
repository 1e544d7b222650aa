"""The containers of docker-compose.yml without Docker: each one's command, run by hand with its environment and its volumes.

The project is read by Compose's own loader (tests/interop/deployment). A container is a process here: its volumes are
directories below one root for each container, and its addresses are those of this machine. The image, its
user, and that a volume is mounted for reading are not enforced.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rekap.embedded.kafka import EmbeddedKafka
from rekap.embedded.kafka_configuration import OWN_USER, Node
from rekap.embedded.ports import free_ports
from tests.support.stacks import eventually

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = "docker-compose.yml"
ONCE_SECONDS_MAX = 240.0
"""For a command that ends, on a machine that others keep busy; alone none needs ten."""
PASSWORDS = {"REKAP_DATABASE_PASSWORD": "d4tabase", "REKAP_KAFKA_ADMIN_PASSWORD": "4dministrator"}
_OUR_PATHS = re.compile(r"(?<![\w./:=-])/(?=(?:var/lib/rekap|election|keys|tmp)(?:/|\"|$))")

Service = dict[str, Any]


def project_directory(directory: Path, **env: str) -> Path:
    """A copy of what Compose reads, with a .env."""
    directory.mkdir(exist_ok=True)
    shutil.copy(ROOT / COMPOSE_FILE, directory)
    shutil.copytree(ROOT / "deploy", directory / "deploy")
    shutil.copytree(ROOT / "proxy", directory / "proxy")
    lines = (f"{name}={value}\n" for name, value in {**PASSWORDS, **env}.items())
    (directory / ".env").write_text("".join(lines))
    return directory


def services(reader: Path, project: Path, *more: str, profiles: Sequence[str] = ()) -> dict[str, Service]:
    """The services as `docker compose config` has them, with files that are added to docker-compose.yml. Raises
    CalledProcessError."""
    files = [COMPOSE_FILE, *(f"deploy/compose/{name}.yml" for name in more)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("REKAP_", "COMPOSE_"))}
    answer = subprocess.run(
        [reader, "compose", project, ",".join(profiles), *files],
        cwd=project, env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    found: dict[str, Service] = json.loads(answer.stdout)["services"]
    return found


def broker_properties(environment: Mapping[str, str]) -> dict[str, str]:
    """The properties that the image of Apache Kafka makes of a container's environment."""
    return {
        name.removeprefix("KAFKA_")
        .replace("___", "-")
        .replace("__", "%")
        .replace("_", ".")
        .replace("%", "_")
        .lower(): value
        for name, value in environment.items()
        if name.startswith("KAFKA_")
    }


class ContainerKafka(EmbeddedKafka):
    """A broker with the settings of its container, at ports of this machine. Beside the administrator it has the user by whom
    EmbeddedKafka sees that it answers."""

    def __init__(self, directory: Path, environment: Mapping[str, str], ports: Mapping[str, int]) -> None:
        """`ports` has for each port in the settings the one to use here."""
        number = int(environment["KAFKA_NODE_ID"])
        own = re.search(r"ADMIN://127\.0\.0\.1:(\d+),CONTROLLER://127\.0\.0\.1:(\d+)", environment["KAFKA_LISTENERS"])
        assert own is not None
        node = Node(environment["CLUSTER_ID"], ports[own[1]], ports[own[2]])
        super().__init__(directory, name=f"kafka-{number}", heap_megabytes=384, cluster=(node,) * number, number=number)
        self._settings_of_container, self._ports_here = environment, ports

    def _write_configuration(self, node: Node) -> None:
        super()._write_configuration(node)
        path, password = self.directory / "server.properties", self.password_file.read_text().strip()
        ours = dict(line.split("=", 1) for line in path.read_text().splitlines())
        container = {name: self._here(value) for name, value in broker_properties(self._settings_of_container).items()}
        both = {
            name: value.replace('user_admin="', f'user_{OWN_USER}="{password}" user_admin="')
            for name, value in container.items()
        }
        properties = {
            **{name: value for name, value in ours.items() if not name.startswith(("listener.name.", "sasl.enabled"))},
            **both,
            "super.users": f"{container['super.users']};User:{OWN_USER}",
            "log.dirs": "log",
        }
        path.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))

    def _here(self, value: str) -> str:
        value = re.sub(r"//(kafka)?:(\d+)", r"//127.0.0.1:\2", value)
        return re.sub(r"(?<=127\.0\.0\.1:)\d+", lambda port: str(self._ports_here[port[0]]), value)


@dataclass
class Containers:
    """Runs the commands of services."""

    directory: Path
    """Short, because a UNIX socket is in it."""
    services: Mapping[str, Service]
    addresses: Mapping[str, str]
    """What replaces an address of the containers' network here: kafka:9092, and the URL of the database."""
    ports: dict[tuple[str, str], int] = field(default_factory=dict)
    """By service and by its port in the container, the port here."""
    running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [(name, port) for name in self.services for port in ("8000", "9100")]
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))

    def root(self, name: str) -> Path:
        """The root directory of a container, in which each volume is a link to its directory."""
        root = self.directory / name
        for made in ("var/lib/rekap", "tmp"):
            (root / made).mkdir(parents=True, exist_ok=True)
        for volume in self.services[name].get("volumes") or ():
            source = Path(volume["source"])
            if volume["type"] == "volume":
                source = self.directory / "volumes" / volume["source"]
                source.mkdir(parents=True, exist_ok=True, mode=0o700)
            link = root / volume["target"].lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(source)
        return root

    def environment(self, name: str) -> dict[str, str]:
        given = self.services[name].get("environment") or {}
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONSAFEPATH": "1",
            "HOME": str(self.root(name) / "var/lib/rekap"),
            **{setting: self.here(name, value) for setting, value in given.items() if value is not None},
        }

    def here(self, name: str, text: str) -> str:
        """A text with the paths, addresses and ports that replace the container's."""
        for address, instead in self.addresses.items():
            text = text.replace(address, instead)
        text = re.sub(
            r"http://(gateway|feed|read):(8000)", lambda at: f"http://127.0.0.1:{self.ports[at[1], at[2]]}", text
        )
        text = re.sub(r"(?<=http://127\.0\.0\.1:)8000|^(?:8000|9100)$", lambda at: str(self.ports[name, at[0]]), text)
        text = text.replace("0.0.0.0", "127.0.0.1")
        return _OUR_PATHS.sub(f"{self.root(name)}/", text)

    async def start(self, name: str, *instead: str) -> asyncio.subprocess.Process:
        """Start the command of a service, or another one in its container."""
        command = [self.here(name, word) for word in instead or self.services[name]["command"]]
        root = self.root(name)
        with (root / "output.txt").open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *command, cwd=root / "var/lib/rekap", env=self.environment(name), stdout=output, stderr=output
            )

    async def run_once(self, name: str, *instead: str) -> str:
        """Run a command to its end, which must be 0. Returns the output of the container."""
        process = await self.start(name, *instead)
        try:
            async with asyncio.timeout(ONCE_SECONDS_MAX):
                code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert code == 0, f"{name} ended with {code}:\n{self.output(name)}"
        return self.output(name)

    async def run(self, *names: str) -> None:
        """Start services that run until they are stopped."""
        for name in names:
            self.running[name] = await self.start(name)

    async def become_healthy(self, name: str) -> None:
        """Wait until the health check of a service succeeds, run in its container."""
        test = self.services[name]["healthcheck"]["test"]
        assert test[0] == "CMD"

        async def is_healthy() -> bool:
            assert self.running[name].returncode is None, self.output(name)
            check = await self.start(name, *test[1:])
            return await check.wait() == 0

        await eventually(is_healthy)

    def output(self, name: str) -> str:
        return (self.directory / name / "output.txt").read_text()

    async def stop(self) -> dict[str, int | None]:
        """Stop all in the reverse order of their start, as Docker does. Returns the exit codes."""
        codes: dict[str, int | None] = {}
        for name, process in reversed(self.running.items()):
            if process.returncode is None:
                process.terminate()
            try:
                async with asyncio.timeout(30):
                    codes[name] = await process.wait()
            except TimeoutError:
                process.kill()
                codes[name] = await process.wait()
        return codes
