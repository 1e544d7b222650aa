"""The documents that are made from the code: `make reference` writes them, and a test compares them."""

from __future__ import annotations

import json
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from api.app import create_app
from api.feed.asyncapi import asyncapi
from api.limits.limits import Limits
from projections.definition.compiled import Definition
from projections.finance.rules import RULES as FINANCE_RULES
from projections.form.across_contests import CROSS_RULES
from projections.form.always_on import ALWAYS_ON, FINANCE_ALWAYS_ON
from projections.form.rules import RULES
from rekap.elections.example import example_package
from rekap.errors import RekapError
from rekap.exit_codes import MEANINGS
from rekap.failures import OUTCOMES
from rekap.reference_package import package_reference
from runtime import metrics
from runtime.metrics import REGISTRIES
from runtime.settings import Settings, settings_help
from schemas.findings import FINDINGS_OF_RULE_MAX
from schemas.served.live import FROM_CLIENT, FROM_SERVER
from schemas.served.reference import event_schemas

_ENVIRONMENT_HEAD = """\
# Settings of every process, with their defaults. Copy to .env and change what differs.
# Made by `make reference` from runtime/settings.py.
"""
_COMPOSE = """
# Read by docker-compose.yml alone. The passwords become part of a URL and of Kafka's settings: letters and digits. The settings
# above reach the containers, but for addresses, files and directories. docs/install.md has the files of COMPOSE_FILE.
REKAP_DATABASE_PASSWORD=
REKAP_KAFKA_ADMIN_PASSWORD=
#REKAP_ELECTION_DIRECTORY=./election
#REKAP_KEYS_DIRECTORY=./keys
#REKAP_AUTHORITY_KEY=authority.pem
#REKAP_CONFIRM=
#REKAP_BIND=127.0.0.1
#REKAP_IMAGE=rekap:local
#REKAP_TLS_DIRECTORY=./tls
#COMPOSE_FILE=docker-compose.yml:deploy/compose/three-brokers.yml:deploy/compose/monitoring.yml
#REKAP_UID=1000
#REKAP_GID=1000
"""


def documents() -> dict[str, str]:
    """Path from the repository's root → text."""
    live = {"from_client": FROM_CLIENT.json_schema(), "from_server": FROM_SERVER.json_schema()}
    definition = Definition.of(example_package("example", []))
    openapi = create_app(Settings(), definition, Limits(Settings())).openapi()
    feed = asyncapi(definition.election.title.preferred("en"), definition.election.licence)
    return {
        "docs/reference/asyncapi.json": _json(feed),
        "docs/reference/events.schema.json": _json(event_schemas()),
        "docs/reference/live.schema.json": _json(live),
        "docs/reference/openapi.json": _json(openapi),
        "docs/reference/package.md": package_reference(),
        "docs/reference/rules.md": _rules(),
        "docs/reference/metrics.md": _metrics(),
        "docs/reference/exit-codes.md": _exit_codes(),
        ".env.example": _environment(),
    }


def _json(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _environment() -> str:
    lines = [f"\n# {help}\n#{name}={default}" for name, default, help in settings_help()]
    return _ENVIRONMENT_HEAD + "\n".join(lines) + "\n" + _COMPOSE


def _rules() -> str:
    rows = "\n".join(f"| {rule} | {what} |" for rule, what in sorted(_sentences().items()))
    finance = "\n".join(f"| {rule} | {what} |" for rule, what in sorted(_finance_sentences().items()))
    finance_always = "\n".join(f"| {rule} | {effect} | {what} |" for rule, (effect, what) in FINANCE_ALWAYS_ON.items())
    always = "\n".join(f"| {rule} | {effect} | {what} |" for rule, (effect, what) in ALWAYS_ON.items())
    return (
        "# The rules of the count\n\n"
        "Made by `make reference` from projections/form/. A package turns rules on in `election.json`, each `hard` "
        "(the form is held), `soft` (it counts, flagged) or `info`, with a tolerance, for all offices or some.\n\n"
        f"If a form breaks a rule in several fields, the first {FINDINGS_OF_RULE_MAX} findings are listed, and one more has "
        "the number of the others. The state of the form does not depend on how many there are.\n\n"
        f"| rule | what must hold |\n|---|---|\n{rows}\n\n"
        "## Always on\n\nWhat an event must be to count, and which form of a station counts.\n\n"
        f"| rule | where it is broken | what must hold |\n|---|---|---|\n{always}\n\n"
        "V5, V6, Q1 and Q2 are soft in every election. As hard rules they would hold an honest form because an outbox "
        "was lost, and the same fault would be held in one partition and not be seen in two; as `info` they would "
        "change nothing. "
        "Missing numbers are not a rule, because an event is not at fault for another one that is missing. `rekap audit` and "
        "`rekap doctor` list them, and numbers that are used twice in different partitions (docs/audit.md).\n\n"
        "## Campaign finance\n\nRules of finance reports (LADK, LPSDK, LPPDK; docs/finance.md). A hard rule holds the report; "
        "the version before it still counts. No rule of finance changes a vote.\n\n"
        f"| rule | what must hold |\n|---|---|\n{finance}\n\n"
        f"Always on:\n\n| rule | where it is broken | what must hold |\n|---|---|---|\n{finance_always}\n"
    )


def _metrics() -> str:
    sections = []
    for role, registry in REGISTRIES.items():
        rows = [
            f"| `{metric.name}{'_total' if metric.type == 'counter' else ''}` | {metric.type} "
            f"| {', '.join(_labels(registry, metric.name))} | {metric.documentation} |"
            for metric in registry.collect()
        ]
        sections.append("\n".join([f"## {role}\n", "| name | type | labels | meaning |", "|---|---|---|---|", *rows]))
    return (
        "# Metrics\n\nMade by `make reference` from runtime/metrics.py. The API serves its own at `GET /metrics`, and a worker "
        "at the port `REKAP_METRICS_PORT`. Those of the process (CPU, memory, file descriptors) are beside them.\n\n"
        + "\n\n".join(sections)
        + "\n"
    )


def _exit_codes() -> str:
    meanings = "\n".join(f"| {code.value} | {code.name} | {meaning} |" for code, meaning in MEANINGS.items())
    roots = {f"{each.__module__}.{each.__qualname__}": each.exit_code for each in RekapError.__subclasses__()}
    errors = "\n".join(f"| `{name}` | {code.value} |" for name, code in sorted((roots | OUTCOMES).items()))
    return (
        "# Exit codes\n\nMade by `make reference` from rekap/exit_codes.py and rekap/failures.py. A code has one meaning, "
        "whichever command ends with it. Where the code is not 0, the sentence is on standard error; for a finding (1, 4, 5) "
        "it may be among the lines on standard output.\n\n"
        f"| code | name | meaning |\n|---|---|---|\n{meanings}\n\n"
        "## Errors\n\nThe code that a command ends with, by the error. It holds also for the errors below each (the tree of "
        "rekap's own is in rekap/__init__.py). A file that cannot be read or written is 2, a connection that fails is 3.\n\n"
        f"| error | code |\n|---|---|\n{errors}\n"
    )


def _labels(registry: CollectorRegistry, name: str) -> tuple[str, ...]:
    found = next(each for each in vars(metrics).values() if isinstance(each, MetricWrapperBase) and each._name == name)
    return tuple(found._labelnames)


def _sentences() -> dict[str, str]:
    rules: dict[str, object] = {**RULES, **CROSS_RULES}
    return {name: _first_line(rule) for name, rule in rules.items()}


def _finance_sentences() -> dict[str, str]:
    rules: dict[str, object] = {**FINANCE_RULES}
    return {name: _first_line(rule) for name, rule in rules.items()}


def _first_line(documented: object) -> str:
    return (documented.__doc__ or "").strip().splitlines()[0]


def write(root: Path) -> None:
    for path, text in documents().items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path.cwd())
