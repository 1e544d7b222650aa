"""The command `rekap`: one entrance, and a module of rekap/commands/ for each command."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from rekap.failures import explained
from rekap.terminal import escape_for_any_encoding
from rekap.usage_errors import explain

COMMANDS = {
    "up": "rekap.commands.up:up",
    "demo": "rekap.commands.demo:demo",
    "watch": "rekap.commands.watch:watch",
    "form": "rekap.commands.form:form",
    "submit": "rekap.commands.submit:submit",
    "outbox": "rekap.commands.outbox:outbox",
    "proof": "rekap.commands.proof:proof",
    "verify": "rekap.commands.verify:verify",
    "audit": "rekap.commands.audit:audit",
    "replay": "rekap.commands.replay:replay",
    "witness": "rekap.commands.witness:witness",
    "election": "rekap.commands.election:election",
    "keys": "rekap.commands.keys:keys",
    "open": "rekap.commands.open:open_command",
    "run": "rekap.commands.run:run",
    "kafka-roles": "rekap.commands.kafka_roles:kafka_roles",
    "ledger": "rekap.commands.ledger:ledger",
    "doctor": "rekap.commands.doctor:doctor",
    "rebuild": "rekap.commands.rebuild:rebuild",
    "publish": "rekap.commands.publish:publish",
    "export": "rekap.commands.export:export",
    "archive": "rekap.commands.archive:archive",
    "portal": "rekap.commands.portal:portal",
    "import": "rekap.commands.imports:import_command",
}


class _Commands(click.Group):
    """Imports a command only when it is used, because a worker needs no DuckDB and `submit` no Faust."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        escape_for_any_encoding()
        return super().main(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with explained():
                return super().invoke(ctx)
        except click.UsageError as error:
            explain(error)
            raise

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: Any = getattr(import_module(module), name)
        assert isinstance(command, click.Command), f"{module}:{name} is not a command"
        return command


@click.group(cls=_Commands)
@click.version_option(package_name="rekap")
def main() -> None:
    """Election results as an event-sourced, replayable public log."""
