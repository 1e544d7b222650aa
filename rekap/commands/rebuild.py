"""`rekap rebuild`: make all that is derived again from the ledger alone, beside what is being served, and switch over."""

from __future__ import annotations

import asyncio

import asyncpg
import click
from aiokafka.errors import KafkaError

from rekap.operate.configuration import away, load
from rekap.operate.rebuild import Rebuild, RebuildError, drop_generation, next_generation
from rekap.terminal import complain, say
from runtime.files.key_files import KeyFileError
from runtime.kafka.generations import current_generation

EXIT_USAGE = 2
EXIT_NOT_REACHED = 3


@click.command("rebuild")
@click.option("--url", help="address of the API; by default REKAP_HOST and REKAP_PORT")
@click.option("--drop", type=click.IntRange(1), help="delete an older generation instead, which is not served any more")
@click.option("--yes", is_flag=True, help="do not ask before deleting")
def rebuild(url: str | None, drop: int | None, yes: bool) -> None:
    """Make all that is derived again from the ledger, beside what is served, and switch over.

    Subtotals, results, read model and states are filled anew as the next generation; ledger and public log stay. It takes
    as long as counting everything again, and what is served is served meanwhile. Exit codes: 0 done; 1 it could not;
    2 wrong settings; 3 Kafka or PostgreSQL cannot be reached; 130 interrupted.
    """
    settings, definition = load()
    if not settings.database:
        complain("Error: REKAP_DATABASE: expected the address of a PostgreSQL database, got nothing")
        raise SystemExit(EXIT_USAGE)

    work: list[Rebuild] = []

    async def go() -> None:
        if drop is not None:
            await drop_generation(settings, definition, drop)
            say(f"generation {drop} is deleted")
            return
        current = await current_generation(settings, definition.election, definition.hash)
        following = await next_generation(settings, definition, current)
        say(f"generation {current} is served; building generation {following} from the ledger")
        work.append(Rebuild(settings, definition, following, url or f"http://{settings.host}:{settings.port}"))
        await work[0].run()

    if drop is not None and not yes:
        click.confirm(f"Delete subtotals, results, read model and states of generation {drop}?", abort=True)
    try:
        asyncio.run(go())
    except (RebuildError, KeyFileError) as error:
        complain(*f"Error: {error}".split("\n"))
        raise SystemExit(1) from None
    except (KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        complain(f"Error: {away(settings, error)}")
        raise SystemExit(EXIT_NOT_REACHED) from None
    except KeyboardInterrupt:
        if work and work[0].has_switched:
            complain("interrupted after the switch: look whether workers and API run on the new generation")
        else:
            complain("interrupted; what is served has not changed, and the next call goes on from here")
        raise SystemExit(130) from None
