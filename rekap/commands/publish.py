"""`rekap publish`: the answers of each cut as files, for nginx or a content delivery network."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click

from rekap.embedded.data_directory import hold_data_directory
from rekap.errors import UnusableError
from rekap.operate.configuration import load_with_database
from rekap.operate.stack_settings import with_data
from rekap.publish.cut_files import CutFiles
from rekap.publish.publisher import Publisher
from rekap.terminal import print_lines
from runtime.logs import start_logs


@click.command("publish")
@with_data
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--every",
    type=click.FloatRange(0.5, 3600),
    default=5.0,
    show_default=True,
    help="seconds between two cuts, at least",
)
@click.option(
    "--keep", type=click.IntRange(2, 10_000), default=20, show_default=True, help="cuts that stay, the newest ones"
)
@click.option(
    "--levels", type=click.IntRange(1, 50), default=2, show_default=True,
    help="levels of areas, from the root on, that have a file for each area",
)  # fmt: skip
@click.option("--once", is_flag=True, help="publish the newest cut and end")
def publish(directory: Path, every: float, keep: int, levels: int, once: bool) -> None:
    """Keep the answers of the API as files in DIRECTORY, until Ctrl-C: each cut whole, in files that never change.

    DIRECTORY/v1/latest.json names the newest cut, such as 000000004711-9f86d081884c7d65, and the time at which it was the
    newest. DIRECTORY/v1/cuts/CUT/ has election.json, offices/ID.json, contests/ID.json and areas/CODE.json, the later parts
    of long answers in parts/NUMBER/, each with its gzip form (.gz). They are byte for byte what the API answers at that cut.
    All files of a cut are of one moment. After a stop or a kill the same command continues. Exit codes: 0 stopped, or
    published once; 2 wrong settings, or a directory that cannot be used; 3 Kafka or PostgreSQL cannot be reached at the start.

    \b
    Examples:
      rekap publish /srv/rekap
      rekap publish /srv/rekap --data rekap-data
      rekap publish --levels 3 --every 30 /srv/rekap
      rekap publish --once /srv/rekap
    """
    start_logs()
    settings, definition = load_with_database()
    depth = max(definition.tree.level) + 1
    if levels > depth:
        raise UnusableError(f"--levels: this election has {depth} levels of areas, got {levels}")
    files = CutFiles(directory, keep)

    async def go() -> None:
        publisher = Publisher(settings, definition, files, levels)
        if once:
            print_lines(await publisher.once())
            return
        stop = asyncio.Event()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        await publisher.run(stop, every)

    with hold_data_directory(directory):
        files.begin()
        asyncio.run(go())
