"""`rekap run ROLE`: one worker in this process. `rekap up` and Compose start a process for each role."""

from __future__ import annotations

import click

from rekap.operate.configuration import load
from rekap.operate.worker import ROLES, run_role
from runtime.logs import start_logs


@click.command("run")
@click.argument("role", type=click.Choice(ROLES))
def run(role: str) -> None:
    """Run one worker, with the settings of the environment (see .env.example).

    \b
    Example:
      rekap run tabulator
    """
    start_logs()
    settings, definition = load()
    run_role(role, settings, definition)
