"""The command `rekap`: one entrance, a module for each group of commands."""

from __future__ import annotations

import click

from rekap.audit_commands import audit
from rekap.demo import demo
from rekap.election_commands import election
from rekap.import_commands import import_command
from rekap.key_commands import keys
from rekap.open import open_command
from rekap.run import run
from rekap.submit import submit
from rekap.up import up
from rekap.watch import watch
from rekap.witness import witness


@click.group()
@click.version_option(package_name="rekap")
def main() -> None:
    """Election results as an event-sourced, replayable public log."""


for command in (up, demo, watch, submit, audit, witness, election, keys, open_command, run, import_command):
    main.add_command(command)
