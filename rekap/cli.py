"""The command `rekap`: one entrance, a module for each group of commands."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from rekap.terminal import speak_any_encoding

COMMANDS = {
    "up": "rekap.up:up",
    "demo": "rekap.demo:demo",
    "watch": "rekap.watch:watch",
    "submit": "rekap.submit:submit",
    "outbox": "rekap.outbox_commands:outbox",
    "audit": "rekap.audit_commands:audit",
    "replay": "rekap.replay:replay",
    "witness": "rekap.witness:witness",
    "election": "rekap.election_commands:election",
    "keys": "rekap.key_commands:keys",
    "open": "rekap.open:open_command",
    "run": "rekap.run:run",
    "kafka-roles": "rekap.kafka_roles:kafka_roles",
    "ledger": "rekap.ledger_commands:ledger",
    "doctor": "rekap.doctor:doctor",
    "rebuild": "rekap.rebuild:rebuild",
    "import": "rekap.import_commands:import_command",
}


class _CommandsWhenAsked(click.Group):
    """Imports a command when it is asked for: a worker has no use for the auditor's database, nor `submit` for Faust."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        speak_any_encoding()
        return super().main(*args, **kwargs)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: Any = getattr(import_module(module), name)
        assert isinstance(command, click.Command), f"{place} is no command"
        return command


@click.group(cls=_CommandsWhenAsked)
@click.version_option(package_name="rekap")
def main() -> None:
    """Election results as an event-sourced, replayable public log."""
