"""`rekap import`: real results of the past, sent through the gateway like those of tonight; public lists of candidates."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Literal

import click

from rekap.elections.importers import kpu_2024_candidates as kpu_2024
from rekap.elections.importers.kawalpemilu_2019 import Reading
from rekap.elections.importers.source_rows import SourceFileError
from rekap.operate.past_election import caught_up, import_package, submit_all
from rekap.operate.stack import running_stack
from rekap.terminal import print_lines
from runtime.files.temporary import temporary_directory
from runtime.package.writing import write_package


@click.group("import")
def import_command() -> None:
    """Count real results of past elections, or make a package of a public list of candidates."""


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
                print_lines(*json.dumps(totals, indent=2, ensure_ascii=False).split("\n"))

    asyncio.run(go())


@import_command.command("kpu-2024-candidates")
@click.argument("directory", type=click.Path(path_type=Path))
@click.argument("package", type=click.Path(path_type=Path))
def kpu_2024_candidates(directory: Path, package: Path) -> None:
    """Write an election package to PACKAGE from KPU's list of candidates of DI Yogyakarta in 2024 (DCT) in DIRECTORY.

    It has districts, parties, ballots and profiles. The list has no polling stations and no seats: each district of the tree
    has one stand-in station, and seats are taken from the longest list of candidates. Keys are for you to add.

    \b
    Example:
      rekap import kpu-2024-candidates candidates diy-2024
    """
    if package.exists() and any(package.iterdir()):
        raise SourceFileError(f"{package}: is there already, and not empty")
    found = kpu_2024.read(directory)
    write_package(found.package, package, found.profiles)
    contests, candidates = len(found.package.contests), len(found.profiles.candidates)
    print_lines(
        f"{package}: {candidates:,} candidates in {contests} contests; `rekap keys new` makes keys for keys.csv"
    )
