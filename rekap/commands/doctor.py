"""`rekap doctor`: compare all that is kept with a fresh fold of the ledger, and list every difference."""

from __future__ import annotations

import asyncio

import click

from rekap.exit_codes import ExitCode
from rekap.operate.configuration import load_with_database
from rekap.operate.doctor.examination import examine
from rekap.operate.doctor.report import PUBLIC_LOG, STATES, exit_code_of, last_lines_of
from rekap.operate.ledger_files import LedgerFilesError
from rekap.operate.stack_settings import with_data
from rekap.terminal import print_lines


@click.command("doctor")
@with_data
@click.option(
    "--without", "left_out", multiple=True, type=click.Choice([PUBLIC_LOG, STATES]),
    help="what is kept on another machine, and is to be examined there",
)  # fmt: skip
def doctor(left_out: tuple[str, ...]) -> None:
    """Compare the read model, the tabulator's states and the public log with a fresh fold of the ledger.

    The count may continue meanwhile. Each difference is a line on standard output. At the end a table shows what was
    compared, and the last line names what was not. Exit codes: 0 everything agrees with the ledger; 1 something differs
    (`rekap rebuild` makes it again); 2 wrong settings; 3 Kafka or PostgreSQL cannot be reached; 5 what was compared agrees
    with the ledger, but files of the public log (REKAP_LOG_DIRECTORY) or states (REKAP_STATE_DIRECTORY) are not on this
    machine.

    \b
    Examples, beside a `rekap up`, and on a machine that has the database and no files:
      rekap doctor --data rekap-data
      rekap doctor --without log --without states
    """
    settings, definition = load_with_database()
    try:
        report = asyncio.run(examine(settings, definition))
    except LedgerFilesError as error:  # a finding: the ledger itself lacks records
        print_lines(f"ledger {error}")
        raise SystemExit(ExitCode.BAD_OUTCOME) from None
    print_lines(*report.table().split("\n"))
    for line in last_lines_of(report, left_out):
        print_lines(line)
    raise SystemExit(exit_code_of(report, left_out))
