"""`rekap open`: create the topics of an election and write its genesis, signed by the authority's key."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from rekap.operate.configuration import load
from rekap.operate.opening import CONFIRM_HELP, ConfirmationError, genesis_lines, open_with_key
from rekap.terminal import complain, print_lines
from runtime.files.key_files import load_key_file


@click.command("open")
@click.option("--key", "key_file", type=click.Path(path_type=Path), required=True, help="private key of the authority")
@click.option("--confirm", metavar="ELECTION", help=CONFIRM_HELP)
def open_command(key_file: Path, confirm: str | None) -> None:
    """Open the election: create its topics and write the genesis event. Safe to repeat.

    REKAP_PACKAGE names the election, REKAP_KAFKA its Kafka. A live election is opened only with its id as --confirm, or
    typed when asked. Exit codes: 0 it is open; 2 it cannot be opened with this key, package or setting, and nothing was
    written; 3 Kafka cannot be reached.

    \b
    Example:
      rekap open --key keys/authority.pem --confirm id-2029-02-14
    """
    settings, definition = load()
    election = definition.election
    key = load_key_file(key_file)
    try:
        opened = asyncio.run(open_with_key(settings, definition, key, confirmed=confirm))
    except ConfirmationError:
        if confirm is not None or not sys.stdin.isatty():
            raise
        complain("This will be in the log for ever:", *genesis_lines(definition, key).split("\n"))
        typed = click.prompt("Type the election's id to open it", err=True)
        opened = asyncio.run(open_with_key(settings, definition, key, confirmed=typed))
    how = "is open now" if opened else "was open already"
    print_lines(f"Election {election.id} {how}: {definition.partitions} ledger partitions.")
