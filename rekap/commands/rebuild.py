"""`rekap rebuild`: make all derived data again from the ledger alone, beside what is served, and switch to it."""

from __future__ import annotations

import asyncio

import click

from rekap.exit_codes import ExitCode
from rekap.operate.configuration import load_with_database
from rekap.operate.rebuild import Rebuild, drop_generation, next_generation
from rekap.operate.stack_settings import with_data
from rekap.terminal import complain, print_lines
from runtime.kafka.generations import current_generation


@click.command("rebuild")
@with_data
@click.option("--url", help="address of the API; by default REKAP_HOST and REKAP_PORT")
@click.option("--drop", type=click.IntRange(1), help="delete this generation instead, which is no longer served")
@click.option("--yes", is_flag=True, help="do not ask before deleting")
def rebuild(url: str | None, drop: int | None, yes: bool) -> None:
    """Make all derived data again from the ledger, beside what is served, and switch to it.

    Subtotals, results, read model and states are filled anew as the next generation. Ledger and public log stay as they
    are. A rebuild takes as long as counting everything again, and the current generation is served meanwhile. Exit codes:
    0 done; 1 the rebuild could not be completed; 2 wrong settings; 3 Kafka or PostgreSQL cannot be reached; 130
    interrupted.

    \b
    Examples:
      rekap rebuild --data rekap-data
      rekap rebuild --drop 3
    """
    settings, definition = load_with_database()
    work: list[Rebuild] = []

    async def go() -> None:
        if drop is not None:
            await drop_generation(settings, definition, drop)
            print_lines(f"generation {drop} is deleted")
            return
        current = await current_generation(settings, definition.election, definition.hash)
        following = await next_generation(settings, definition, current)
        print_lines(f"generation {current} is served; building generation {following} from the ledger")
        work.append(Rebuild(settings, definition, following, url or f"http://{settings.host}:{settings.port}"))
        await work[0].run()

    if drop is not None and not yes:
        click.confirm(f"Delete subtotals, results, read model and states of generation {drop}?", abort=True)
    try:
        asyncio.run(go())
    except KeyboardInterrupt:
        if work and work[0].has_switched:
            complain("interrupted after the switch; see whether workers and API run on the new generation")
        else:
            complain("interrupted; what is served has not changed, and the next call continues from here")
        raise SystemExit(ExitCode.INTERRUPTED) from None
