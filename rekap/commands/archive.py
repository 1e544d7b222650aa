"""`rekap archive`: the whole election as plain files, which any web server serves."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click

from rekap.archive.archiver import Archiver
from rekap.archive.directory import ArchiveDirectory
from rekap.embedded.data_directory import hold_data_directory
from rekap.operate.configuration import load_with_database
from rekap.operate.stack_settings import with_data
from rekap.terminal import print_lines
from runtime.logs import start_logs


@click.command("archive")
@with_data
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--every",
    type=click.FloatRange(1, 86_400),
    help="seconds from one archive to the next, until Ctrl-C  [default: write one and end]",
)
@click.option(
    "--keep", type=click.IntRange(1, 10_000), default=3, show_default=True, help="archives that stay, the newest ones"
)
def archive(directory: Path, every: float | None, keep: int) -> None:
    """Write the whole election as plain files in DIRECTORY, which any web server serves and `rekap audit DIRECTORY` checks.

    DIRECTORY/latest is the newest archive: the public log with its checkpoints and cosignatures, the election package, all
    bulk files, published answers, profiles, and pages of links. manifest.json names what it is of, files.ndjson each file
    with size and SHA-256. All numbers are of one moment. An archive appears whole or not at all, and never changes. After a
    stop or a kill the same command continues. Exit codes: 0 written, or stopped; 2 wrong settings, or a directory that cannot
    be used; 3 Kafka, PostgreSQL or a log cannot be used.

    \b
    Examples:
      rekap archive /srv/archive/2029
      rekap archive /srv/archive/2029 --data rekap-data
      rekap archive --every 300 /srv/archive/2029
    """
    start_logs()
    settings, definition = load_with_database()
    archives = ArchiveDirectory(directory, keep)
    archiver = Archiver(settings, definition, archives)

    async def go() -> None:
        if every is None:
            print_lines(str(await archiver.once()))
            return
        stop = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        await archiver.run(stop, every)

    with hold_data_directory(directory):
        archives.begin()
        asyncio.run(go())
