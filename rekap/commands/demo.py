"""`rekap demo`: a simulated election night over the real tree of Indonesia's areas, through the real parts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from rekap.elections.written_demo import write_demo
from rekap.exit_codes import ExitCode
from rekap.operate.night import Night
from rekap.operate.stack import EXPORTER, WORKERS, running_stack
from rekap.terminal import complain
from runtime.files.temporary import temporary_directory
from runtime.settings import variable

WITNESSES = 2
FILES_EVERY_SECONDS = 30
"""Between two cuts of the bulk files, which take a demo's stations a second or two."""


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
def demo(stations: int, minutes: int, seed: int, port: int, data: Path | None, stay: bool) -> None:
    """Simulate an election night on this machine: Kafka, PostgreSQL, all workers, and stations that report.

    \b
    Example:
      rekap demo --stations 20000 --minutes 2
    """

    async def go() -> None:
        with temporary_directory("rekap-demo-") as temporary:
            directory = data or temporary
            package, keys, authority = write_demo(directory / "election", stations=stations, seed=seed)
            async with running_stack(
                directory / "election",
                directory / "data",
                authority,
                port=port,
                log_directory=directory / "logs",
                witnesses=WITNESSES,
                workers=(*WORKERS, EXPORTER),
                settings={variable("files_every_s"): str(FILES_EVERY_SECONDS)},
            ) as stack:
                stack.supervisor.say("demo", f"{stations:,} stations report over {minutes} minutes; seed {seed}")
                stack.supervisor.say("demo", f"totals {stack.url}/v1/contests/president   API {stack.url}/docs")
                stack.supervisor.say("demo", f"bulk files {stack.url}/v1/files")
                audit = " ".join(["rekap audit", stack.url, *(f"--witness {each.key}" for each in stack.witnesses)])
                stack.supervisor.say("demo", f"check it: {audit}")
                night = Night(stack, package, keys, seed, minutes * 60)
                done = await night.run()
                stack.supervisor.say("demo", f"the night is over: {sum(done.values()):,} submissions")
                if stay:
                    stack.supervisor.say("demo", "still serving; Ctrl-C stops")
                    await asyncio.Event().wait()

    try:
        asyncio.run(go())
    except KeyboardInterrupt:
        complain("stopped" if data is None else f"stopped; what was counted is kept in {data}")
        raise SystemExit(ExitCode.INTERRUPTED) from None
