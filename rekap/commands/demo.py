"""`rekap demo`: a simulated election night over the real tree of Indonesia's areas, through the real parts."""

from __future__ import annotations

import asyncio
import io
import shlex
import sys
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click
from rich.console import Console

from rekap.client.client import Client
from rekap.client.errors import RefusedError
from rekap.client.live_feed import SubscriptionRefusedError
from rekap.elections.written_demo import WrittenDemo, write_demo
from rekap.errors import UnusableError
from rekap.follow.watching import names_for, show
from rekap.operate.night import Night
from rekap.operate.stack import EXPORTER, WORKERS, Stack, running_stack
from rekap.terminal import complain, print_lines
from runtime.files.key_files import write_key_file
from runtime.files.temporary import temporary_directory
from runtime.http_client import AwayError
from runtime.settings import variable

WITNESSES = 2
FILES_EVERY_SECONDS = 30
"""Time between two cuts of the bulk files, which take a demo's stations a second or two."""
ELECTION, DATA, AUTHORITY = "election", "data", "authority.pem"
"""Names in the directory of a demo: the package, what `rekap up` keeps, and the key that opens the election."""
LINES_KEPT = 20
"""Newest lines of output that the screen can show below the count."""


@click.command("demo")
@click.option(
    "--stations", type=click.IntRange(1_000, 823_000), default=20_000, show_default=True,
    help="polling stations that report",
)  # fmt: skip
@click.option(
    "--minutes",
    type=click.IntRange(0, 24 * 60),
    default=2,
    show_default=True,
    help="length of the night; with 0 all stations report at once",
)
@click.option("--seed", type=int, default=1, show_default=True, help="the same seed gives the same night")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True, help="port of the API")
@click.option(
    "--data", type=click.Path(path_type=Path), help="directory that keeps everything (default: a temporary one)"
)
@click.option("--stay/--no-stay", default=True, help="keep serving after the night, until Ctrl-C")
@click.option(
    "--screen/--no-screen", default=None, help="draw the count instead of printing lines (default: in a terminal)"
)
def demo(stations: int, minutes: int, seed: int, port: int, data: Path | None, stay: bool, screen: bool | None) -> None:
    """Simulate an election night on this machine: Kafka, PostgreSQL, all workers, and stations that report.

    Ctrl-C ends it with exit code 0. What a temporary directory holds is deleted.

    \b
    Example:
      rekap demo --stations 20000 --minutes 2
    """
    is_drawn = sys.stdout.isatty() if screen is None else screen
    try:
        with temporary_directory("rekap-demo-", waits=False) as temporary:
            directory = data or temporary
            if data is not None:
                _begin(data)
            print_lines(f"making an election with {stations:,} polling stations in the areas of Indonesia")
            # Outside of the event loop, so that Ctrl-C ends it at once.
            written = write_demo(directory / ELECTION, stations=stations, seed=seed)
            if data is not None:
                write_key_file(written.authority, data / AUTHORITY)
            asyncio.run(_night(directory, written, stations, minutes, seed, port, data is not None, stay, is_drawn))
    except KeyboardInterrupt:
        complain("stopped" if data is None else f"stopped; to serve what was counted: {_serve_again(data)}")


def _begin(data: Path) -> None:
    """Make the directory of a demo that is kept. Raises UnusableError. A night cannot be continued, because the keys of its
    stations are not kept."""
    if (data / ELECTION).exists():
        again = f"; to serve what was counted: {_serve_again(data)}" if (data / AUTHORITY).exists() else ""
        raise UnusableError(f"{data} has an election already; name a new directory for another night{again}")
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnusableError(f"--data {data} cannot be made: {error.strerror}") from None


def _serve_again(data: Path) -> str:
    parts = (data / ELECTION, "--key", data / AUTHORITY, "--data", data / DATA)
    return f"rekap up {' '.join(shlex.quote(str(part)) for part in parts)}"


async def _night(
    directory: Path,
    written: WrittenDemo,
    stations: int,
    minutes: int,
    seed: int,
    port: int,
    is_kept: bool,
    stay: bool,
    is_drawn: bool,
) -> None:
    async with running_stack(
        directory / ELECTION,
        directory / DATA,
        written.authority,
        port=port,
        log_directory=directory / "logs",
        witnesses=WITNESSES,
        workers=(*WORKERS, EXPORTER),
        settings={variable("files_every_s"): str(FILES_EVERY_SECONDS)},
        is_kept=is_kept,
    ) as stack:

        def report(line: str) -> None:
            stack.supervisor.write_line("demo", line)

        report(f"{stations:,} stations report over {minutes} minute{'' if minutes == 1 else 's'}; seed {seed}")
        report(f"totals {stack.url}/v1/contests/president   API {stack.url}/docs")
        report(
            f"bulk files {stack.url}/v1/files   finance {stack.url}/v1/finance   candidates {stack.url}/v1/candidates"
        )
        report(f"a map {stack.url}/v1/maps/province.svg?results=president   all maps {stack.url}/v1/maps")
        report("check it: " + " ".join(["rekap audit", stack.url, *(f"--witness {w.key}" for w in stack.witnesses)]))
        drawing = asyncio.create_task(_draw(stack)) if is_drawn else None
        try:
            done = await Night(stack, written.package, written.keys, seed, minutes * 60).run()
            report(f"the night is over: {sum(done.values()):,} submissions")
            if stay:
                report("still serving; Ctrl-C stops")
                await asyncio.Event().wait()
        finally:
            if drawing is not None:
                drawing.cancel()
                with suppress(asyncio.CancelledError):
                    await drawing


async def _draw(stack: Stack) -> None:
    """Draw the count of the first office until the task is cancelled. Where it cannot be drawn, the lines are printed again."""
    lines = RememberedLines()
    stack.supervisor.write_to(lines)
    try:
        async with Client(stack.url) as client:
            names = await names_for(client, None, None)
        await show(stack.url, names, Console(), lines=lines.newest)
    except (AwayError, RefusedError, SubscriptionRefusedError) as error:
        stack.supervisor.write_to(sys.stdout)
        stack.supervisor.write_line("demo", f"the count cannot be drawn: {error}")
    finally:
        stack.supervisor.write_to(sys.stdout)


class RememberedLines(io.StringIO):
    """A terminal of the supervisor that keeps the newest lines, and no others."""

    def __init__(self) -> None:
        super().__init__()
        self.newest: deque[str] = deque(maxlen=LINES_KEPT)

    def write(self, text: str, /) -> int:
        self.newest.extend(_lines(text))
        return len(text)


def _lines(text: str) -> Iterable[str]:
    return text.rstrip("\n").split("\n")
