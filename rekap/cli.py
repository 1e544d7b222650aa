"""The command `rekap`: one entrance, and a module of rekap/commands/ for each command."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from rekap.failures import explained
from rekap.terminal import escape_for_any_encoding
from rekap.usage_errors import explain
from runtime.logs import keep_libraries_silent

COMMANDS = {
    "up": ("rekap.commands.up:up", "start everything for an election on this machine"),
    "demo": ("rekap.commands.demo:demo", "simulate an election night on this machine"),
    "watch": ("rekap.commands.watch:watch", "follow the totals of an office live"),
    "form": ("rekap.commands.form:form", "fill in forms, and check them before they are signed"),
    "submit": ("rekap.commands.submit:submit", "sign forms, and deliver them until each has a receipt"),
    "outbox": ("rekap.commands.outbox:outbox", "list what `submit` keeps, and decide about it"),
    "proof": ("rekap.commands.proof:proof", "write a file that proves that the log has an event"),
    "verify": ("rekap.commands.verify:verify", "check a file of `proof`, without a server"),
    "audit": ("rekap.commands.audit:audit", "check everything that is published, and count again"),
    "replay": ("rekap.commands.replay:replay", "count a prefix of a log again"),
    "witness": ("rekap.commands.witness:witness", "cosign the checkpoints of public logs"),
    "election": ("rekap.commands.election:election", "make and check election packages"),
    "keys": ("rekap.commands.keys:keys", "make and show keys"),
    "open": ("rekap.commands.open:open_command", "open an election: its topics and the genesis event"),
    "run": ("rekap.commands.run:run", "run one worker, with the settings of the environment"),
    "kafka-roles": ("rekap.commands.kafka_roles:kafka_roles", "make a user of Kafka for each role"),
    "ledger": ("rekap.commands.ledger:ledger", "write the ledger to files and back"),
    "doctor": ("rekap.commands.doctor:doctor", "compare all that is kept with a fresh count of the ledger"),
    "rebuild": ("rekap.commands.rebuild:rebuild", "make all derived data again from the ledger"),
    "publish": ("rekap.commands.publish:publish", "keep the answers of each cut as files, for nginx"),
    "export": ("rekap.commands.export:export", "write results and register as open data files"),
    "archive": ("rekap.commands.archive:archive", "write the whole election as plain files"),
    "portal": ("rekap.commands.portal:portal", "serve a catalogue over many elections"),
    "import": ("rekap.commands.imports:import_command", "count past elections, or make a package of a list"),
}
"""Module and function of each command, and what `rekap --help` shows of it without importing it."""


class _Commands(click.Group):
    """Imports a command only when it is used, because a worker needs no DuckDB and `submit` no Faust."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        escape_for_any_encoding()
        keep_libraries_silent()
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: Any = getattr(import_module(module), name)
        assert isinstance(command, click.Command), f"{module}:{name} is not a command"
        return command


@click.group(cls=_Commands)
@click.version_option(package_name="rekap")
def main() -> None:
    """Election results as an event-sourced, replayable public log."""
