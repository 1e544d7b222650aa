"""`rekap ledger`: write the ledger to files, and write such files into an empty ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from projections.definition.compiled import Definition
from rekap.operate.configuration import load
from rekap.operate.ledger_files import Head, export_ledger, import_ledger
from rekap.operate.stack_settings import with_data
from rekap.terminal import print_lines
from runtime.settings import Settings


@click.group("ledger")
def ledger() -> None:
    """Write the ledger to files and back, for a backup or to begin with it on another Kafka."""


@ledger.command("export")
@with_data
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def export_command(directory: Path) -> None:
    """Write every record into DIRECTORY, with the root of each partition. The count may continue meanwhile.

    \b
    Example:
      rekap ledger export ledger-of-tonight --data rekap-data
    """
    _run(export_ledger, "exported", directory)


@ledger.command("import")
@with_data
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
def import_command(directory: Path) -> None:
    """Check the files in DIRECTORY by their roots, and write them into an empty ledger, each record at its offset.

    \b
    Example:
      rekap ledger import ledger-of-tonight
    """
    _run(import_ledger, "imported", directory)


def _run(work: Callable[[Settings, Definition, Path], Awaitable[list[Head]]], done: str, directory: Path) -> None:
    settings, definition = load()

    async def go() -> list[Head]:
        return await work(settings, definition, directory)

    for partition, head in enumerate(asyncio.run(go())):
        print_lines(f"{done} partition {partition}: {head.size} records, root {head.root}")
