"""`rekap doctor`: compare all that is kept with a fresh fold of the ledger, and say where it differs."""

from __future__ import annotations

import asyncio

import asyncpg
import click
from aiokafka.errors import KafkaError

from rekap.operate.configuration import away, load
from rekap.operate.doctor import (
    EXIT_DIFFERENT,
    EXIT_NOT_REACHED,
    EXIT_USAGE,
    PUBLIC_LOG,
    STATES,
    DoctorError,
    examine,
    exit_code_of,
    last_lines_of,
)
from rekap.operate.ledger_files import LedgerFilesError
from rekap.terminal import complain, say


@click.command("doctor")
@click.option(
    "--without", "left_out", multiple=True, type=click.Choice([PUBLIC_LOG, STATES]),
    help="what is kept on another machine, and is to be examined there",
)  # fmt: skip
def doctor(left_out: tuple[str, ...]) -> None:
    """Compare the read model, the tabulator's states and the public log with a fresh fold of the ledger.

    The count may go on meanwhile. Each difference is a line on standard output; at the end there is a table of what was
    compared, and the last line says what was not. Exit codes: 0 all is as the ledger says; 1 something differs (`rekap
    rebuild` makes it again); 2 wrong settings; 3 Kafka or PostgreSQL cannot be reached; 4 what was compared is as the
    ledger says, but files of the public log (REKAP_LOG_DIRECTORY) or states (REKAP_STATE_DIRECTORY) are not on this machine.

    Example, on a machine that has the database and no files: rekap doctor --without log --without states
    """
    settings, definition = load()
    if not settings.database:
        complain("Error: REKAP_DATABASE: expected the address of a PostgreSQL database, got nothing")
        raise SystemExit(EXIT_USAGE)
    try:
        report = asyncio.run(examine(settings, definition))
    except DoctorError as error:
        complain(*f"Error: {error}".split("\n"))
        raise SystemExit(EXIT_USAGE) from None
    except LedgerFilesError as error:
        say(f"ledger {error}")
        raise SystemExit(EXIT_DIFFERENT) from None
    except (KafkaError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        complain(f"Error: {away(settings, error)}")
        raise SystemExit(EXIT_NOT_REACHED) from None
    say(*report.table().split("\n"))
    for line in last_lines_of(report, left_out):
        say(line)
    raise SystemExit(exit_code_of(report, left_out))
