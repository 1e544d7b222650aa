"""`rekap import`: real results of the past, signed and sent through the gateway like those of tonight."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Literal

import click

from rekap.elections.importers.kawalpemilu_2019 import Reading
from rekap.operate.past_election import caught_up, import_package, submit_all
from rekap.operate.stack import running_stack
from rekap.terminal import say
from runtime.files.temporary import temporary_directory


@click.group("import")
def import_command() -> None:
    """Count real results of past elections."""


@import_command.command("kawalpemilu-2019")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option(
    "--reading", type=click.Choice(["kpu", "crowd"]), default="kpu", show_default=True, help="whose reading is counted"
)
@click.option(
    "--arithmetic", type=click.Choice(["soft", "hard"]), default="soft", show_default=True,
    help="severity of the rules F3 and F4: a form that breaks a hard one is held",
)  # fmt: skip
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="directory that keeps ledger and database (default: a temporary one)",
)
def kawalpemilu_2019(directory: Path, reading: Reading, arithmetic: Literal["soft", "hard"], data: Path | None) -> None:
    """Count DI Yogyakarta in Indonesia's election of 2019: 11,781 stations of the KawalPemilu extract in DIRECTORY.

    Makes the package and the events, counts them with the whole stack, and prints what the API then answers.

    \b
    Example:
      rekap import kawalpemilu-2019 kawalpemilu --reading crowd
    """

    async def go() -> None:
        with temporary_directory("rekap-import-") as temporary:
            kept = data or temporary
            package = kept / "election"
            bodies, authority, officer = import_package(directory, reading, arithmetic, package)
            async with running_stack(package, kept / "data", authority, log_directory=kept) as stack:
                await submit_all(stack, bodies, officer)
                totals = await caught_up(stack, len(bodies))
                say(*json.dumps(totals, indent=2, ensure_ascii=False).split("\n"))

    asyncio.run(go())
