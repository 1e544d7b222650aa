"""`rekap run ROLE`: one worker in this process. `rekap up` and Compose start a process for each role."""

from __future__ import annotations

import click

from rekap.operate.configuration import load
from rekap.operate.worker import FRONT, ROLES, run_front, run_role
from runtime.logs import start_logs
from runtime.settings import read_settings


@click.command("run")
@click.argument("role", metavar="ROLE", type=click.Choice(ROLES))
def run(role: str) -> None:
    """Run one worker, with the settings of the environment (see .env.example). ROLE is front, api, gateway, feed, read,
    tabulator, rollup, recorder, notary or exporter. `gateway`, `feed` and `read` are the API in
    three roles, `api` has all of them in one process, and `front` gives several processes of the API on one machine one
    address.

    \b
    Example:
      rekap run tabulator
    """
    start_logs()
    if role == FRONT:
        run_front(read_settings())
        return
    settings, definition = load()
    run_role(role, settings, definition)
