"""The files of an installation (deploy/), read by the programs that will read them, and held against what Rekap has: its
commands, settings and metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
from prometheus_client import ProcessCollector
from prometheus_client.registry import CollectorRegistry

from rekap.cli import COMMANDS
from rekap.operate.worker import API_ROLES, ROLES
from runtime.kafka.roles import ROLES as KAFKA_ROLES
from runtime.metrics import REGISTRIES
from runtime.settings import settings_help
from tests.support.go_programs import build

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
KUBERNETES = ("1.30", "1.34", "1.37")
"""Versions whose schemas the manifests are checked with."""
SETTINGS = {variable for variable, _, _ in settings_help()}
INSTALL = (ROOT / "docs" / "install.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")

Object = dict[str, Any]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("deployment", tmp_path_factory.mktemp("go"))


def _read(reader: Path, *arguments: str | Path, given: str | None = None) -> Any:
    answer = subprocess.run([reader, *arguments], input=given, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return json.loads(answer.stdout)


# ── the image ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_image_has_what_is_installed_and_nothing_that_tests_it(tmp_path: Path) -> None:
    """The last steps of the Dockerfile, in a directory that has what .dockerignore lets into the build."""
    context, target = tmp_path / "context", tmp_path / "installed"
    kept = re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    for name in kept:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        context.mkdir(exist_ok=True)
        copy(source, context / name)
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--target", target, "."], cwd=context, check=True, timeout=120)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert {each.name for each in target.iterdir() if each.is_dir() and each.suffix != ".dist-info"} == {
        *(package.split(".")[0] for package in packages), "bin"
    }  # fmt: skip
    for path in ("projections/readmodel/migrations", "audit/count/recount.sql", "rekap/elections/indonesia"):
        assert (target / path).exists()
    started = subprocess.run(
        [sys.executable, "-m", "rekap", "election", "new", tmp_path / "election"],
        cwd=tmp_path, env={"PYTHONPATH": str(target), "PYTHONSAFEPATH": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert started.returncode == 0, started.stderr


# ── systemd ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lines(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


def _unit_settings(unit: Path) -> dict[str, str]:
    return dict(word.split("=", 1) for line in _lines(unit, "Environment") for word in line.split())


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_runs_a_command_that_exists_with_settings_and_secrets_that_exist(unit: Path) -> None:
    [command] = _lines(unit, "ExecStart")
    program, name, *arguments = command.split()
    assert program == "/opt/rekap/bin/rekap"
    assert name in COMMANDS
    if name == "run":
        assert arguments[0] in ROLES
        assert unit.name.startswith(f"rekap-{arguments[0]}")
    settings = _unit_settings(unit)
    assert settings.keys() <= SETTINGS
    loaded = {line.split(":")[0] for line in _lines(unit, "LoadCredential")}
    used = {value.removeprefix("%d/") for value in settings.values() if value.startswith("%d/")}
    assert used == loaded
    if "REKAP_KAFKA_USER" in settings:
        assert settings["REKAP_KAFKA_USER"] in KAFKA_ROLES
        assert f"kafka-password.txt:/etc/rekap/kafka/{settings['REKAP_KAFKA_USER']}/kafka-password.txt" in _lines(
            unit, "LoadCredential"
        )
    if name == "run" and arguments[0] not in ("front", "notary"):
        assert "REKAP_WORKERS_KEY" in settings
    assert f"`{unit.stem.removesuffix('@')}" in INSTALL


def test_the_units_of_a_machine_share_no_port() -> None:
    ports = [
        value.replace("%i", "1")
        for unit in UNITS
        for name, value in _unit_settings(unit).items()
        if name in ("REKAP_PORT", "REKAP_METRICS_PORT")
    ]
    assert len(set(ports)) == len(ports)
    peers = _unit_settings(DEPLOY / "systemd" / "rekap-read@.service")["REKAP_PEERS"]
    assert set(re.findall(r":(\d+)", peers)) == {"8111", "8121"}
    for port in ports:
        assert port in INSTALL


@pytest.fixture
def unit_path(tmp_path: Path) -> Path:
    """The units, with the command of this environment."""
    directory = tmp_path / "units"
    shutil.copytree(DEPLOY / "systemd", directory)
    for unit in directory.glob("*.service"):
        unit.write_text(unit.read_text().replace("/opt/rekap/bin/rekap", str(Path(sys.executable).with_name("rekap"))))
    return directory


def _names() -> Iterator[str]:
    for unit in UNITS:
        yield unit.name.replace("@.", "@1.")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
def test_systemd_takes_the_units_and_finds_them_well_confined(unit_path: Path) -> None:
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "rekap.target", *_names()],
        env={"SYSTEMD_UNIT_PATH": f"{unit_path}:"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    ours = [line for line in verified.stderr.splitlines() if "rekap" in line]
    assert ours == []
    for name in ("rekap-gateway@1.service", "rekap-notary.service"):
        # 0 is a process that can do nothing, 10 one that is not confined; 9.2 is a unit without settings.
        judged = subprocess.run(
            ["systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", name],
            env={"SYSTEMD_UNIT_PATH": f"{unit_path}:"}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert judged.returncode == 0, judged.stdout[-500:] + judged.stderr


# ── Kubernetes ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def objects(reader: Path) -> list[Object]:
    found: list[Object] = _read(reader, "kustomize", DEPLOY / "kubernetes")
    return found


@pytest.fixture(scope="module")
def opening(reader: Path) -> list[Object]:
    found: list[Object] = _read(reader, "kustomize", DEPLOY / "kubernetes" / "open")
    return found


def _pods(objects: list[Object]) -> dict[str, Object]:
    """By name of the workload, its pod template's specification."""
    return {
        each["metadata"]["name"]: each["spec"]["template"]["spec"]
        for each in objects
        if each["kind"] in ("Deployment", "StatefulSet", "Job")
    }


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_the_manifests(objects: list[Object], opening: list[Object], version: str) -> None:
    for each in (*objects, *opening):
        kubernetes_validate.validate(each, version, strict=True)


def test_each_pod_runs_a_command_that_exists_with_settings_that_exist(
    objects: list[Object], opening: list[Object]
) -> None:
    shared = {each["metadata"]["name"]: each["data"] for each in (*objects, *opening) if each["kind"] == "ConfigMap"}
    roles = set()
    for name, pod in _pods([*objects, *opening]).items():
        [container] = pod["containers"]
        if name == "proxy":
            continue
        program, command, *arguments = container["command"]
        assert (program, command in COMMANDS) == ("rekap", True)
        if command == "run":
            roles.add(arguments[0])
        own = {each["name"]: each.get("value", "") for each in container["env"]}
        [source] = container["envFrom"]
        assert own.keys() | shared[source["configMapRef"]["name"]].keys() <= SETTINGS | {"CONFIRM"}
        assert own["REKAP_KAFKA_USER"] in KAFKA_ROLES
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert mounts.keys() >= {"/tmp"}
        assert set(mounts.values()) <= {
            volume["name"] for volume in pod["volumes"]
        } | {"state"}, name  # fmt: skip
        for setting, value in own.items():
            if value.startswith("/"):
                assert any(value.startswith(mount) for mount in mounts), f"{name}: {setting} is on no volume"
    assert roles == set(ROLES) - {"api", "front"}, "the proxy is the front of a cluster"


def test_each_pod_is_confined_and_probed(objects: list[Object], opening: list[Object]) -> None:
    for name, pod in _pods([*objects, *opening]).items():
        [container] = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        if name in API_ROLES:
            assert container["startupProbe"]["httpGet"]["path"] == "/readyz"
            assert container["readinessProbe"]["httpGet"]["path"] == "/livez"
            assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_replicas_are_drained_one_at_a_time_and_found_by_their_services(objects: list[Object]) -> None:
    workloads = {each["metadata"]["name"]: each for each in objects if each["kind"] in ("Deployment", "StatefulSet")}
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in workloads.values()]
    several = {name for name, each in workloads.items() if each["spec"]["replicas"] > 1}
    budgets = {each["metadata"]["name"] for each in objects if each["kind"] == "PodDisruptionBudget"}
    assert budgets == several
    assert workloads["notary"]["spec"]["replicas"] == 1
    for each in objects:
        if each["kind"] == "Service":
            assert any(each["spec"]["selector"].items() <= own.items() for own in labels), each["metadata"]["name"]
        if each["kind"] == "NetworkPolicy":
            selected = each["spec"]["podSelector"]
            names = set(selected.get("matchLabels", {}).values()) | {
                name for expression in selected.get("matchExpressions", ()) for name in expression["values"]
            }
            assert names <= workloads.keys()
        if each["kind"] == "StatefulSet":
            assert each["spec"]["serviceName"] in {
                service["metadata"]["name"] for service in objects if service["kind"] == "Service"
            }


def test_each_secret_is_made_by_a_command_of_the_docs(objects: list[Object], opening: list[Object]) -> None:
    used: set[str] = set()
    for pod in _pods([*objects, *opening]).values():
        used |= {volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        for setting in pod["containers"][0].get("env", ()):
            reference = setting.get("valueFrom", {}).get("secretKeyRef")
            if reference:
                used.add(reference["name"])
    made = set(re.findall(r"kubectl -n rekap create secret (?:generic|tls) ([a-z-]+)(?= )", INSTALL))
    [roles] = re.findall(r"for role in ([a-z ]+); do", INSTALL)
    made |= {f"kafka-{role}" for role in roles.split()}
    assert used == made
    assert not any(each["kind"] == "Secret" for each in (*objects, *opening))


# ── Prometheus and Grafana ───────────────────────────────────────────────────────────────────────────────────────────


def _served() -> dict[str, set[str]]:
    """Each series that a process serves, with its labels."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    served: dict[str, set[str]] = {"up": set()}
    for family in registry.collect():
        served |= {sample.name: set() for sample in family.samples}
    for of_role in REGISTRIES.values():
        for collector in of_role._collector_to_names:
            labels = set(getattr(collector, "_labelnames", ()))
            for name in of_role._collector_to_names[collector]:
                served[name] = served.get(name, set()) | labels
    return served


TARGET_LABELS = {"job", "role", "instance"}


def _check(selectors: list[Any], served: dict[str, set[str]], where: str) -> None:
    assert selectors, where
    for selector in selectors:
        assert selector["name"] in served, f"{where}: {selector['name']} is not served"
        assert selector["labels"].keys() <= served[selector["name"]] | TARGET_LABELS, where


def test_each_alert_is_about_metrics_that_are_served_and_the_docs_state_what_to_do(reader: Path) -> None:
    alerts = _read(reader, "rules", DEPLOY / "monitoring" / "alerts.yml")
    assert len(alerts) >= 20
    served = _served()
    headings = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", OPERATIONS, re.MULTILINE)}
    for alert in alerts:
        _check(alert["selectors"], served, alert["alert"])
        document, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert (document, anchor in headings) == ("docs/operations.md", True), alert["alert"]
        assert re.search(rf"^\| `{alert['alert']}` \|", OPERATIONS, re.MULTILINE), f"{alert['alert']}: not in the table"
        assert alert["labels"]["severity"] in ("page", "ticket")
    assert set(re.findall(r"^\| `(Rekap\w+)` \|", OPERATIONS, re.MULTILINE)) == {alert["alert"] for alert in alerts}


def test_the_dashboard_shows_metrics_that_are_served(reader: Path) -> None:
    board = json.loads((DEPLOY / "monitoring" / "grafana" / "rekap.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    for panel in panels:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    served = _served()
    for query, selectors in zip(queries, _read(reader, "queries", given=json.dumps(queries)), strict=True):
        _check(selectors, served, query)
    shown = {name for query in queries for name in re.findall(r"rekap_\w+", query)}
    assert len(shown) >= 20
