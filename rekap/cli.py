"""The command `rekap`: one entrance, a module for each group of commands."""

from __future__ import annotations

import click

from rekap.election_commands import election
from rekap.key_commands import keys


@click.group()
@click.version_option(package_name="rekap")
def main() -> None:
    """Election results as an event-sourced, replayable public log."""


main.add_command(election)
main.add_command(keys)
