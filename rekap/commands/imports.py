"""`rekap import`: real results of the past, signed and sent through the gateway like those of tonight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from rekap.elections.importers.kawalpemilu_2019 import KawalpemiluFilesError, Reading
from rekap.failures import run_or_explain
from rekap.operate.past_election import ImportFailedError, caught_up, import_package, submit_all
from rekap.operate.stack import running_stack
from rekap.terminal import complain, say
from runtime.files.temporary import temporary_directory


@click.group("import")
def import_command() -> None:
    """Count real results of past elections."""


@import_command.command("kawalpemilu-2019")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--reading", type=click.Choice(["kpu", "crowd"]), default="kpu", show_default=True)
@click.option("--arithmetic", type=click.Choice(["soft", "hard"]), default="soft", show_default=True)
@click.option(
    "--data", type=click.Path(path_type=Path), help="keep ledger and database here (default: a temporary place)"
)
def kawalpemilu_2019(directory: Path, reading: Reading, arithmetic: Literal["soft", "hard"], data: Path | None) -> None:
    """Indonesia 2019, DI Yogyakarta: 11,781 stations of the public KawalPemilu extract in DIRECTORY.

    Makes the package and the events, counts them with the whole stack, and prints what the API says in the end.
    """

    async def go() -> None:
        with temporary_directory("rekap-import-") as temporary:
            place = data or temporary
            package = place / "election"
            bodies, authority, officer = import_package(directory, reading, arithmetic, package)
            async with running_stack(package, place / "data", authority, log_directory=place) as stack:
                await submit_all(stack, bodies, officer)
                totals = await caught_up(stack, len(bodies))
                say(*json.dumps(totals, indent=2, ensure_ascii=False).split("\n"))

    try:
        run_or_explain(go())
    except (KawalpemiluFilesError, ImportFailedError) as error:
        complain(f"Error: {error}")
        raise SystemExit(1) from None
